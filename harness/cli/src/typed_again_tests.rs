//! The command lines that reports offer to copy: what a shell makes of them is what clap takes, and it means what the run meant.

use std::collections::BTreeMap;
use std::process::Command as Process;

use camino::Utf8PathBuf;
use clap::Parser as _;

use super::session::{ImageOptions, MachineOptions, enter_command, rerun_options};
use super::{Arguments, Command};
use crate::load::Selection;
use muster_engine::rerun::Rerun;
use muster_record::fold::Recorder;
use muster_record::layout::RunDir;
use muster_record::sample;
use muster_report::triage;

/// Typed with everything that a shell would take apart.
const ODD: &str = "it's a \"$HOME\" `x`; rm -r *.qcow2";

/// The words that a shell makes of a command line.
fn words(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\0' {line}");
    let output = Process::new("sh").args(["-c", &script]).output().expect("a shell");
    assert!(output.status.success(), "{line}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split_terminator('\0').map(str::to_owned).collect()
}

fn parsed(line: &str) -> Command {
    match Arguments::try_parse_from(words(line)) {
        Ok(arguments) => arguments.command,
        Err(error) => panic!("{line}\n{error}"),
    }
}

/// Every option of a machine, as a person types it.
fn typed() -> Vec<String> {
    let options = [
        "--image-format",
        "raw",
        "--firmware",
        "uefi-secure",
        "--arch",
        "aarch64",
        "--tpm=false",
        "--kernel",
        ODD,
        "--initrd",
        "i",
        "--cmdline",
        "root=/dev/vda rw 'x'",
        "--seed",
        "none",
        "--user",
        "core",
        "--guest-memory",
        "2GiB",
        "--cpus",
        "3",
        "--bus",
        "nvme",
        "--extra-disk",
        "1GiB",
        "--extra-disk",
        "64MiB",
        "--nics",
        "2",
        "--boot-timeout",
        "90s",
        "--accel",
        "tcg",
    ];
    let fixed = ["muster", "boot", "--image", ODD];
    fixed.into_iter().chain(options).map(str::to_owned).collect()
}

fn options(command: &Command) -> (&[String], String) {
    let ImageOptions { image, machine } = match command {
        Command::Boot(boot) => boot.images(),
        Command::Run(run) => run.images(),
        other => panic!("{other:?}"),
    };
    // All of them, since none is left out of the text.
    (image, format!("{machine:?}"))
}

#[test]
fn a_machine_is_entered_with_every_option_of_the_run() {
    let Ok(Arguments { command, .. }) = Arguments::try_parse_from(typed()) else { panic!("{:?}", typed()) };
    let Command::Boot(boot) = &command else { panic!("{command:?}") };
    let machine: &MachineOptions = &boot.images().machine;
    let again = parsed(&enter_command(ODD, machine));
    assert_eq!(options(&again), options(&command));
    let plain = parsed(&enter_command("lab", &MachineOptions::default()));
    assert_eq!(options(&plain).0, ["lab"]);
}

#[test]
fn a_test_is_run_again_with_every_option_of_the_run() {
    let Ok(Arguments { command, .. }) = Arguments::try_parse_from(typed()) else { panic!("{:?}", typed()) };
    let Command::Boot(boot) = &command else { panic!("{command:?}") };
    let selection = Selection { suites: vec![Utf8PathBuf::from(ODD), "b".into()], ..Selection::default() };
    let images = BTreeMap::from([("id".to_owned(), ODD.to_owned())]);
    let rerun = Rerun { options: rerun_options(&selection, &boot.images().machine), images, ..Rerun::default() };
    let again = parsed(&rerun.command("security", "ssh.2", "id"));
    assert_eq!(options(&again), options(&command));
    let Command::Run(run) = &again else { panic!("{again:?}") };
    assert_eq!(run.selection().suites, selection.suites);
    assert_eq!(run.selection().test, ["security/ssh.2"]);
}

#[test]
fn a_capsule_is_entered_by_its_path() {
    let mut record = Recorder::fold(&sample::events());
    record.tests[1].capsule = Some(ODD.into());
    let temporary = tempfile::tempdir().expect("a directory");
    let root = Utf8PathBuf::from_path_buf(temporary.path().join("run")).expect("UTF-8");
    let dir = RunDir::create(&root).expect("a run's directory");
    let packet = triage::packet(&record, &dir, &record.tests[1], None);
    let resumed = packet.reproduce.iter().map(|line| parsed(line)).find_map(|command| match command {
        Command::Resume(resume) => Some(resume.capsule().to_owned()),
        _ => None,
    });
    assert_eq!(resumed.as_deref(), Some(camino::Utf8Path::new(ODD)));
}
