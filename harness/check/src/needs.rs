//! What each check type must find in a guest to answer at all, so that the suites that ship do not ask it
//! elsewhere: such a test is skipped with its reason, and not an error on every system of another kind. Only a
//! test of the shipped suites: whoever asks on purpose gets the error, never a pass.

/// Check types with the capabilities of which one must be there. A type that is not named answers on every
/// Linux.
const NEEDS: &[(&str, &[&str])] = &[
    ("package", &["rpmdb", "dpkg"]),
    ("rpmdb", &["rpmdb"]),
    ("soname", &["rpmdb"]),
    ("rpm-macro", &["rpmdb"]),
    ("closure", &["package-manager"]),
    ("repo", &["package-manager", "dpkg"]),
    ("repos", &["package-manager", "dpkg"]),
    ("kconfig", &["kconfig"]),
    ("crypto-policy", &["crypto-policies"]),
    ("service", &["systemd"]),
    ("units", &["systemd"]),
    ("log", &["journal"]),
];

/// What a check type needs and is not among these capabilities.
fn lacks(check: &str, has: &dyn Fn(&str) -> bool) -> Option<&'static [&'static str]> {
    let (_, needed) = NEEDS.iter().find(|(name, _)| *name == check)?;
    (!needed.iter().any(|name| has(name))).then_some(*needed)
}

mod tests {
    use camino::Utf8Path;

    use super::*;
    use muster_record::facts::{CAPABILITIES, Facts, TOOLS};
    use muster_suite::Vocabulary;
    use muster_suite::condition::{Truth, evaluate};

    /// A system that lacks these capabilities and has all others.
    fn system(id: &str, lacks: &[&str]) -> Facts {
        let manager = (!lacks.contains(&"package-manager")).then(|| "dnf5".to_owned());
        Facts {
            os_release: [("ID".to_owned(), id.to_owned()), ("VERSION_ID".to_owned(), "13".to_owned())].into(),
            arch: "x86_64".to_owned(),
            kernel: "6.12.0".to_owned(),
            systemd: (!lacks.contains(&"systemd")).then_some(257),
            package_manager: if lacks.contains(&"dpkg") { manager } else { Some("apt".to_owned()) },
            rpm: (!lacks.contains(&"rpmdb")).then(|| "4.20.0".to_owned()),
            firmware: "uefi".to_owned(),
            mode: "package".to_owned(),
            capabilities: CAPABILITIES
                .iter()
                .map(|(name, _)| (*name).to_owned())
                .filter(|name| !lacks.contains(&name.as_str()))
                .collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn needs_name_check_types_and_capabilities() {
        for (name, needed) in NEEDS {
            assert!(crate::find(name).is_some(), "{name}");
            assert!(needed.iter().all(|word| CAPABILITIES.iter().any(|(known, _)| known == word)), "{name}");
        }
    }

    #[test]
    fn no_shipped_test_asks_what_a_system_cannot_answer() {
        let vocabulary = Vocabulary { tables: crate::tables(), capabilities: CAPABILITIES, tools: TOOLS };
        let suites = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites");
        let (suites, problems) = muster_suite::load(&[suites], &vocabulary);
        assert!(problems.is_empty(), "{}", problems.render(false));
        let rpm = ["rpmdb", "package-manager", "repositories"];
        let systems = [
            system("debian", &[&rpm[..], &["crypto-policies"]].concat()),
            system("alpine", &[&rpm[..], &["dpkg", "systemd", "journal", "crypto-policies", "kconfig"]].concat()),
            system("fedora", &["dpkg", "kconfig", "crypto-policies"]),
            system("arch", &[&rpm[..], &["dpkg"]].concat()),
        ];
        let mut wrong = Vec::new();
        for facts in &systems {
            let wanted = |when: &Option<muster_suite::model::When>| {
                when.as_ref().is_none_or(|when| {
                    !matches!(
                        evaluate(&when.condition, &|name| Some(facts.dimension(name).unwrap_or_default())),
                        Truth::False { .. }
                    )
                })
            };
            for suite in suites.iter().filter(|suite| wanted(&suite.images)) {
                for test in suite.tests.iter().filter(|test| wanted(&test.when)) {
                    for expectation in muster_suite::clause::expectations(&test.expect) {
                        let found = lacks(expectation.check, &|name| facts.capabilities.contains(name));
                        // None of these systems was started by muster, so that nothing is known of a file.
                        if expectation.check == "disk-image" {
                            wrong.push(format!("{}/{}: disk-image needs disk-format", suite.name, test.id));
                        }
                        if let Some(needed) = found {
                            wrong.push(format!(
                                "{}/{} on {}: {} needs {needed:?}",
                                suite.name, test.id, facts.os_release["ID"], expectation.check
                            ));
                        }
                    }
                }
            }
        }
        wrong.sort();
        wrong.dedup();
        assert!(wrong.is_empty(), "say so in `when:` of the test or `images:` of the suite:\n{}", wrong.join("\n"));
    }
}
