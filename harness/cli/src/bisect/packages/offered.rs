//! Where the updates come from, and how their files get into the guest.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::CliError;
use crate::guest;
use crate::output::say_error;
use crate::product;
use crate::text_file;
use muster_base::text::{escape_bytes, last_words, one_line, shell_word};
use muster_check::dnf;
use muster_engine::driver::Live;
use muster_engine::sent_packages::unquoted;
use muster_engine::transfer::{self, TransferError};

/// Where they lie in the guest. Not below `/tmp`, which a reboot empties.
const DIR: &str = "/var/tmp/muster-updates";
/// The most package files of one search.
const MOST: usize = 2000;
/// Guest time in which one file is sent, or all are fetched.
const TIME: u64 = 30 * 60;

/// What `--packages` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UpdateSource {
    /// Package files of this host.
    Files(Vec<Utf8PathBuf>),
    /// All updates of the repositories that the image has enabled, and of this one.
    Repositories(Option<String>),
}

/// A package file of the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offered {
    /// Absolute path.
    pub(super) path: String,
    /// SHA-256, hex.
    pub(super) sha256: String,
}

impl UpdateSource {
    /// Reads what was typed.
    ///
    /// # Errors
    /// It names nothing, or something that is no package file.
    pub(super) fn parse(typed: &str) -> Result<Self, CliError> {
        if typed == "enabled" {
            return Ok(Self::Repositories(None));
        }
        if let Some(id) = typed.strip_prefix("repo:") {
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
            return match !id.is_empty() && id.len() <= 100 && id.chars().all(fine) && !id.starts_with('-') {
                true => Ok(Self::Repositories(Some(id.to_owned()))),
                false => Err(wrong(typed, "it is no id of a repository")),
            };
        }
        let path = Utf8Path::new(typed);
        let files = if path.is_dir() {
            let entries = path.read_dir_utf8().map_err(|cause| wrong(typed, &cause.to_string()))?;
            let entries: Vec<_> =
                entries.collect::<Result<_, _>>().map_err(|cause| wrong(typed, &cause.to_string()))?;
            let files = entries.into_iter().map(|entry| entry.path().to_owned());
            let mut files: Vec<Utf8PathBuf> = files.filter(|file| file.extension() == Some("rpm")).collect();
            files.sort();
            files
        } else if path.is_file() {
            let text = text_file::read(path)?;
            let directory = path.parent().unwrap_or(Utf8Path::new(""));
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.map(|line| directory.join(line)).collect()
        } else {
            return Err(wrong(typed, "there is no such directory or file"));
        };
        match files.len() {
            0 => return Err(wrong(typed, "no package file is there")),
            1..=MOST => {}
            many => return Err(wrong(typed, &format!("{many} package files, more than {MOST}"))),
        }
        for file in &files {
            product::check(file).map_err(|why| wrong(typed, &format!("{file}: {why}")))?;
        }
        Ok(Self::Files(files))
    }

    /// Brings the files into the guest.
    ///
    /// # Errors
    /// They cannot be sent or fetched, or there is nothing newer.
    pub(super) async fn bring(&self, live: &impl Live, typed: &str) -> Result<Vec<Offered>, CliError> {
        match self {
            Self::Files(files) => send(live, files, typed).await,
            Self::Repositories(id) => fetch(live, id.as_deref(), typed).await,
        }
    }
}

fn wrong(typed: &str, why: &str) -> CliError {
    let what = format!("--packages {}: {}", one_line(typed, 200), one_line(why, 300));
    CliError::invalid(what).hint(
        "name a directory of .rpm files, a file that lists them, one in a line, `enabled` for the updates in the \
         repositories that the image has enabled, or `repo:ID` to enable one more of its repositories",
    )
}

async fn send(live: &impl Live, files: &[Utf8PathBuf], typed: &str) -> Result<Vec<Offered>, CliError> {
    say_error(&format!("sending {} package files", files.len()));
    let dirs: Vec<String> = (0..files.len()).map(|number| format!("{DIR}/{number}")).collect();
    succeeded(live, format!("umask 077; mkdir -p {}", dirs.join(" ")), 60, "a directory for them cannot be made")
        .await?;
    let mut out = Vec::with_capacity(files.len());
    for (file, dir) in files.iter().zip(&dirs) {
        let path = format!("{dir}/{}", unquoted(file.file_name().unwrap_or_default()));
        let mut content = fs_err::File::open(file).map_err(|cause| wrong(typed, &cause.to_string()))?;
        let time = Duration::from_secs(TIME).mul_f64(live.deadline_scale());
        let sent = transfer::send_from(live, &mut content, &path, 0o600, time).await.map_err(|error| match error {
            TransferError::Lost(failure) => CliError::of_machine(failure),
            other => CliError::infrastructure(format!("{file}: {other}")),
        })?;
        out.push(Offered { path, sha256: sent.sha256 });
    }
    Ok(out)
}

/// What dnf would do, then its files. `"$@"` are options.
const FETCH: &str = r#"dir=/var/tmp/muster-updates
umask 077
rm -rf "$dir" && mkdir -p "$dir" || exit 1
"$dnf" -y --setopt='*.skip_if_unavailable=0' "$@" upgrade --downloadonly --destdir="$dir" </dev/null 2>&1"#;
const LIST: &str = r#"find /var/tmp/muster-updates -type f -name '*.rpm' -exec sha256sum {} + || exit 1
echo end"#;

/// Has the guest's package manager fetch the files of one upgrade of everything.
async fn fetch(live: &impl Live, id: Option<&str>, typed: &str) -> Result<Vec<Offered>, CliError> {
    say_error("fetching the updates of the image's repositories");
    let option = id.map(|id| shell_word(&format!("--enablerepo={id}"))).unwrap_or_default();
    let begin = format!("{}set -- {option}\n", dnf::MANAGER);
    let plan = format!("{begin}\"$dnf\" --assumeno --setopt='*.skip_if_unavailable=0' \"$@\" upgrade </dev/null 2>&1");
    let reply = guest::run_foreign(live, plan, TIME, guest::OUTPUT).await?;
    let said = guest::both(&reply);
    let planned = match guest::cut(&reply) {
        Some(why) => Err(why.to_owned()),
        None => dnf::planned(reply.status, &said).map_err(|why| why.to_string()),
    };
    let planned = planned.map_err(|why| {
        CliError::infrastructure(format!("the updates of the image are not known: {}", one_line(&why, 400)))
            .hint("where its repositories are on the internet, add --internet")
    })?;
    if let Some(problem) = &planned.problem {
        return Err(CliError::invalid(format!("the updates do not resolve: {}", one_line(problem, 400)))
            .hint("name package files with `--packages DIR`"));
    }
    let count = planned.adds.len() + planned.upgrades.len();
    if count == 0 {
        return Err(wrong(typed, "the image's repositories have nothing newer"));
    }
    if count > MOST {
        return Err(wrong(typed, &format!("{count} updates, more than {MOST}")));
    }
    let words = succeeded(live, format!("{begin}{FETCH}"), TIME, "the updates cannot be fetched").await?;
    let listed = succeeded(live, LIST.to_owned(), 600, "the fetched files cannot be read").await?;
    let files = parse_sums(&listed).ok_or_else(|| {
        CliError::infrastructure(format!("sha256sum of the fetched files printed {}", one_line(&listed, 200)))
    })?;
    if files.len() != count {
        let what = format!("of {count} updates {} were fetched: {}", files.len(), last_words(&words, 300));
        return Err(CliError::infrastructure(what).hint("name package files with `--packages DIR`"));
    }
    Ok(files)
}

/// Lines of `sha256sum`, the last line being `end`.
fn parse_sums(text: &str) -> Option<Vec<Offered>> {
    let lines = text.strip_suffix("end\n")?.lines();
    let each = lines.map(|line| {
        let (sha256, path) = line.split_once("  ")?;
        let hex = muster_base::text::is_sha256(sha256);
        (hex && path.starts_with(DIR)).then(|| Offered { path: path.to_owned(), sha256: sha256.to_owned() })
    });
    let mut out: Vec<Offered> = each.collect::<Option<_>>()?;
    out.sort_by(|one, other| one.path.cmp(&other.path));
    Some(out)
}

/// Runs a command line that must end well; what it prints.
async fn succeeded(live: &impl Live, script: String, seconds: u64, what: &str) -> Result<String, CliError> {
    let reply = guest::run_foreign(live, script, seconds, guest::OUTPUT).await?;
    match (guest::cut(&reply), reply.status) {
        (None, 0) => Ok(escape_bytes(&reply.stdout)),
        (why, status) => {
            let why = why.map_or_else(|| format!("status {status}"), str::to_owned);
            let said = last_words(&guest::both(&reply), 300);
            Err(CliError::infrastructure(format!("{what}: {why}: {said}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_no_package_is_a_usage_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8");
        let rpm = [0xed, 0xab, 0xee, 0xdb, 3, 0];
        let said = |typed: &str| UpdateSource::parse(typed).expect_err(typed).what;
        assert!(said(path.as_str()).contains("no package file is there"));
        assert!(said(path.join("gone").as_str()).contains("no such directory"));
        for id in ["repo:", "repo:a b", "repo:--x"] {
            assert!(said(id).contains("no id of a repository"), "{id}");
        }
        std::fs::write(path.join("b.rpm"), rpm).expect("written");
        std::fs::write(path.join("a.rpm"), rpm).expect("written");
        std::fs::write(path.join("notes.txt"), "x").expect("written");
        let both = [path.join("a.rpm"), path.join("b.rpm")];
        assert_eq!(UpdateSource::parse(path.as_str()).expect("read"), UpdateSource::Files(both.to_vec()));
        std::fs::write(path.join("list"), "# some\nb.rpm\n\n").expect("written");
        assert_eq!(
            UpdateSource::parse(path.join("list").as_str()).expect("read"),
            UpdateSource::Files(vec![path.join("b.rpm")])
        );
        std::fs::write(path.join("list"), "notes.txt\n").expect("written");
        assert!(said(path.join("list").as_str()).contains("it is not an RPM"));
        assert_eq!(UpdateSource::parse("enabled").expect("read"), UpdateSource::Repositories(None));
        assert_eq!(UpdateSource::parse("repo:u-1").expect("read"), UpdateSource::Repositories(Some("u-1".to_owned())));
    }

    #[test]
    fn sums_of_other_places_and_cut_lists_are_none() {
        let sum = "ab".repeat(32);
        let line = format!("{sum}  {DIR}/b.rpm\n{sum}  {DIR}/a.rpm\n");
        let found = parse_sums(&format!("{line}end\n")).expect("whole");
        assert_eq!(
            found.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(),
            ["/var/tmp/muster-updates/a.rpm", "/var/tmp/muster-updates/b.rpm"]
        );
        assert_eq!(parse_sums(&line), None);
        assert_eq!(parse_sums("x  /etc/passwd\nend\n"), None);
        assert_eq!(parse_sums("end\n"), Some(vec![]));
    }
}
