//! What signals do to a command that waits for something which never comes.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use muster_guest::loopback::Sshd;

use crate::support::{Place, connection, eventually, signal};

/// Whether Ctrl-C does not just end this process.
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The bit of a signal is its number less one, and SIGINT is 2.
    caught.is_some_and(|mask| mask & 0b10 != 0)
}

#[test]
fn a_run_whose_output_nobody_reads_ends_at_a_second_signal() {
    let (sshd, place) = (Sshd::start().unwrap(), Place::new());
    let suite = "schema: suite/v1\nsuite: waits\ntests:\n- {id: long, expect: {command: {'sleep 600': {exit: 0}}}}\n";
    let file = place.write("waits.yaml", suite);
    let mut words = vec!["run", "--suites", file.to_str().unwrap()];
    let connection = connection(&sshd);
    words.extend(connection.iter().map(String::as_str));
    // Somebody has it open, and does not read, and there is no room left in it.
    let (unread, mut pipe) = std::io::pipe().unwrap();
    let room = rustix::pipe::fcntl_setpipe_size(&pipe, 4096).unwrap();
    pipe.write_all(&vec![b'.'; room]).unwrap();
    let mut child = place.command(&words).stdout(Stdio::from(pipe)).stderr(Stdio::null()).spawn().unwrap();
    assert!(eventually(Duration::from_secs(60), || catches_interrupts(child.id())), "it waits for signals");
    signal(&child, "INT");
    // The second is one that comes a second later or more.
    let mut ended = None;
    eventually(Duration::from_secs(30), || {
        ended = child.try_wait().unwrap();
        if ended.is_none() {
            signal(&child, "INT");
        }
        ended.is_some()
    });
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    drop(unread);
    assert_eq!(ended.and_then(|status| status.code()), Some(3), "{ended:?}");
}
