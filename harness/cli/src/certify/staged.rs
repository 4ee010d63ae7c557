//! The evidence of a certificate, put together next to where the certificate will be: from there on it is read as a
//! verifier reads it.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::earlier;
use crate::error::CliError;
use crate::gate::inputs::Read;
use crate::output::say_error;
use crate::project::{Project, short};
use muster_base::exit::Exit;
use muster_base::files::ensure;
use muster_certificate::evidence::{EVIDENCE, POLICY, PROFILE, run_file, waivers_file};
use muster_record::archive;
use muster_record::layout::FileError;
use muster_record::outstanding::listed;
use muster_report::written;

/// A directory that becomes the certificate, or is gone.
pub(super) struct Staged {
    dir: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Staged {
    /// An empty one next to `out`, which must not exist.
    pub(super) fn new(out: &Utf8Path) -> Result<Self, CliError> {
        if out.symlink_metadata().is_ok() {
            let what = format!("-o {out}: it is there already, and is not overwritten");
            return Err(CliError::invalid(what).hint("name a directory that does not exist"));
        }
        let parent = out.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        let failed = || FileError::because("create a directory in", parent);
        let dir = tempfile::Builder::new().prefix(".muster-").tempdir_in(parent).map_err(failed())?;
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned())
            .map_err(|_| CliError::invalid(format!("-o {out}: its directory's name is no text")))?;
        ensure(&path.join(EVIDENCE))?;
        Ok(Self { dir, path })
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    fn copy(&self, from: &Utf8Path, name: &str) -> Result<(), CliError> {
        let to = self.path.join(name);
        std::fs::copy(from, &to).map_err(FileError::because("copy", from))?;
        Ok(())
    }

    /// The policy and its profile; what is wrong with them is printed with its place.
    pub(super) fn policy(&self, path: &Utf8Path) -> Result<Read, CliError> {
        let read = Read::policy(path)?;
        self.copy(path, POLICY)?;
        if let Some((_, profile)) = &read.profile {
            self.copy(Utf8Path::new(&profile.file), PROFILE)?;
        }
        Ok(read)
    }

    /// The files of waivers, in the order of their names.
    pub(super) fn waivers(&self, read: &mut Read, paths: &[Utf8PathBuf]) -> Result<(), CliError> {
        read.waivers(paths)?;
        let files: BTreeSet<&str> = read.entries.iter().map(|entry| &*entry.waiver.location.file).collect();
        for (at, file) in files.into_iter().enumerate() {
            self.copy(Utf8Path::new(file), &waivers_file(at + 1))?;
        }
        Ok(())
    }

    /// The archive of a run; one that is named twice is there once.
    pub(super) fn run(&self, project: &Project, typed: &str) -> Result<(), CliError> {
        let place = earlier::find(project, "RUN", typed)?;
        // One that is not there was typed wrong; one that cannot be read is no evidence of anything.
        let unreadable = |error: CliError| CliError { exit: Exit::Error, ..error };
        let earlier = earlier::open_at("RUN", place).map_err(unreadable)?;
        let opened = &earlier.opened;
        let name = run_file(&opened.record.id);
        let into = self.path.join(&name);
        if earlier.is_archive() {
            return match into.exists() && same(&earlier.place, &into)? {
                true => Ok(()),
                false if into.exists() => Err(twice(&opened.record.id)),
                false => self.copy(&earlier.place, &name),
            };
        }
        let reports: Vec<&str> = written::registry().iter().map(|report| report.file()).collect();
        let to = if into.exists() { self.path.join(".again.zip") } else { into.clone() };
        let packed = archive::pack(&opened.dir, &opened.record.id, &reports, &to)?;
        if !packed.left_out.is_empty() {
            let what = "links, devices and names that are not safe are not in the certificate";
            say_error(&format!("note: {}: {what}: {}", short(&earlier.place), listed(&packed.left_out)));
        }
        if to != into {
            let same = same(&to, &into)?;
            std::fs::remove_file(&to).map_err(FileError::because("remove", &to))?;
            return if same { Ok(()) } else { Err(twice(&opened.record.id)) };
        }
        Ok(())
    }

    /// It becomes `out`.
    pub(super) fn publish(self, out: &Utf8Path) -> Result<(), CliError> {
        use std::os::unix::fs::PermissionsExt as _;
        let failed = || FileError::because("create the directory", out);
        // A certificate is for others to read.
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o755)).map_err(failed())?;
        if out.symlink_metadata().is_ok() {
            return Err(CliError::invalid(format!("-o {out}: it is there by now, and is not overwritten")));
        }
        std::fs::rename(&self.path, out).map_err(failed())?;
        // It is somewhere else now.
        let _ = self.dir.keep();
        Ok(())
    }
}

fn same(one: &Utf8Path, other: &Utf8Path) -> Result<bool, CliError> {
    let read = |path: &Utf8Path| fs_err::read(path).map_err(|error| CliError::infrastructure(error.to_string()));
    Ok(read(one)? == read(other)?)
}

fn twice(id: &str) -> CliError {
    let id = muster_base::text::one_line(id, 120);
    CliError::infrastructure(format!("two records of the run {id} differ")).hint("name the one that its machine wrote")
}
