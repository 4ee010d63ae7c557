//! The metadata of the guest's repositories, brought to this host: the same files that an offline comparison reads.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::CliError;
use crate::guest;
use crate::output::say_error;
use muster_base::text::{escape_bytes, last_words, one_line};
use muster_check::repositories::{self, Repos};
use muster_check::{Observations, dnf};
use muster_engine::driver::Live;

/// Bytes of all metadata of an image. Fedora's and its updates' are some 150 MiB.
const ALL: usize = 512 << 20;
/// Files of all repositories.
const FILES: usize = 4_000;
/// Where the package manager puts what it fetches for this, so that the image's own cache stays as it is.
const CACHE: &str = "/var/tmp/muster-port/cache";

/// A repository of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fetched {
    /// As the guest calls it.
    pub(super) id: String,
    /// Whether the guest takes packages from it.
    pub(super) enabled: bool,
    /// The directory of this host that has its `repodata`.
    pub(super) dir: Utf8PathBuf,
}

/// Fetches everything there is, and prints the size and path of each file that a resolver reads. The list ends with a
/// line of its own, so that one that was cut is seen. `$all` is set where the manager can enable what is disabled.
const FETCH: &str = r#"rm -rf "$cache"; mkdir -p "$cache" || exit 1
made() { "$@" makecache </dev/null >&2; }
case $dnf in
dnf5) set -- dnf5 -y --setopt=optional_metadata_types=comps,filelists --setopt=cachedir="$cache" --setopt=system_cachedir="$cache"
    made "$@" --enablerepo='*' --setopt='*.skip_if_unavailable=1';;
dnf) set -- dnf -y --setopt=optional_metadata_types=comps,filelists --setopt=cachedir="$cache"
    made "$@" --enablerepo='*' --setopt='*.skip_if_unavailable=1';;
# These two have no options of single repositories: where one that is disabled cannot be read, the others are.
tdnf)
    # It passes over --setopt=cachedir.
    sed -e '/^[[:space:]]*cachedir[[:space:]]*=/d' -e "s|^\[main\].*|&\ncachedir=$cache|" /etc/tdnf/tdnf.conf >"$cache.conf" || exit 1
    made tdnf -y -c "$cache.conf" --enablerepo='*' || made tdnf -y -c "$cache.conf";;
*) made "$dnf" -y --setopt=cachedir="$cache" --enablerepo='*' || made "$dnf" -y --setopt=cachedir="$cache";;
esac
echo "= made $?"
for file in "$cache"/*/repodata/* "$cache"/*/*/repodata/*; do
    [ -f "$file" ] || continue
    case ${file##*/} in *updateinfo*|*prestodelta*|*other*|*appstream*|*_db*|*.solv|*.solvx) continue;; esac
    size=$(wc -c <"$file") || exit 1
    printf '%s %s\n' $size "$file"
done
echo '= end'"#;

/// Brings the metadata of all repositories below `dir`.
///
/// # Errors
/// An enabled repository cannot be read, or there is none.
pub(super) async fn fetch(live: &impl Live, dir: &Utf8Path) -> Result<Vec<Fetched>, CliError> {
    let listed = listed(live).await?;
    let script = format!("{}cache={CACHE}\n{FETCH}", dnf::MANAGER);
    let reply = guest::run_foreign(live, script, 600, guest::OUTPUT).await?;
    let said = last_words(&escape_bytes(&reply.stderr), 300);
    if let Some(why) = guest::cut(&reply) {
        return Err(unreadable(&format!("reading the metadata of the repositories: {why}; its last output: {said}")));
    }
    let files = files(&escape_bytes(&reply.stdout)).ok_or_else(|| {
        unreadable(&format!("the package manager did not fetch the metadata of the repositories: {said}"))
    })?;
    let mut found = Vec::new();
    let mut left = ALL;
    for (id, enabled) in &listed {
        let own: Vec<&(usize, String)> = files.iter().filter(|(_, path)| is_of(path, id)).collect();
        if !own.iter().any(|(_, path)| path.ends_with("/repomd.xml")) {
            if *enabled {
                let what = format!("the metadata of the repository `{}` cannot be read: {said}", one_line(id, 100));
                return Err(unreadable(&what));
            }
            say_error(&format!("note: the repository `{}` is disabled and cannot be read", one_line(id, 100)));
            continue;
        }
        let target = dir.join(safe(id, found.len()));
        let repodata = target.join("repodata");
        fs_err::create_dir_all(&repodata).map_err(|error| CliError::infrastructure(error.to_string()))?;
        for (size, path) in own {
            let name = path.rsplit('/').next().unwrap_or_default();
            if *size > left {
                return Err(unreadable(&format!("the metadata of all repositories is more than {} MiB", ALL >> 20)));
            }
            let bytes = guest::receive(live, path, *size).await?;
            left -= bytes.len();
            fs_err::write(repodata.join(safe(name, 0)), bytes)
                .map_err(|error| CliError::infrastructure(error.to_string()))?;
        }
        found.push(Fetched { id: id.clone(), enabled: *enabled, dir: target });
    }
    let enabled = found.iter().filter(|one| one.enabled).count();
    say_error(&format!(
        "read the metadata of {}, {enabled} of them enabled: {:.1} MiB",
        counted(found.len()),
        (ALL - left) as f64 / f64::from(1 << 20)
    ));
    Ok(found)
}

fn counted(count: usize) -> String {
    if count == 1 { "1 repository".to_owned() } else { format!("{count} repositories") }
}

fn unreadable(what: &str) -> CliError {
    CliError::infrastructure(what)
        .hint("where the repositories are on the internet, add --internet; `--repo ID=DIR` brings one of this host")
}

/// The repositories that the guest has, and whether each is enabled.
async fn listed(live: &impl Live) -> Result<BTreeMap<String, bool>, CliError> {
    let mut seen = BTreeMap::new();
    for probe in repositories::all_probes() {
        let seconds = probe.timeout.as_secs();
        seen.insert(probe.key, guest::run(live, probe.script, seconds, guest::OUTPUT).await?);
    }
    let seen = Observations(seen.into_iter().collect());
    let repos = repositories::of_dnf(&seen)
        .map_err(|why| unreadable(&format!("the repositories of the image: {why}")))?
        .ok_or_else(|| {
            let why = "the image has no repositories of dnf or tdnf, so that nothing can be installed on it";
            CliError::infrastructure(why).hint("`--offline --on DIR` answers from repository metadata alone")
        })?;
    let of = |repos: &Repos| {
        repos.repos.iter().map(|(id, repo)| (id.clone(), repos.enabled(repo))).collect::<BTreeMap<_, _>>()
    };
    let all = of(&repos);
    match all.values().any(|enabled| *enabled) {
        true => Ok(all),
        false => Err(CliError::infrastructure(format!("of {} that the image has none is enabled", counted(all.len())))),
    }
}

/// Sizes and paths; `None` when the list is not whole.
fn files(text: &str) -> Option<Vec<(usize, String)>> {
    let (_, list) = text.split_once("= made ")?;
    let (_, list) = list.split_once('\n')?;
    let rows: Vec<(usize, String)> = list
        .strip_suffix("= end\n")?
        .lines()
        .take(FILES)
        .map(|line| line.split_once(' ').and_then(|(size, path)| Some((size.parse().ok()?, path.to_owned()))))
        .collect::<Option<_>>()?;
    Some(rows)
}

/// Whether a file of the cache belongs to a repository: `lab-base-0123456789abcdef/repodata/repomd.xml`, or without
/// digits. Of `lab` is not what is of `lab-base`.
fn is_of(path: &str, id: &str) -> bool {
    let Some((before, _)) = path.split_once("/repodata/") else { return false };
    let Some(dir) = before.rsplit('/').next() else { return false };
    match dir.strip_prefix(id) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('-')
            .is_some_and(|digits| digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())),
        None => false,
    }
}

/// A name of the guest's as one of this host's.
fn safe(name: &str, number: usize) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(120).collect();
    match kept == name && !name.starts_with('.') && !name.is_empty() {
        true => kept,
        false => format!("r{number}-{}", kept.trim_start_matches('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_cut_is_no_list() {
        let whole = "= made 0\n12 /c/a/repodata/repomd.xml\n= end\n";
        assert_eq!(files(whole), Some(vec![(12, "/c/a/repodata/repomd.xml".to_owned())]));
        for cut in ["", "= made 0\n", "= made 0\n12 /c/a\n", "= made 0\nx /c/a\n= end\n", "12 /c/a\n= end\n"] {
            assert_eq!(files(cut), None, "{cut}");
        }
    }

    #[test]
    fn a_cache_directory_belongs_to_one_repository() {
        let path = "/c/lab-base-0123456789abcdef/repodata/repomd.xml";
        assert!(is_of(path, "lab-base") && !is_of(path, "lab") && !is_of(path, "base"));
        assert!(is_of("/c/lab/repodata/repomd.xml", "lab") && !is_of("/c/lab/other", "lab"));
    }

    #[test]
    fn names_of_the_guest_stay_below_the_directory() {
        assert_eq!(safe("lab-base", 3), "lab-base");
        assert_eq!(safe("../../etc", 3), "r3-_.._etc");
        assert_eq!(safe("..", 0), "r0-");
        assert_eq!(safe("a/b", 1), "r1-a_b");
    }
}
