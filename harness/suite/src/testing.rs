//! A vocabulary and example suites for the tests of this room. The tables are only as large as the
//! examples need; what ships is in the check room.

use super::grammar::{cpu, kernel, network, packages, paths, repositories, systemd, text};
use super::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};
use super::vocabulary::Vocabulary;

const fn attribute(name: &'static str, kind: AttributeKind) -> Attribute {
    Attribute { name, kind, doc: "For tests." }
}

const fn table(
    name: &'static str,
    subject: Subject,
    shorthand: Shorthand,
    attributes: &'static [Attribute],
) -> CheckTable {
    CheckTable { name, summary: "For tests.", subject, shorthand, gone: &[], attributes, reads: "", example: "" }
}

static PACKAGE: CheckTable = table(
    "package",
    Subject::Named(&packages::PACKAGE),
    Shorthand::Keywords(&[("installed", "installed", "true"), ("absent", "installed", "false")]),
    &[
        attribute("installed", AttributeKind::Bool),
        attribute("version", AttributeKind::Evr),
        attribute("arch", AttributeKind::Text),
        attribute("vendor", AttributeKind::Text),
        attribute("signed", AttributeKind::Bool),
        attribute("from-repo", AttributeKind::Text),
        attribute("verify", AttributeKind::Keyword(&["clean", "config-only"])),
        attribute("count", AttributeKind::Integer),
    ],
);
static FILE: CheckTable = table(
    "file",
    Subject::Named(&paths::FILE),
    Shorthand::Keywords(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    &[
        attribute("exists", AttributeKind::Bool),
        attribute("mode", AttributeKind::Mode),
        attribute("owner", AttributeKind::Text),
        attribute("size", AttributeKind::Size),
        attribute("selinux-type", AttributeKind::Text),
        attribute("content", AttributeKind::Output),
    ],
);
static SERVICE: CheckTable = table(
    "service",
    Subject::Named(&systemd::SERVICE),
    Shorthand::None,
    &[
        attribute("active", AttributeKind::Keyword(&["active", "inactive", "failed"])),
        attribute("enabled", AttributeKind::Text),
        attribute("restarts", AttributeKind::Integer),
    ],
);
static PORT: CheckTable = table(
    "port",
    Subject::Named(&network::PORT),
    Shorthand::None,
    &[attribute("listening", AttributeKind::Bool), attribute("process", AttributeKind::Text)],
);
static KERNEL: CheckTable = table(
    "kernel",
    Subject::Whole,
    Shorthand::None,
    &[
        attribute("release", AttributeKind::Version),
        attribute("taint", AttributeKind::Integer),
        attribute("cmdline", AttributeKind::List(&kernel::ARGUMENT)),
    ],
);
static KCONFIG: CheckTable = table(
    "kconfig",
    Subject::Named(&kernel::SYMBOL),
    Shorthand::Attribute("value"),
    &[attribute("value", AttributeKind::Loose)],
);
static SYSCTL: CheckTable = table(
    "sysctl",
    Subject::Named(&kernel::SYSCTL),
    Shorthand::Attribute("value"),
    &[attribute("value", AttributeKind::Loose)],
);
static BOOT: CheckTable = table(
    "boot",
    Subject::Whole,
    Shorthand::None,
    &[
        attribute("total", AttributeKind::Samples(&AttributeKind::Duration)),
        attribute("userspace", AttributeKind::Samples(&AttributeKind::Duration)),
        attribute("units", AttributeKind::Map(&systemd::UNIT, &AttributeKind::Duration)),
        attribute("load", AttributeKind::Number),
        attribute("baseline", AttributeKind::Baseline),
    ],
);
static UNITS: CheckTable =
    table("units", Subject::Whole, Shorthand::None, &[attribute("failed", AttributeKind::Set(&systemd::UNIT))]);
static MOUNT: CheckTable = table(
    "mount",
    Subject::Named(&paths::MOUNT_POINT),
    Shorthand::None,
    &[attribute("options", AttributeKind::Set(&paths::MOUNT_OPTION))],
);
static WRITABLE: CheckTable = table(
    "writable",
    Subject::Named(&paths::PATH),
    Shorthand::Attribute("writable"),
    &[attribute("writable", AttributeKind::Bool)],
);
static CLOSURE: CheckTable = table(
    "closure",
    Subject::Named(&packages::PACKAGE),
    Shorthand::None,
    &[
        attribute("resolves", AttributeKind::Bool),
        attribute("from-repos", AttributeKind::Set(&repositories::REPOSITORY)),
        attribute("install-size", AttributeKind::Size),
    ],
);
static MODULE: CheckTable = table(
    "module",
    Subject::Named(&kernel::MODULE),
    Shorthand::Keywords(&[("available", "available", "true"), ("absent", "available", "false")]),
    &[
        attribute("available", AttributeKind::Bool),
        attribute("state", AttributeKind::Keyword(&["loaded", "built-in"])),
        attribute("signed", AttributeKind::Bool),
    ],
);
static CPU: CheckTable = table(
    "cpu",
    Subject::Whole,
    Shorthand::None,
    &[attribute("level", AttributeKind::Text), attribute("flags", AttributeKind::Set(&cpu::CPU_FLAG))],
);
static COMMAND: CheckTable = table(
    "command",
    Subject::Named(&text::COMMAND_LINE),
    Shorthand::None,
    &[
        attribute("exit", AttributeKind::Integer),
        attribute("stdout", AttributeKind::Output),
        attribute("stderr", AttributeKind::Output),
    ],
);

/// What the tests of this room may speak of.
pub const VOCABULARY: Vocabulary<'static> = Vocabulary {
    tables: &[
        &PACKAGE, &FILE, &SERVICE, &PORT, &KERNEL, &KCONFIG, &SYSCTL, &BOOT, &UNITS, &MOUNT, &WRITABLE, &COMMAND,
        &CLOSURE, &MODULE, &CPU,
    ],
    capabilities: &[
        ("rpmdb", "rpm works"),
        ("systemd", "systemd is PID 1"),
        ("selinux", "a policy is loaded"),
        ("bootc", "an image of bootc"),
        ("secure-boot", "Secure Boot is on"),
        ("tpm", "the machine has a TPM"),
    ],
    tools: &["curl", "rpm"],
};

/// The suites of the language page, as far as this version knows the language.
pub const EXAMPLES: [&str; 4] = [
    r#"schema: suite/v1
suite: nginx
summary: nginx installs, serves, survives a reboot
tags: [isv, web, tier1]
images: {where: "distro >= fedora-41 and mode == package"}
defaults: {timeout: 5m}
vars: {port: 80}
setup:
  - run: dnf -q makecache
    timeout: 2m
tests:
  - id: closure
    summary: the dependency chain closes inside the image's own repositories
    expect:
      closure:
        nginx: {resolves: true, from-repos: {only: [fedora, updates]}, install-size: "<= 80 MiB"}
  - id: install
    needs: [closure]
    steps:
      - install: [nginx]
        scriptlet-errors: none
      - service: nginx
        state: started
        enabled: true
    expect:
      package:
        nginx: {version: ">= 1:1.26, < 2:0", signed: true, verify: clean}
        nginx-mod-stream: absent
      file:
        /etc/nginx/nginx.conf: {mode: "0644", owner: root, selinux-type: httpd_config_t}
      service:
        nginx: {active: active, enabled: enabled, restarts: 0}
      port:
        tcp/${port}: {listening: true, process: nginx, eventually: 20s}
  - id: survives-reboot
    needs: [install]
    timeout: 10m
    steps:
      - reboot: hard
        timeout: 3m
      - run: curl -fsS http://127.0.0.1:${port}/
        stdout: {matches: "(?i)nginx"}
        eventually: 15s
teardown:
  - collect: [/var/log/nginx/error.log]
"#,
    r#"schema: suite/v1
suite: kernel
tags: [kernel]
matrix:
  cpu: [x86-64-v2, x86-64-v3]
  firmware: [bios, uefi]
  exclude: [{image: fedora-43-cloud, firmware: bios}]
tests:
  - id: features
    expect:
      kernel: {release: ">= 6.14", taint: 0, cmdline: {lacks: [nomodeset]}}
      kconfig:
        CONFIG_KVM: {any-of: [y, m]}
        CONFIG_DEBUG_INFO_BTF: y
        CONFIG_NR_CPUS: ">= 512"
      sysctl: {kernel.kptr_restrict: ">= 1", fs.protected_symlinks: 1}
      module: {btrfs: available, vsock_loopback: {state: loaded, signed: true}, firewire_core: absent}
      cpu: {level: "${matrix.cpu}", flags: {has: [aes]}}
    adjust:
      - when: arch == aarch64
        because: no x86 levels, KVM is built in
        expect: {kconfig: {CONFIG_KVM: y}, cpu: null}
"#,
    r#"schema: suite/v1
suite: boot-time
tests:
  - id: budget
    guest: fresh
    steps:
      - boot-samples: 7
        discard: 1
    expect:
      boot:
        total: {median: "<= 14s", p95: "<= 20s"}
        userspace: {median: "<= 8s"}
        units: {NetworkManager-wait-online.service: "<= 3s"}
      units: {failed: none}
"#,
    r#"schema: suite/v1
suite: base
base-checks: {coredump: info}
tests:
  - id: immutable
    when: mode == image
    because: a package system writes to /usr
    expect:
      mount: {/usr: {options: {has: [ro]}}}
      writable: {/usr/bin: false, /etc: true, /var: true}
  - id: facts
    snapshots:
      - name: packages
        of: packages
        keep: [name, arch, vendor]
        per: image
      - name: sysctl
        of: sysctl
        only: ["kernel.*", "net.ipv4.conf.*"]
        redact: {kernel.hostname: "[hostname]", "kernel.random.*": drop}
      - name: boot-errors
        of: {run: journalctl -b -p err -o cat}
        filters: [{match: "[0-9a-f]{8}-[0-9a-f-]{27}", with: "[uuid]"}]
        unordered: true
"#,
];

#[test]
fn the_tables_of_the_tests_are_sound() {
    for table in VOCABULARY.tables {
        assert_eq!(super::lint::problems(table), Vec::<String>::new());
    }
}

/// What an editor makes of a node: YAML 1.2's core schema.
pub fn as_editor(node: &super::yaml::Node) -> serde_json::Value {
    match &node.kind {
        _ if node.is_null() => serde_json::Value::Null,
        super::yaml::NodeKind::Scalar { text, quoted: false } => match text.as_str() {
            "true" => serde_json::json!(true),
            "false" => serde_json::json!(false),
            text => text
                .parse::<i64>()
                .map(|number| serde_json::json!(number))
                .or_else(|_| text.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| serde_json::json!(n)).ok_or(()))
                .unwrap_or_else(|()| serde_json::json!(text)),
        },
        super::yaml::NodeKind::Scalar { text, .. } => serde_json::json!(text),
        super::yaml::NodeKind::Sequence(items) => serde_json::Value::Array(items.iter().map(as_editor).collect()),
        super::yaml::NodeKind::Mapping(entries) => serde_json::Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key.scalar().unwrap_or_default().to_owned(), as_editor(value)))
                .collect(),
        ),
    }
}
