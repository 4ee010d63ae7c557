use super::probe::{PROBES, Probe};
use super::*;
use crate::End;

/// Answers of a plain package system; a test replaces what it is about.
fn answers(changes: &[(Probe, &str)]) -> Vec<Reply> {
    let mut replies = vec![Reply::default(); PROBES.len()];
    let usual = [
        (Probe::Kernel, "x86_64\n6.17.1-300.fc43.x86_64\n9f0c5f0e-6d2c-4b3e-8a40-0a9f1b6f3d11\n"),
        (Probe::Mounts, "22 1 252:2 / / rw,relatime shared:1 - ext4 /dev/vda2 rw\n"),
    ];
    for (probe, stdout) in usual.iter().chain(changes) {
        replies[*probe as usize].stdout = stdout.as_bytes().to_vec();
    }
    replies
}

fn facts(changes: &[(Probe, &str)]) -> Facts {
    parse(&answers(changes)).unwrap()
}

const FEDORA: &str = "NAME=\"Fedora Linux\"\nVERSION=\"43 (Cloud Edition)\"\nRELEASE_TYPE=stable\nID=fedora\nVERSION_ID=43\nVERSION_CODENAME=\"\"\nPRETTY_NAME=\"Fedora Linux 43 (Cloud Edition)\"\nVARIANT=\"Cloud Edition\"\nVARIANT_ID=cloud\n";
const AZURE: &str = "NAME='Microsoft Azure Linux'\nVERSION=\"4.0.20251101\"\nID=\"azurelinux\"\nID_LIKE=\"fedora rhel\"\nVERSION_ID=\"4.0\"\nPRETTY_NAME=\"Microsoft Azure Linux 4.0\"\n";
const AMAZON: &str = "NAME=\"Amazon Linux\"\nVERSION=\"2023\"\nID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\nPLATFORM_ID=\"platform:al2023\"\n";
const FLATCAR: &str = "NAME=\"Flatcar Container Linux by Kinvolk\"\nID=flatcar\nID_LIKE=coreos\nVERSION=4230.2.1\nVERSION_ID=4230.2.1\nBUILD_ID=2025-06-10-1245\nFLATCAR_BOARD=\"amd64-usr\"\n";
const LAB: &str = "# the built-in image\nNAME=Lab\nID=lab\nVERSION_ID=1\nPRETTY_NAME=\"Lab \\\"1\\\" for \\$0\"\n\nnot an assignment\n=x\nBAD-KEY=1\n";

#[test]
fn os_release_of_the_systems_under_test() {
    let dimensions = |text| {
        let facts = facts(&[(Probe::OsRelease, text)]);
        ["distro", "id", "id-like", "variant"].map(|name| facts.dimension(name).map(|values| values.join(" ")))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(dimensions(FEDORA), [some("fedora-43"), some("fedora"), None, some("cloud")]);
    assert_eq!(dimensions(AZURE), [some("azurelinux-4.0"), some("azurelinux"), some("fedora rhel"), None]);
    assert_eq!(dimensions(AMAZON), [some("amzn-2023"), some("amzn"), some("fedora"), None]);
    assert_eq!(dimensions(FLATCAR), [some("flatcar-4230.2.1"), some("flatcar"), some("coreos"), None]);
    assert_eq!(dimensions(LAB), [some("lab-1"), some("lab"), None, None]);
    assert_eq!(dimensions(""), [None, None, None, None]);
    assert_eq!(dimensions("ID=arch\n")[0], some("arch"));
    let lab = facts(&[(Probe::OsRelease, LAB)]);
    assert_eq!(lab.os_release["PRETTY_NAME"], "Lab \"1\" for $0");
    assert_eq!(lab.os_release.len(), 4);
    assert_eq!(facts(&[(Probe::OsRelease, AZURE)]).os_release["NAME"], "Microsoft Azure Linux");
}

#[test]
fn package_managers_are_distinguished() {
    let of = |text| facts(&[(Probe::PackageManagers, text)]).package_manager;
    assert_eq!(of("dnf5\ndnf link\n").as_deref(), Some("dnf5"));
    assert_eq!(of("dnf version dnf5 version 5.2.17.0\n").as_deref(), Some("dnf5"));
    assert_eq!(of("dnf python\n").as_deref(), Some("dnf4"));
    assert_eq!(of("dnf version 4.24.0\n").as_deref(), Some("dnf4"));
    assert_eq!(of("dnf python\ntdnf\n").as_deref(), Some("dnf4"));
    assert_eq!(of("tdnf\n").as_deref(), Some("tdnf"));
    assert_eq!(of("microdnf\n").as_deref(), Some("microdnf"));
    assert_eq!(of(""), None);
}

#[test]
fn a_system_of_dpkg_is_known_by_it_even_with_rpm_installed() {
    // dpkg 1.21 of Debian 12, with the rpm of Debian and its empty database next to it.
    let said =
        "Debian dpkg-query package management program query tool version 1.21.22 (amd64).\nThis is free software;\n";
    let debian = facts(&[
        (Probe::Dpkg, said),
        (Probe::Rpm, "RPM version 4.18.0\ndatabase /var/lib/rpm/rpmdb.sqlite\n"),
        (Probe::PackageManagers, "dnf python\napt-get\n"),
        (Probe::Repositories, "[fedora]\nenabled=1\n"),
    ]);
    let names = (debian.dpkg.as_deref(), debian.rpm.as_deref(), debian.package_manager.as_deref());
    assert_eq!(names, (Some("1.21.22"), None, Some("apt")));
    let has = |name: &str| debian.capabilities.contains(name);
    assert!(has("dpkg") && !has("rpmdb") && !has("package-manager") && !has("repositories"));
    let arch = facts(&[(Probe::PackageManagers, "pacman\n")]);
    assert_eq!(
        (arch.package_manager.as_deref(), arch.capabilities.contains("package-manager")),
        (Some("pacman"), false)
    );
    assert!(parse(&answers(&[(Probe::Dpkg, "dpkg-query: broken\n")])).is_err());
}

#[test]
fn an_rpm_database_that_cannot_be_read_is_still_one() {
    let of = |text| {
        let facts = facts(&[(Probe::Rpm, text)]);
        (facts.rpm, facts.capabilities.contains("rpmdb"))
    };
    assert_eq!(of("installed\nRPM version 4.20.1\npackage bash-5.2-1\n"), (Some("4.20.1".into()), true));
    assert_eq!(
        of("installed\nRPM version 6.0.0\ndatabase /usr/lib/sysimage/rpm/rpmdb.sqlite\n"),
        (Some("6.0.0".into()), true)
    );
    assert_eq!(of("installed\nRPM version 4.20.1\n"), (None, false));
    assert_eq!(of(""), (None, false));
    let applet = facts(&[(Probe::Rpm, "busybox\n"), (Probe::Tools, "rpm\nsed\n")]);
    assert_eq!((applet.rpm.as_deref(), applet.tools.contains("rpm")), (None, false), "busybox's rpm is not rpm");
    let odd = parse(&answers(&[(Probe::Rpm, "installed\nrpm: command broken\n")])).unwrap_err();
    assert_eq!(odd.to_string(), "the facts of the guest could not be read: rpm's version: rpm: command broken");
}

#[test]
fn selinux_needs_a_loaded_policy() {
    let of = |text: &str| {
        let facts = facts(&[(Probe::Selinux, text)]);
        (facts.selinux.clone(), facts.capabilities.contains("selinux"))
    };
    let context = "context unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\n";
    assert_eq!(of(&format!("kernel\nenforce 1\n{context}")), (Some("enforcing".into()), true));
    assert_eq!(of(&format!("kernel\nenforce 0\n{context}getenforce Permissive\n")), (Some("permissive".into()), true));
    assert_eq!(of("kernel\nenforce 0\ncontext kernel\n"), (Some("disabled".into()), false));
    assert_eq!(of("kernel\ncontext \ngetenforce Disabled\n"), (Some("disabled".into()), false));
    assert_eq!(of("context \n"), (None, false));
}

#[test]
fn what_could_not_be_read_is_named_with_why() {
    let unread = |probe, text: &str| facts(&[(probe, text)]).unread;
    let context = "context system_u:system_r:kernel_t:s0\n";
    for text in [
        format!("kernel\nenforce 1\n{context}"),
        format!("kernel\n{context}getenforce Permissive\n"),
        "kernel\ncontext kernel\n".to_owned(),
        context.to_owned(),
    ] {
        assert_eq!(unread(Probe::Selinux, &text), Default::default(), "{text}");
    }
    let hidden = unread(Probe::Selinux, &format!("kernel\n{context}getenforce Disabled\n"));
    assert_eq!(hidden.keys().collect::<Vec<_>>(), ["selinux"]);
    let places = "efi\nunread secure-boot the EFI variables in /sys/firmware/efi/efivars cannot be read\nunread uki none is seen\nunread other x\nunread\n";
    let unread = unread(Probe::Places, places);
    assert_eq!((unread.len(), unread["uki"].as_str()), (2, "none is seen"));
    assert_eq!(unread["secure-boot"], "the EFI variables in /sys/firmware/efi/efivars cannot be read");
}

#[test]
fn the_mode_follows_the_file_system_of_usr() {
    let of = |mounts| {
        let facts = facts(&[(Probe::Mounts, mounts)]);
        (facts.mode, facts.capabilities)
    };
    let flatcar = "26 1 254:9 / / rw,relatime shared:1 - ext4 /dev/vda9 rw,seclabel\n\
                   27 26 254:0 / /usr ro,relatime shared:2 - btrfs /dev/mapper/usr ro,seclabel,rescan\n\
                   28 26 0:20 / /usrlocal rw - tmpfs tmpfs rw\n\
                   29 26 0:7 / /sys/kernel/security rw - securityfs securityfs rw\n\
                   30 26 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    let (mode, capabilities) = of(flatcar);
    assert_eq!(mode, "image");
    assert!(!capabilities.contains("writable-usr"));
    assert!(capabilities.contains("securityfs") && capabilities.contains("cgroup2"));
    assert_eq!(of("1 0 8:1 / / rw,relatime - squashfs /dev/root ro\n").0, "image");
    assert_eq!(of("1 0 0:1 / / ro - ext4 a rw\n2 1 0:2 / / rw - overlay o rw\n").0, "package");
    let (mode, capabilities) = of("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
    assert_eq!(mode, "package");
    assert!(capabilities.contains("writable-usr") && !capabilities.contains("cgroup2"));
    assert!(parse(&answers(&[(Probe::Mounts, "")])).is_err());
    // A chroot sees only what is mounted below its root.
    let chroot = "95 30 0:22 / /proc rw,relatime - proc proc rw\n";
    assert_eq!(facts(&[(Probe::Mounts, chroot), (Probe::Places, "")]).mode, "image");
    assert_eq!(facts(&[(Probe::Mounts, chroot), (Probe::Places, "writable-usr\n")]).mode, "package");
    assert!(parse(&answers(&[(Probe::Mounts, "garbage\n")])).is_err());
}

#[test]
fn verity_is_what_holds_usr_or_was_promised() {
    let of =
        |mounts, devices| facts(&[(Probe::Mounts, mounts), (Probe::Devices, devices)]).capabilities.contains("verity");
    let merged = "26 1 254:9 / / rw - ext4 /dev/vda9 rw\n\
                  27 26 254:0 / /usr ro - btrfs /dev/mapper/usr ro\n\
                  28 26 0:40 / /usr ro - overlay sysext ro\n";
    let plain = "26 1 254:9 / / rw - ext4 /dev/vda9 rw\n";
    assert!(of(merged, "verity /dev/dm-0\nverity /dev/mapper/usr\n"), "below the overlay of an extension");
    assert!(of("26 1 254:0 / / ro - ext4 /dev/dm-0 ro\n", "verity /dev/dm-0\nverity /dev/mapper/vroot\n"));
    assert!(!of(plain, "verity /dev/dm-1\nverity /dev/mapper/extension\n"), "of an extension alone");
    assert!(of(plain, "root-hash\n"), "promised and not there");
    assert!(!of(plain, ""));
}

#[test]
fn partitions_that_come_in_two_are_update_slots() {
    let of = |devices| facts(&[(Probe::Devices, devices)]).capabilities.contains("update-slots");
    assert!(of("partition EFI-SYSTEM\npartition USR-A\npartition USR-B\npartition ROOT\n"));
    assert!(of("partition system_b\npartition system_a\n"));
    assert!(!of("partition USR-A\npartition ROOT\n"));
    assert!(!of("partition DATA\npartition DATB\n"), "words that end so");
    assert!(!of(""));
}

#[test]
fn repositories_count_when_one_is_enabled() {
    let of = |text| facts(&[(Probe::Repositories, text)]).capabilities.contains("repositories");
    assert!(of("[fedora]\nname=Fedora\nenabled=1\n"));
    assert!(of("[fedora]\nname=Fedora\n"), "enabled is the default");
    assert!(of("[a]\nenabled = 0\n\n[b]\nenabled=1\n\n[c]\nenabled=0\n"));
    assert!(!of("[a]\nenabled=0\n[b]\nenabled=False\n"));
    assert!(!of("[main]\ngpgcheck=1\n"));
    assert!(!of(""));
}

#[test]
fn kernel_systemd_and_places() {
    let facts = facts(&[
        (Probe::Systemd, "init\nsystemd 258 (258.1-1.fc43)\n+PAM +AUDIT\n"),
        (
            Probe::Places,
            "efi\ncrypto-policies\nkconfig /proc/config.gz\nbootc\nostree\ntpm\nuki\nignition\nsysext\nsecure-boot\n",
        ),
        (Probe::Tools, "rpm\nzcat\ncloud-init\nlocale\ncrio\nrm -rf\n"),
        (Probe::Journal, "readable\n"),
    ]);
    assert_eq!((facts.systemd, &*facts.firmware, &*facts.arch), (Some(258), "uefi", "x86_64"));
    assert_eq!(facts.kconfig.as_deref(), Some("/proc/config.gz"));
    assert_eq!(facts.dimension("tool"), Some(vec!["locale".into(), "rpm".into(), "zcat".into()]));
    let words = "bootc cloud-init container-engine crypto-policies efi ignition journal kconfig locale ostree \
                 secure-boot sysext systemd tpm uki writable-usr";
    assert_eq!(facts.dimension("capability"), Some(words.split_whitespace().map(str::to_owned).collect()));
    assert_eq!(facts.dimension("systemd"), Some(vec!["258".into()]));
    assert_eq!(facts.dimension("selinux"), None);
    assert_eq!(facts.dimension("weather"), None);
    for capability in &facts.capabilities {
        assert!(
            muster_record::facts::CAPABILITIES.iter().any(|(name, _)| name == capability),
            "{capability} is not in the table"
        );
    }
}

#[test]
fn a_packed_configuration_needs_a_tool_to_unpack_it() {
    assert_eq!(facts(&[(Probe::Places, "kconfig /proc/config.gz\n")]).kconfig, None);
    let both = "kconfig /boot/config-6.1\nkconfig /proc/config.gz\n";
    assert_eq!(facts(&[(Probe::Places, both)]).kconfig.as_deref(), Some("/boot/config-6.1"));
}

#[test]
fn a_probe_that_could_not_run_is_an_error_and_never_an_absence() {
    for (probe, name) in PROBES {
        let mut replies = answers(&[]);
        let reply = &mut replies[*probe as usize];
        (reply.status, reply.stderr) = (127, b"sh: cat: not\x1b found\n".to_vec());
        let error = parse(&replies).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("127") && error.contains("not\\x1b found"), "{error}");
        let mut replies = answers(&[]);
        replies[*probe as usize].end = End::TimedOut;
        assert!(parse(&replies).is_err(), "{name}");
    }
    assert!(parse(&[]).is_err());
    assert!(parse(&answers(&[(Probe::Kernel, "x86_64\n")])).is_err());
}

#[test]
fn the_provider_of_openssl_is_the_one_whose_module_is_there() {
    let of = |text| facts(&[(Probe::Openssl, text)]).openssl_provider;
    for (text, provider) in [
        ("", None),
        ("openssl\n", Some("default")),
        ("module legacy.so\nopenssl\n", Some("default")),
        ("module fips.so\nmodule legacy.so\nopenssl\n", Some("fips")),
        ("module symcryptprovider.so\nopenssl\n", Some("symcrypt")),
        ("module fips.so\nmodule symcryptprovider.so\nopenssl\n", Some("both")),
        ("module notfips.so\nmodule fips.so.rpmsave\nopenssl\n", Some("default")),
    ] {
        assert_eq!(of(text).as_deref(), provider, "{text}");
    }
    let hidden = facts(&[(Probe::Openssl, "unread /usr/lib64/ossl-modules\nopenssl\n")]);
    assert!(
        hidden.unread["openssl-provider"].contains("/usr/lib64/ossl-modules cannot be listed"),
        "{:?}",
        hidden.unread
    );
    assert_eq!(facts(&[(Probe::Openssl, "openssl\n")]).unread, Default::default());
}

/// The script of the probe, in a shell of this host with its own tree in place of `/`.
#[test]
fn the_probe_of_openssl_finds_modules_and_directories_that_are_closed() {
    let host = tempfile::tempdir().unwrap();
    let root = host.path();
    let script = || {
        let script = crate::facts::probe::requests(1.0).remove(Probe::Openssl as usize).script;
        let script = script.replace("/usr/lib", &format!("{}/usr/lib", root.display()));
        // Not the program of this host.
        let script =
            script.replace(" /lib", &format!(" {}/lib", root.display())).replace("command -v openssl", "false");
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(script(), "");
    let lib = root.join("usr/lib64");
    std::fs::create_dir_all(&lib).unwrap();
    std::fs::write(lib.join("libcrypto.so.1.1"), "").unwrap();
    assert_eq!(script(), "", "one before 3 has no providers");
    std::fs::write(lib.join("libcrypto.so.3"), "").unwrap();
    assert_eq!(script(), "openssl\n");
    let modules = root.join("usr/lib/x86_64-linux-gnu/ossl-modules");
    std::fs::create_dir_all(&modules).unwrap();
    std::fs::write(modules.join("fips.so"), "").unwrap();
    std::os::unix::fs::symlink("nowhere", modules.join("symcryptprovider.so")).unwrap();
    assert_eq!(script(), "module fips.so\nmodule symcryptprovider.so\nopenssl\n");
    if !rustix::process::geteuid().is_root() {
        std::fs::set_permissions(&modules, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        assert_eq!(script(), format!("unread {}\nopenssl\n", modules.display()));
        std::fs::set_permissions(&modules, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }
}
