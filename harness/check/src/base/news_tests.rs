use super::super::readings::{JOURNAL, KERNEL, UNITS};
use super::*;
use crate::testing::reply;

fn entry(message: &str) -> Entry {
    Entry {
        message: message.to_owned(),
        id: COREDUMP.to_owned(),
        unit: String::new(),
        restarts: 0,
        program: String::new(),
    }
}

fn seen(failed: &[String], oom: u64) -> Observations {
    let rows: String = failed.iter().map(|unit| format!("{unit} loaded failed failed X\n")).collect();
    let units = format!("{}\n\n{} loaded units listed.\nshown\n", rows.trim_end(), failed.len());
    let readings = [
        (UNITS, reply(0, &units)),
        (KERNEL, reply(0, &format!("taint 0\noom {oom}\n"))),
        (AUDIT, reply(0, "size 0\n")),
        (JOURNAL, reply(0, "-- No entries --\n")),
    ];
    Observations(readings.map(|(key, reply)| (key.to_owned(), reply)).into())
}

fn messages(found: &[BaseFinding]) -> Vec<&str> {
    found.iter().map(|one| one.message.as_str()).collect()
}

#[test]
fn each_unit_is_a_finding_of_its_own_and_those_beyond_the_bound_are_counted() {
    let units: Vec<String> = (0..22).map(|number| format!("u{number:02}.service")).collect();
    let found = failed_units(&seen(&units[..1], 0), &seen(&units[..3], 0));
    assert_eq!(messages(&found), ["unit failed: u01.service", "unit failed: u02.service"]);
    assert!(found.iter().all(|one| one.id.as_str() == "base.failed-units" && one.unit.is_some()));
    let many = failed_units(&seen(&[], 0), &seen(&units, 0));
    assert_eq!(many.len(), MOST + 1);
    let last = &many[MOST];
    assert_eq!((last.message.as_str(), last.detail.as_str()), ("2 more units failed", ""));
    assert_eq!((last.id.as_str(), &last.unit), ("base.failed-units", &None));
}

#[test]
fn each_loop_is_a_finding_of_its_own() {
    let restart = |unit: &str, restarts| Entry {
        id: restarts::SCHEDULED.to_owned(),
        unit: unit.to_owned(),
        restarts,
        ..entry("")
    };
    let entries = [restart("a.service", 3), restart("b.service", 7), restart("a.service", 4), restart("c.service", 2)];
    assert_eq!(
        messages(&crash_loops(&seen(&[], 0), &entries)),
        [
            "service restarts again and again: a.service (4 restarts)",
            "service restarts again and again: b.service (7 restarts)"
        ]
    );
}

#[test]
fn a_denial_is_one_however_often_it_happened_and_another_is_another() {
    let denied = |pid: u32, target: &str| {
        entry(&format!(
            "audit: type=1400 audit(1.2:{pid}): avc:  denied  {{ read }} for  pid={pid} comm=\"x\" name=\"f\" ino={pid} tcontext={target}"
        ))
    };
    let entries = [denied(7, "shadow_t"), denied(8, "shadow_t"), denied(9, "etc_t"), denied(7, "shadow_t")];
    let found = avc(&seen(&[], 0), &entries);
    assert_eq!(
        messages(&found),
        [
            "SELinux denied an access 2 times: avc: denied { read } for pid=7 comm=\"x\" name=\"f\" ino=7 tcontext=shadow_t",
            "SELinux denied an access: avc: denied { read } for pid=9 comm=\"x\" name=\"f\" ino=9 tcontext=etc_t",
        ]
    );
    assert!(found[0].detail.contains("pid=8") && !found[0].detail.contains("etc_t"), "{}", found[0].detail);
    let storm: Vec<Entry> = (0..50).map(|number| denied(1, &format!("t{number}_t"))).collect();
    let found = avc(&seen(&[], 0), &storm);
    assert_eq!((found.len(), found[MOST].message.as_str()), (MOST + 1, "SELinux denied 30 more kinds of access"));
    assert!(found.iter().all(|one| one.id.as_str() == "base.avc"));
}

#[test]
fn core_dumps_of_several_programs_or_places_are_several_findings() {
    let dump = |pid: u32, program: &str, place: &str| {
        entry(&format!(
            "Process {pid} ({program}) of user 0 dumped core.\n\nStack trace of thread {pid}:\n#0  0x00007f4e{pid:08x} {place} (libc.so.6 + 0x3d1f)"
        ))
    };
    let entries = [dump(71, "a", "raise"), dump(72, "a", "raise"), dump(73, "b", "raise"), dump(74, "a", "other")];
    assert_eq!(
        messages(&coredumps(&entries)),
        [
            "core dump 2 times: Process 71 (a) of user 0 dumped core.",
            "core dump: Process 73 (b) of user 0 dumped core.",
            "core dump: Process 74 (a) of user 0 dumped core.",
        ]
    );
    assert_ne!(stable("Process 1 (x) of user 0"), stable("Process 1 (x) of user 1000"));
    let long = Entry { program: "d".to_owned(), ..entry("") };
    assert_eq!(messages(&coredumps(&[long])), ["core dump: Process (d) dumped core."]);
}

#[test]
fn a_killed_process_that_the_log_does_not_name_is_not_covered_by_those_it_names() {
    let killed = |how: &str, pid: u32, name: &str| {
        entry(&format!("{how}: Killed process {pid} ({name}) total-vm:{pid}0kB, anon-rss:1kB"))
    };
    let entries = [killed("Out of memory", 5, "a"), killed("Out of memory", 6, "a"), killed("Out of memory", 7, "b")];
    let found = oom(&seen(&[], 1), &seen(&[], 6), &entries);
    assert_eq!(
        messages(&found),
        [
            "the kernel killed a process, out of memory 2 times: Out of memory: Killed process 5 (a) total-vm:50kB, anon-rss:1kB",
            "the kernel killed a process, out of memory: Out of memory: Killed process 7 (b) total-vm:70kB, anon-rss:1kB",
            "the kernel killed 2 processes, out of memory, that its log does not name",
        ]
    );
    assert!(oom(&seen(&[], 6), &seen(&[], 6), &entries).is_empty());
}
