//! Capsules of a run: the machines of failed tests, kept at that moment. How many and how large they
//! may be is bounded, and whoever gets none gets the reason.

use std::future::Future;

use camino::{Utf8Path, Utf8PathBuf};

use muster_base::files::{self, FileError};

/// What may be kept of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many capsules.
    pub count: u32,
    /// Bytes that all of them may take on the disk.
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { count: 5, bytes: 2 << 30 }
    }
}

/// Where the capsules of a run are kept.
#[derive(Debug)]
pub struct CapsuleStore {
    dir: Utf8PathBuf,
    bounds: Bounds,
    /// Held while a capsule is made, so that two never count on the same room.
    stats: tokio::sync::Mutex<Stats>,
}

#[derive(Debug, Default)]
struct Stats {
    made: u32,
    bytes: u64,
    /// The bound that was reached was said already.
    reported: bool,
}

impl CapsuleStore {
    /// Keeps capsules in the directory, which is made when the first is. Its path is what a person is
    /// given to resume from.
    pub fn new(dir: Utf8PathBuf, bounds: Bounds) -> Self {
        Self { dir, bounds, stats: tokio::sync::Mutex::default() }
    }

    /// Makes a capsule of that name by writing it into a directory that gets its name when it is whole.
    /// Its path, or why there is none; `None` when that was said before.
    pub(super) async fn keep<F, E>(
        &self,
        name: &str,
        write: impl FnOnce(Utf8PathBuf, u64) -> F,
    ) -> Result<Utf8PathBuf, Option<String>>
    where
        F: Future<Output = Result<u64, E>>,
        E: std::fmt::Display,
    {
        let mut stats = self.stats.lock().await;
        let room = self.bounds.bytes.saturating_sub(stats.bytes);
        let reached = if stats.made >= self.bounds.count {
            Some(format!("{} were made, as many as --capsules-max allows", stats.made))
        } else if room == 0 {
            Some(format!("they take {} bytes, as many as --capsules-size allows", stats.bytes))
        } else {
            None
        };
        if let Some(reached) = reached {
            if std::mem::replace(&mut stats.reported, true) {
                return Err(None);
            }
            return Err(Some(format!("{reached}, so that later failures leave none either")));
        }
        let failed = |error: FileError| Some(error.to_string());
        files::ensure(&self.dir).map_err(failed)?;
        let name = files::safe_name(name);
        let making = tempfile::Builder::new()
            .prefix(".making-")
            .tempdir_in(&self.dir)
            .map_err(FileError::because("create a directory in", &self.dir))
            .map_err(failed)?;
        let Some(path) = Utf8Path::from_path(making.path()) else {
            return Err(Some("its path is not UTF-8".to_owned()));
        };
        let bytes = write(path.to_owned(), room).await.map_err(|error| Some(error.to_string()))?;
        let whole = self.dir.join(name);
        std::fs::rename(making.path(), &whole).map_err(FileError::because("write", &whole)).map_err(failed)?;
        // It has another name now; there is nothing left to remove.
        let _ = making.keep();
        stats.made += 1;
        stats.bytes = stats.bytes.saturating_add(bytes);
        Ok(whole)
    }
}

/// What a driver cannot do, in the words of whichever of its parts says so. Its kinds are the driver's own, and nothing here
/// depends on them.
pub type DriverError = Box<dyn std::error::Error + Send + Sync>;

/// What came of writing a capsule. The machine stood still meanwhile.
pub struct Written {
    /// Bytes on the disk, or why there is no capsule.
    pub capsule: Result<u64, DriverError>,
    /// Whether the guest goes on with the right time; otherwise why its machine must be given up.
    pub goes_on: Result<(), DriverError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capsule_store(count: u32, bytes: u64) -> (tempfile::TempDir, CapsuleStore) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("capsules")).unwrap();
        (dir, CapsuleStore::new(path, Bounds { count, bytes }))
    }

    async fn keep(capsule_store: &CapsuleStore, name: &str, bytes: u64) -> Result<Utf8PathBuf, Option<String>> {
        let write = async |dir: Utf8PathBuf, room: u64| {
            std::fs::write(dir.join("state"), "x").unwrap();
            if bytes > room { Err(format!("more than {room}")) } else { Ok(bytes) }
        };
        capsule_store.keep(name, write).await
    }

    fn names(capsule_store: &CapsuleStore) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&capsule_store.dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn no_more_are_kept_than_allowed_and_it_is_said_once() {
        let (_kept, capsule_store) = capsule_store(1, 100);
        assert_eq!(keep(&capsule_store, "s.one.m", 10).await, Ok(capsule_store.dir.join("s.one.m")));
        let why = keep(&capsule_store, "s.two.m", 10).await.unwrap_err().unwrap();
        assert!(why.contains("1 were made, as many as --capsules-max allows"), "{why}");
        assert_eq!(keep(&capsule_store, "s.three.m", 10).await, Err(None));
        assert_eq!(names(&capsule_store), ["s.one.m"]);
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_a_failure_leaves_nothing() {
        let (_kept, capsule_store) = capsule_store(5, 100);
        assert!(keep(&capsule_store, "a", 60).await.is_ok());
        assert_eq!(keep(&capsule_store, "b", 60).await, Err(Some("more than 40".to_owned())));
        assert!(keep(&capsule_store, "c/../../d", 40).await.is_ok());
        let why = keep(&capsule_store, "e", 1).await.unwrap_err().unwrap();
        assert!(why.contains("100 bytes, as many as --capsules-size allows"), "{why}");
        assert_eq!(names(&capsule_store).len(), 2);
        assert!(names(&capsule_store).iter().all(|name| !name.starts_with('.')), "{:?}", names(&capsule_store));
    }

    #[tokio::test]
    async fn a_name_is_never_overwritten() {
        let (_kept, capsule_store) = capsule_store(5, 100);
        assert!(keep(&capsule_store, "a", 1).await.is_ok());
        let why = keep(&capsule_store, "a", 1).await.unwrap_err().unwrap();
        assert!(why.contains("cannot write"), "{why}");
        assert_eq!(names(&capsule_store), ["a"]);
    }
}
