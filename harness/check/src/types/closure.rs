//! `closure`: what the package manager would do to install something, from the image's own repositories, without doing it.

use muster_suite::grammar::{packages, repositories as names};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::{dnf, rpm, value};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "resolves",
        AttributeKind::Bool,
        "Whether the transaction resolves. Already installed counts as resolved.",
    ),
    attribute("adds", AttributeKind::Set(&packages::PACKAGE_NAME), "Names of the packages that would be installed."),
    attribute("weak", AttributeKind::Set(&packages::PACKAGE_NAME), "Those of them that are only weak dependencies."),
    attribute(
        "upgrades",
        AttributeKind::Set(&packages::PACKAGE_NAME),
        "Names of installed packages that would be upgraded.",
    ),
    attribute(
        "downgrades",
        AttributeKind::Set(&packages::PACKAGE_NAME),
        "Names of installed packages that would be downgraded.",
    ),
    attribute(
        "removes",
        AttributeKind::Set(&packages::PACKAGE_NAME),
        "Names of installed packages that would be removed or replaced.",
    ),
    attribute("from-repos", AttributeKind::Set(&names::REPOSITORY), "Ids of the repositories they would come from."),
    attribute("count", AttributeKind::Integer, "How many packages would be installed."),
    attribute("install-size", AttributeKind::Size, "Disk space that would be used, as the package manager says."),
    attribute("download-size", AttributeKind::Size, "Bytes that would be fetched, as the package manager says."),
    attribute("problem", AttributeKind::Output, "The resolver's message when it does not resolve; empty when it does."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "closure",
    summary: "What the package manager would do to install something, from the image's own repositories, without doing it.",
    subject: Subject::Named(&packages::REQUEST),
    shorthand: Shorthand::None,
    gone: &["resolves", "problem"],
    attributes: ATTRIBUTES,
    reads: "`dnf5 install --assumeno`, `dnf --assumeno install` or `tdnf --assumeno install`, evaluated by its output: the exit status of `--assumeno` means nothing.",
    example: r#"closure:
  nginx: {resolves: true, from-repos: {only: [azurelinux-base]}, install-size: "<= 80 MiB", removes: none}
"#,
};

/// The check type.
pub struct Closure;

impl Check for Closure {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let names = subjects(wanted, &ATTRIBUTES.iter().map(|attribute| attribute.name).collect::<Vec<_>>());
        if names.is_empty() {
            return Vec::new();
        }
        let command = r#"case $dnf in
tdnf) tdnf --assumeno install "$1";;
*) $dnf --assumeno --setopt=*.skip_if_unavailable=0 install "$1";;
esac </dev/null"#;
        let script = format!("{}{}", dnf::MANAGER, crate::shell::batch(names.iter().copied(), command));
        vec![Probe::new("closure", 300, script)]
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            rpm::counts(facts, "what a transaction would do")?;
            let answer = seen.answer("closure", name)?;
            let found = dnf::planned(answer.status, &answer.output)?;
            if let Some(problem) = &found.problem {
                return Ok(match assertion.attribute {
                    "resolves" => Value::flag(false),
                    "problem" => Value::text(problem),
                    _ => {
                        Value::gone(format!("does not resolve: {}", problem.lines().next().unwrap_or_default().trim()))
                    }
                });
            }
            let bytes = |size: Option<f64>| -> Read<Value> {
                match size {
                    // Truncation is right: they are bytes of a rounded figure.
                    Some(bytes) if bytes >= 0.0 => Ok(Value::Text(value::of_bytes(bytes as u128))),
                    _ if found.adds.is_empty() && found.upgrades.is_empty() => Ok(Value::Text(value::of_bytes(0))),
                    _ => Err(Unreadable::new("the package manager states no size")),
                }
            };
            match assertion.attribute {
                "resolves" => Ok(Value::flag(true)),
                "problem" => Ok(Value::text("")),
                "adds" => Ok(Value::items(found.adds.iter().map(|change| &change.name))),
                "weak" => Ok(Value::items(&found.weak)),
                "upgrades" => Ok(Value::items(&found.upgrades)),
                "downgrades" => Ok(Value::items(&found.downgrades)),
                "removes" => Ok(Value::items(&found.removes)),
                "count" => Ok(Value::text(found.adds.len().to_string())),
                "from-repos" => {
                    let mut repos: Vec<&String> = found.adds.iter().map(|change| &change.repo).collect();
                    repos.sort();
                    repos.dedup();
                    Ok(Value::items(repos))
                }
                "install-size" => bytes(found.install_size),
                "download-size" => bytes(found.download_size),
                _ => unanswered(assertion),
            }
        })
        .into_iter()
        .zip(&expectation.assertions)
        .map(|(verdict, assertion)| match verdict {
            Verdict::Missed { expected, actual, detail } if detail.is_empty() && assertion.attribute == "resolves" => {
                let said = seen.answer("closure", name).map(|answer| answer.output).unwrap_or_default();
                Verdict::Missed {
                    expected,
                    actual,
                    detail: muster_base::text::tail(&muster_base::text::escape(&said), 4096),
                }
            }
            verdict => verdict,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, records, seen};
    use muster_suite::model::{Matcher, Operator};

    fn evaluate(output: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let wanted = expectation("closure", "nginx", &[(attribute, matcher)]);
        Closure.evaluate(&wanted, &seen("closure", records(&[("nginx", 1, output)])), &Facts::default()).remove(0)
    }

    #[test]
    fn a_resolved_transaction_has_repositories_and_a_size() {
        let text = "Installing:\n nginx x86_64 1-1 base 10 k\nInstalling dependencies:\n core x86_64 1-1 extra 1 M\n\nTotal download size: 1 M\nInstalled size: 3 M\nOperation aborted.";
        assert_eq!(evaluate(text, "resolves", equals("true")), Verdict::MET);
        assert_eq!(
            missed(&evaluate(text, "from-repos", Matcher::Only(vec!["base".into()]))),
            ("from-repos has only base", "also extra; base, extra")
        );
        assert_eq!(
            evaluate(text, "install-size", Matcher::Compare(vec![(Operator::Le, "3 MiB".into())])),
            Verdict::MET
        );
        assert_eq!(evaluate(text, "adds", Matcher::Only(vec!["nginx".into(), "core".into()])), Verdict::MET);
    }

    #[test]
    fn a_refusal_is_a_miss_and_a_dead_repository_is_unknown() {
        let refused = "Error: \n Problem: nothing provides libfoo.so.1 needed by nginx-1-1.x86_64";
        let verdict = evaluate(refused, "resolves", equals("true"));
        assert!(
            matches!(&verdict, Verdict::Missed { actual, detail, .. } if actual == "false" && detail.contains("libfoo.so.1"))
        );
        assert!(missed(&evaluate(refused, "removes", Matcher::None)).1.starts_with("does not resolve"));
        let dead = "Error: Failed to download metadata for repo 'base': Cannot download repomd.xml";
        assert!(matches!(evaluate(dead, "resolves", equals("false")), Verdict::Unknown { .. }));
        let begun =
            "Updating and loading repositories:\nRepositories loaded.\nInstalling:\n nginx x86_64 1-1 base 10 k";
        let wanted = expectation("closure", "nginx", &[("resolves", equals("true"))]);
        let killed = seen("closure", records(&[("nginx", 137, begun)]));
        let verdict = Closure.evaluate(&wanted, &killed, &Facts::default()).remove(0);
        assert!(matches!(&verdict, Verdict::Unknown { why } if why.contains("killed (status 137)")), "{verdict:?}");
    }
}
