//! The files that a run reads before it boots anything, in addition to suites and images. One table of them, for the run itself and for
//! whoever has it done elsewhere.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::options::Arguments;
use crate::console;
use crate::deciding;
use crate::error::CliError;
use crate::text_file;
use muster_console::rules::Rules;
use muster_engine::run_baseline::RunBaseline;
use muster_record::deciding::{BOOT_BASELINE, CONSOLE_RULES, DecidingFile};

/// Files that decide on results.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) console_rules: Vec<Utf8PathBuf>,
    pub(crate) known_issues: Vec<Utf8PathBuf>,
    /// One at most.
    pub(crate) boot_baseline: Vec<Utf8PathBuf>,
    pub(crate) products: Vec<Utf8PathBuf>,
}

impl Files {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        Self {
            console_rules: arguments.console_rules.clone(),
            known_issues: arguments.known_issues.clone(),
            boot_baseline: arguments.boot_baseline.iter().cloned().collect(),
            products: arguments.products.clone(),
        }
    }

    /// Each kind with its option, in the order in which they are typed again.
    fn kinds(&mut self) -> [(&'static str, &mut Vec<Utf8PathBuf>); 4] {
        let Self { console_rules, known_issues, boot_baseline, products } = self;
        [
            ("--console-rules", console_rules),
            ("--known-issues", known_issues),
            ("--boot-baseline", boot_baseline),
            ("--product", products),
        ]
    }

    /// All of them, each with its option.
    pub(super) fn each(mut self) -> Vec<(&'static str, Utf8PathBuf)> {
        let kinds = self.kinds().into_iter();
        kinds.flat_map(|(option, files)| files.drain(..).map(move |file| (option, file)).collect::<Vec<_>>()).collect()
    }

    /// Only those of which this is true.
    pub(crate) fn only(
        mut self,
        mut keep: impl FnMut(&'static str, &Utf8Path) -> Result<bool, CliError>,
    ) -> Result<Self, CliError> {
        for (option, files) in self.kinds() {
            let mut kept = Vec::new();
            for file in files.drain(..) {
                if keep(option, &file)? {
                    kept.push(file);
                }
            }
            *files = kept;
        }
        Ok(self)
    }

    /// The rules for consoles, those that ship among them, and the boots of before; with the images of the run.
    pub(crate) fn rules_and_boots<'i>(
        &self,
        images: impl Iterator<Item = &'i str> + Clone,
    ) -> Result<(Arc<Rules>, Option<RunBaseline>), CliError> {
        Ok((self.rules()?, self.boots(images)?))
    }

    /// The rules for consoles, those that ship among them.
    pub(crate) fn rules(&self) -> Result<Arc<Rules>, CliError> {
        console::rules(&self.console_rules)
    }

    /// The boots of before, with the images of the run.
    pub(crate) fn boots<'i>(
        &self,
        images: impl Iterator<Item = &'i str> + Clone,
    ) -> Result<Option<RunBaseline>, CliError> {
        self.boot_baseline.first().map(|path| boot_baseline(path, images)).transpose()
    }

    /// Those that decide on results, with their digests. Known issues are not among them: those of the run stand in these files and
    /// next to suites. Nor are products, which the record has of each image.
    pub(crate) fn deciding(&self) -> Result<Vec<DecidingFile>, CliError> {
        let rules = deciding::read(CONSOLE_RULES, self.console_rules.iter().map(Utf8PathBuf::as_path))?;
        let boots = deciding::read(BOOT_BASELINE, self.boot_baseline.iter().map(Utf8PathBuf::as_path))?;
        Ok([rules, boots].concat())
    }
}

/// The boots that the run is given, read before anything boots. A file in which none of the images is would skip every test that is
/// meant to compare with it.
fn boot_baseline<'i>(path: &Utf8Path, images: impl Iterator<Item = &'i str> + Clone) -> Result<RunBaseline, CliError> {
    let text = text_file::read(path)?;
    let baseline = RunBaseline::new(path.to_string(), text).map_err(|error| CliError::about(path.as_str(), error))?;
    if !images.clone().any(|image| baseline.has(image)) {
        let images: Vec<&str> = images.collect();
        let what = format!("--boot-baseline {path}: it has no later boots of {}", images.join(" or of "));
        let first = images.first().copied().unwrap_or("IMAGE");
        let hint = format!("measure them: muster boot-time {first} --later --write-baseline {path}");
        return Err(CliError::invalid(what).hint(hint));
    }
    Ok(baseline)
}
