//! Package repositories, as the package manager's files define them.

use super::database::{self, Database};
use crate::error::KindError;
use crate::item::{Field, Items, Part, compared};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::repositories::{self, Repos};
use muster_check::{Observations, Probe};

/// The kind.
pub(crate) struct Repository;

const FIELDS: &[Field] = &[
    compared("enabled", "Whether it is enabled."),
    compared("gpgcheck", "Whether its packages must be signed."),
    compared(
        "baseurl",
        "Where it is, or where its mirrors are listed, without the host: mirrors differ, paths do not.",
    ),
];

impl FactKind for Repository {
    fn name(&self) -> &'static str {
        "repository"
    }

    fn what(&self) -> &'static str {
        "repositories"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        let mut probes = vec![database::probe()];
        probes.extend(repositories::all_probes());
        probes
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        let repos: Repos = match database::of(seen)? {
            Err(absent) => return Ok(absent),
            Ok(Database::Foreign(name)) => return Err(KindError::Foreign(name)),
            Ok(Database::Dpkg) => repositories::apt::read(seen).map_err(KindError::reading)?,
            Ok(Database::Rpm) => match repositories::of_dnf(seen).map_err(KindError::reading)? {
                Some(repos) => repos,
                None => return Ok(Part::Absent("no file of dnf, tdnf or zypper configures a repository".to_owned())),
            },
        };
        let mut items = Items::new();
        for (id, repo) in &repos.repos {
            let enabled = repos.enabled(repo);
            let checked = repos.checked(id, repo).map_err(KindError::reading)?;
            let mut places = ["baseurl", "metalink", "mirrorlist"].iter().filter_map(|name| repo.options.get(*name));
            let place: Vec<String> =
                places.next().map_or("", String::as_str).split_whitespace().map(without_host).collect();
            let fields =
                [("enabled", enabled.to_string()), ("gpgcheck", checked.to_string()), ("baseurl", place.join(" "))];
            let fields = fields.map(|(name, value)| (name, text::one_line(&value, 4096)));
            items.insert(text::one_line(id, 400), fields.into_iter().collect());
        }
        Ok(Part::Known(items))
    }
}

/// `https://packages.example/azl/$releasever` is `https://…/azl/$releasever`.
fn without_host(url: &str) -> String {
    match url.split_once("://") {
        Some(("file", _)) | None => url.to_owned(),
        Some((scheme, rest)) => {
            let path = rest.split_once('/').map_or("", |(_, path)| path);
            format!("{scheme}://…/{path}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn repositories_are_compared_without_their_hosts() {
        let text = "manager\x000\0dnf\0/etc/yum.repos.d/a.repo\x000\0[base]\nbaseurl=https://a.example/azl/$basearch\n[off]\nenabled=0\ngpgcheck=0\nmetalink=https://m.example/x\n\0\
                    /etc/dnf/dnf.conf\x000\0[main]\ngpgcheck=1\n\0";
        let nothing = ("repo/listed", "= nothing\n");
        let items = known(Repository.parse(&seen(&[database::RPM, ("repo/files", text), nothing])));
        let fields = |id: &str| ["enabled", "gpgcheck", "baseurl"].map(|name| items[id][name].clone());
        assert_eq!(fields("base"), ["true", "true", "https://…/azl/$basearch"]);
        assert_eq!(fields("off"), ["false", "false", "https://…/x"]);
        let none = |text| Repository.parse(&seen(&[database::RPM, ("repo/files", text), nothing]));
        assert!(matches!(none("manager\x000\0\0"), Ok(Part::Absent(_))));
        assert!(none("manager\x000\0\0foreign\x000\0zypper\0").unwrap_err().to_string().contains("zypper"));
        assert!(none("").is_err());
    }

    #[test]
    fn those_of_apt_are_repositories_too() {
        let text = "/etc/apt/sources.list\x000\0deb http://mirror.example/debian trixie main\n\0";
        let items = known(Repository.parse(&seen(&[database::DPKG, ("repo/apt", text)])));
        let item = &items["http://mirror.example/debian trixie"];
        assert_eq!(
            (item["enabled"].as_str(), item["gpgcheck"].as_str(), item["baseurl"].as_str()),
            ("true", "true", "http://…/debian")
        );
    }
}
