//! The catalogue, and images that have to be fetched or made first.

use std::time::Duration;

use super::support::{Finished, Place};
use muster_image::testing::{fill, pe};

/// With a cache of its own, in which nothing is.
fn muster(words: &[&str]) -> Finished {
    let place = Place::new();
    let mut command = place.command(words);
    command.env("MUSTER_CACHE", place.path("cache"));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    super::support::wait(child.expect("muster starts"), Duration::from_secs(60))
}

#[test]
fn the_list_says_which_images_were_never_booted() {
    let listed = muster(&["images", "list"]);
    listed.assert_status(0);
    assert!(listed.stdout.contains("were never booted with their descriptions"), "{}", listed.stdout);
    let listed = muster(&["images", "list", "--format", "json"]);
    listed.assert_status(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("a JSON array");
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    assert!(row("fedora-43")["never-booted"].is_string());
    assert!(row("lab")["never-booted"].is_null());
    assert_eq!(row("almalinux-10")["needs-cpu"], "x86-64-v3");
    assert_eq!(row("fedora-43")["state"], "not pulled: muster images pull fedora-43");
    assert_eq!(row("cos")["state"], "to be brought: muster images show cos");
}

#[test]
fn an_image_that_is_not_here_says_what_brings_it() {
    for (image, command) in
        [("fedora-43", "muster images pull fedora-43"), ("azurelinux-4", "muster images show azurelinux-4")]
    {
        let ended = muster(&["run", "--image", image, "--suites", "tests/suites/tiny.yaml"]);
        ended.assert_status(2);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(command), "{said}");
    }
}

#[test]
fn what_cannot_be_pulled_is_refused_with_the_way_to_it() {
    for (image, word) in
        [("lab-tiny", "muster images build lab-tiny"), ("cos", "muster images show cos"), ("fedora-34", "fedora-4")]
    {
        let ended = muster(&["images", "pull", image]);
        ended.assert_status(2);
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    let ended = muster(&["images", "pull", "rocky-10", "--require-signature"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("image.unsigned"), "{}", ended.stderr);
    let ended = muster(&["images", "pull", "fedora-43", "--require-signature"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("--keyring"), "{}", ended.stderr);
    let ended = muster(&["images", "verify", "rocky-10"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("muster images pull rocky-10"), "{}", ended.stderr);
    let shown = muster(&["images", "show", "azurelinux-4"]);
    shown.assert_status(0);
    for part in ["step 1", "never booted", "quirk", "images/brought/azurelinux-4.vhd"] {
        assert!(shown.stdout.contains(part), "{part} is missing in\n{}", shown.stdout);
    }
}

/// Code in the first sector, as a loader for BIOS leaves it there.
fn with_boot_code(file: String) -> String {
    use std::os::unix::fs::FileExt as _;
    let disk = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    disk.write_all_at(&[0xeb, 0x63, 0x90], 0).unwrap();
    file
}

/// A disk of so many MiB, divided by `sfdisk` as the script says, then converted.
fn disk(place: &Place, name: &str, mib: u64, script: &str, convert: &[&str]) -> String {
    let at = |suffix: &str| place.path(&format!("{name}.{suffix}")).display().to_string();
    let raw = at("raw");
    std::fs::File::create(&raw).unwrap().set_len(mib << 20).unwrap();
    let mut sfdisk = std::process::Command::new("sfdisk")
        .args(["-q", &raw])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("sfdisk is there");
    std::io::Write::write_all(&mut sfdisk.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(sfdisk.wait().unwrap().success());
    let Some(format) = convert.get(1) else { return raw };
    let file = at(format);
    let mut qemu_img = std::process::Command::new("qemu-img");
    qemu_img.args(["convert", "-f", "raw"]).args(convert).args([&raw, &file]);
    assert!(qemu_img.status().expect("qemu-img is there").success());
    file
}

#[test]
fn files_are_held_to_the_rules_of_azure_without_a_machine() {
    const WHOLE: &str = "label: gpt\nsize=1MiB, type=U\ntype=L\n";
    let place = Place::new();
    let fixed = ["-O", "vpc", "-o", "subformat=fixed,force_size=on"];
    let check = |file: &str, given: &[&str]| {
        let words = [&["images", "check", file, "--suite", "azure-image"], given].concat();
        muster(&words)
    };
    let good = disk(&place, "good", 8, WHOLE, &fixed);
    let ended = check(&good, &["--given", "firmware=uefi"]);
    ended.assert_status(0);
    assert!(ended.stdout.ends_with("6 tests: 5 pass, 1 skip\n"), "{}", ended.stdout);
    // One of both kinds starts on both generations, and one with an MBR on the first.
    let both = "label: gpt\nsize=1MiB, type=U\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649\ntype=L\n";
    for (name, table) in [("both", both), ("mbr", "label: dos\ntype=83\n")] {
        let of_first = with_boot_code(disk(&place, name, 8, table, &fixed));
        check(&of_first, &["--given", "firmware=bios"]).assert_status(0);
    }
    // Whether it starts through UEFI is not in the file.
    let ended = check(&good, &[]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("--given firmware=…"), "{}", ended.stderr);
    check(&good, &["--allow-unknown"]).assert_status(0);

    let swap = "label: gpt\nsize=1MiB, type=S\ntype=L\n";
    let lvm = "label: dos\ntype=8e\n";
    for (file, given, test, found) in [
        // What the proofs of these tests in suites/proofs/azure-image.yaml point at.
        (
            disk(&place, "rounded", 9, WHOLE, &["-O", "vpc", "-o", "subformat=fixed"]),
            "uefi",
            "disk-size",
            "found false",
        ),
        (disk(&place, "dynamic", 8, WHOLE, &["-O", "vpc"]), "uefi", "fixed-vhd", "found dynamic"),
        (disk(&place, "swap", 8, swap, &[]), "bios", "partitions", "lacks swap"),
        (disk(&place, "lvm", 8, lvm, &[]), "bios", "partitions", "lacks"),
        (with_boot_code(disk(&place, "for-uefi", 8, WHOLE, &[])), "bios", "bios-partitions", "has bios-boot"),
        // The partitions are those of both generations, and nothing starts.
        (disk(&place, "no-code", 8, both, &fixed), "bios", "bios-partitions", "boot-code is true, found false"),
        (
            disk(&place, "csm", 8, "label: dos\nsize=1MiB, type=ef\ntype=83\n", &[]),
            "bios",
            "bios-partitions",
            "lacks esp",
        ),
        (disk(&place, "bare", 8, swap, &["-O", "qcow2"]), "uefi", "uefi-partitions", "has esp"),
    ] {
        let ended = check(&file, &["--given", &format!("firmware={given}")]);
        ended.assert_status(1);
        assert!(ended.stdout.contains(&format!("FAIL azure-image/{test}")), "{}", ended.stdout);
        assert!(ended.stdout.contains(found), "{found}: {}", ended.stdout);
    }
    // What starts the system is on the disk. The proof of uki-files points here.
    let shim = pe(&[(".sbat", "sbat,1,x\nshim,4,x\n")]);
    let boot = pe(&[(".sdmagic", "#### LoaderInfo: systemd-boot 257 ####")]);
    let uki = pe(&[(".linux", "kernel")]);
    let conf = |default: &str| format!("default {default}\n").into_bytes();
    let chain = |default: &str, second: &Vec<u8>, more: &[&'static str]| {
        let mut files = vec![
            ("EFI/BOOT/BOOTX64.EFI", shim.clone()),
            ("EFI/BOOT/grubx64.efi", second.clone()),
            ("EFI/Linux/azl-1.efi", uki.clone()),
            ("loader/loader.conf", conf(default)),
        ];
        files.extend(more.iter().map(|name| (*name, uki.clone())));
        files
    };
    let direct = vec![("EFI/BOOT/BOOTX64.EFI", boot.clone()), ("EFI/Linux/azl-1.efi", uki.clone())];
    for (number, (status, files)) in [
        (0, chain("azl-*", &boot, &[])),
        (0, direct),
        (1, chain("other-*", &boot, &[])),
        (1, chain("azl-*", &shim, &[])),
        (1, chain("azl-*", &boot, &["EFI/Linux/azl-0.efi"])),
    ]
    .into_iter()
    .enumerate()
    {
        let file = disk(&place, &format!("uki-{number}"), 8, WHOLE, &[]);
        fill(file.as_ref(), 1, &files);
        let ended = check(&file, &["--given", "firmware=uefi"]);
        ended.assert_status(status);
        assert_eq!(ended.stdout.contains("FAIL azure-image/uki-files"), status == 1, "{number}: {}", ended.stdout);
    }
    // One copy of the table is damaged: the other is read, and that is said.
    let damaged = disk(&place, "damaged", 8, WHOLE, &[]);
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[512 + 56] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let ended = check(&damaged, &["--given", "firmware=uefi"]);
    ended.assert_status(1);
    assert!(ended.stdout.contains("expected primary-table is intact or is none, found damaged"), "{}", ended.stdout);
    assert!(ended.stdout.contains("note: the first copy of the GPT is damaged (the checksum"), "{}", ended.stdout);
    // A size that Azure does not take comes with what makes it one.
    let odd = std::fs::File::options().write(true).open(&damaged).unwrap();
    odd.set_len((8 << 20) + 512).unwrap();
    let ended = check(&damaged, &["--given", "firmware=uefi"]);
    assert!(ended.stdout.contains("8 MiB and 512 bytes (8389120 bytes)"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("`qemu-img resize -f raw {damaged} 9M`")), "{}", ended.stdout);
    // A name that contradicts the bytes.
    let named = place.path("named.vhd").display().to_string();
    std::fs::copy(good.replace(".vpc", ".raw"), &named).unwrap();
    let ended = check(&named, &["--given", "firmware=uefi"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("the footer that every VHD ends with is missing"), "{}", ended.stderr);
    let ended = check(&good, &["--format", "json", "--allow-unknown"]);
    ended.assert_status(0);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(document["files"][0]["disk"]["subformat"], "fixed");
    let none = muster(&["images", "check", &good, "--suite", "base"]);
    none.assert_status(2);
    assert!(none.stderr.contains("no selected test has `disk-image` expectations"), "{}", none.stderr);
}

#[test]
fn a_suite_in_a_sub_directory_or_behind_a_dot_is_named_by_every_command_that_takes_suites() {
    let place = Place::new();
    let suite = |name: &str| {
        format!("schema: suite/v1\nsuite: {name}\ntests:\n- id: t\n  expect: {{tool: {{tar: present}}}}\n")
    };
    let dir = place.path("suites");
    std::fs::create_dir_all(dir.join("sub")).unwrap();
    std::fs::write(dir.join("a.yaml"), suite("a")).unwrap();
    std::fs::write(dir.join("sub/b.yaml"), suite("b")).unwrap();
    std::fs::write(dir.join(".c.yaml"), suite("c")).unwrap();
    let dir = dir.display().to_string();
    for words in [vec!["check", &dir], vec!["list", "--suites", &dir]] {
        let ended = muster(&words);
        ended.assert_status(0);
        for name in ["sub/b.yaml", ".c.yaml"] {
            let note = format!("note: the suite {dir}/{name} is not read: ");
            assert!(ended.stderr.contains(&note), "{words:?}: {}", ended.stderr);
        }
    }
    std::fs::write(place.path("suites/D.YAML"), suite("d")).unwrap();
    let ended = muster(&["check", &dir]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("this one ends in `.YAML`"), "{}", ended.stderr);
}

#[test]
fn claims_that_say_nothing_or_cannot_hold_are_errors_of_their_file() {
    let place = Place::new();
    let entry =
        "schema: images/v1\nimages:\n  - id: mine\n    disk: {path: mine.qcow2}\n    seed: nocloud\n    user: me\n";
    let check = |claims: &str| {
        place.write("mine.yaml", &format!("{entry}    claims: {claims}\n"));
        let path = place.path("mine.yaml");
        place.run(&["check", path.to_str().expect("UTF-8")], Duration::from_secs(60))
    };
    check("{selinux: enforcing, verity: true, kernel: '>= 6.12'}").assert_status(0);
    let wrong = check("{secureboot: true, selinux: enforced, tpm: true}");
    wrong.assert_status(2);
    for part in [
        "mine.yaml:7:14",
        "did you mean `secure-boot`?",
        "did you mean `enforcing`?",
        "`tpm == true` can never hold here: its machines have no TPM",
    ] {
        assert!(wrong.stderr.contains(part), "{part}: {}", wrong.stderr);
    }
}
