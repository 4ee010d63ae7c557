//! Package repositories, as the package manager's files define them.

use crate::check::repo_files::{self, Repos};
use crate::check::{Observations, Probe};
use crate::compare::kind::{FactKind, Field, Items, Part, Scope, compared};
use crate::text;

/// The kind.
pub(in crate::compare) struct Repository;

const FIELDS: &[Field] = &[
    compared("enabled", "Whether it is asked."),
    compared("gpgcheck", "Whether its packages must be signed."),
    compared(
        "baseurl",
        "Where it is, or where its mirrors are listed, without the host: mirrors differ, paths do not.",
    ),
];

impl FactKind for Repository {
    fn word(&self) -> &'static str {
        "repository"
    }

    fn what(&self) -> &'static str {
        "repositories"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        // The probe ends well and says nothing where no package manager has a file, and also where a
        // shell fails before it; so it says that it has looked.
        let mut probe = repo_files::probe();
        probe.key = KEY.to_owned();
        probe.script.push_str("\nprintf 'muster-end\\0000\\000\\000'");
        vec![probe]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, String> {
        let reply = seen.reply(KEY)?;
        let end = b"muster-end\x000\0\0";
        let Some(records) = reply.stdout.strip_suffix(end) else {
            seen.output(KEY)?;
            return Err("the list of repositories did not end as expected".to_owned());
        };
        if records.is_empty() {
            return Ok(Part::Absent("no package manager is configured here".to_owned()));
        }
        let mut whole = reply.clone();
        whole.stdout.truncate(records.len());
        let repos = Repos::read(&Observations([(repo_files::probe().key, whole)].into()))?;
        let mut items = Items::new();
        for (id, repo) in &repos.repos {
            let enabled = repos.switch(repo, "enabled", true)?;
            let checked = repos.checked(repo)?;
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

const KEY: &str = "compare/repositories";

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
    use crate::compare::testing::{known, seen};

    #[test]
    fn repositories_are_compared_without_their_hosts() {
        let text = "/etc/yum.repos.d/a.repo\x000\0[base]\nbaseurl=https://a.example/azl/$basearch\n[off]\nenabled=0\ngpgcheck=0\nmetalink=https://m.example/x\n\0\
                    /etc/dnf/dnf.conf\x000\0[main]\ngpgcheck=1\n\0muster-end\x000\0\0";
        let items = known(Repository.parse(&seen(&[(KEY, text)])));
        let fields = |id: &str| ["enabled", "gpgcheck", "baseurl"].map(|name| items[id][name].clone());
        assert_eq!(fields("base"), ["true", "true", "https://…/azl/$basearch"]);
        assert_eq!(fields("off"), ["false", "false", "https://…/x"]);
    }

    #[test]
    fn no_configuration_is_told_from_no_answer() {
        assert!(matches!(Repository.parse(&seen(&[(KEY, "muster-end\x000\0\0")])), Ok(Part::Absent(_))));
        assert!(Repository.parse(&seen(&[(KEY, "")])).is_err());
    }

    #[test]
    fn the_script_ends_with_its_mark_in_this_host_s_shell() {
        let answers = crate::check::testing::on_this_host(&Repository.probes(&Scope::default()));
        assert!(answers.0[KEY].stdout.ends_with(b"muster-end\x000\0\0"));
    }
}
