//! What an image's maker claims, compared with a guest that has booted. A claim that does not hold is a failure of the
//! image's machines, whatever its tests say: a test that needs what is missing was only skipped. Pure.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_record::facts::Facts;
use muster_record::met::MetRecord;
use muster_suite::condition::{self, Truth};
use muster_suite::images::{Claimed, ImageClaim};
use muster_suite::model::MachineOverrides;

/// The claims of the images of a run, by id of the image.
pub type Claims = BTreeMap<String, Vec<ImageClaim>>;

/// The claims of one image, and which of them a machine of it has answered.
#[derive(Debug, Default)]
pub(super) struct OpenClaims {
    /// What a machine said of each that it answered.
    answered: BTreeMap<usize, String>,
    /// Those that did not hold on one of the machines, or could not be read there.
    false_ones: BTreeSet<usize>,
    failures: Vec<Failure>,
}

/// What came of the claims of an image.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ClaimsEnd {
    /// What is wrong with them.
    pub failures: Vec<Failure>,
    /// How many were compared with a machine.
    pub compared: usize,
    /// Those that held on every machine they were compared with.
    pub met: Vec<MetRecord>,
}

impl OpenClaims {
    /// Compares the claims with what a guest is, on a machine that differs from the image's description in `overrides`.
    pub(super) fn look(&mut self, claims: &[ImageClaim], facts: &Facts, overrides: &MachineOverrides) {
        for (index, claim) in claims.iter().enumerate() {
            if claim.is_about_another_machine(overrides) {
                continue;
            }
            self.answered.entry(index).or_insert_with(|| said(claim, facts));
            // The same on each machine is said once.
            let failure = missed(claim, facts);
            self.false_ones.extend(failure.is_some().then_some(index));
            self.failures.extend(failure.filter(|failure| !self.failures.contains(failure)));
        }
    }

    /// Whether one of them was not yet compared with a machine.
    pub(super) fn has_open(&self, claims: &[ImageClaim]) -> bool {
        self.answered.len() < claims.len()
    }

    /// What came of the claims at the end. `booted`: whether a machine of the image came up; without one there is an error
    /// for that already.
    pub(super) fn end(self, claims: &[ImageClaim], booted: bool) -> ClaimsEnd {
        let left = claims.iter().enumerate().filter(|(index, _)| booted && !self.answered.contains_key(index));
        let unseen = left.map(|(_, claim)| {
            let what =
                format!("claimed `{claim}`; no machine was started as the image's entry describes it, to see it on");
            Failure::new(failure::CLAIM_UNREAD, what).at(&claim.location)
        });
        let held = claims.iter().enumerate().filter(|(index, _)| !self.false_ones.contains(index));
        let met = held.filter_map(|(index, claim)| {
            let actual = self.answered.get(&index)?;
            Some(MetRecord::new("claim of the image", &claim.to_string(), actual))
        });
        ClaimsEnd {
            met: met.collect(),
            compared: self.answered.len(),
            failures: self.failures.into_iter().chain(unseen).collect(),
        }
    }
}

/// What a guest is, of what a claim is about.
fn said(claim: &ImageClaim, facts: &Facts) -> String {
    let seen = match &claim.said {
        Claimed::Capability(_) => return facts.capabilities.contains(&claim.name).to_string(),
        // The guest was read whole: what it does not have is absent, not unknown.
        Claimed::Dimension(_) => facts.dimension(&claim.name).unwrap_or_default().join(", "),
    };
    if seen.is_empty() { "absent".to_owned() } else { text::one_line(&seen, 200) }
}

/// How a claim fails on a guest.
fn missed(claim: &ImageClaim, facts: &Facts) -> Option<Failure> {
    if let Some(why) = facts.unread.get(&claim.name).filter(|_| !is_certain(claim, facts)) {
        let what =
            format!("claimed `{claim}`; whether the machine has it could not be read: {}", text::one_line(why, 300));
        return Some(Failure::new(failure::CLAIM_UNREAD, what).at(&claim.location));
    }
    let expected = match &claim.said {
        Claimed::Capability(claimed) => {
            if facts.capabilities.contains(&claim.name) == *claimed {
                return None;
            }
            claimed.to_string()
        }
        Claimed::Dimension(condition) => {
            let lookup = |name: &str| Some(facts.dimension(name).unwrap_or_default());
            if condition::evaluate(condition, &lookup) == Truth::True {
                return None;
            }
            condition.to_string()
        }
    };
    let actual = said(claim, facts);
    let what = format!("claimed `{claim}`; the machine says {actual}");
    let failure = Failure::new(failure::CLAIM_FALSE, what).at(&claim.location);
    Some(Failure { expected: Some(expected), actual: Some(actual), ..failure })
}

/// Whether a capability is there, however little else could be read of it.
fn is_certain(claim: &ImageClaim, facts: &Facts) -> bool {
    matches!(claim.said, Claimed::Capability(_)) && facts.capabilities.contains(&claim.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use muster_suite::model::{Condition, Operator};

    fn capability(name: &str, there: bool) -> ImageClaim {
        ImageClaim { name: name.to_owned(), said: Claimed::Capability(there), location: fake::location() }
    }

    fn dimension(name: &str, operator: Operator, value: &str) -> ImageClaim {
        let condition = Condition::Compare { dimension: name.to_owned(), operator, values: vec![value.to_owned()] };
        ImageClaim { name: name.to_owned(), said: Claimed::Dimension(condition), location: fake::location() }
    }

    fn guest() -> Facts {
        Facts {
            kernel: "6.12.43-1".to_owned(),
            selinux: Some("permissive".to_owned()),
            capabilities: ["systemd".to_owned(), "selinux".to_owned()].into(),
            unread: [("secure-boot".to_owned(), "the EFI variables cannot be read".to_owned())].into(),
            ..Facts::default()
        }
    }

    fn messages(claims: &[ImageClaim], facts: &Facts) -> Vec<String> {
        let mut open = OpenClaims::default();
        open.look(claims, facts, &MachineOverrides::default());
        open.end(claims, true)
            .failures
            .into_iter()
            .map(|failure| format!("{}: {}", failure.id, failure.message))
            .collect()
    }

    #[test]
    fn a_claim_holds_fails_or_cannot_be_read() {
        let held = [
            capability("systemd", true),
            capability("tpm", false),
            dimension("kernel", Operator::Ge, "6.12"),
            dimension("selinux", Operator::Eq, "permissive"),
            dimension("selinux", Operator::Ne, "disabled"),
        ];
        assert_eq!(messages(&held, &guest()), [""; 0]);
        let missed = [
            capability("tpm", true),
            capability("systemd", false),
            dimension("selinux", Operator::Eq, "enforcing"),
            dimension("kernel", Operator::Ge, "6.13"),
            dimension("rpm", Operator::Ge, "4.20"),
            capability("secure-boot", true),
            capability("secure-boot", false),
        ];
        let expected = [
            "claim.false: claimed `tpm == true`; the machine says false",
            "claim.false: claimed `systemd == false`; the machine says true",
            "claim.false: claimed `selinux == enforcing`; the machine says permissive",
            "claim.false: claimed `kernel >= 6.13`; the machine says 6.12.43-1",
            "claim.false: claimed `rpm >= 4.20`; the machine says absent",
            "claim.unread: claimed `secure-boot == true`; whether the machine has it could not be read: the EFI variables cannot be read",
            "claim.unread: claimed `secure-boot == false`; whether the machine has it could not be read: the EFI variables cannot be read",
        ];
        assert_eq!(messages(&missed, &guest()), expected);
    }

    #[test]
    fn the_provider_of_openssl_is_claimed_as_it_is_shipped() {
        let with = |provider: Option<&str>| Facts { openssl_provider: provider.map(str::to_owned), ..guest() };
        let claims = [dimension("openssl-provider", Operator::Eq, "symcrypt")];
        assert_eq!(messages(&claims, &with(Some("symcrypt"))), [""; 0]);
        for (provider, seen) in [(Some("fips"), "fips"), (Some("both"), "both"), (None, "absent")] {
            let expected = format!("claim.false: claimed `openssl-provider == symcrypt`; the machine says {seen}");
            assert_eq!(messages(&claims, &with(provider)), [expected]);
        }
        let unread = [("openssl-provider".to_owned(), "they cannot be listed".to_owned())].into();
        let expected = "claim.unread: claimed `openssl-provider == symcrypt`; whether the machine has it could not be read: they cannot be listed";
        assert_eq!(messages(&claims, &Facts { unread, ..with(Some("symcrypt")) }), [expected]);
    }

    #[test]
    fn the_same_on_several_machines_is_said_once_and_a_good_machine_does_not_undo_a_bad_one() {
        let claims = [capability("tpm", true)];
        let with = Facts { capabilities: ["tpm".to_owned()].into(), ..guest() };
        let mut open = OpenClaims::default();
        for facts in [&guest(), &with, &guest()] {
            open.look(&claims, facts, &MachineOverrides::default());
        }
        let ended = open.end(&claims, true);
        assert_eq!((ended.failures.len(), ended.compared, ended.met), (1, 1, vec![]));
    }

    #[test]
    fn a_claim_that_no_machine_could_show_is_an_error_when_one_booted() {
        let claims = [capability("tpm", true), capability("systemd", true)];
        let without = MachineOverrides { tpm: Some(false), ..MachineOverrides::default() };
        let ended = |booted| {
            let mut open = OpenClaims::default();
            open.look(&claims, &guest(), &without);
            open.end(&claims, booted)
        };
        let ClaimsEnd { failures, compared, met } = ended(true);
        let expected = "claimed `tpm == true`; no machine was started as the image's entry describes it, to see it on";
        assert_eq!((failures[0].message.as_str(), failures.len(), compared), (expected, 1, 1));
        assert_eq!(failures[0].id, failure::CLAIM_UNREAD);
        assert_eq!(met, [MetRecord::new("claim of the image", "systemd == true", "true")]);
        assert_eq!(ended(false).failures, []);
    }
}
