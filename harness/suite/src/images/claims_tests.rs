//! What claims are, and what cannot be one.

use std::sync::Arc;

use super::tests::GOOD;
use super::{Claimed, ImageClaim, decode_source};
use crate::Vocabulary;
use crate::model::MachineOverrides;
use crate::testing::VOCABULARY;
use muster_base::failure::Location;
use muster_base::machine::FirmwareKind;

#[test]
fn claims_are_capabilities_and_dimensions_as_conditions_have_them() {
    let claimed = "    quirks: [its clock is slow]\n    claims: {selinux: enforcing, rpmdb: true, systemd: true, kernel: \">= 6.12\"}\n";
    let (entries, problems) =
        decode_source("x.yaml", &GOOD.replace("    quirks: [its clock is slow]\n", claimed), "".into(), &VOCABULARY);
    assert_eq!(problems.render(false), "");
    let claims: Vec<String> = entries[0].claims.iter().map(ImageClaim::to_string).collect();
    assert_eq!(claims, ["selinux == enforcing", "rpmdb == true", "systemd == true", "kernel >= 6.12"]);
    assert_eq!(entries[0].claims[0].location.to_string(), "x.yaml:12:14");
    assert_eq!(entries[0].claims[2].said, Claimed::Capability(true));
    assert_eq!(entries[1].claims, []);
}

#[test]
fn what_cannot_be_claimed_is_an_error_at_its_place() {
    let with = |claims: &str| {
        let text = GOOD.replace("    quirks: [its clock is slow]\n", &format!("    claims: {claims}\n"));
        decode_source("x.yaml", &text, "".into(), &VOCABULARY).1
    };
    let codes = |claims: &str| -> Vec<_> { with(claims).iter().map(|d| d.code).collect() };
    for (claims, code) in [
        ("{rpmbd: true}", "unknown-key"),
        ("{rpmdb: yes}", "bad-value"),
        ("{tool: rpm}", "unknown-key"),
        ("{selinux: enforced}", "unknown-word"),
        ("{selinux: enforcing or arch == x86_64}", "bad-condition"),
        ("{kernel: new}", "bad-condition"),
        ("{id: '< fedora'}", "no-order"),
        ("{mode: 'package, image'}", "always-true"),
        ("{kernel: '< 0'}", "never-true"),
        ("{selinux: [enforcing]}", "wrong-shape"),
        ("{arch: aarch64}", "never-true"),
        ("{distro: '>= muster-lab-2'}", "never-true"),
        ("{firmware: bios}", "never-true"),
        ("[selinux]", "wrong-shape"),
        ("{}", "empty-value"),
    ] {
        assert_eq!(codes(claims), [code], "{claims}");
    }
    let shown = with("{selinux: enforced}").render(false);
    assert!(shown.contains("x.yaml:11:23"), "{shown}");
    assert!(shown.contains("did you mean `enforcing`?"), "{shown}");
    let both = with("{arch: aarch64}").render(false);
    assert!(
        both.contains("`arch == aarch64` can never hold here: the entry says itself that `arch` is x86_64"),
        "{both}"
    );
}

#[test]
fn a_machine_without_the_device_cannot_be_claimed_to_have_it() {
    let vocabulary = Vocabulary { capabilities: &[("tpm", ""), ("secure-boot", ""), ("efi", "")], ..VOCABULARY };
    let with = |machine: &str, claims: &str| -> Vec<_> {
        let text = format!(
            "schema: images/v1\nimages:\n  - {{id: a, disk: {{path: a}}, seed: none, user: root, {machine}claims: {{{claims}}}}}\n"
        );
        decode_source("x.yaml", &text, "".into(), &vocabulary).1.iter().map(|d| d.code).collect()
    };
    let fine: [&str; 0] = [];
    assert_eq!(with("tpm: true, ", "tpm: true"), fine);
    assert_eq!(with("", "tpm: true"), ["never-true"]);
    assert_eq!(with("firmware: uefi-secure, ", "secure-boot: true, efi: true"), fine);
    assert_eq!(with("", "secure-boot: true"), ["never-true"]);
    assert_eq!(with("firmware: uefi-secure, ", "secure-boot: false"), ["never-true"]);
    assert_eq!(with("firmware: bios, ", "efi: true"), ["never-true"]);
    assert_eq!(with("firmware: bios, ", "efi: false"), fine);
}

#[test]
fn a_claim_has_a_value_where_it_states_one() {
    let value = |claims: &str| {
        let text = format!(
            "schema: images/v1\nimages:\n  - {{id: a, disk: {{path: a}}, seed: none, user: root, claims: {{{claims}}}}}\n"
        );
        let (entries, problems) = decode_source("x.yaml", &text, "".into(), &VOCABULARY);
        match problems.iter().next() {
            Some(problem) => Err(problem.code),
            None => Ok(entries[0].claims[0].value_of("openssl-provider").map(str::to_owned)),
        }
    };
    assert_eq!(value("openssl-provider: symcrypt"), Ok(Some("symcrypt".to_owned())));
    for other in ["openssl-provider: 'fips, default'", "openssl-provider: '!= fips'", "selinux: enforcing"] {
        assert_eq!(value(other), Ok(None), "{other}");
    }
    assert_eq!(value("openssl-provider: symcript"), Err("unknown-word"));
    assert_eq!(value("claimed-openssl-provider: fips"), Err("unknown-key"));
}

#[test]
fn machines_of_another_shape_are_no_evidence_of_what_their_shape_decides() {
    let claim = |name: &str| ImageClaim {
        name: name.to_owned(),
        said: Claimed::Capability(true),
        location: Location { file: Arc::from("x"), line: 1, column: 1 },
    };
    let bios = MachineOverrides { firmware: Some(FirmwareKind::Bios), ..MachineOverrides::default() };
    let without = MachineOverrides { tpm: Some(false), cpus: Some(4), ..MachineOverrides::default() };
    let foreign = |overrides: &MachineOverrides| {
        let names = ["secure-boot", "efi", "firmware", "tpm", "rpmdb"];
        names.into_iter().filter(|name| claim(name).is_about_another_machine(overrides)).collect::<Vec<_>>()
    };
    assert_eq!(foreign(&bios), ["secure-boot", "efi", "firmware"]);
    assert_eq!(foreign(&without), ["tpm"]);
    assert_eq!(foreign(&MachineOverrides::default()), [""; 0]);
}
