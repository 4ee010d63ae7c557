//! What readers of chains cannot do by themselves, on the real file system: other files below the chain's own
//! directory, and programs of this host under limits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{archive, child};
use muster_base::text::one_line;
use muster_chain::{Host, Unavailable, limits};

/// Bytes of what rpm and rpmspec print.
const PRINTED: u64 = 64 << 20;

/// The file system and the programs of this host, and the texts that were included.
#[derive(Default)]
pub(super) struct HostFiles {
    included: RefCell<BTreeMap<Arc<str>, Arc<str>>>,
}

impl HostFiles {
    /// What was included, by the names that places have.
    pub(super) fn into_texts(self) -> BTreeMap<Arc<str>, Arc<str>> {
        self.included.into_inner()
    }
}

/// Reads a file from its beginning, at most `limit` bytes, only if it is a plain one.
///
/// # Errors
/// What is wrong with it, behind its name.
pub(super) fn read(path: &Utf8Path, limit: u64) -> Result<Vec<u8>, Unavailable> {
    let failed = |why: String| Unavailable(format!("{}: {why}", one_line(path.as_str(), 300)));
    // Without following what would block: a FIFO has no end.
    let metadata = std::fs::metadata(path).map_err(|error| failed(plain(&error)))?;
    if !metadata.is_file() {
        return Err(failed("it is not a plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(plain(&error)))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| failed(plain(&error)))?;
    Ok(bytes)
}

/// The error without the number that only this system knows.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it cannot be read: permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// The real path of what `from` names, below the directory that `from` is in: neither `..` nor a link leads out of it.
pub(super) fn contained(from: &Utf8Path, name: &str) -> Result<Utf8PathBuf, Unavailable> {
    let failed = |why: &str| Unavailable(format!("{}: {why}", one_line(name, 200)));
    let dir = match from.parent() {
        Some(dir) if !dir.as_str().is_empty() => dir.to_owned(),
        _ => Utf8PathBuf::from("."),
    };
    let root = dir.canonicalize_utf8().map_err(|_| failed("its directory cannot be read"))?;
    let real = root.join(name).canonicalize_utf8().map_err(|error| failed(&plain(&error)))?;
    match real.starts_with(&root) {
        true => Ok(real),
        false => Err(failed("it is outside of the directory of the file that names it")),
    }
}

impl Host for HostFiles {
    fn included(&self, from: &Utf8Path, name: &str) -> Result<(String, String), Unavailable> {
        let real = contained(from, name)?;
        let bytes = read(&real, limits::TEXT + 1)?;
        let failed = |why: String| Unavailable(format!("{}: {why}", one_line(name, 200)));
        if bytes.len() as u64 > limits::TEXT {
            return Err(failed(format!("it is longer than {} MiB", limits::TEXT >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
        let shown = match from.parent() {
            Some(dir) if !dir.as_str().is_empty() => dir.join(name).to_string(),
            _ => name.to_owned(),
        };
        self.included.borrow_mut().insert(Arc::from(shown.as_str()), Arc::from(text.as_str()));
        Ok((shown, text))
    }

    fn rpm(&self, file: &Utf8Path, format: &str) -> Result<String, Unavailable> {
        let mut command = child::limited("rpm");
        command.args(["-qp", "--nosignature", "--nodigest", "--qf", format, "--"]).arg(absolute(file)?);
        text_of(child::output(command, "rpm", PRINTED)?, "rpm")
    }

    fn rpmspec(&self, file: &Utf8Path, arguments: &[&str]) -> Result<String, Unavailable> {
        let path = absolute(file)?;
        let text = String::from_utf8_lossy(&read(&path, limits::TEXT)?).into_owned();
        // `%(…)` runs a command of this host, `%{lua:…}` a program: a stranger's spec gets neither.
        if let Some(line) = text.lines().position(runs_something) {
            let what = "a macro that runs a program of this host, which is not expanded";
            return Err(Unavailable(format!("line {} has {what}", line + 1)));
        }
        // No macros but rpm's own: those of the user and of other packages may run programs.
        let mut command = child::limited("rpmspec");
        command
            .env("HOME", "/nonexistent")
            .env_remove("XDG_CONFIG_HOME")
            .args(["--macros=/usr/lib/rpm/macros", "--query"]);
        command.args(arguments).arg("--").arg(path);
        text_of(child::output(command, "rpmspec", PRINTED)?, "rpmspec")
    }

    fn archive(&self, file: &Utf8Path, bytes: u64, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
        let path = absolute(file)?;
        archive::members(&path, &read(&path, archive::HEAD)?, bytes, each)
    }

    fn is_there(&self, from: &Utf8Path, name: &str) -> bool {
        let path = from.parent().unwrap_or(Utf8Path::new("")).join(name);
        // A link to it says that there is none.
        path.symlink_metadata().is_ok() && path.canonicalize_utf8().ok().is_none_or(|real| real != "/dev/null")
    }

    fn listed(&self, from: &Utf8Path, name: &str) -> Result<Vec<String>, Unavailable> {
        let real = contained(from, name)?;
        let failed = |error: std::io::Error| Unavailable(format!("{}: {}", one_line(name, 200), plain(&error)));
        let mut names = Vec::new();
        for entry in real.read_dir_utf8().map_err(failed)? {
            // One whose name is not UTF-8 cannot be named to anybody.
            let Ok(entry) = entry else { continue };
            let Ok(kind) = entry.file_type() else { continue };
            let is_dir = match kind.is_symlink() {
                true => match entry.path().canonicalize_utf8() {
                    Ok(target) if target == "/dev/null" => continue,
                    target => target.is_ok_and(|target| target.is_dir()),
                },
                // What is neither, as a FIFO, has nothing that is read.
                false if !kind.is_dir() && !kind.is_file() => continue,
                false => kind.is_dir(),
            };
            let slash = if is_dir { "/" } else { "" };
            names.push(format!("{}/{}{slash}", name.trim_end_matches('/'), entry.file_name()));
            if names.len() > limits::INCLUDES {
                let why = format!("it has more than {} files, the most that are read", limits::INCLUDES);
                return Err(Unavailable(format!("{}: {why}", one_line(name, 200))));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn piece(&self, file: &Utf8Path, from: u64, length: usize) -> Result<Vec<u8>, Unavailable> {
        use std::io::{Seek as _, SeekFrom};
        let failed =
            |error: std::io::Error| Unavailable(format!("{}: {}", one_line(file.as_str(), 200), plain(&error)));
        let path = absolute(file)?;
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(Unavailable(format!("{}: it is not a plain file", one_line(file.as_str(), 200))));
        }
        let mut opened = std::fs::File::open(&path).map_err(failed)?;
        opened.seek(SeekFrom::Start(from)).map_err(failed)?;
        let mut bytes = Vec::new();
        let most = (length as u64).min(limits::TEXT);
        opened.take(most).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

fn absolute(file: &Utf8Path) -> Result<Utf8PathBuf, Unavailable> {
    file.canonicalize_utf8()
        .map_err(|error| Unavailable(format!("{}: {}", one_line(file.as_str(), 200), plain(&error))))
}

fn text_of(bytes: Vec<u8>, program: &str) -> Result<String, Unavailable> {
    String::from_utf8(bytes).map_err(|_| Unavailable(format!("{program}: what it prints is not UTF-8")))
}

/// Whether a line of a spec has a macro that runs a program when the spec is only read. Comments are expanded too.
fn runs_something(line: &str) -> bool {
    ["%(", "%{lua:", "%{shrink:%(", "%{uncompress:", "%include", "%{load:", "%{S:%("]
        .iter()
        .any(|macro_| line.contains(macro_))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::testing::place;
    use super::*;
    use muster_chain::Source;

    #[test]
    fn a_file_of_tasks_that_is_named_by_itself_is_read_without_its_role() {
        let (_dir, path) = place();
        for (name, text) in [
            ("defaults/main.yml", "server: nginx\n"),
            ("vars/main.yml", "tool: jq\n"),
            ("tasks/main.yml", "- name: a server\n  ansible.builtin.dnf:\n    name: nginx\n"),
        ] {
            let file = path.join("roles/web").join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let file = path.join("roles/web/tasks/main.yml");
        let bytes = std::fs::read(&file).unwrap();
        let host = HostFiles::default();
        let chain = muster_chain::read(&Source { path: &file, bytes: &bytes, host: &host }, None).unwrap();
        assert_eq!((chain.understood(), chain.lines), (3, 3), "{:?}", chain.not_understood);
        assert_eq!(chain.needs.len(), 1, "{:?}", chain.needs);
    }

    #[test]
    fn an_included_file_is_below_the_directory_of_the_one_that_names_it() {
        let (_dir, path) = place();
        std::fs::create_dir_all(path.join("chain/sub")).unwrap();
        std::fs::write(path.join("secret"), "s").unwrap();
        std::fs::write(path.join("chain/sub/a.txt"), "nginx\n").unwrap();
        std::fs::write(path.join("chain/bytes"), [0xff, 0xfe]).unwrap();
        std::os::unix::fs::symlink("../secret", path.join("chain/link")).unwrap();
        std::os::unix::fs::symlink("nowhere", path.join("chain/dangling")).unwrap();
        let from = path.join("chain/Containerfile");
        let (name, text) = HostFiles::default().included(&from, "sub/a.txt").unwrap();
        assert_eq!((name, text.as_str()), (path.join("chain/sub/a.txt").to_string(), "nginx\n"));
        let secret = path.join("secret");
        for out in ["../secret", "link", secret.as_str(), "sub/../../secret"] {
            assert!(HostFiles::default().included(&from, out).unwrap_err().0.contains("outside"), "{out}");
        }
        assert!(HostFiles::default().included(&from, "bytes").unwrap_err().0.contains("UTF-8"));
        assert!(HostFiles::default().included(&from, "none").unwrap_err().0.contains("no such file"));
        assert!(HostFiles::default().included(&from, "sub").unwrap_err().0.contains("plain file"));
        std::os::unix::fs::symlink("/dev/null", path.join("chain/masked")).unwrap();
        let all =
            [("bytes", true), ("link", true), ("dangling", true), ("sub", true), ("none", false), ("masked", false)];
        for (name, there) in all {
            assert_eq!(HostFiles::default().is_there(&from, name), there, "{name}");
        }
    }

    #[test]
    fn lists_have_links_and_directories_and_pieces_are_of_plain_files() {
        let (_dir, path) = place();
        std::fs::create_dir_all(path.join("mkosi.conf.d/sub")).unwrap();
        std::fs::create_dir(path.join("elsewhere")).unwrap();
        for name in ["b.conf", "a.conf"] {
            std::fs::write(path.join("mkosi.conf.d").join(name), "0123456789").unwrap();
        }
        let links = [("a.conf", "c.conf"), ("../elsewhere", "d"), ("none", "e.conf"), ("/dev/null", "masked.conf")];
        for (target, name) in links {
            std::os::unix::fs::symlink(target, path.join("mkosi.conf.d").join(name)).unwrap();
        }
        assert!(Command::new("mkfifo").arg(path.join("mkosi.conf.d/fifo.conf")).status().unwrap().success());
        let (host, from) = (HostFiles::default(), path.join("mkosi.conf"));
        let listed = ["a.conf", "b.conf", "c.conf", "d/", "e.conf", "sub/"].map(|name| format!("mkosi.conf.d/{name}"));
        assert_eq!(host.listed(&from, "mkosi.conf.d").unwrap(), listed);
        assert_eq!(host.included(&from, "mkosi.conf.d/c.conf").unwrap().1, "0123456789");
        assert!(host.listed(&from, "none").is_err() && host.listed(&from, "..").is_err());
        let file = path.join("mkosi.conf.d/a.conf");
        assert_eq!(host.piece(&file, 3, 4).unwrap(), b"3456");
        assert_eq!(host.piece(&file, 8, 100).unwrap(), b"89");
        assert!(host.piece(&file, 100, 4).unwrap().is_empty() && host.piece(&path, 0, 4).is_err());
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let (_dir, path) = place();
        let fifo = path.join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(read(&fifo, 10).unwrap_err().0.contains("not a plain file"));
    }

    #[test]
    fn a_spec_that_runs_programs_is_not_expanded() {
        let (_dir, path) = place();
        let spec = path.join("x.spec");
        let witness = path.join("witness");
        let body =
            "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nRequires: nginx\n%description\nx\n%files\n";
        for bad in [format!("%(touch {witness})"), format!("%{{lua:os.execute('touch {witness}')}}")] {
            std::fs::write(&spec, format!("# {bad}\n{body}")).unwrap();
            assert!(HostFiles::default().rpmspec(&spec, &["--requires"]).unwrap_err().0.contains("line 1"));
        }
        assert!(!witness.exists());
    }
}
