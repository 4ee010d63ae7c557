//! Machines that a run waits for: started, without an answer, and not ended.

use crate::run::MachineRecord;
use muster_base::text::one_line;

/// Machines that a sentence names at most.
const NAMED: usize = 3;

/// Machines of an image that were started, have not answered and have not ended.
pub fn awaited<'r>(machines: &'r [MachineRecord], image: &'r str) -> impl Iterator<Item = &'r MachineRecord> {
    let open = |machine: &MachineRecord| machine.boot_seconds.is_none() && machine.end.is_none();
    machines.iter().filter(move |machine| machine.image == image && open(machine))
}

/// What the machines that an image waits for were last seen to do, in one line; `None` where it waits for none.
pub fn sentence(machines: &[MachineRecord], image: &str) -> Option<String> {
    let all: Vec<String> = awaited(machines, image).map(of_machine).collect();
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    (!all.is_empty()).then(|| all[..all.len().min(NAMED)].join("; ") + &more)
}

fn of_machine(machine: &MachineRecord) -> String {
    let seen = match &machine.last_seen {
        Some(seen) => seen.sentence(),
        None => "started, and nothing was heard of it".to_owned(),
    };
    format!("machine {}: {seen}", one_line(&machine.id, 60))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::Event;
    use crate::fold::Recorder;
    use crate::last_seen::LastSeen;
    use crate::names::{HEALTH_TEST, MACHINE_SUITE};
    use crate::outcome::Outcome;
    use crate::run::TestRecord;
    use crate::sample;

    #[test]
    fn what_a_guest_says_is_one_bounded_line_and_few_machines_are_named() {
        let seen = LastSeen::Booting { line: format!("a\x1b[2J\n{}", "x".repeat(900)) };
        assert!(seen.sentence().len() < 300 && !seen.sentence().contains(['\x1b', '\n']), "{}", seen.sentence());
        let machine = |n: u32| MachineRecord {
            id: format!("lab-{n}"),
            image: "lab".into(),
            last_seen: Some(LastSeen::LoginRefused { user: "me".into(), times: n }),
            ..MachineRecord::default()
        };
        let machines: Vec<_> = (1..=5).map(machine).collect();
        let text = sentence(&machines, "lab").unwrap();
        assert!(text.starts_with("machine lab-1: sshd refuses me's key (1 tries); machine lab-2"), "{text}");
        assert!(text.ends_with("(3 tries); and 2 more"), "{text}");
        assert_eq!(sentence(&machines, "other"), None);
        let answered = MachineRecord { boot_seconds: Some(1.0), ..machine(1) };
        let ended = MachineRecord { end: Some("killed".into()), ..machine(2) };
        assert_eq!(sentence(&[answered, ended], "lab"), None);
    }

    #[test]
    fn a_run_that_is_killed_during_a_boot_says_what_the_machine_did_last() {
        let planned =
            TestRecord { suite: MACHINE_SUITE.into(), test: HEALTH_TEST.into(), ..sample::test("", "", Outcome::Pass) };
        let image = planned.image.clone();
        let plan = Event::Planned { suites: BTreeMap::new(), tests: vec![planned], kept: Vec::new() };
        let starting = |machine: &str| Event::MachineStarting {
            machine: machine.into(),
            image: image.clone(),
            cloned_from: None,
            deadline_seconds: 90.0,
            at: None,
        };
        let booting = |line: &str| Event::Booting { machine: "lab-1".into(), line: line.into() };
        let refused = |times| Event::LoginRefused { machine: "lab-1".into(), user: "me".into(), times };
        let mut events = vec![plan, starting("lab-1")];
        let mut message = |more: Vec<Event>| {
            events.extend(more);
            let record = Recorder::fold(&events);
            (record.tests[0].failures[0].message.clone(), record.machines[0].last_seen.clone())
        };
        const ENDED: &str = "the run ended before this test did";
        let (said, seen) = message(Vec::new());
        assert_eq!(said, format!("{ENDED}: machine lab-1: started, and nothing was heard of it"));
        assert_eq!(seen, None);
        assert_eq!(
            message(vec![booting("a\x1b[2J")]).0,
            format!("{ENDED}: machine lab-1: its console said last: a\\x1b[2J")
        );
        // A prompt that comes after a refusal says less.
        let (said, seen) = message(vec![refused(3), refused(96), booting("login:")]);
        assert_eq!(said, format!("{ENDED}: machine lab-1: sshd refuses me's key (96 tries)"));
        assert_eq!(seen, Some(LastSeen::LoginRefused { user: "me".into(), times: 96 }));
        // What it ended of is said by itself; the record keeps what was seen.
        let ended = crate::run::no_machine("lab-1", &image, "killed");
        let (said, seen) = message(vec![Event::MachineEnded { record: ended }]);
        assert_eq!((said.as_str(), seen.is_some()), (ENDED, true));
        let ready = Event::MachineReady { machine: "lab-2".into(), boot_seconds: 1.0, boot: None, facts: None };
        assert!(message(vec![starting("lab-2")]).0.contains("machine lab-2"));
        assert_eq!(message(vec![ready]).0, ENDED);
    }
}
