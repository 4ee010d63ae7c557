use super::*;
use crate::Vocabulary;
use crate::diagnostic::codes;
use crate::model::{Condition, Operator};

const VOCABULARY: Vocabulary<'static> = Vocabulary {
    tables: &[],
    capabilities: &[("rpmdb", "rpm works"), ("systemd", "systemd is PID 1"), ("selinux", "a policy is loaded")],
    tools: &["curl", "rpm"],
};

fn good(text: &str) -> Condition {
    parse(text, &VOCABULARY).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn bad(text: &str) -> Vec<(&'static str, &str, String)> {
    let errors = parse(text, &VOCABULARY).expect_err(text);
    errors.into_iter().map(|error| (error.code, &text[error.range], error.label)).collect()
}

fn on(text: &str, facts: &[(&str, &[&str])]) -> Truth {
    evaluate(&good(text), &|dimension| {
        facts
            .iter()
            .find(|(name, _)| *name == dimension)
            .map(|(_, values)| values.iter().map(|v| v.to_string()).collect())
    })
}

fn no(why: &str) -> Truth {
    Truth::False { why: why.to_owned() }
}

#[test]
fn display_reads_like_what_was_written_and_parses_to_the_same() {
    for text in [
        "distro >= fedora-43 and arch == x86_64",
        "distro >= fedora-43 and arch == x86_64 or not (mode == image)",
        "not (id == a or id == b) and (variant == x or variant == y)",
        "selinux is defined and variant is not defined",
        "distro == fedora, azurelinux-4.0",
        "capability == rpmdb",
    ] {
        let parsed = good(text);
        assert_eq!(good(&parsed.to_string()), parsed, "{text} became {parsed}");
    }
    assert_eq!(good("arch==x86_64").to_string(), "arch == x86_64");
    assert_eq!(good("not mode==image").to_string(), "not (mode == image)");
}

#[test]
fn and_binds_closer_than_or() {
    let Condition::Or(parts) = good("id == a or id == b and id == c") else { panic!() };
    assert!(matches!(parts[1], Condition::And(_)));
}

#[test]
fn errors_are_located_and_suggest() {
    assert_eq!(bad("distor == fedora"), [(codes::UNKNOWN_DIMENSION, "distor", "did you mean `distro`?".to_owned())]);
    assert_eq!(bad("mode == imgae"), [(codes::UNKNOWN_KEYWORD, "imgae", "did you mean `image`?".to_owned())]);
    assert_eq!(bad("capability == rpmbd"), [(codes::UNKNOWN_KEYWORD, "rpmbd", "did you mean `rpmdb`?".to_owned())]);
    assert_eq!(bad("tool == crul"), [(codes::UNKNOWN_KEYWORD, "crul", "did you mean `curl`?".to_owned())]);
    assert_eq!(bad("arch = x86_64"), [(codes::BAD_CONDITION, "=", "did you mean `==`?".to_owned())]);
    assert_eq!(bad("id == a && id == b"), [(codes::BAD_CONDITION, "&&", "did you mean `and`?".to_owned())]);
    assert_eq!(bad("arch >= x86_64"), [(codes::NO_ORDER, ">=", "only `==` and `!=` here".to_owned())]);
    assert_eq!(bad("distro >= fedora"), [(codes::BAD_CONDITION, "fedora", String::new())]);
    assert_eq!(bad("kernel >= new"), [(codes::BAD_CONDITION, "new", String::new())]);
    assert_eq!(bad("distro >= fedora-43, fedora-44"), [(codes::BAD_CONDITION, ",", String::new())]);
    assert_eq!(bad("id == a and"), [(codes::BAD_CONDITION, "", String::new())]);
    assert_eq!(bad("(id == a"), [(codes::BAD_CONDITION, "", String::new())]);
    assert_eq!(bad("id == a)"), [(codes::BAD_CONDITION, ")", String::new())]);
    assert_eq!(bad("id == 'a"), [(codes::BAD_CONDITION, "'a", String::new())]);
    assert_eq!(bad("id is here"), [(codes::BAD_CONDITION, "here", String::new())]);
    assert_eq!(bad(""), [(codes::BAD_CONDITION, "", String::new())]);
    assert_eq!(bad("x == a and y == b").len(), 2, "both unknown names are reported");
}

#[test]
fn hostile_conditions_end() {
    assert_eq!(bad(&"(".repeat(4000))[0].0, codes::BAD_CONDITION);
    assert_eq!(bad(&"not ".repeat(1000))[0].0, codes::BAD_CONDITION);
    assert_eq!(bad(&"x".repeat(5000))[0].0, codes::BAD_CONDITION);
    assert_eq!(bad("é == ü")[0], (codes::UNKNOWN_DIMENSION, "é", String::new()));
    let many = vec!["(id == a or id == b)"; 60].join(" and ");
    assert_eq!(never_true(&good(&many)), None);
}

#[test]
fn distributions_compare_within_their_name() {
    let fedora: &[(&str, &[&str])] = &[("distro", &["fedora-43"])];
    assert_eq!(on("distro >= fedora-43", fedora), Truth::True);
    assert_eq!(on("distro > fedora-43", fedora), no("distro is fedora-43 here"));
    assert_eq!(on("distro < fedora-100", fedora), Truth::True);
    assert_eq!(on("distro == fedora", fedora), Truth::True);
    assert_eq!(on("distro != fedora", fedora), no("distro is fedora-43 here"));
    let azure: &[(&str, &[&str])] = &[("distro", &["azurelinux-4.0"])];
    assert_eq!(on("distro >= fedora-43", azure), no("distro is azurelinux-4.0 here"));
    assert_eq!(on("distro < fedora-43", azure), no("distro is azurelinux-4.0 here"));
    assert_eq!(on("distro == azurelinux-4", azure), Truth::True);
    assert_eq!(on("distro == fedora-43, azurelinux-4.0", azure), Truth::True);
    assert_eq!(on("distro >= fedora-43", &[("distro", &["fedora-rawhide"])]), Truth::True);
    assert_eq!(
        on("distro >= fedora-43", &[("distro", &["fedora-rawhide-nonsense"])]),
        no("distro is fedora-rawhide-nonsense here")
    );
}

#[test]
fn versions_compare_numerically() {
    let kernel: &[(&str, &[&str])] = &[("kernel", &["6.14.0-63.fc42.x86_64"])];
    assert_eq!(on("kernel >= 6.9", kernel), Truth::True);
    assert_eq!(on("kernel == 6.14", kernel), Truth::True);
    assert_eq!(on("kernel < 6.14", kernel), no("kernel is 6.14.0-63.fc42.x86_64 here"));
    for (seen, stated, order) in crate::version::VERSIONS {
        for operator in Operator::ALL {
            for (dimension, prefix) in [("kernel", ""), ("systemd", ""), ("rpm", ""), ("distro", "fedora_")] {
                // A name with a dash of its own is split at the last one.
                if dimension == "systemd" && !stated.bytes().all(|b| b.is_ascii_digit()) {
                    continue;
                }
                if !prefix.is_empty() && (seen.contains('-') || stated.contains('-')) {
                    continue;
                }
                let named = |version: &str| match prefix {
                    "" => version.to_owned(),
                    prefix => format!("{prefix}-{version}"),
                };
                let (seen, stated) = (named(seen), named(stated));
                let text = format!("{dimension} {operator} {stated}");
                let truth = on(&text, &[(dimension, &[&seen])]);
                assert_eq!(truth == Truth::True, operator.holds(*order), "{text} on {seen}");
            }
        }
    }
}

#[test]
fn absent_is_not_unknown() {
    assert_eq!(on("selinux == enforcing", &[("selinux", &[])]), no("selinux is absent here"));
    assert_eq!(on("selinux != enforcing", &[("selinux", &[])]), Truth::True);
    assert_eq!(on("selinux is not defined", &[("selinux", &[])]), Truth::True);
    assert_eq!(on("selinux is defined", &[("selinux", &[])]), no("selinux is absent here"));
    assert_eq!(on("selinux == enforcing", &[]), Truth::Unknown { dimension: "selinux".into() });
    assert_eq!(on("selinux is defined", &[]), Truth::Unknown { dimension: "selinux".into() });
    assert_eq!(on("systemd >= 250", &[("systemd", &[])]), no("systemd is absent here"));
}

#[test]
fn the_unknown_decides_nothing_unless_the_rest_does() {
    let arch: &[(&str, &[&str])] = &[("arch", &["x86_64"])];
    assert_eq!(on("mode == image and arch == aarch64", arch), no("arch is x86_64 here"));
    assert_eq!(on("mode == image or arch == x86_64", arch), Truth::True);
    assert_eq!(on("mode == image and arch == x86_64", arch), Truth::Unknown { dimension: "mode".into() });
    assert_eq!(on("not (mode == image)", arch), Truth::Unknown { dimension: "mode".into() });
}

#[test]
fn reasons_name_what_decided() {
    let facts: &[(&str, &[&str])] = &[("capability", &["rpmdb"]), ("mode", &["image"]), ("arch", &["x86_64"])];
    assert_eq!(on("capability == selinux", facts), no("capability selinux is absent here"));
    assert_eq!(on("capability != rpmdb", facts), no("capability rpmdb is present here"));
    assert_eq!(on("capability == selinux, rpmdb", facts), Truth::True);
    assert_eq!(on("not (mode == image)", facts), no("mode is image here"));
    assert_eq!(on("mode == package or arch == aarch64", facts), no("mode is image here, arch is x86_64 here"));
}

#[test]
fn contradictions_are_found_and_possibilities_left_alone() {
    for text in [
        "id == a and id == b",
        "mode == image and not (mode == image)",
        "mode == image and mode == package",
        "distro == fedora-43 and distro == azurelinux-4.0",
        "distro == fedora-41 and distro >= fedora-43",
        "distro == azurelinux and distro >= fedora-43",
        "distro == fedora and distro != fedora",
        "distro == fedora, azurelinux and distro != fedora and distro != azurelinux",
        "selinux is defined and selinux is not defined",
        "selinux == enforcing and selinux is not defined",
        "capability == rpmdb and capability != rpmdb",
        "(id == a and id == b) or (mode == image and mode == package)",
        "kernel == 6.12 and kernel >= 6.14",
        "firmware is defined and firmware != uefi and firmware != bios",
        "kernel >= 6 and kernel < 5",
        "kernel > 6.18 and kernel < 6.19",
        "kernel > 6.18 and kernel <= 6.18.44",
        "kernel == 6.18 and kernel != 6",
        "systemd >= 250 and systemd < 250",
        "distro >= fedora-43 and distro < fedora-43",
        "distro > fedora-43 and distro <= fedora-43",
        "distro >= fedora-43 and distro >= azurelinux-4",
        "kernel >= 6 and not (kernel >= 5)",
        "id-like == rhel and not (id-like == rhel, fedora)",
        "kernel < 0",
    ] {
        assert!(never_true(&good(text)).is_some(), "{text}");
    }
    for text in [
        "id == a or id == b",
        "capability == rpmdb and capability == systemd",
        "id-like == fedora and id-like == rhel",
        "distro == fedora and distro >= fedora-43",
        "distro == fedora and distro != fedora-43",
        "kernel == 6.14 and kernel != 6.14.3",
        "kernel == 6.14 and kernel > 6.13",
        "id == a, b and id == b, c",
        "mode != image and mode != package",
        "distro == azurelinux and not (distro >= fedora-43)",
        "kernel >= 6.18 and kernel <= 6.18",
        "kernel > 6.18.3 and kernel == 6.18",
        "not (kernel >= 6) and not (kernel < 6)",
        "distro >= fedora-43 and distro != fedora-43, fedora-44",
        "distro >= fedora-99 and distro != fedora-rawhide",
        "kernel < 6.18 and kernel != 6.17",
    ] {
        assert_eq!(never_true(&good(text)), None, "{text}");
    }
}

#[test]
fn what_is_always_true_is_found_and_nothing_else() {
    for text in [
        "kernel >= 6 or kernel < 6",
        "kernel <= 6.18 or kernel > 6.18",
        "kernel <= 6.18 or kernel > 6.18.3",
        "kernel >= 0",
        "mode == package or mode == image",
        "mode == package, image",
        "mode != package or mode != image",
        "arch == x86_64 or arch != x86_64",
        "not (id == a and id == b)",
        "selinux is defined or selinux is not defined",
        "capability == rpmdb or capability != rpmdb",
        "id == a or (kernel >= 6 or kernel < 7)",
    ] {
        assert!(always_true(&good(text)).is_some(), "{text}");
    }
    for text in [
        "kernel > 6.18 or kernel < 6.18",
        "kernel <= 6.18.3 or kernel > 6.18",
        "distro >= fedora-43 or distro < fedora-43",
        "arch == x86_64, aarch64",
        "selinux is defined",
        "selinux == enforcing, permissive",
        "firmware == uefi, bios or firmware is defined",
        "capability == rpmdb or capability == systemd",
        "kernel >= 0 and id == a",
        "id-like != rhel, fedora",
    ] {
        assert_eq!(always_true(&good(text)), None, "{text}");
    }
}

/// Conditions as a careless person writes them, compared with systems of all kinds: what is called
/// impossible holds on none of them, and what is called always true on all.
#[test]
fn no_condition_is_called_impossible_or_always_true_that_is_not() {
    const VALUES: &[(&str, &[&str])] = &[
        ("kernel", &["0", "5.4", "6", "6.0.0", "6.18", "6.18.3", "6.18.44-1.azl4", "6.18-rc1", "6.19", "7.0.1"]),
        (
            "distro",
            &["fedora", "fedora-42", "fedora-43", "fedora-rawhide", "azurelinux-3.0", "azurelinux-4.0", "debian"],
        ),
        ("mode", &["package", "image"]),
        ("arch", &["x86_64", "aarch64", "riscv64"]),
        ("selinux", &["enforcing", "permissive", "disabled"]),
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let (mut never, mut always) = (0, 0);
    for _ in 0..4000 {
        // One or two dimensions, so that contradictions are not rare.
        let dimensions = [next(VALUES.len()), next(VALUES.len())];
        let mut text = String::new();
        for at in 0..=next(4) {
            let (dimension, values) = VALUES[dimensions[next(2)]];
            let ordered = matches!(dimension, "kernel" | "distro");
            let joint = if at == 0 { "" } else { [" and ", " or "][next(2)] };
            let not = ["", "", "not "][next(3)];
            let operator = Operator::ALL[next(if ordered { 6 } else { 2 })];
            let mut value = values[next(values.len())];
            if dimension == "distro" && !matches!(operator, Operator::Eq | Operator::Ne) && !value.contains('-') {
                value = "fedora-43";
            }
            text.push_str(&match next(12) {
                0 => format!("{joint}{not}{dimension} is defined"),
                _ => format!("{joint}{not}{dimension} {operator} {value}"),
            });
        }
        let condition = good(&text);
        let (is_never, is_always) = (never_true(&condition).is_some(), always_true(&condition).is_some());
        (never, always) = (never + usize::from(is_never), always + usize::from(is_always));
        let mut every = true;
        let mut some = false;
        for one in VALUES[dimensions[0]].1.iter().map(Some).chain([None]) {
            for two in VALUES[dimensions[1]].1.iter().map(Some).chain([None]) {
                let lookup = |dimension: &str| {
                    let of = |at: usize, value: Option<&&str>| {
                        (VALUES[at].0 == dimension)
                            .then(|| value.map(|value| (*value).to_owned()).into_iter().collect())
                    };
                    of(dimensions[0], one).or_else(|| of(dimensions[1], two))
                };
                let holds = evaluate(&condition, &lookup) == Truth::True;
                assert!(!(is_never && holds), "`{text}` is called impossible and holds on {one:?} {two:?}");
                let there = one.is_some() && two.is_some();
                assert!(!(is_always && !holds && there), "`{text}` is called always true, not on {one:?} {two:?}");
                some |= holds;
                every &= holds;
            }
        }
        // Where every system of these agrees, and they are of every kind, so does the analysis.
        let closed = |at: usize| matches!(VALUES[at].0, "mode" | "selinux");
        if dimensions.iter().all(|at| closed(*at)) {
            assert!(some || is_never, "`{text}` holds nowhere and is not called impossible");
            assert!(!every || is_always, "`{text}` holds everywhere and is not called always true");
        }
    }
    assert!(never > 100 && always > 100, "{never} impossible, {always} always true: the cases are too tame");
}

#[test]
fn an_id_or_a_version_with_dashes_is_cut_where_the_id_ends() {
    let leap: &[(&str, &[&str])] = &[("distro", &["opensuse-leap-15.6"]), ("id", &["opensuse-leap"])];
    for system in [leap, &leap[..1]] {
        for (condition, holds) in [
            ("distro >= opensuse-leap-15.6", true),
            ("distro < opensuse-leap-15.7", true),
            ("distro == opensuse-leap", true),
            ("distro == opensuse", false),
            ("distro >= opensuse-15", false),
            ("distro >= opensuse-tumbleweed-20240101", false),
        ] {
            assert_eq!(on(condition, system) == Truth::True, holds, "{condition}");
        }
    }
    // The ID alone tells where an ID ends that looks like an ID and a version, or a version that holds a dash.
    let odd: &[(&str, &[&str])] = &[("distro", &["box-2-1"]), ("id", &["box-2"])];
    assert_eq!(on("distro >= box-2-1", odd), Truth::True);
    assert_eq!(on("distro == box-2", odd), Truth::True);
    assert_eq!(on("distro == box", odd), no("distro is box-2-1 here"));
    let poky: &[(&str, &[&str])] = &[("distro", &["poky-5.0-snapshot"]), ("id", &["poky"])];
    for system in [poky, &poky[..1]] {
        assert_eq!(on("distro == poky", system), Truth::True);
        assert_eq!(on("distro >= poky-5.0-snapshot", system), Truth::True);
        assert_eq!(on("distro < poky-6", system), Truth::True);
    }
    for name in ["rhel-9", "rhel-9.6", "sles-15.6", "amzn-2023"] {
        assert_eq!(on(&format!("distro == {name}"), &[("distro", &[name])]), Truth::True, "{name}");
        assert_eq!(id_of_distro(name), name.split('-').next().unwrap());
    }
    assert_eq!(on("distro >= rhel-9", &[("distro", &["rhel-9.6"]), ("id", &["rhel"])]), Truth::True);
}

/// Every dimension says what its values are made of, and refuses what is none of them: with a value of each dimension that
/// no system has, and what is said of it.
#[test]
fn every_dimension_refuses_what_no_system_has() {
    let never: &[(&str, &[(&str, &str)])] = &[
        (
            "distro",
            &[
                ("Fedora-43", "fedora-43"),
                ("Fedora", "fedora"),
                ("Kylin-V10", "kylin-V10"),
                ("OPENEULER-22.03", "openEuler-22.03"),
                ("'Azure Linux'", ""),
                ("fedora:43", ""),
            ],
        ),
        ("id", &[("Fedora", "fedora"), ("RHEL", "rhel"), ("'red hat'", ""), ("''", "")]),
        ("id-like", &[("Fedora", "fedora"), ("'rhel fedora'", "")]),
        ("variant", &[("'home server'", ""), ("''", "")]),
        (
            "arch",
            &[
                ("amd64", "x86_64"),
                ("AMD64", "x86_64"),
                ("x64", "x86_64"),
                ("x86-64", "x86_64"),
                ("X86_64", "x86_64"),
                ("arm64", "aarch64"),
                ("armv8", "aarch64"),
                ("AArch64", "aarch64"),
                ("ppc64el", "ppc64le"),
                ("x86", "i686"),
                ("noarch", ""),
            ],
        ),
        ("mode", &[("immutable", "image"), ("Package", "package"), ("bootc", "")]),
        ("image", &[("'my image'", ""), ("images/lab", "")]),
        ("firmware", &[("uefi-secure", "uefi"), ("efi", "uefi"), ("UEFI", "uefi"), ("legacy", "bios")]),
        ("disk-format", &[("vpc", "vhd"), ("QCOW2", "qcow2"), ("iso", "")]),
        ("kernel-from", &[("guest", ""), ("Host", "host")]),
        ("accelerator", &[("KVM", "kvm"), ("qemu", "tcg")]),
        ("kernel", &[("v6.12", ""), ("latest", ""), ("'6 12'", "")]),
        ("systemd", &[("v257", "257"), ("257.4", "257"), ("new", "")]),
        ("rpm", &[("v4", ""), ("latest", "")]),
        ("package-manager", &[("dnf", "dnf5"), ("yum", "dnf4"), ("rpm", "")]),
        ("selinux", &[("Enforcing", "enforcing"), ("on", "")]),
        ("openssl-provider", &[("symcript", "symcrypt"), ("none", "")]),
        ("claimed-openssl-provider", &[("symcript", "symcrypt"), ("FIPS", "fips")]),
        ("capability", &[("rpmbd", "rpmdb"), ("SELinux", "selinux")]),
        ("tool", &[("crul", "curl")]),
    ];
    let listed: Vec<&str> = never.iter().map(|(name, _)| *name).collect();
    let all: Vec<&str> = DIMENSIONS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(listed, all, "a dimension without a value that it never has");
    for (dimension, values) in never {
        assert!(super::values::alphabet(dimension).is_some(), "{dimension}");
        for (value, near) in *values {
            for text in [format!("{dimension} == {value}"), format!("not ({dimension} != {value})")] {
                let errors = parse(&text, &VOCABULARY).expect_err(&text);
                assert_eq!(errors.len(), 1, "{text}: {errors:?}");
                let label = if near.is_empty() { String::new() } else { format!("did you mean `{near}`?") };
                assert_eq!(errors[0].label, label, "{text}");
                assert!(!errors[0].notes.is_empty(), "{text}: what the values are");
            }
            // What is suggested can be.
            if !near.is_empty() {
                good(&format!("{dimension} == {near}"));
            }
        }
    }
}

#[test]
fn what_a_system_can_have_is_no_error() {
    for text in [
        "distro == openEuler-22.03",
        // ID="kylin" and VERSION_ID="V10"; a system that nobody knows may have capitals, too.
        "distro == kylin-V10",
        "distro == deepin-23, Deepin-20",
        "id == Acme, Acme-OS",
        "variant == Server",
        "id == openEuler, sle_hpc, opensuse-leap, our-own.os",
        "distro >= fedora-43, fedora-rawhide",
        "image == AzureLinux-4.0_x, lab",
        "kernel == 6.18.44-1.azl4",
        "variant == wsl",
        "arch == armv7l, s390x",
    ] {
        // An order takes one value.
        good(&text.replace(">=", "=="));
    }
}

#[test]
fn an_unknown_distribution_that_is_nearly_a_known_one_is_noted() {
    use super::values::familiar;
    for (dimension, value, near) in [
        ("distro", "fedroa-43", Some("fedora-43")),
        ("distro", "fedora-43", None),
        ("distro", "azurelinx-4.0", Some("azurelinux-4.0")),
        ("id", "debain", Some("debian")),
        ("id", "azure-linux", Some("azurelinux")),
        ("id", "marnier", Some("mariner")),
        ("id-like", "fedroa", Some("fedora")),
        ("id", "openEuler", None),
        ("id", "acme", None),
        ("id", "my-own-linux", None),
        ("id", "fdr", None),
        ("id", "openeuler", Some("openEuler")),
        ("distro", "kylin-V10", None),
        ("id", "kylin", None),
        ("variant", "Server", Some("server")),
        ("variant", "wsl", None),
        ("image", "fedroa", None),
        ("distro", "fedora43", Some("fedora-43")),
        ("distro", "opensuse-leap15.6", Some("opensuse-leap-15.6")),
        ("distro", "ubuntu2404", Some("ubuntu-24.04")),
        ("distro", "azurelinux4", Some("azurelinux-4")),
        ("distro", "azl4", Some("azurelinux-4")),
        ("distro", "azl-4.0", Some("azurelinux-4.0")),
        ("id", "azl", Some("azurelinux")),
        ("id", "fedora43", None),
        ("distro", "acme43", None),
    ] {
        assert_eq!(familiar(dimension, value).as_deref(), near, "{dimension} {value}");
    }
    let text = "schema: suite/v1\nsuite: s\nimages: {where: 'id == azurelinx, fedora'}\ntests:\n- id: a\n  when: distro == fedroa-43\n  \
                steps: [{run: x}]\n";
    let (suite, problems) = crate::decode_source("x.yaml", text, &VOCABULARY);
    assert_eq!(problems.render(false), "");
    let lines = unfamiliar(&[suite.expect("a suite")]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("`fedroa-43`; did you mean `fedora-43`?")), "{lines:?}");
}

#[test]
fn a_field_for_any_number_is_no_part_of_a_version() {
    for (dimension, value, near) in [
        ("kernel", "6.12.x", "6.12"),
        ("kernel", "6.12.*", "6.12"),
        ("rpm", "4.X", "4"),
        ("distro", "azurelinux-4.x", "azurelinux-4"),
        ("distro", "azurelinux-4.*", "azurelinux-4"),
        ("distro", "fedora-*", "fedora"),
    ] {
        let wrong = super::never_so(dimension, value).expect(value);
        assert_eq!(wrong.near.as_deref(), Some(near), "{dimension} {value}");
    }
    assert!(super::never_so("kernel", "6.12*").is_some());
    for (dimension, value) in [("kernel", "6.14.0-63.fc42.x86_64"), ("distro", "fedora-43"), ("id", "x")] {
        assert_eq!(super::never_so(dimension, value), None, "{value}");
    }
}
