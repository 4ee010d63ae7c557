//! What the user brings into a guest: repositories of this host, and package files of the chain.

use camino::{Utf8Path, Utf8PathBuf};

use super::target::KeptRepository;
use crate::error::CliError;
use crate::guest;
use muster_base::text::{one_line, shell_word};
use muster_engine::driver::Live;

/// Bytes of all files that are brought into a guest.
const ALL: u64 = 1 << 30;
/// Files of one repository.
const FILES: usize = 10_000;
/// Where they lie in the guest.
const DIR: &str = "/var/tmp/muster-port";

/// A file of this host, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Brought {
    pub(super) from: Utf8PathBuf,
    pub(super) to: String,
}

/// Brings repositories into the guest and enables them there.
///
/// # Errors
/// They cannot be read, are too large, or cannot be written there.
pub(super) async fn repositories(live: &impl Live, repositories: &[KeptRepository]) -> Result<(), CliError> {
    for repository in repositories {
        let id = &repository.id;
        let target = format!("{DIR}/repositories/{id}");
        let files = files(&repository.dir, &target)?;
        let mut dirs: Vec<&str> =
            files.iter().filter_map(|file| file.to.rsplit_once('/')).map(|(dir, _)| dir).collect();
        dirs.sort_unstable();
        dirs.dedup();
        let dirs: Vec<String> = dirs.into_iter().map(shell_word).collect();
        made(live, format!("mkdir -p {} /etc/yum.repos.d", dirs.join(" ")), id).await?;
        for file in &files {
            let bytes = fs_err::read(&file.from).map_err(|error| CliError::invalid(error.to_string()))?;
            guest::send(live, &bytes, &file.to).await?;
        }
        let entry = format!(
            "[{id}]\nname={id}, brought by muster\nbaseurl=file://{target}\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\n"
        );
        guest::send(live, entry.as_bytes(), &format!("/etc/yum.repos.d/muster-{id}.repo")).await?;
    }
    Ok(())
}

/// Brings package files into the guest; their paths there, in the same order.
///
/// # Errors
/// One cannot be read, or cannot be written there.
pub(super) async fn packages(live: &impl Live, files: &[Utf8PathBuf]) -> Result<Vec<String>, CliError> {
    let mut out = Vec::with_capacity(files.len());
    let mut left = ALL;
    for (number, file) in files.iter().enumerate() {
        let size = fs_err::metadata(file).map_err(|error| CliError::invalid(error.to_string()))?.len();
        left = left.checked_sub(size).ok_or_else(too_much)?;
        let bytes = fs_err::read(file).map_err(|error| CliError::invalid(error.to_string()))?;
        let to = format!("{DIR}/packages/{number}-{}.rpm", safe(file.file_stem().unwrap_or("package")));
        made(live, format!("mkdir -p {DIR}/packages"), file.as_str()).await?;
        guest::send(live, &bytes, &to).await?;
        out.push(to);
    }
    Ok(out)
}

fn too_much() -> CliError {
    CliError::invalid(format!("more than {} GiB would be brought into the guest", ALL >> 30))
        .hint("name a directory that has only the packages of the chain and what they need")
}

async fn made(live: &impl Live, script: String, what: &str) -> Result<(), CliError> {
    let reply = guest::run(live, script, 30, guest::OUTPUT).await?;
    match reply.status {
        0 => Ok(()),
        _ => Err(CliError::infrastructure(format!(
            "{} cannot be brought into the guest: {}",
            one_line(what, 200),
            one_line(&guest::both(&reply), 200)
        ))),
    }
}

fn safe(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(120).collect()
}

/// Packages and metadata below the directory; nothing is followed out of it.
///
/// # Errors
/// It cannot be read, or is too large.
pub(super) fn files(dir: &Utf8Path, target: &str) -> Result<Vec<Brought>, CliError> {
    let mut out = Vec::new();
    let mut size = 0;
    let mut open = vec![(dir.to_owned(), target.to_owned())];
    while let Some((dir, target)) = open.pop() {
        let entries = dir.read_dir_utf8().map_err(|error| CliError::invalid(format!("{dir}: {error}")))?;
        for entry in entries {
            let entry = entry.map_err(|error| CliError::invalid(format!("{dir}: {error}")))?;
            let metadata = entry.metadata().map_err(|error| CliError::invalid(format!("{}: {error}", entry.path())))?;
            let to = format!("{target}/{}", entry.file_name());
            let in_metadata = dir.file_name() == Some("repodata");
            if metadata.is_dir() {
                open.push((entry.path().to_owned(), to));
            } else if metadata.is_file() && (in_metadata || entry.path().extension() == Some("rpm")) {
                size += metadata.len();
                out.push(Brought { from: entry.path().to_owned(), to });
            }
            if size > ALL || out.len() > FILES {
                return Err(too_much());
            }
        }
    }
    out.sort_by(|one, other| one.to.cmp(&other.to));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_its_packages_and_metadata() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir_all(path.join("repodata")).unwrap();
        std::fs::create_dir_all(path.join("sub")).unwrap();
        for name in ["repodata/repomd.xml", "a.rpm", "sub/b.rpm", "notes.txt"] {
            std::fs::write(path.join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", path.join("c.rpm")).unwrap();
        let to: Vec<String> = files(path, "/t").unwrap().into_iter().map(|file| file.to).collect();
        assert_eq!(to, ["/t/a.rpm", "/t/repodata/repomd.xml", "/t/sub/b.rpm"]);
        assert_eq!(safe("a b/../c"), "a_b_.._c");
    }
}
