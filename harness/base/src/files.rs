//! Files that are replaced whole or not at all, locks on files, and names made safe to be file names.

use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

/// A file or directory could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {}", cause(source))]
pub struct FileError {
    /// What was being done, as a verb: `write`, `create the directory`, `read`.
    pub action: &'static str,
    /// The path.
    pub path: Utf8PathBuf,
    /// What the operating system said.
    #[source]
    pub source: std::io::Error,
}

impl FileError {
    /// For `map_err`.
    pub fn because(action: &'static str, path: &Utf8Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

impl crate::fault::Fault for FileError {}

/// The operating system's words, with the next step for the causes a person can fix.
fn cause(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full; free some space and try again".into(),
        ErrorKind::QuotaExceeded => "the disk quota is used up; free some space and try again".into(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; name another directory for the run".into(),
        ErrorKind::PermissionDenied => "permission denied; name a directory that you may write to".into(),
        _ => crate::text::plain_cause(error),
    }
}

/// Writes `bytes` to `path` so that a reader, and a crash at any moment, sees the old file or the
/// new one and never a part: a temporary file in the same directory, synced, then renamed over.
pub fn write_atomically(path: &Utf8Path, bytes: &[u8]) -> Result<(), FileError> {
    let dir = match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    };
    let failed = || FileError::because("write", path);
    // Reports are read by other users of a CI host: the mode is the umask's business, not 0600,
    // which is what a temporary file would have.
    let mut file = tempfile::Builder::new()
        .prefix(".muster-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(failed())?;
    file.write_all(bytes).map_err(failed())?;
    file.as_file().sync_all().map_err(failed())?;
    file.persist(path).map_err(|error| failed()(error.error))?;
    // The rename itself is durable only when the directory is.
    std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed())
}

/// SHA-256 of what is left of a reader, and how many bytes that was.
///
/// # Errors
/// It cannot be read to its end.
pub fn sha256(mut from: impl Read) -> std::io::Result<(u64, [u8; 32])> {
    let (mut digest, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((length, digest.finalize().into())),
            Ok(count) => {
                length += count as u64;
                digest.update(&buffer[..count]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Creates a directory and those above it.
pub fn ensure(dir: &Utf8Path) -> Result<(), FileError> {
    std::fs::create_dir_all(dir).map_err(FileError::because("create the directory", dir))
}

/// Bytes that this user may still write to the file system of a path that need not exist yet; `None` when nobody can tell.
pub fn free_space(path: &std::path::Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(std::path::Path::new("."));
    let there = if there.as_os_str().is_empty() { std::path::Path::new(".") } else { there };
    rustix::fs::statvfs(there).ok().map(|said| said.f_bavail.saturating_mul(said.f_frsize))
}

/// Whether an executable file of that name is on the `PATH`.
pub fn on_path(program: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|at| {
        std::fs::metadata(at.join(program)).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

/// How often a lock that somebody holds is tried again, a hundredth of a second apart. A child that
/// another thread is just starting holds a copy of every descriptor until it becomes its program, and
/// with it the locks of those that were closed meanwhile.
const TRIES: u32 = 20;

/// Locks a file for one holder, unless somebody really holds it.
pub fn lock_alone(file: &std::fs::File) -> Result<(), std::fs::TryLockError> {
    patiently(|| file.try_lock())
}

/// Whether somebody holds a file locked, by [`lock_alone`]. The file may be open for reading only, which is too little for a lock of one
/// holder where locks of files are those of ranges (NFS), and nothing is kept locked.
///
/// # Errors
/// The file system has no locks.
pub fn is_locked(file: &std::fs::File) -> std::io::Result<bool> {
    match patiently(|| file.try_lock_shared()) {
        Ok(()) => file.unlock().map(|()| false),
        Err(std::fs::TryLockError::WouldBlock) => Ok(true),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

fn patiently(lock: impl Fn() -> Result<(), std::fs::TryLockError>) -> Result<(), std::fs::TryLockError> {
    for _ in 1..TRIES {
        match lock() {
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(10)),
            other => return other,
        }
    }
    lock()
}

/// Where files of one test on one image lie, below the run's `tests/`.
pub fn test_dir(tests: &Utf8Path, suite: &str, test: &str, image: &str) -> Utf8PathBuf {
    tests.join(safe_name(suite)).join(safe_name(&format!("{test}@{image}")))
}

/// The longest name [`safe_name`] returns, in bytes; file systems allow 255, suffixes need room.
const NAME_LIMIT: usize = 120;

/// A name with `_` for whatever [`safe_name`] replaces, at its whole length: what that one begins with.
pub fn replaced(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+') { c } else { '_' })
        .collect()
}

/// A file name made of a name that a suite, an image or a person chose: letters, digits and
/// `.-_@+` stay, all else becomes `_`. It is never empty, hidden, `.` or `..`. A name that had to be
/// changed gets a piece of its digest, so that two names never become one.
pub fn safe_name(name: &str) -> String {
    let mut safe = replaced(name);
    if safe.is_empty() {
        safe.push('_');
    } else if safe.starts_with(['.', '-']) {
        safe.replace_range(..1, "_");
    }
    safe.truncate(NAME_LIMIT);
    if safe == name {
        return safe;
    }
    let digest = Sha256::digest(name.as_bytes());
    let piece = crate::text::hex(&digest[..4]);
    safe.truncate(NAME_LIMIT - 9);
    format!("{safe}-{piece}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte at a time, after an interruption each.
    struct Interrupted<'b>(&'b [u8], bool);

    impl Read for Interrupted<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(std::io::ErrorKind::Interrupted.into()) } else { self.0.read(&mut into[..1]) }
        }
    }

    #[test]
    fn the_digest_of_a_reader_goes_on_after_an_interruption() {
        let (length, digest) = sha256(Interrupted(b"abc", false)).unwrap();
        // FIPS 180-2, appendix B.1.
        let wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((length, crate::text::hex(digest).as_str()), (3, wanted));
        assert_eq!(sha256(&b"abc"[..]).unwrap().1, digest);
    }

    #[test]
    fn a_lock_that_is_held_for_a_moment_is_waited_for_and_a_real_one_is_not_taken() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let other = file.reopen().unwrap();
        lock_alone(&other).unwrap();
        assert!(matches!(lock_alone(file.as_file()), Err(std::fs::TryLockError::WouldBlock)));
        let holder = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(other);
        });
        lock_alone(file.as_file()).unwrap();
        holder.join().unwrap();
    }

    #[test]
    fn who_may_only_read_a_file_sees_whether_it_is_locked_and_leaves_no_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (one, other) = (std::fs::File::open(file.path()).unwrap(), std::fs::File::open(file.path()).unwrap());
        lock_alone(file.as_file()).unwrap();
        assert!(is_locked(&one).unwrap());
        file.as_file().unlock().unwrap();
        assert!(!is_locked(&one).unwrap() && !is_locked(&other).unwrap());
        lock_alone(file.as_file()).unwrap();
        // Two that look at the same time are in nobody's way.
        file.as_file().unlock().unwrap();
        one.try_lock_shared().unwrap();
        assert!(!is_locked(&other).unwrap());
    }

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        (temporary, path)
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left_behind() {
        let (_temporary, path) = dir();
        let file = path.join("run.json");
        write_atomically(&file, b"one").unwrap();
        write_atomically(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        let names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["run.json"]);
    }

    #[test]
    fn a_symbolic_link_is_replaced_and_not_followed() {
        let (_temporary, path) = dir();
        std::fs::write(path.join("victim"), "kept").unwrap();
        std::os::unix::fs::symlink(path.join("victim"), path.join("run.json")).unwrap();
        write_atomically(&path.join("run.json"), b"new").unwrap();
        assert_eq!(std::fs::read_to_string(path.join("victim")).unwrap(), "kept");
        assert_eq!(std::fs::read_to_string(path.join("run.json")).unwrap(), "new");
    }

    #[test]
    fn an_error_names_the_path_and_the_cause() {
        let (_temporary, path) = dir();
        let error = write_atomically(&path.join("no/run.json"), b"").unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("no/run.json: "), "{error}");
        let full =
            FileError::because("write", Utf8Path::new("a"))(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert!(full.to_string().starts_with("cannot write a: the disk is full"), "{full}");
    }

    #[test]
    fn names_cannot_leave_their_directory_or_meet() {
        assert_eq!(safe_name("lab-1_x.y@z+q"), "lab-1_x.y@z+q");
        for hostile in ["", ".", "..", "../../etc/passwd", "a/b", "-rf", "\0", "é", &"x".repeat(500)] {
            let safe = safe_name(hostile);
            assert!(!safe.is_empty() && safe.len() <= NAME_LIMIT, "{hostile:?} became {safe:?}");
            assert!(!safe.starts_with(['.', '-']) && !safe.contains(['/', '\0']), "{hostile:?} became {safe:?}");
        }
        assert_ne!(safe_name("a/b"), safe_name("a_b"));
        assert_ne!(safe_name("a/b"), safe_name("a:b"));
    }
}
