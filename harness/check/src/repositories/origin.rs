//! Whose the repositories are: those of the distribution are configured by files that a package of its maker brought,
//! as it brought them.
//!
//! Facts: rpm(8), `FILEDIGESTS`, `VENDOR`, the capability `system-release`; dnf 4's `config-manager --set-enabled`, which writes
//! into the file of the package, and dnf5's, which writes a file that overrides.

use std::collections::BTreeMap;

use super::dnf::{self, named, repo_dirs, variable_dirs};
use super::repo::Repos;
use super::switches::is_as_shipped;
use crate::check::{Observations, Probe};
use crate::shell::{self, Answer};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// Key of the probe.
const KEY: &str = "repo/origin";
/// Name of the record with the maker of the distribution; no path begins so.
const MAKER: &str = "maker";

/// For each file that may configure a repository what the packages that own it record of it: `digest|path|vendor`.
const READ: &str = concat!(
    r#"export LC_ALL=C
put() { printf '%s\0%s\0%s\0' "$1" "$2" "$3"; }
said=$(rpm -q --whatprovides system-release --qf '%{VENDOR}\n' 2>&1)
put maker $? "$said"
own() {
    [ -f "$1" ] || return 0
    said=$(rpm -qf "$1" --qf '[%{FILEDIGESTS}|%{FILENAMES}|%{=VENDOR}\n]' 2>&1)
    code=$?
    # A package has many files, and names this one by a path that may lead over a link.
    [ $code != 0 ] || said=$(printf '%s\n' "$said" | while IFS='|' read -r digest name vendor; do
        case $name in */"${1##*/}") [ ! "$name" -ef "$1" ] || printf '%s|%s|%s\n' "$digest" "$name" "$vendor";; esac
    done)
    put "$1" $code "$said"
}
"#,
    named!(),
    "for file in $main; do own \"$file\"; done\n",
    repo_dirs!(),
    r#"for dir do
    case $dir in /*) ;; *) continue;; esac
    for file in "${dir%/}"/*.repo; do own "$file"; done
done
"#,
    variable_dirs!(),
    r#"for dir do
    case $dir in /*) ;; *) continue;; esac
    for file in "${dir%/}"/*; do own "$file"; done
done"#
);

/// Reads it.
pub(crate) fn probe() -> Probe {
    Probe::new(KEY, 60, READ)
}

/// The repositories that are on and are not the distribution's own, each with the reason.
///
/// # Errors
/// The database of rpm did not answer, or has a digest of a kind that is not known.
pub(crate) fn foreign(repos: &Repos, seen: &Observations) -> Read<BTreeMap<String, String>> {
    seen.output(KEY)?;
    let owners = shell::answers(seen.reply(KEY)?)?;
    let contents = dnf::contents(seen)?;
    let maker = owners.get(MAKER).ok_or_else(|| Unreadable::new("the reading of the owners is torn"))?;
    let mut makers: Vec<&str> = maker.output.lines().collect();
    makers.dedup();
    let maker = match (maker.status, &makers[..]) {
        (0, [maker]) if *maker != "(none)" => *maker,
        (0, _) => return all_foreign(repos, "the packages that provide system-release do not name one vendor"),
        (_, [said]) if said.starts_with("no package provides") => {
            return all_foreign(repos, "no package provides system-release");
        }
        _ => {
            return Err(Unreadable::new(format!(
                "rpm does not say who makes the distribution: {}",
                one_line(&maker.output, 200)
            )));
        }
    };
    let mut found = BTreeMap::new();
    let mut known: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for (id, repo) in repos.repos.iter().filter(|(_, repo)| repos.enabled(repo)) {
        if repo.file.is_empty() {
            found.insert(id.clone(), "no file configures it; a plugin of the package manager adds it".to_owned());
            continue;
        }
        let files = std::iter::once(&repo.file).chain(&repo.overridden_by).chain(repos.files_of_its_variables(repo));
        for file in files {
            if !known.contains_key(file.as_str()) {
                let content = contents.get(file).map_or("", String::as_str);
                let owner = owners
                    .get(file)
                    .ok_or_else(|| Unreadable::new(format!("{file} was not looked up in the database of rpm")))?;
                known.insert(file, not_of(maker, file, content, owner)?);
            }
            if let Some(Some(why)) = known.get(file.as_str()) {
                found.entry(id.clone()).or_insert_with(|| why.clone());
            }
        }
    }
    Ok(found)
}

fn all_foreign(repos: &Repos, why: &str) -> Read<BTreeMap<String, String>> {
    let enabled = repos.repos.iter().filter(|(_, repo)| repos.enabled(repo));
    Ok(enabled.map(|(id, _)| (id.clone(), why.to_owned())).collect())
}

/// Why a file is not the maker's, as he ships it; `None` when it is.
fn not_of(maker: &str, file: &str, content: &str, owner: &Answer) -> Read<Option<String>> {
    if owner.status != 0 {
        return match owner.output.contains("not owned by any package") {
            true => Ok(Some(format!("{file} belongs to no package"))),
            false => {
                Err(Unreadable::new(format!("rpm does not say whose {file} is: {}", one_line(&owner.output, 200))))
            }
        };
    }
    let records: Vec<(&str, &str)> =
        owner.output.lines().filter_map(|line| Some((line.split_once('|')?.0, line.splitn(3, '|').nth(2)?))).collect();
    if records.is_empty() {
        return Err(Unreadable::new(format!("rpm names an owner of {file} and does not list the file")));
    }
    for (digest, vendor) in records {
        if vendor != maker {
            let (vendor, maker) = (one_line(vendor, 80), one_line(maker, 80));
            return Ok(Some(format!("{file} is of {vendor}, and the distribution of {maker}")));
        }
        match digest.len() {
            0 => {
                return Ok(Some(format!(
                    "{file} is written after the installation of its package, which has no digest of it"
                )));
            }
            64 if is_as_shipped(content, digest).map_err(|_| too_many(file))? => {}
            64 => return Ok(Some(format!("{file} was changed; more than `enabled` is not as its package has it"))),
            _ => return Err(Unreadable::new(format!("the digest of {file} is not one of SHA-256"))),
        }
    }
    Ok(None)
}

fn too_many(file: &str) -> Unreadable {
    Unreadable::new(format!(
        "{file} was changed, and it is too large, or has too many repositories, to say whether in more than `enabled`: compare it with its \
         package's"
    ))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::super::nothing_listed;
    use super::*;
    use crate::repositories::of_dnf;
    use crate::testing::{records, reply};

    const FILE: &str = "/etc/yum.repos.d/a.repo";
    const SHIPPED: &str = "[base]\nbaseurl=https://a.example/\nenabled=1\ngpgcheck=1\n\n[testing]\nbaseurl=https://b.example/\nenabled=0\n";

    fn digest(text: &str) -> String {
        muster_base::text::hex(Sha256::digest(text))
    }

    /// Files with what rpm says of each: status and text.
    fn found(files: &[(&str, &str, i32, &str)], maker: (i32, &str)) -> Read<Vec<String>> {
        let contents: Vec<_> = files.iter().map(|(path, text, ..)| (*path, 0, text.trim_end_matches('\n'))).collect();
        let contents = [&[("manager", 0, "dnf5"), ("machine", 0, "x86_64")][..], &contents].concat();
        let owners: Vec<_> = files.iter().map(|(path, _, status, said)| (*path, *status, *said)).collect();
        let mut seen = nothing_listed();
        seen.0.insert(dnf::KEY.to_owned(), records(&contents));
        seen.0.insert(KEY.to_owned(), records(&[&[(MAKER, maker.0, maker.1)][..], &owners].concat()));
        let repos = of_dnf(&seen)?.unwrap();
        Ok(foreign(&repos, &seen)?.into_iter().map(|(id, why)| format!("{id}: {why}")).collect())
    }

    const MAKER_OF_ALL: (i32, &str) = (0, "Maker\nMaker");

    fn owned(text: &str) -> String {
        format!("{}|{FILE}|Maker", digest(text))
    }

    #[test]
    fn a_file_as_its_package_has_it_is_the_makers_and_so_is_one_with_other_switches() {
        for content in [
            SHIPPED.to_owned(),
            SHIPPED.replace("enabled=0", "enabled=1"),
            SHIPPED.replace("enabled=0", "enabled = True").replace("enabled=1", "enabled=0"),
        ] {
            assert_eq!(found(&[(FILE, &content, 0, &owned(SHIPPED))], MAKER_OF_ALL), Ok(vec![]), "{content}");
        }
    }

    #[test]
    fn what_was_planted_into_it_is_nobodys() {
        for content in [
            format!("{SHIPPED}[of-nobody]\nbaseurl=https://c.example/\nenabled=1\ngpgcheck=1\n"),
            SHIPPED.replace("a.example", "c.example"),
        ] {
            let found = found(&[(FILE, &content, 0, &owned(SHIPPED))], MAKER_OF_ALL).unwrap();
            assert!(found[0].starts_with("base: /etc/yum.repos.d/a.repo was changed"), "{found:?}");
            assert_eq!(found.len(), 1 + usize::from(content.contains("[of-nobody]")));
        }
    }

    #[test]
    fn a_section_of_the_main_configuration_and_an_override_belong_to_whoever_wrote_them() {
        let vendors = (FILE, SHIPPED, 0, &*owned(SHIPPED));
        let main = "[main]\ngpgcheck=1\n";
        let planted = format!("{main}[mine]\nbaseurl=https://c.example/\n");
        let conf = |text: &'static str| format!("{}|/etc/dnf/dnf.conf|Maker", digest(text));
        assert_eq!(found(&[vendors, ("/etc/dnf/dnf.conf", main, 0, &conf(main))], MAKER_OF_ALL), Ok(vec![]));
        let seen = found(&[vendors, ("/etc/dnf/dnf.conf", &planted, 0, &conf(main))], MAKER_OF_ALL).unwrap();
        assert!(seen.len() == 1 && seen[0].starts_with("mine: /etc/dnf/dnf.conf was changed"), "{seen:?}");
        // Without a repository in it the main configuration may say what it will.
        assert_eq!(
            found(&[vendors, ("/etc/dnf/dnf.conf", "[main]\nbest=1\n", 0, &conf(main))], MAKER_OF_ALL),
            Ok(vec![])
        );
        let over = "/etc/dnf/repos.override.d/99-config_manager.repo";
        let nobody = "file /etc/dnf/repos.override.d/99-config_manager.repo is not owned by any package";
        assert_eq!(found(&[vendors, (over, "[testing]\nenabled=1\n", 1, nobody)], MAKER_OF_ALL), Ok(vec![]));
        let seen = found(&[vendors, (over, "[b*]\nbaseurl=https://c.example/\n", 1, nobody)], MAKER_OF_ALL);
        assert_eq!(seen, Ok(vec![format!("base: {over} belongs to no package")]));
    }

    #[test]
    fn a_variable_in_an_address_is_the_makers_or_the_repository_is_not() {
        let repo =
            "[base]\nbaseurl=https://a.example/$where/${arch}\nmirrorlist=https://a.example/?infra=$infra\nenabled=1\n";
        let vendors = (FILE, repo, 0, &*owned(repo));
        let shipped = "/usr/share/dnf5/vars.d/where";
        let said = format!("{}|{shipped}|Maker", digest("here\n"));
        let of_maker = (shipped, "here\n", 0, said.as_str());
        assert_eq!(found(&[vendors, of_maker], MAKER_OF_ALL), Ok(vec![]));
        // It counts before the maker's. What a server is told, and what no address names, is no place.
        let nobody = |path: &'static str| (path, "elsewhere\n", 1, "file x is not owned by any package");
        let others = [nobody("/etc/dnf/vars/infra"), nobody("/etc/dnf/vars/unused")];
        assert_eq!(found(&[vendors, of_maker, others[0], others[1]], MAKER_OF_ALL), Ok(vec![]));
        let planted = "/etc/dnf/vars/where";
        let seen = found(&[vendors, of_maker, nobody(planted)], MAKER_OF_ALL);
        assert_eq!(seen, Ok(vec![format!("base: {planted} belongs to no package")]));
    }

    #[test]
    fn other_owners_are_named_and_what_rpm_does_not_say_is_no_answer() {
        let of = |said: &str| format!("{}|{FILE}|{said}", digest(SHIPPED));
        let two = format!("{}\n{}", of("Maker"), of("Somebody else"));
        for (said, expected) in [
            (of("Somebody else"), "base: /etc/yum.repos.d/a.repo is of Somebody else, and the distribution of Maker"),
            (two, "base: /etc/yum.repos.d/a.repo is of Somebody else, and the distribution of Maker"),
            (
                format!("|{FILE}|Maker"),
                "base: /etc/yum.repos.d/a.repo is written after the installation of its package, which has no digest of it",
            ),
        ] {
            assert_eq!(found(&[(FILE, SHIPPED, 0, &said)], MAKER_OF_ALL), Ok(vec![expected.to_owned()]));
        }
        let whole = owned(SHIPPED);
        let nobody = (1, "no package provides system-release");
        assert_eq!(
            found(&[(FILE, SHIPPED, 0, &whole)], nobody),
            Ok(vec!["base: no package provides system-release".to_owned()])
        );
        for (status, said, maker) in [
            (1, "error: cannot open the database", MAKER_OF_ALL),
            (0, "", MAKER_OF_ALL),
            (0, "0123456789abcdef0123456789abcdef|/etc/yum.repos.d/a.repo|Maker", MAKER_OF_ALL),
            (0, &*whole, (1, "error: cannot open the database")),
        ] {
            assert!(found(&[(FILE, SHIPPED, status, said)], maker).is_err(), "{said}");
        }
        let mut seen = nothing_listed();
        seen.0.insert(KEY.to_owned(), reply(127, ""));
        assert!(foreign(&Repos::default(), &seen).is_err());
    }
}
