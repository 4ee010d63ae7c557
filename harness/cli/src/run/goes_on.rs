//! What a run goes on with: an earlier one, or the attempts before it.

use std::ffi::OsString;

use super::options::Arguments;
use crate::again::{Again, Mode};
use crate::attempts::{self, Attempts, Standing};
use crate::earlier;
use crate::error::CliError;
use crate::load;
use crate::over::Over;
use crate::project::Project;
use crate::shard::{self, Chosen};
use crate::suite_files::SentSuites;
use muster_record::open::Opened;

/// The run that `--failed`, `--rerun` or `--resume` names, which becomes part of the selection of the run with this id.
pub(super) fn gone_on_with(arguments: &mut Arguments, id: &str) -> Result<Option<Opened>, CliError> {
    let named = [(Mode::Failed, &arguments.failed), (Mode::Rerun, &arguments.rerun), (Mode::Resume, &arguments.resume)];
    let Some((mode, run)) = named.into_iter().find_map(|(mode, run)| Some((mode, run.as_deref()?))) else {
        return Ok(None);
    };
    let project = Project::find()?;
    let earlier = earlier::open_ended(&project, mode.option(), run)?.with_results(&project, mode.option())?;
    let again = Again::new(mode, &earlier, !arguments.focus.is_empty())?;
    let to = arguments.out.clone().unwrap_or_else(|| project.runs().join(id));
    let named = load::named(&arguments.selection.suites)?;
    arguments.selection.sent = SentSuites::wanted(&earlier, &again, &named, &to)?.map(Box::new);
    arguments.selection.again = Some(Box::new(again));
    Ok(Some(earlier.opened))
}

/// Makes it the next attempt of these: what the ones before have shown becomes part of the selection. The verdict, where
/// they have come to one.
pub(super) fn next_attempt(
    arguments: &mut Arguments,
    attempts: &Attempts,
    words: &[OsString],
) -> Result<Option<Over>, CliError> {
    let words = settled(words, arguments.selection.shard.as_deref());
    let over = match attempts.standing()? {
        Standing::New => None,
        Standing::Over { earlier, exit } => {
            attempts::same_words(&earlier, &words)?;
            Some(Over { earlier, exit })
        }
        Standing::Open(earlier) => {
            attempts::same_words(&earlier, &words)?;
            let focused = !arguments.focus.is_empty();
            arguments.selection.again = Some(Box::new(Again::new(Mode::Attempt, &earlier, focused)?));
            None
        }
    };
    arguments.out = Some(attempts.next());
    Ok(over)
}

/// The words of a command line as a record has them: without the program, and with the number of the shard.
pub(super) fn settled(words: &[OsString], chosen: Option<&Chosen>) -> Vec<String> {
    let words = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    shard::settled(words.collect(), chosen)
}
