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
use muster_gate::unmatched::unmatched;
use muster_suite::diagnostic::{Diagnostic, Diagnostics, codes};
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
        let policy = policies.pop();
        let profile = match &policy {
            Some(policy) if problems.is_empty() => against_profile(policy, &mut problems)?,
            _ => None,
        };
        problems.settle();
        load::valid(((), problems))?;
        let Some(policy) = policy else {
            return Err(CliError::invalid(format!("--policy {path} is no policy")).hint("name the file of one policy"));
        };
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
        // The file that was read: of a run that was killed the events, also where a run.json is there.
        let file = opened.dir.root().join(opened.file);
        let sha256 = opened.reference(&place).map_err(|error| unreadable(error.into()))?.sha256;
        let mut file = NamedFile { file: short(&file).to_string(), sha256 };
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

/// The profile that a policy names. What does not fit between the two is a problem of the policy, at its place; that it is not there is
/// one too.
///
/// # Errors
/// The file is there, and is no profile.
pub(crate) fn against_profile(
    policy: &Policy,
    problems: &mut Diagnostics,
) -> Result<Option<(Profile, NamedFile)>, CliError> {
    let file = Utf8Path::new(&*policy.location.file);
    let profile = match &policy.profile {
        None => None,
        Some(wanted) => match profile_file(file, wanted) {
            Ok(path) => {
                let text = text_file::read(&path)?;
                Some((Profile::parse(path.as_str(), &text)?, named(&path, &text)))
            }
            Err(NoProfile { suggested }) => {
                let message = format!("the profile {} is not there", one_line(wanted, 120));
                let problem = Diagnostic::new(codes::BAD_VALUE, &policy.location.file, policy.profile_span, message);
                problems.push(problem.help(format!("`muster profile lock -o {suggested}` writes one")));
                return Ok(None);
            }
        },
    };
    let found = unmatched(policy, profile.as_ref().map(|(profile, _)| profile));
    found.iter().for_each(|found| problems.push(found.diagnostic()));
    Ok(profile)
}

/// There is no file of a profile.
#[derive(Debug)]
struct NoProfile {
    /// Where there could be one.
    suggested: Utf8PathBuf,
}

/// The profile that a policy names: a file, relative to the policy's directory, or the id of one that lies there.
fn profile_file(policy: &Utf8Path, wanted: &str) -> Result<Utf8PathBuf, NoProfile> {
    let dir = policy.parent().unwrap_or(Utf8Path::new(""));
    let [file, suggested] = [dir.join(wanted), dir.join(format!("{wanted}{ENDING}"))];
    match (file.is_file(), suggested.is_file()) {
        (true, _) => Ok(file),
        (false, true) => Ok(suggested),
        (false, false) => Err(NoProfile { suggested }),
    }
}
