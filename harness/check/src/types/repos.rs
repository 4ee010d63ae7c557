//! `repos`: all package repositories together.

use std::cell::OnceCell;

use muster_suite::grammar::repositories as names;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{key, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::dnf;
use crate::observed::Value;
use crate::repositories::{self, origin};
use crate::unreadable::Unreadable;
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation};

const ATTRIBUTES: &[Attribute] = &[
    attribute("enabled", AttributeKind::Set(&names::REPOSITORY), "Ids of the enabled ones."),
    attribute("disabled", AttributeKind::Set(&names::REPOSITORY), "Ids of the disabled ones."),
    attribute(
        "unchecked",
        AttributeKind::Set(&names::REPOSITORY),
        "Ids of the enabled ones that accept unsigned packages.",
    ),
    attribute(
        "insecure",
        AttributeKind::Set(&names::REPOSITORY),
        "Ids of the enabled ones with a URL of http, ftp or no scheme. For apt, whose signatures cover what is fetched, that is common.",
    ),
    attribute(
        "foreign",
        AttributeKind::Set(&names::REPOSITORY),
        "Ids of the enabled ones that are not the distribution's own: a file that configures them is not of a package of its maker, or says something else than the package's, `enabled` aside. A section of the main configuration and a file of repos.override.d count as such files, and the file of a variable that stands in an address of the repository, before its question mark. Those of `of-products` are not among them.",
    ),
    attribute(
        "of-products",
        AttributeKind::Set(&names::ADDED),
        "The enabled ones that a package of `--product` brought in a file of its own, each as `id URL`. One that replaces another file's repository, overrides one, or comes before the distribution's by its `priority`, is `foreign`, and so are all when none of the distribution's own is on.",
    ),
    attribute(
        "options",
        AttributeKind::Map(&names::OPTION, &AttributeKind::Loose),
        "Options of the main configuration, drop-ins applied (`best`, `install_weak_deps`, `skip_if_unavailable`).",
    ),
    attribute("manager", AttributeKind::Text, "The package manager that is used: dnf5, dnf4, tdnf, microdnf or apt."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "repos",
    summary: "All package repositories together.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "The files of dnf or tdnf with all that they inherit, and what dnf itself lists of them, which must be the same; on a system of dpkg the files of apt; for `foreign` the database of rpm.",
    example: r#"repos:
  enabled: {only: [azurelinux-base, azurelinux-microsoft]}
  unchecked: none
  foreign: none
  options: {skip_if_unavailable: "False"}
"#,
};

/// The check type.
pub struct AllRepos;

impl Check for AllRepos {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        if wants(wanted, &["enabled", "disabled", "unchecked", "insecure", "foreign", "of-products", "options"]) {
            probes.extend(repositories::probes(facts));
        }
        if wants(wanted, &["foreign", "of-products"]) && facts.dpkg.is_none() {
            probes.push(origin::probe());
        }
        if wants(wanted, &["manager"]) && facts.dpkg.is_none() {
            probes.push(Probe::new(
                "repo/manager",
                30,
                format!("{}echo \"$dnf\"; [ \"$dnf\" != dnf ] || dnf --version", dnf::MANAGER),
            ));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let mut reasons = String::new();
        // Two attributes are of it, and files are searched for it.
        let origins = OnceCell::new();
        let verdicts = verdicts(&TABLE, expectation, |assertion| {
            if assertion.attribute == "manager" {
                if facts.dpkg.is_some() {
                    return Ok(Value::text("apt"));
                }
                let text = seen.output("repo/manager")?;
                let mut lines = text.lines();
                return Ok(Value::text(match (lines.next().unwrap_or_default(), lines.next()) {
                    ("dnf", Some(version)) if version.starts_with("dnf5") || version.starts_with("5.") => "dnf5",
                    ("dnf", _) => "dnf4",
                    (other, _) => other,
                }));
            }
            let all = repositories::read(seen, facts)?;
            if matches!(assertion.attribute, "foreign" | "of-products") {
                if facts.dpkg.is_some() {
                    return Err(Unreadable::new("only the database of rpm says whose a repository is"));
                }
                let found = origins.get_or_init(|| origin::origins(&all, seen, &facts.products));
                let origin::RepoOrigins { foreign, of_products } = found.clone()?;
                if assertion.attribute == "of-products" {
                    return Ok(Value::items(of_products.iter().map(|(id, url)| format!("{id} {url}"))));
                }
                reasons = foreign.iter().map(|(id, why)| one_line(&format!("{id}: {why}"), 400) + "\n").collect();
                return Ok(Value::items(foreign.into_keys()));
            }
            let mut ids = Vec::new();
            for (id, repo) in &all.repos {
                let enabled = all.enabled(repo);
                let insecure = || {
                    ["baseurl", "mirrorlist", "metalink"].iter().filter_map(|name| repo.options.get(*name)).any(
                        |urls| {
                            urls.split([',', ' '])
                                .filter(|url| !url.is_empty())
                                .any(|url| !url.starts_with("https://") && !url.starts_with("file:"))
                        },
                    )
                };
                let chosen = match assertion.attribute {
                    "enabled" => enabled,
                    "disabled" => !enabled,
                    "unchecked" => enabled && !all.checked(id, repo)?,
                    "insecure" if enabled && repo.partial => return Err(repositories::unknown(id)),
                    "insecure" => enabled && insecure(),
                    "options" => {
                        let option = all.main.get(key(assertion)?);
                        return Ok(option.map_or_else(|| Value::absent("not set"), Value::text));
                    }
                    _ => return unanswered(assertion),
                };
                if chosen {
                    ids.push(id.clone());
                }
            }
            if assertion.attribute == "options" {
                return Ok(all.main.get(key(assertion)?).map_or_else(|| Value::absent("not set"), Value::text));
            }
            Ok(Value::Items(ids))
        });
        let explained = |(mut verdict, assertion): (Verdict, &Assertion)| {
            if let ("foreign", Verdict::Missed { detail, .. }) = (assertion.attribute, &mut verdict) {
                reasons.trim_end().clone_into(detail);
            }
            verdict
        };
        verdicts.into_iter().zip(&expectation.assertions).map(explained).collect()
    }
}
