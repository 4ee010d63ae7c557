use super::*;
use muster_base::failure::Location;

fn spec(of: SnapshotSource) -> SnapshotSpec {
    SnapshotSpec {
        name: "s".into(),
        of,
        per: muster_suite::model::SharedBy::Image,
        keep: vec![],
        only: vec![],
        redact: vec![],
        filters: vec![],
        unordered: false,
        proves: None,
        location: Location { file: "suites/base.yaml".into(), line: 1, column: 1 },
    }
}

fn reply(stdout: &str) -> Reply {
    Reply { stdout: stdout.as_bytes().to_vec(), ..Reply::default() }
}

fn rendered(spec: &SnapshotSpec, stdout: &str) -> Result<Rendered, RenderError> {
    render(&spec.of, &reply(stdout), spec)
}

const ALL: [SnapshotSource; 6] = [
    SnapshotSource::Packages,
    SnapshotSource::Units,
    SnapshotSource::Sysctl,
    SnapshotSource::Kconfig,
    SnapshotSource::Users,
    SnapshotSource::Ports,
];

#[test]
fn a_reading_that_failed_is_never_an_empty_snapshot() {
    for source in ALL {
        let spec = spec(source);
        assert!(rendered(&spec, "").unwrap_err().to_string().contains("could not be read"), "{:?}", spec.of);
        let good = "kernel.ostype = Linux\n";
        for (status, end) in [(1, End::Exited), (0, End::TimedOut), (0, End::TooMuchOutput)] {
            let failed = Reply { status, end, stderr: b"rpm: \x1b[31mnot found\n".to_vec(), ..reply(good) };
            let why = render(&spec.of, &failed, &spec).unwrap_err().to_string();
            assert!(why.contains("could not be read") && !why.contains('\x1b'), "{why}");
        }
    }
    let run = spec(SnapshotSource::Run("false".into()));
    let failed = Reply { status: 1, ..reply("") };
    assert!(
        render(&run.of, &failed, &run)
            .unwrap_err()
            .to_string()
            .starts_with("the command ended with status 1; end it with")
    );
    assert_eq!(rendered(&run, "").unwrap().text, "", "a command may say nothing");
}

#[test]
fn a_line_that_is_not_as_expected_is_an_error() {
    for (source, line) in [
        (SnapshotSource::Packages, "error: rpmdb: damaged"),
        (SnapshotSource::Units, "a b c d"),
        (SnapshotSource::Sysctl, "no equals"),
        (SnapshotSource::Sysctl, "a.b = 1"),
        (SnapshotSource::Kconfig, "bash: x=1"),
        (SnapshotSource::Users, "root:x:0"),
        (SnapshotSource::Users, "root:x:zero:0::/:/"),
        (SnapshotSource::Ports, "= tcp\n   0: nonsense"),
        (SnapshotSource::Ports, "= raw\n   0: 00000000:0016 00000000:0000 0A"),
    ] {
        assert!(rendered(&spec(source.clone()), line).is_err(), "{source:?} {line}");
    }
}

#[test]
fn packages_are_sorted_and_cut_to_the_columns_kept() {
    let mut spec = spec(SnapshotSource::Packages);
    let rpm = "zlib\t0:1.3-1\tx86_64\tAcme Inc\nbash\t1:5.2-1\tx86_64\t(none)\nkernel\t0:6.2-1\tx86_64\t\nkernel\t0:6.1-1\tx86_64\t\n";
    assert_eq!(
        rendered(&spec, rpm).unwrap().text,
        "bash 1:5.2-1 x86_64 (none)\nkernel 0:6.1-1 x86_64 -\nkernel 0:6.2-1 x86_64 -\nzlib 0:1.3-1 x86_64 Acme\\x20Inc"
    );
    spec.keep = vec!["arch".into(), "name".into()];
    spec.only = vec!["z*".into(), "nothing*".into()];
    let narrowed = rendered(&spec, rpm).unwrap();
    assert_eq!(narrowed.text, "zlib x86_64");
    assert_eq!(narrowed.warnings, ["only `nothing*` matched nothing"]);
    spec.keep = vec!["version".into()];
    assert_eq!(
        rendered(&spec, rpm).unwrap_err().to_string(),
        "`keep: version`: there is no such column, only name, evr, arch, vendor"
    );
}

#[test]
fn units_that_only_run_are_left_out() {
    let text =
        "sshd.service enabled enabled\nsession-1.scope transient -\ndbus.service static -\nold.service disabled\n";
    assert_eq!(
        rendered(&spec(SnapshotSource::Units), text).unwrap().text,
        "dbus.service static -\nold.service disabled -\nsshd.service enabled enabled"
    );
}

#[test]
fn sysctls_of_both_readings_are_the_same_text() {
    let by_sysctl = "kernel.ostype = Linux\nkernel.random.boot_id = 1234\nnet.ipv4.conf.eth0/1.rp_filter = 1\n\
                     net.ipv4.tcp_rmem = 4096\t131072\t6291456\nkernel.empty = \ndev.cdrom.info = CD-ROM\ndev.cdrom.info = drive name:\n\
                     fs.dentry-state = 1\t2\t3\n";
    let by_walk = "dev/cdrom/info = CD-ROM\ndev/cdrom/info = drive name:\nfs/dentry-state = 7\t8\t9\nkernel/empty = \n\
                   kernel/ostype = Linux\nkernel/random/boot_id = 5678\nnet/ipv4/conf/eth0.1/rp_filter = 1\n\
                   net/ipv4/tcp_rmem = 4096\t131072\t6291456\n";
    let spec = spec(SnapshotSource::Sysctl);
    let text = rendered(&spec, by_sysctl).unwrap().text;
    assert_eq!(
        text,
        "dev.cdrom.info = CD-ROM\ndev.cdrom.info = drive name:\nkernel.empty = \nkernel.ostype = Linux\n\
         net.ipv4.conf.eth0/1.rp_filter = 1\nnet.ipv4.tcp_rmem = 4096\\t131072\\t6291456"
    );
    assert_eq!(rendered(&spec, by_walk).unwrap().text, text);
}

#[test]
fn what_is_redacted_may_be_volatile_and_what_matches_nothing_is_reported() {
    let mut spec = spec(SnapshotSource::Sysctl);
    spec.redact = vec![
        ("kernel.hostname".into(), Some("[hostname]".into())),
        ("kernel.random.uuid".into(), Some("[uuid]".into())),
        ("kernel.random.*".into(), None),
        ("kernel.misspelt".into(), None),
    ];
    spec.filters = vec![
        (regex::Regex::new("[0-9]{3}").unwrap(), "[n]".into()),
        (regex::Regex::new("absent").unwrap(), String::new()),
    ];
    let text = "kernel.ostype = Linux\nkernel.hostname = box\nkernel.random.uuid = 1\nkernel.random.poolsize = 256\nkernel.z = 123\n";
    let rendered = rendered(&spec, text).unwrap();
    assert_eq!(
        rendered.text,
        "kernel.hostname = [hostname]\nkernel.ostype = Linux\nkernel.random.uuid = [uuid]\nkernel.z = [n]"
    );
    assert_eq!(rendered.warnings, ["redact `kernel.misspelt` matched nothing", "filter `absent` matched nothing"]);
}

#[test]
fn kconfig_has_neither_comments_nor_the_compiler() {
    let text = "#\n# Linux/x86 6.12\n#\nCONFIG_CC_VERSION_TEXT=\"gcc 14\"\nCONFIG_B=y\n# CONFIG_C is not set\n\nCONFIG_A=\"x=y z\"\n";
    assert_eq!(rendered(&spec(SnapshotSource::Kconfig), text).unwrap().text, "CONFIG_A=\"x=y z\"\nCONFIG_B=y");
}

#[test]
fn users_without_those_of_running_services() {
    let text = "root:x:0:0:root:/root:/bin/bash\ndyn:!:61500:61500::/:/sbin/nologin\nbin:x:1:1::/:\n";
    assert_eq!(rendered(&spec(SnapshotSource::Users), text).unwrap().text, "bin 1 1 / -\nroot 0 0 /root /bin/bash");
}

#[test]
fn ports_that_listen_by_kind_of_address() {
    let text = "= tcp\n  sl  local_address rem_address   st\n\
   0: 00000000:0016 00000000:0000 0A 00000000:00000000\n\
   1: 00000000:0016 00000000:0000 0A 00000000:00000000\n\
   2: 0100007F:0277 00000000:0000 0A 00000000:00000000\n\
   3: 0F02000A:0016 0202000A:D431 01 00000000:00000000\n\
= tcp6\n   0: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A\n\
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A\n\
= udp\n  10: 0F02000A:0044 00000000:0000 07\n  11: 00000000:9C40 00000000:0000 07\n  12: 0F02000A:1000 0202000A:007B 01\n";
    assert_eq!(
        rendered(&spec(SnapshotSource::Ports), text).unwrap().text,
        "tcp 22 any\ntcp 631 loopback\ntcp6 631 loopback\ntcp6 8080 loopback\nudp 68 address"
    );
    assert_eq!(rendered(&spec(SnapshotSource::Ports), "= tcp\n  sl\n").unwrap().text, "", "nothing listens");
}

#[test]
fn a_command_keeps_its_order_unless_set_otherwise_and_its_escapes_are_visible() {
    let mut spec = spec(SnapshotSource::Run("x".into()));
    let text = "b 0123abcd\r\na 99999999\n\x1b[31mred\n";
    spec.filters = vec![(regex::Regex::new("[0-9a-f]{8}").unwrap(), "[id]".into())];
    assert_eq!(rendered(&spec, text).unwrap().text, "b [id]\na [id]\n\\x1b[31mred");
    spec.unordered = true;
    assert_eq!(rendered(&spec, text).unwrap().text, "\\x1b[31mred\na [id]\nb [id]");
    spec.filters = vec![(regex::Regex::new("red").unwrap(), "\x1b".into())];
    assert!(!rendered(&spec, text).unwrap().text.contains('\x1b'), "not even by a suite's own replacement");
    spec.keep = vec!["name".into()];
    assert!(rendered(&spec, text).unwrap_err().to_string().contains("has no columns"));
}

#[test]
fn a_snapshot_beyond_the_limit_is_an_error_and_not_a_part() {
    let spec = spec(SnapshotSource::Run("x".into()));
    assert!(rendered(&spec, &"x".repeat(TEXT_LIMIT)).is_ok());
    assert!(rendered(&spec, &"x".repeat(TEXT_LIMIT + 1)).unwrap_err().to_string().contains("narrow it with `only`"));
}

/// The scripts on the machine of the tests, whose /proc is Linux's too.
#[test]
fn the_scripts_run_in_sh_and_their_answers_are_read() {
    for source in [SnapshotSource::Sysctl, SnapshotSource::Users, SnapshotSource::Ports] {
        let output = std::process::Command::new("/bin/sh").arg("-c").arg(probe(&source).script).output().unwrap();
        let said = Reply { status: output.status.code().unwrap_or(-1), stdout: output.stdout, ..Reply::default() };
        let spec = spec(source);
        let rendered = render(&spec.of, &said, &spec).unwrap();
        if spec.of == SnapshotSource::Sysctl {
            assert!(rendered.text.contains("\nkernel.ostype = Linux\n"));
        }
        if spec.of == SnapshotSource::Users {
            assert!(rendered.text.lines().any(|line| line.starts_with("root 0 0 ")));
        }
    }
    for source in ALL {
        let script = probe(&source).script;
        let status = std::process::Command::new("/bin/sh").args(["-n", "-c", &script]).status().unwrap();
        assert!(status.success(), "{source:?} is sh");
    }
}
