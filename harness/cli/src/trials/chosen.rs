//! Which tests there are, and on which image: by variables, because libtest's interface has no options of ours.

use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::error::CliError;
use crate::load::{self, Selection};
use crate::output::OutputFormat;
use crate::session::{self, ImageOptions, Prepared};
use crate::settings;
use muster_engine::plan::{self, Plan};
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE};

/// What the variables of the process say.
pub(super) struct Chosen {
    selection: Selection,
    image: String,
    /// Whether machines begin from a template that is saved in the cache, as with `muster run --warm`.
    pub(super) warm: bool,
}

impl Chosen {
    /// By `MUSTER_IMAGE`, `MUSTER_SUITES` and `MUSTER_WARM`.
    ///
    /// Of a process that runs one test, named exactly, the rest of the suites is no part: its reports are about that test. A name
    /// that no test has is an error then, where libtest would run nothing and pass.
    pub(super) fn of_process(libtest: &libtest_mimic::Arguments) -> Result<Self, CliError> {
        let one = libtest.exact && libtest.skip.is_empty();
        let test = libtest.filter.iter().filter(|_| one).cloned().collect();
        let suites = std::env::var("MUSTER_SUITES").ok().map(Utf8PathBuf::from);
        Ok(Self {
            selection: Selection { suites: suites.into_iter().collect(), test, ..Selection::default() },
            image: std::env::var("MUSTER_IMAGE").unwrap_or_else(|_| "lab".to_owned()),
            warm: settings::is_on("MUSTER_WARM")
                .map_err(|why| CliError::invalid(format!("the variable MUSTER_WARM: {why}")))?,
        })
    }

    /// The names of all tests, in the order in which they run. Neither an image nor QEMU is needed to know them.
    pub(super) fn names(&self) -> Result<Vec<String>, CliError> {
        let loaded = load::suites(&self.selection, OutputFormat::Text)?;
        let selected = load::select(&loaded, &self.selection)?;
        let suites: Vec<Arc<_>> = loaded.suites.into_iter().map(Arc::new).collect();
        Ok(names(&plan::plan(&suites, &selected.tests, Vec::new())))
    }

    /// All that a run needs; an error when this host or the image lacks some of it.
    pub(super) fn prepare(&self) -> Result<Prepared, CliError> {
        let images = ImageOptions { image: vec![self.image.clone()], ..ImageOptions::default() };
        session::prepare(&self.selection, &images, &[], None, Vec::new())
    }
}

/// The names of a plan's tests, `suite/test`, in the order in which they run.
pub(super) fn names(plan: &Plan) -> Vec<String> {
    let tests = plan.groups.iter().flat_map(|group| &group.tests);
    let named = tests.map(|planned| format!("{}/{}", planned.suite.name, planned.test().id));
    // Last, because it also speaks of how the machines ended.
    named.chain([format!("{MACHINE_SUITE}/{HEALTH_TEST}")]).collect()
}
