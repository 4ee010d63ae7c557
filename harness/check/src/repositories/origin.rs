//! Whose the repositories are: those of the distribution are configured by files that a package of its maker brought,
//! as it brought them. A product that muster installed may bring repositories of its own, in addition to those.
//!
//! Facts: rpm(8), `FILEDIGESTS`, `VENDOR`, the capability `system-release`; dnf 4's `config-manager --set-enabled`, which writes
//! into the file of the package, and dnf5's, which writes a file that overrides.

use std::collections::BTreeMap;

use super::dnf::{self, named, repo_dirs, variable_dirs};
use super::repo::{Repo, Repos};
use super::switches::is_as_shipped;
use crate::check::{Observations, Probe};
use crate::rpm::some_package;
use crate::shell::{self, Answer};
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// Key of the probe.
const KEY: &str = "repo/origin";
/// Files of the main configuration, in which a section may be a repository too.
const MAINS: [&str; 4] = ["/etc/dnf/dnf.conf", "/usr/share/dnf5/dnf.conf", "/etc/yum.conf", "/etc/tdnf/tdnf.conf"];
/// Name of the record with the maker of the distribution; no path begins so.
const MAKER: &str = "maker";

/// For each file that may configure a repository what the packages that own it record of it: `digest|path|package|vendor`.
const READ: &str = concat!(
    r#"export LC_ALL=C
put() { printf '%s\0%s\0%s\0' "$1" "$2" "$3"; }
said=$(rpm -q --whatprovides system-release --qf '%{VENDOR}\n' 2>&1)
code=$?
case $said in 'no package provides'*) [ -n "$("#,
    some_package!(),
    r#")" ] || said='error: the RPM database is empty or cannot be read';; esac
put maker $code "$said"
own() {
    [ -f "$1" ] || return 0
    said=$(rpm -qf "$1" --qf '[%{FILEDIGESTS}|%{FILENAMES}|%{=NEVRA}|%{=VENDOR}\n]' 2>&1)
    code=$?
    # A package has many files, and names this one by a path that may lead over a link.
    [ $code != 0 ] || said=$(printf '%s\n' "$said" | while IFS='|' read -r digest name package vendor; do
        case $name in */"${1##*/}") [ ! "$name" -ef "$1" ] || printf '%s|%s|%s|%s\n' "$digest" "$name" "$package" "$vendor";; esac
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

/// Whose the repositories are that are on and are not the distribution's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepoOrigins {
    /// Those of others, each with the reason why it is not the distribution's.
    pub(crate) foreign: BTreeMap<String, String>,
    /// Those that a product brought, each with its URL.
    pub(crate) of_products: BTreeMap<String, String>,
}

/// Whose a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FileOwner {
    /// The maker of the distribution, and it is as he ships it.
    Maker,
    /// A product, or several of them, and it is as they ship it.
    Product,
    /// Neither, and why.
    Other(String),
}

/// Whose the enabled repositories are. `products` are the packages of the products, as name, version, release and architecture.
///
/// # Errors
/// The database of rpm did not answer, or has a digest of a kind that is not known.
pub(crate) fn origins(repos: &Repos, seen: &Observations, products: &[String]) -> Read<RepoOrigins> {
    seen.output(KEY)?;
    let owners = shell::answers(seen.reply(KEY)?)?;
    let contents = dnf::contents(seen)?;
    let maker = match maker(&owners)? {
        Ok(maker) => maker,
        Err(why) => {
            let enabled = repos.repos.iter().filter(|(_, repo)| repos.enabled(repo));
            let foreign = enabled.map(|(id, _)| (id.clone(), why.to_owned())).collect();
            return Ok(RepoOrigins { foreign, ..RepoOrigins::default() });
        }
    };
    let mut found = RepoOrigins::default();
    let mut own = 0;
    let mut known: BTreeMap<&str, FileOwner> = BTreeMap::new();
    for (id, repo) in repos.repos.iter().filter(|(_, repo)| repos.enabled(repo)) {
        if repo.file.is_empty() {
            let why = "no file configures it; a plugin of the package manager adds it".to_owned();
            found.foreign.insert(id.clone(), why);
            continue;
        }
        let files: Vec<&String> =
            std::iter::once(&repo.file).chain(&repo.overridden_by).chain(repos.files_of_its_variables(repo)).collect();
        for file in files.iter().copied() {
            if !known.contains_key(file.as_str()) {
                let content = contents.get(file).map_or("", String::as_str);
                let owner = owners
                    .get(file)
                    .ok_or_else(|| Unreadable::new(format!("{file} was not looked up in the database of rpm")))?;
                known.insert(file, owner_of(maker, products, file, content, owner)?);
            }
        }
        let owner = |file: &String| known.get(file.as_str());
        let other = files.iter().find_map(|file| match owner(file) {
            Some(FileOwner::Other(why)) => Some(why.clone()),
            _ => None,
        });
        // A variable of a product may stand in the addresses of its own repositories, and not lead those of others elsewhere.
        let of_product = owner(&repo.file) == Some(&FileOwner::Product);
        let by_product = files.iter().skip(1).find(|file| {
            owner(file) == Some(&FileOwner::Product) && (!of_product || repo.overridden_by.contains(file))
        });
        match (other, by_product, owner(&repo.file)) {
            (Some(why), ..) => drop(found.foreign.insert(id.clone(), why)),
            (None, Some(file), _) => {
                let why = format!("{file} is of a product and changes what {} says", repo.file);
                found.foreign.insert(id.clone(), why);
            }
            (None, None, Some(FileOwner::Product)) => match more_than_added(repos, repo) {
                Some(why) => drop(found.foreign.insert(id.clone(), why)),
                None => drop(found.of_products.insert(id.clone(), address(repo))),
            },
            (None, None, _) => own += 1,
        }
    }
    if own == 0 {
        let why = "it is of a product, and none of the distribution's own repositories is on".to_owned();
        found.foreign.extend(std::mem::take(&mut found.of_products).into_keys().map(|id| (id, why.clone())));
    }
    Ok(found)
}

/// Who makes the distribution, or why nobody is known to.
fn maker(owners: &BTreeMap<String, Answer>) -> Read<Result<&str, &'static str>> {
    let maker = owners.get(MAKER).ok_or_else(|| Unreadable::new("the reading of the owners is torn"))?;
    let mut makers: Vec<&str> = maker.output.lines().collect();
    makers.dedup();
    match (maker.status, &makers[..]) {
        (0, [maker]) if *maker != "(none)" => Ok(Ok(*maker)),
        (0, _) => Ok(Err("the packages that provide system-release do not name one vendor")),
        (_, [said]) if said.starts_with("no package provides") => Ok(Err("no package provides system-release")),
        _ => Err(Unreadable::new(format!(
            "rpm does not say who makes the distribution: {}",
            one_line(&maker.output, 200)
        ))),
    }
}

/// Why a repository of a product's file does more than to add packages to those of the distribution.
fn more_than_added(repos: &Repos, repo: &Repo) -> Option<String> {
    if MAINS.contains(&repo.file.as_str()) {
        return Some(format!("{} is of a product, which replaces the main configuration", repo.file));
    }
    if let Some(other) = repo.also_in.first() {
        return Some(format!(
            "{} is of a product and takes the place of the repository of that name in {other}",
            repo.file
        ));
    }
    // 99 is what dnf assumes; of a lower one all packages come first, whatever their version.
    let priority = repos.option(repo, "priority").and_then(|value| repos.expand(value).parse::<i32>().ok());
    priority.filter(|priority| *priority < 99).map(|priority| {
        format!("{} is of a product, and its priority {priority} puts it before the distribution's own", repo.file)
    })
}

/// Where a repository is, as its file says it.
fn address(repo: &Repo) -> String {
    let urls = ["baseurl", "metalink", "mirrorlist"].iter().filter_map(|name| repo.options.get(*name));
    let url = urls.flat_map(|urls| urls.split([',', ' ', '\n'])).find(|url| !url.is_empty());
    url.unwrap_or("no URL").to_owned()
}

/// Whose a file is, by what rpm says of it.
fn owner_of(maker: &str, products: &[String], file: &str, content: &str, owner: &Answer) -> Read<FileOwner> {
    if owner.status != 0 {
        return match owner.output.contains("not owned by any package") {
            true => Ok(FileOwner::Other(format!("{file} belongs to no package"))),
            false => {
                Err(Unreadable::new(format!("rpm does not say whose {file} is: {}", one_line(&owner.output, 200))))
            }
        };
    }
    // digest, path, package, vendor
    let records: Vec<[&str; 4]> =
        owner.output.lines().filter_map(|line| line.splitn(4, '|').collect::<Vec<_>>().try_into().ok()).collect();
    if records.is_empty() {
        return Err(Unreadable::new(format!("rpm names an owner of {file} and does not list the file")));
    }
    let is_product = |package: &str| products.iter().any(|product| product == package);
    let of_products = records.iter().filter(|[_, _, package, _]| is_product(package)).count();
    if of_products > 0 && of_products < records.len() {
        return Ok(FileOwner::Other(format!("{file} is of a product and of another package")));
    }
    for [digest, _, _, vendor] in &records {
        if of_products == 0 && *vendor != maker {
            let (vendor, maker) = (one_line(vendor, 80), one_line(maker, 80));
            return Ok(FileOwner::Other(format!("{file} is of {vendor}, and the distribution of {maker}")));
        }
        match digest.len() {
            0 => {
                return Ok(FileOwner::Other(format!(
                    "{file} is written after the installation of its package, which has no digest of it"
                )));
            }
            64 if is_as_shipped(content, digest).map_err(|_| too_many(file))? => {}
            64 => {
                let why = format!("{file} was changed; more than `enabled` is not as its package has it");
                return Ok(FileOwner::Other(why));
            }
            _ => return Err(Unreadable::new(format!("the digest of {file} is not one of SHA-256"))),
        }
    }
    Ok(if of_products > 0 { FileOwner::Product } else { FileOwner::Maker })
}

fn too_many(file: &str) -> Unreadable {
    Unreadable::new(format!(
        "{file} was changed, and it is too large, or has too many repositories, to say whether in more than `enabled`: compare it with its \
         package's"
    ))
}

#[cfg(test)]
mod tests;
