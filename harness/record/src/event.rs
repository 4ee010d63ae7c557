//! The only way the engine speaks: one stream of events, from which the journal, the terminal and
//! every report are made.

use serde::{Deserialize, Serialize};

use crate::boot::BootRecord;
use crate::deciding::DecidingFile;
use crate::facts::Facts;
use crate::finding::OnMachine;
use crate::run::{
    Accelerator, EarlierRun, ImageRecord, KernelRecord, MachineRecord, ProductRecord, SuiteRecord, TestRecord,
};
use crate::shard::ShardRecord;
use muster_base::failure::Failure;

/// Something that happened. Serialised, one a line, it is `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Event {
    /// The first event of every run.
    RunStarted {
        /// Unique id, also the name of the run directory.
        id: String,
        /// Version of muster.
        muster: String,
        /// SHA-256 of the program's file, hex; absent where it could not be read, and in journals of earlier versions.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        binary: Option<String>,
        /// RFC 3339, UTC.
        at: String,
        /// The command line, without the program's path.
        arguments: Vec<String>,
        /// The runs that this one goes on with, oldest first.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        earlier: Vec<EarlierRun>,
        /// Which of how many shards it is; absent for a whole run.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        shard: Option<ShardRecord>,
        /// Files that decide on its results and are no suite, no image and no product; absent where there is none, and in journals of
        /// earlier versions.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        files: Vec<DecidingFile>,
    },
    /// What will be run: known before anything is started. Tests are in plan order, each as it
    /// would stand in the record if the run ended now (outcome error, `run.interrupted`).
    Planned {
        /// By name.
        suites: std::collections::BTreeMap<String, SuiteRecord>,
        /// One per test and image.
        tests: Vec<TestRecord>,
        /// Results of earlier runs that this one keeps. They stand here too, and not only in events of their own, so that a
        /// run which is killed never has a plan without them.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        kept: Vec<TestRecord>,
    },
    /// Something a reader should know once.
    Notice {
        /// One sentence.
        text: String,
    },
    /// The accelerator was chosen.
    AcceleratorChosen {
        /// Which and why.
        accelerator: Accelerator,
    },
    /// An image was found, inspected and hashed.
    ImageReady {
        /// Image id.
        image: String,
        /// What is known of it.
        record: Box<ImageRecord>,
    },
    /// A machine is being started.
    MachineStarting {
        /// Machine id.
        machine: String,
        /// Image id.
        image: String,
        /// The machine whose frozen state it begins with; absent when it is booted.
        #[serde(rename = "forked-from", skip_serializing_if = "Option::is_none", default)]
        cloned_from: Option<String>,
        /// How long it may take.
        deadline_seconds: f64,
        /// RFC 3339, UTC; absent in journals of earlier versions.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        at: Option<String>,
    },
    /// The newest line on the console of a machine that boots. At most one a second, and none that is like the one
    /// before it.
    Booting {
        /// Machine id.
        machine: String,
        /// The line, escaped, of at most 200 characters.
        line: String,
    },
    /// The guest answers SSH and refuses the key; the login goes on. Said at the third refusal, and each time their
    /// number has doubled since.
    LoginRefused {
        /// Machine id.
        machine: String,
        /// Who tries to log in.
        user: String,
        /// How often, in this life of the machine.
        times: u32,
    },
    /// A machine answers and its boot has settled.
    MachineReady {
        /// Machine id.
        machine: String,
        /// Seconds from QEMU start to the first answer.
        boot_seconds: f64,
        /// What its boot was made of, as far as it was seen; absent for a clone.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        boot: Option<BootRecord>,
        /// What the guest is; absent for a clone, which is what its template was.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        facts: Option<Box<Facts>>,
    },
    /// Products of `--product` were installed in a machine, and the guest's package database has them.
    ProductsInstalled {
        /// Machine id.
        machine: String,
        /// In the order in which they were named.
        products: Vec<ProductRecord>,
    },
    /// A kernel that a matrix names was installed in a machine, and the machine was rebooted into it.
    KernelBooted {
        /// Machine id.
        machine: String,
        /// Which kernel.
        kernel: KernelRecord,
    },
    /// A console rule found something.
    ConsoleFinding(OnMachine),
    /// Something went wrong with the machines of an image outside its tests. The image's own test has it at its end; it is here at
    /// once, for whoever goes on with a run that is killed before.
    MachineFailure {
        /// Image id.
        image: String,
        /// What went wrong.
        failure: Failure,
    },
    /// A machine has ended.
    MachineEnded {
        /// What is known of it at its end.
        record: MachineRecord,
    },
    /// A test begins.
    TestStarted {
        /// Suite name.
        suite: String,
        /// Test id.
        test: String,
        /// Image id.
        image: String,
        /// Machine id.
        machine: String,
    },
    /// A test ended, was skipped, or could not run.
    TestFinished {
        /// Everything about it.
        record: Box<TestRecord>,
    },
    /// The last event of a run that was not killed.
    RunFinished {
        /// RFC 3339, UTC.
        at: String,
        /// True after Ctrl-C or SIGTERM.
        interrupted: bool,
        /// The exit code of the command.
        exit_code: u8,
    },
}
