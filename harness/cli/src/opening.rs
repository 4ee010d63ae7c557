//! How a run begins: its id, and what it says first of itself.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use muster_base::text::hex;
use muster_engine::sink::{Events, now};
use muster_record::deciding::DecidingFile;
use muster_record::event::Event;
use muster_record::run::{Accelerator, EarlierRun};
use muster_record::shard::ShardRecord;

/// The time of the start, by which ids sort, and a random number: shards of one run begin in the same second, each in a container in
/// which it is the first process.
pub(crate) fn run_id() -> String {
    // Its keys are random.
    let random = RandomState::new().build_hasher().finish() >> 32;
    let now = jiff::Timestamp::now();
    format!("{}-{:03}{random:08x}", now.strftime("%Y%m%dT%H%M%SZ"), now.subsec_millisecond())
}

/// What a run says first of itself.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// Its id.
    pub(crate) id: String,
    /// The command line, without the program's path.
    pub(crate) arguments: Vec<String>,
    /// The runs that it goes on with.
    pub(crate) earlier: Vec<EarlierRun>,
    /// Which part of a run it is.
    pub(crate) shard: Option<ShardRecord>,
    /// Files that decide on its results.
    pub(crate) files: Vec<DecidingFile>,
}

impl Opening {
    /// Of a run that goes on with no other, as this process was started.
    pub(crate) fn of_process(id: &str) -> Self {
        Self { id: id.to_owned(), arguments: std::env::args().skip(1).collect(), ..Self::default() }
    }
}

/// SHA-256 of the file of this program: the one that runs, also when another has its name by now.
fn binary() -> Option<String> {
    let (_, digest) = std::fs::File::open("/proc/self/exe").and_then(muster_base::files::sha256).ok()?;
    Some(hex(digest))
}

/// The first events of a run.
pub(crate) fn announce(events: &Events, opening: Opening, accelerator: Accelerator, notices: &[String]) {
    let Opening { id, arguments, earlier, shard, files } = opening;
    events.emit(Event::RunStarted {
        id,
        muster: env!("MUSTER_VERSION").to_owned(),
        binary: binary(),
        at: now(),
        arguments,
        earlier,
        shard,
        files,
    });
    for notice in notices {
        events.notice(notice.clone());
    }
    events.emit(Event::AcceleratorChosen { accelerator });
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_digest_is_that_of_the_program_that_runs() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(binary(), Some(hex(Sha256::digest(file))));
    }
}
