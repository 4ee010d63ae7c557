//! `repo`: a package repository, by its id.

use muster_suite::grammar::{repositories as names, text};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{key, subjects, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::dnf;
use crate::observed::Value;
use crate::repositories::{self, Manager};
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", AttributeKind::Bool, "Whether it is configured."),
    attribute("enabled", AttributeKind::Bool, "Whether it is enabled."),
    attribute("name", AttributeKind::Text, "Its name."),
    attribute("baseurl", AttributeKind::Text, "Its base URLs, separated by spaces, variables as written in the file."),
    attribute("mirrorlist", AttributeKind::Text, "Its mirror list."),
    attribute("metalink", AttributeKind::Text, "Its metalink."),
    attribute(
        "gpgcheck",
        AttributeKind::Bool,
        "Whether packages must be signed; the main configuration's value when the repository states none.",
    ),
    attribute(
        "repo-gpgcheck",
        AttributeKind::Bool,
        "Whether the metadata must be signed; the main configuration's value when the repository states none.",
    ),
    attribute("gpgkey", AttributeKind::Set(&names::KEY_FILE), "Where its keys are."),
    attribute("skip-if-unavailable", AttributeKind::Bool, "Whether a dead repository is silently passed over."),
    attribute(
        "priority",
        AttributeKind::Ranged(-2_147_483_648, 2_147_483_647),
        "Its priority; what the package manager assumes when it states none: 99, of tdnf 50.",
    ),
    attribute("file", AttributeKind::Text, "The file that configures it."),
    attribute(
        "options",
        AttributeKind::Map(&names::OPTION, &AttributeKind::Loose),
        "Any other option of its section, as written.",
    ),
    attribute("reachable", AttributeKind::Bool, "Whether its metadata can be fetched now, errors not passed over."),
    attribute("packages", AttributeKind::Integer, "How many packages its metadata lists."),
    attribute(
        "closed",
        AttributeKind::Bool,
        "Whether every dependency of its newest packages is satisfied by it and the other enabled repositories.",
    ),
    attribute(
        "unsatisfied",
        AttributeKind::Set(&text::PROBLEM),
        "Its dependencies that no enabled repository satisfies, as `package: requirement`.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "repo",
    summary: "A package repository, by its id.",
    subject: Subject::Named(&names::REPOSITORY),
    shorthand: Shorthand::Keywords(&[
        ("absent", "exists", "false"),
        ("enabled", "enabled", "true"),
        ("disabled", "enabled", "false"),
    ]),
    gone: &["exists"],
    attributes: ATTRIBUTES,
    reads: "The files of dnf or tdnf with all that they inherit, and what dnf itself lists of them, which must be the same; on a system of dpkg the files of apt; `dnf repoquery`, `dnf makecache` and `dnf repoclosure` only for attributes that need them.",
    example: r#"repo:
  azurelinux-base: {enabled: true, gpgcheck: true, baseurl: {matches: ^https://}, reachable: true}
  updates-testing: disabled
"#,
};

/// The check type.
pub struct Repo;

impl Check for Repo {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        if wants(wanted, &ATTRIBUTES.iter().map(|attribute| attribute.name).collect::<Vec<_>>()) {
            probes.extend(repositories::probes(facts));
        }
        let mut ask = |key: &str, attributes: &[&str], command: &str| {
            let names = subjects(wanted, attributes);
            if !names.is_empty() {
                probes.push(Probe::new(
                    key,
                    300,
                    format!(
                        "{}{SPEAKS}{}",
                        dnf::MANAGER,
                        crate::shell::batch(names.iter().copied(), &format!("{command} || return\n{ENDED}"))
                    ),
                ));
            }
        };
        ask(
            "repo/reachable",
            &["reachable"],
            r#"case $dnf in
tdnf) tdnf --disablerepo='*' --enablerepo="$1" makecache;;
*) $dnf -q --disablerepo='*' --enablerepo="$1" --setopt=*.skip_if_unavailable=0 --refresh makecache;;
esac"#,
        );
        ask(
            "repo/packages",
            &["packages"],
            r#"case $dnf in
tdnf) tdnf -q --disablerepo='*' --enablerepo="$1" repoquery --available;;
*) $dnf -q --disablerepo='*' --enablerepo="$1" --setopt=*.skip_if_unavailable=0 repoquery --available;;
esac"#,
        );
        ask(
            "repo/closure",
            &["closed", "unsatisfied"],
            r#"case $dnf in
dnf5) dnf5 -q --setopt=*.skip_if_unavailable=0 repoclosure --newest --check="$1";;
dnf) dnf -q --setopt=*.skip_if_unavailable=0 repoclosure --newest --check "$1";;
*) echo "$dnf has no repoclosure"; return 127;;
esac"#,
        );
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let id = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let all = repositories::read(seen, facts)?;
            let Some(repo) = all.repos.get(id) else {
                return Ok(if assertion.attribute == "exists" {
                    Value::flag(false)
                } else {
                    Value::gone("not configured")
                });
            };
            let known = matches!(
                assertion.attribute,
                "exists" | "enabled" | "file" | "reachable" | "packages" | "closed" | "unsatisfied"
            );
            if repo.partial && !known {
                return Err(repositories::unknown(id));
            }
            if all.manager == Manager::Apt && NOT_OF_APT.contains(&assertion.attribute) {
                return Err(Unreadable::new(format!("apt has no `{}` of a repository", assertion.attribute)));
            }
            let option = |name: &str| Ok(all.option(repo, name).map_or_else(|| Value::absent("not set"), Value::text));
            match assertion.attribute {
                "exists" => Ok(Value::flag(true)),
                "enabled" => Ok(Value::flag(all.enabled(repo))),
                "gpgcheck" => all.checked(id, repo).map(Value::flag),
                "repo-gpgcheck" => Ok(Value::flag(all.switch(repo, "repo_gpgcheck", false))),
                "skip-if-unavailable" => Ok(Value::flag(all.switch(repo, "skip_if_unavailable", false))),
                "name" => option("name"),
                "mirrorlist" => option("mirrorlist"),
                "metalink" => option("metalink"),
                "baseurl" => Ok(all.option(repo, "baseurl").map_or_else(
                    || Value::absent("not set"),
                    |urls| {
                        Value::text(urls.split([',', ' ']).filter(|url| !url.is_empty()).collect::<Vec<_>>().join(" "))
                    },
                )),
                "gpgkey" => Ok(Value::items(
                    all.option(repo, "gpgkey").unwrap_or_default().split([',', ' ']).filter(|key| !key.is_empty()),
                )),
                "priority" => Ok(Value::text(all.option(repo, "priority").unwrap_or(match all.manager {
                    Manager::Tdnf => "50",
                    _ => "99",
                }))),
                "file" => Ok(Value::text_or(&repo.file, "a plugin of the package manager adds it")),
                "options" => option(key(assertion)?),
                "reachable" => {
                    let answer = seen.answer("repo/reachable", id)?;
                    if let Some(why) = dnf::killed(answer.status, &answer.output) {
                        return Err(why);
                    }
                    Ok(Value::flag(answer.status == 0 && dnf::unreachable(&answer.output).is_none()))
                }
                "packages" => {
                    let answer = seen.answer("repo/packages", id)?;
                    if answer.status != 0 || dnf::unreachable(&answer.output).is_some() {
                        return Err(Unreadable::new(format!("the metadata of {id} cannot be read: {}", answer.output)));
                    }
                    Ok(Value::text(answer.output.lines().filter(|line| dnf::nevra(line).is_some()).count().to_string()))
                }
                "closed" | "unsatisfied" => {
                    let answer = seen.answer("repo/closure", id)?;
                    let open = unsatisfied(answer.status, &answer.output)?;
                    Ok(if assertion.attribute == "closed" { Value::flag(open.is_empty()) } else { Value::items(open) })
                }
                _ => unanswered(assertion),
            }
        })
    }
}

/// Where all is well, dnf may print nothing; that it speaks is seen before, and the shell says that it ended well.
const SPEAKS: &str = r#"[ -n "$($dnf --version 2>/dev/null)" ] || { echo "$dnf does not even say its version" >&2; exit 1; }
"#;
const ENDED: &str = "echo '= ended well'";

/// What a repository of apt does not have, and what is not read from apt.
const NOT_OF_APT: &[&str] = &[
    "name",
    "mirrorlist",
    "metalink",
    "repo-gpgcheck",
    "skip-if-unavailable",
    "priority",
    "reachable",
    "packages",
    "closed",
    "unsatisfied",
];

/// `package: …` or `package from repo` headings, with the unresolved requirements indented below.
fn unsatisfied(status: i32, text: &str) -> Read<Vec<String>> {
    if let Some(why) = dnf::killed(status, text).or_else(|| dnf::unreachable(text)) {
        return Err(why);
    }
    let mut package = "";
    let mut open = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if line.starts_with([' ', '\t']) && !package.is_empty() {
            if !trimmed.ends_with(':') && !trimmed.is_empty() {
                open.push(format!("{package}: {trimmed}"));
            }
        } else if let Some(heading) =
            trimmed.strip_prefix("package: ").or(Some(trimmed)).filter(|heading| heading.contains(" from "))
        {
            package = heading.split(' ').next().unwrap_or_default();
        }
    }
    match (status, open.is_empty()) {
        (0, true) | (_, false) => Ok(open),
        (status, true) => Err(Unreadable::new(format!("repoclosure ended with {status}: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repositories::nothing_listed;
    use crate::testing::{equals, expectation, records, seen};

    #[test]
    fn repoclosure_names_what_is_open_and_failing_is_no_closure() {
        let dnf4 = "package: a-1-1.x86_64 from base\n  unresolved deps:\n    libx.so.1\n    y >= 2\nError: Repoclosure ended with unresolved dependencies.";
        assert_eq!(
            unsatisfied(1, dnf4),
            Ok(vec!["a-1-1.x86_64: libx.so.1".to_owned(), "a-1-1.x86_64: y >= 2".to_owned()])
        );
        assert_eq!(unsatisfied(0, ""), Ok(Vec::new()));
        assert!(unsatisfied(1, "Error: unknown repo").is_err());
        assert!(unsatisfied(137, dnf4).unwrap_err().to_string().contains("killed"), "the list may be a part");
        let files = records(&[("/etc/yum.repos.d/a.repo", 0, "[base]\nenabled=0\n")]);
        let wanted = expectation(
            "repo",
            "base",
            &[("enabled", equals("false")), ("priority", equals("99")), ("file", equals("/etc/yum.repos.d/a.repo"))],
        );
        let mut readings = seen("repo/files", files);
        readings.0.extend(nothing_listed().0);
        assert_eq!(Repo.evaluate(&wanted, &readings, &Facts::default()), vec![Verdict::MET; 3]);
        let wanted = expectation("repo", "base", &[("reachable", equals("false"))]);
        let mut reachable = |status, said| {
            readings.0.insert("repo/reachable".into(), records(&[("base", status, said)]));
            Repo.evaluate(&wanted, &readings, &Facts::default()).remove(0)
        };
        assert_eq!(reachable(1, "Cannot download repomd.xml"), Verdict::MET);
        assert!(matches!(reachable(137, "Updating and loading repositories:"), Verdict::Unknown { .. }));
    }
}
