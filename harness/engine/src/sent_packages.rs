//! Package files of this host that are sent to the guest, installed there in one transaction, and removed again.

use camino::Utf8Path;

use super::clock::Clock;
use super::driver::Live;
use super::installed::{Installed, installed};
use super::one_reply::one_ended;
use super::steps;
use super::transfer::{self, TransferError};
use muster_base::failure::{self, Failure, FailureId, Location};
use muster_base::text;
use muster_guest::Request;
use muster_record::run::ProductRecord;
use muster_suite::model::{Action, Step};

/// A file of this host that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackageFile<'f> {
    /// The file, which is an RPM.
    pub(super) file: &'f Utf8Path,
    /// SHA-256 when the run began, hex.
    pub(super) sha256: &'f str,
}

/// What they are, in messages and in the guest.
pub(super) struct PackageRole {
    /// `the product`.
    pub(super) what: &'static str,
    /// What names them on this host: `--product`.
    pub(super) named_by: &'static str,
    /// The directory in the guest in which they lie meanwhile.
    pub(super) dir: &'static str,
    /// They did not install.
    pub(super) not_installed: FailureId,
    /// They did not get into the guest as they were when the run began.
    pub(super) unsent: FailureId,
}

/// Package files in the guest.
pub(super) struct SentPackages<'f> {
    role: &'static PackageRole,
    files: Vec<PackageFile<'f>>,
    /// In the guest, in the same order.
    paths: Vec<String>,
}

impl<'f> SentPackages<'f> {
    /// Sends them.
    pub(super) async fn send<L: Live>(
        live: &L,
        role: &'static PackageRole,
        files: Vec<PackageFile<'f>>,
        clock: &Clock,
    ) -> Result<Self, Failure> {
        let dirs: Vec<String> = (0..files.len()).map(|number| format!("{}/{number}", role.dir)).collect();
        // Two files may have one name; dnf wants the ending.
        let path = |(dir, file): (&String, &PackageFile<'_>)| {
            format!("{dir}/{}", unquoted(file.file.file_name().unwrap_or_default()))
        };
        let paths = dirs.iter().zip(&files).map(path).collect();
        let sent = Self { role, files, paths };
        sent.say(live, format!("umask 077 && mkdir -p {}", dirs.join(" ")), "make a directory for", clock).await?;
        for (file, path) in sent.files.iter().zip(&sent.paths) {
            send_one(live, role, file, path, clock).await?;
        }
        Ok(sent)
    }

    /// In the guest, in the order of the files. No path needs quoting.
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Installs them in one transaction, with what they need from the guest's own repositories. What is installed afterwards
    /// must be these very files.
    pub(super) async fn install<L: Live>(&self, live: &L, clock: &Clock) -> Result<Vec<ProductRecord>, Failure> {
        let location = Location { file: self.role.named_by.into(), line: 1, column: 1 };
        let action = Action::Install { packages: self.paths.clone(), refuse_scriptlet_errors: true };
        let step = Step { action, timeout: None, on: None, location };
        steps::run(live, &step, clock, Utf8Path::new("")).await.map_err(|broken| self.about(broken))?;
        let found = installed(live, &self.paths, self.role.what, clock.left()).await?;
        let record = |(file, found): (&PackageFile<'_>, Installed)| match found {
            Installed::Same(package) => {
                Ok(ProductRecord { file: file.file.to_string(), sha256: file.sha256.to_owned(), package })
            }
            Installed::Other(shown) => {
                let what = format!("{}: what is installed is not this file: {shown}", file.file);
                Err(Failure::new(self.role.not_installed.clone(), what))
            }
        };
        self.files.iter().zip(found).map(record).collect()
    }

    /// Removes them from the guest, where they are installed now.
    pub(super) async fn remove<L: Live>(self, live: &L, clock: &Clock) -> Result<(), Failure> {
        self.say(live, format!("rm -rf {}", self.role.dir), "remove the file of", clock).await
    }

    /// An installation that did not do what it must, with the names that the files have on this host.
    fn about(&self, broken: steps::Broken) -> Failure {
        let steps::Broken { failure, machine_lost, .. } = broken;
        if machine_lost || failure.id != failure::STEP_INSTALL {
            return Failure { location: None, ..failure };
        }
        let names: Vec<&str> = self.files.iter().map(|file| file.file.as_str()).collect();
        let message = format!("{} did not install: {}", names.join(", "), failure.message);
        Failure { id: self.role.not_installed.clone(), message, location: None, ..failure }
    }

    /// Runs a command line that must end well.
    async fn say<L: Live>(&self, live: &L, script: String, doing: &str, clock: &Clock) -> Result<(), Failure> {
        let what = self.role.what;
        let request = Request { script, timeout: clock.left(), limit: 64 << 10 };
        let reply = one_ended(live, request, what).await?;
        if reply.status == 0 {
            return Ok(());
        }
        let said = text::last_words(&text::escape_bytes(&reply.stderr), 160);
        let message = format!("cannot {doing} {what}: status {}: {said}", reply.status);
        Err(Failure::new(failure::PROBE_FAILED, message))
    }
}

async fn send_one<L: Live>(
    live: &L,
    role: &PackageRole,
    file: &PackageFile<'_>,
    path: &str,
    clock: &Clock,
) -> Result<(), Failure> {
    let unsent = |why: String| Failure::new(role.unsent.clone(), format!("{}: {why}", file.file));
    let mut content = fs_err::File::open(file.file).map_err(|error| unsent(error.to_string()))?;
    match transfer::send_from(live, &mut content, path, 0o600, clock.left()).await {
        Ok(sent) if sent.sha256 == file.sha256 => Ok(()),
        Ok(_) => Err(unsent("the file has changed since the run began".to_owned())),
        Err(TransferError::Lost(failure)) => Err(failure),
        Err(why) => Err(unsent(why.to_string())),
    }
}

/// A file name in a guest that needs no quoting, of at most 121 bytes; it keeps its ending.
pub fn unquoted(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.+~".contains(c) { c } else { '_' };
    let name: String = name.chars().map(safe).collect();
    format!("p{}", &name[name.len().saturating_sub(120)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_guest_keeps_the_ending_and_needs_no_quoting() {
        assert_eq!(unquoted("my app'; rm.rpm"), "pmy_app___rm.rpm");
        assert_eq!(unquoted(&format!("{}é.rpm", "x".repeat(300))).len(), 121);
        assert_eq!(unquoted(""), "p");
    }
}
