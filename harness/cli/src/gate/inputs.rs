//! The files of a decision, read.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::earlier::{self, Earlier};
use crate::error::CliError;
use crate::event_loop::runtime;
use crate::load;
use crate::project::{Project, short};
use crate::text_file;
use muster_base::exit::Exit;
use muster_base::text::{hex, one_line};
use muster_gate::inputs::{GateInputs, NamedFile, RunInput};
use muster_gate::profile::{ENDING, Profile};
use muster_suite::diagnostic::Diagnostics;
use muster_suite::policy::{self, Policy};
use muster_suite::waivers::{self, Waiver, WaiverEntry};

/// What was read.
pub(crate) struct Read {
    pub(crate) policy: Policy,
    pub(crate) policy_file: NamedFile,
    pub(crate) profile: Option<(Profile, NamedFile)>,
    /// The waivers, each with its places.
    pub(crate) entries: Vec<WaiverEntry>,
    waivers: Vec<Waiver>,
    /// Their texts, in which refused ones are shown.
    pub(super) sources: Diagnostics,
    image: Option<String>,
    runs: Vec<RunInput>,
}

impl Read {
    /// The policy, and the profile that it names.
    pub(crate) fn policy(path: &Utf8Path) -> Result<Self, CliError> {
        let mut problems = Diagnostics::new();
        let mut policies = match path.is_dir() {
            true => Vec::new(),
            false => policy::load(&[path.to_owned()], &load::vocabulary(), &mut problems),
        };
        problems.settle();
        load::valid(((), problems))?;
        let Some(policy) = policies.pop() else {
            return Err(CliError::invalid(format!("--policy {path} is no policy")).hint("name the file of one policy"));
        };
        let profile = policy.profile.as_ref().map(|named| profile(path, named)).transpose()?;
        Ok(Self {
            policy,
            policy_file: named(path, &text_file::read(path)?),
            profile,
            entries: Vec::new(),
            waivers: Vec::new(),
            sources: Diagnostics::new(),
            image: None,
            runs: Vec::new(),
        })
    }

    pub(crate) fn waivers(&mut self, paths: &[Utf8PathBuf]) -> Result<(), CliError> {
        if paths.is_empty() {
            return Ok(());
        }
        let mut sources = Diagnostics::new();
        self.entries = waivers::load(paths, &load::vocabulary(), &mut sources);
        if !sources.is_empty() {
            sources.settle();
            return load::valid(((), sources));
        }
        self.sources = sources;
        self.waivers = self.entries.iter().map(|entry| entry.waiver.clone()).collect();
        Ok(())
    }

    /// The digest of the image that is to ship.
    pub(super) fn image(&mut self, file: Option<&Utf8Path>) -> Result<(), CliError> {
        let Some(file) = file else { return Ok(()) };
        if !file.is_file() {
            return Err(CliError::invalid(format!("--image {file}: there is no such file"))
                .hint("name the file of the image, which is compared with the one that was tested"));
        }
        self.image = Some(runtime()?.block_on(muster_image::sha256(file.as_std_path()))?);
        Ok(())
    }

    /// A run. One that is not there was typed wrong; one that cannot be read is no evidence of anything.
    pub(super) fn run(&mut self, project: &Project, typed: &str) -> Result<(), CliError> {
        let place = earlier::find(project, "RUN", typed)?;
        let unreadable = |error: CliError| CliError { exit: Exit::Error, ..error };
        let Earlier { opened, place } = earlier::open_at("RUN", place).map_err(unreadable)?;
        let whole = opened.dir.run_json();
        let file = if whole.is_file() { whole } else { opened.dir.events() };
        let mut file = named(&file, &text_file::read(&file).map_err(unreadable)?);
        if let (Some(_), Some((_, name))) = (&opened.unpacked, file.file.rsplit_once('/')) {
            file.file = format!("{}: {name}", short(&place));
        }
        self.runs.push(RunInput { file, record: opened.record });
        Ok(())
    }

    pub(super) fn inputs(&self, at: Timestamp) -> GateInputs<'_> {
        GateInputs {
            policy: &self.policy,
            policy_file: &self.policy_file,
            profile: self.profile.as_ref().map(|(profile, file)| (profile, file)),
            waivers: &self.waivers,
            runs: &self.runs,
            image: self.image.as_deref(),
            at,
        }
    }
}

fn named(path: &Utf8Path, text: &str) -> NamedFile {
    NamedFile { file: short(path).to_string(), sha256: hex(Sha256::digest(text)) }
}

fn profile(policy: &Utf8Path, wanted: &str) -> Result<(Profile, NamedFile), CliError> {
    let path = profile_file(policy, wanted)?;
    let text = text_file::read(&path)?;
    let profile = Profile::parse(path.as_str(), &text)?;
    Ok((profile, named(&path, &text)))
}

/// The profile that a policy names: a file, relative to the policy's directory, or the id of one that lies there.
pub(crate) fn profile_file(policy: &Utf8Path, wanted: &str) -> Result<Utf8PathBuf, CliError> {
    let dir = policy.parent().unwrap_or(Utf8Path::new(""));
    let candidates = [dir.join(wanted), dir.join(format!("{wanted}{ENDING}"))];
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let what = format!("{policy}: the profile {} is not there", one_line(wanted, 120));
        CliError::invalid(what).hint(format!("`muster profile lock -o {}` writes one", candidates[1]))
    })
}
