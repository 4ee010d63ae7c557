//! A directory of its own for a machine that a person uses by hand, below the cache, and what finds the
//! machine again: who owns it and how to end it.
//!
//! The owner, a muster process, holds a lock in the directory as long as it lives, and its machine dies
//! with it. A directory whose lock is free was left by an owner that was killed, and may be removed.

use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::error::CliError;
use muster_base::files;
use muster_base::process::ProcessStat;

/// Its name in the directory.
const STATE: &str = "machine.json";
const LOCK: &str = "lock";
/// The longest state that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// What is known of a machine from outside its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct OwnedMachine {
    /// What a person calls it.
    pub id: String,
    /// What it was made of: an image or a capsule.
    pub of: String,
    /// RFC 3339, UTC.
    pub since: String,
    /// The process that owns it.
    pub owner: i32,
    /// When that process was started, in the kernel's ticks: its number may be another's later.
    pub owner_started: u64,
    /// Who logs in; absent until somebody can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,
    /// Its console's log; absent until somebody can log in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub console: Option<Utf8PathBuf>,
}

/// A machine's directory, owned by this process; removed when this is dropped.
#[derive(Debug)]
pub(crate) struct MachineDir {
    dir: Utf8PathBuf,
    state: OwnedMachine,
    _lock: File,
}

fn above() -> Result<Utf8PathBuf, CliError> {
    let cache = muster_image::cache_dir().ok_or_else(|| {
        CliError::infrastructure("no directory for the machine: none of MUSTER_CACHE, XDG_CACHE_HOME and HOME is set")
    })?;
    let cache = std::path::absolute(&cache).unwrap_or(cache);
    Utf8PathBuf::from_path_buf(cache.join("machines"))
        .map_err(|path| CliError::invalid(format!("the path {} is not UTF-8", path.display())))
}

fn failed(what: &str, path: &Utf8Path) -> impl Fn(std::io::Error) -> CliError {
    let what = format!("cannot {what} {path}");
    move |cause| CliError::infrastructure(format!("{what}: {cause}"))
}

impl MachineDir {
    /// Makes a directory for a machine that begins with that name, and removes those that killed owners
    /// left.
    pub(crate) fn make(name: &str, of: &str) -> Result<Self, CliError> {
        let above = above()?;
        super::session::room(&above)?;
        Self::make_in(&above, name, of)
    }

    fn make_in(above: &Utf8Path, name: &str, of: &str) -> Result<Self, CliError> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(failed("create", above))?;
        sweep(above);
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(above)
            .map_err(failed("create a directory in", above))?;
        let path = Utf8Path::from_path(new.path())
            .ok_or_else(|| CliError::invalid(format!("the path {} is not UTF-8", new.path().display())))?;
        let lock = File::create(path.join(LOCK)).map_err(failed("create a lock in", path))?;
        lock.try_lock().map_err(|cause| failed("lock", path)(cause.into()))?;
        let random = path.file_name().unwrap_or_default().trim_start_matches(".new-").to_lowercase();
        let owner = rustix::process::getpid();
        let state = OwnedMachine {
            // Also the guest's host name, which has 64 characters at most.
            id: format!("{}-{random}", muster_engine::session::safe(name).chars().take(40).collect::<String>()),
            of: of.to_owned(),
            since: muster_engine::sink::now(),
            owner: owner.as_raw_nonzero().get(),
            owner_started: started(owner).unwrap_or_default(),
            user: None,
            console: None,
        };
        write(path, &state)?;
        let dir = above.join(&state.id);
        std::fs::rename(path, &dir).map_err(failed("create", &dir))?;
        // It has another name now; there is nothing left to remove.
        let _ = new.keep();
        Ok(Self { dir, state, _lock: lock })
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// What a person calls the machine.
    pub(crate) fn id(&self) -> &str {
        &self.state.id
    }

    /// Notes that somebody can log in now.
    pub(crate) fn ready(&mut self, user: &str, console: Utf8PathBuf) -> Result<(), CliError> {
        self.state.user = Some(user.to_owned());
        self.state.console = Some(console);
        write(&self.dir, &self.state)
    }
}

impl Drop for MachineDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn write(dir: &Utf8Path, state: &OwnedMachine) -> Result<(), CliError> {
    let json = serde_json::to_vec_pretty(state).map_err(|error| CliError::infrastructure(error.to_string()))?;
    Ok(files::write_atomically(&dir.join(STATE), &json)?)
}

/// A machine whose owner lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its directory.
    pub dir: Utf8PathBuf,
    /// What is known of it.
    pub state: OwnedMachine,
}

/// All machines whose owners live, the oldest first.
pub(crate) fn list() -> Result<Vec<Found>, CliError> {
    Ok(list_in(&above()?))
}

fn list_in(above: &Utf8Path) -> Vec<Found> {
    let mut found: Vec<Found> = dirs(above)
        .into_iter()
        .filter(|dir| is_owned(dir))
        .filter_map(|dir| read(&dir).map(|state| Found { dir, state }))
        .collect();
    found.sort_by(|one, other| (&one.state.since, &one.state.id).cmp(&(&other.state.since, &other.state.id)));
    found
}

/// The machine of that name.
pub(crate) fn find(id: &str) -> Result<Found, CliError> {
    let all = list()?;
    let names: Vec<&str> = all.iter().map(|found| found.state.id.as_str()).collect();
    match all.iter().find(|found| found.state.id == id) {
        Some(found) => Ok(found.clone()),
        None if names.is_empty() => Err(CliError::invalid(format!(
            "no machine is up, so none is called `{}`",
            muster_base::text::one_line(id, 80)
        ))),
        None => Err(super::names::unknown("kept machine", id, names, "")),
    }
}

/// Ends a machine by asking its owner, and waits until the owner has gone: after `patience` it is
/// killed, and the machine with it.
pub(crate) fn end(found: &Found, patience: std::time::Duration) -> Result<(), CliError> {
    let OwnedMachine { id, owner, owner_started, .. } = &found.state;
    let gone = || CliError::infrastructure(format!("the owner of {id} has gone; its machine went with it"));
    let pid = Pid::from_raw(*owner).ok_or_else(gone)?;
    // First a handle, then the question whose it is: from here on the number cannot become another's.
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(|_| gone())?;
    if started(pid) != Some(*owner_started) || !is_owned(&found.dir) {
        return Err(gone());
    }
    let mut wait = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    for (signal, patience) in [(Signal::TERM, patience), (Signal::KILL, std::time::Duration::from_secs(10))] {
        if pidfd_send_signal(&pidfd, signal).is_err() {
            break;
        }
        let limit = rustix::event::Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: 0 };
        if matches!(rustix::event::poll(&mut wait, Some(&limit)), Ok(1..)) {
            break;
        }
    }
    if is_owned(&found.dir) {
        return Err(CliError::infrastructure(format!("{id} could not be ended; its owner is process {owner}")));
    }
    // An owner that was killed left it.
    let _ = std::fs::remove_dir_all(&found.dir);
    Ok(())
}

fn dirs(above: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = above.read_dir_utf8().into_iter().flatten().flatten();
    entries.map(|entry| entry.path().to_owned()).filter(|path| path.join(STATE).is_file()).collect()
}

/// Removes what killed owners left. A directory that is still being made has no state yet, or its lock.
fn sweep(above: &Utf8Path) {
    for dir in dirs(above) {
        if !is_owned(&dir) {
            let _ = std::fs::remove_dir_all(&dir);
        }
    }
}

fn is_owned(dir: &Utf8Path) -> bool {
    match File::open(dir.join(LOCK)) {
        Ok(lock) => matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

fn read(dir: &Utf8Path) -> Option<OwnedMachine> {
    use std::io::Read;
    let mut text = Vec::new();
    File::open(dir.join(STATE)).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    let state: OwnedMachine = serde_json::from_slice(&text).ok()?;
    (Some(state.id.as_str()) == dir.file_name()).then_some(state)
}

/// When a process was started, in clock ticks since the boot of the host.
fn started(pid: Pid) -> Option<u64> {
    let pid = u32::try_from(pid.as_raw_nonzero().get()).ok()?;
    ProcessStat::of(pid).map(|stat| stat.started_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("machines")).unwrap();
        (dir, path)
    }

    #[test]
    fn a_place_is_found_while_its_owner_lives_and_gone_with_it() {
        let (_kept, above) = dir();
        let mut machine_dir = MachineDir::make_in(&above, "my/lab disk", "my disk").unwrap();
        assert!(machine_dir.id().starts_with("lab-disk-"), "{}", machine_dir.id());
        machine_dir.ready("root", "/c/console.log".into()).unwrap();
        let found = list_in(&above);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].state.user.as_deref(), Some("root"));
        assert_eq!(found[0].dir, machine_dir.dir());
        // Another machine does not sweep it away.
        let other = MachineDir::make_in(&above, "lab", "lab").unwrap();
        assert_eq!(list_in(&above).len(), 2);
        drop((machine_dir, other));
        assert_eq!(list_in(&above), Vec::new());
        assert_eq!(std::fs::read_dir(&above).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_owner_left_is_swept() {
        let (_kept, above) = dir();
        let machine_dir = MachineDir::make_in(&above, "lab", "lab").unwrap();
        let left = machine_dir.dir().to_owned();
        // As if the process had been killed: its lock is free and nobody removed the directory.
        let MachineDir { _lock, .. } = &machine_dir;
        _lock.unlock().unwrap();
        assert_eq!(list_in(&above), Vec::new());
        let next = MachineDir::make_in(&above, "lab", "lab").unwrap();
        assert!(!left.exists());
        assert!(next.dir().exists());
    }

    #[test]
    fn nobody_is_signalled_whose_number_was_taken_over() {
        let (_kept, above) = dir();
        let machine_dir = MachineDir::make_in(&above, "lab", "lab").unwrap();
        let mut found = list_in(&above).remove(0);
        // This very process, but said to have been started at another time.
        found.state.owner_started += 1;
        let cli_error = end(&found, std::time::Duration::ZERO).unwrap_err();
        assert!(cli_error.what.contains("has gone"), "{}", cli_error.what);
        assert!(machine_dir.dir().exists());
    }
}
