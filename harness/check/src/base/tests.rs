use super::readings::{CHOSEN, COREDUMP, KERNEL, UNITS, cursor};
use super::*;
use crate::restarts;
use crate::testing::reply;
use muster_guest::Reply;

fn facts() -> Facts {
    Facts { systemd: Some(257), selinux: Some("enforcing".into()), ..Facts::default() }
}

/// Rows as systemctl lists them, and what it shows of those that wait for a restart.
fn listed(units: &str) -> String {
    let (rows, shown) = units.split_once("\nshown\n").unwrap_or((units, ""));
    format!("{}\n\n{} loaded units listed.\nshown\n{shown}", rows.trim_end(), rows.lines().count())
}

fn seen(taint: u64, oom: u64, units: &str, journal: &str, audit: &str) -> Observations {
    Observations(
        [
            (KERNEL.to_owned(), reply(0, &format!("taint {taint}\noom {oom}\n"))),
            (UNITS.to_owned(), reply(0, &listed(units))),
            (JOURNAL.to_owned(), reply(0, if journal.is_empty() { "-- No entries --\n" } else { journal })),
            (AUDIT.to_owned(), reply(0, audit)),
        ]
        .into(),
    )
}

#[test]
fn what_failed_during_the_boot_is_found_and_its_taint_is_not_a_change() {
    let journal =
        format!("{{\"__CURSOR\":\"s=3\",\"MESSAGE_ID\":\"{COREDUMP}\",\"MESSAGE\":\"Process 9 (x) dumped core.\"}}\n");
    let after = seen(4096, 1, "bad.service loaded failed failed Bad\n", &journal, "size 0\n");
    let found: Vec<String> =
        since_boot(&after, &after, &facts()).iter().map(|finding| finding.id.to_string()).collect();
    assert_eq!(found, ["base.failed-units", "base.coredump", "base.oom"]);
    let probes = since_boot_probes(&facts());
    let quiet = seen(4096, 0, "", "", "size 0\n");
    let journal = probes.iter().find(|probe| probe.key == JOURNAL).map(|probe| probe.script.as_str());
    assert!(journal.is_some_and(|script| !script.contains("after-cursor") && script.contains(COREDUMP)), "{journal:?}");
    assert_eq!(since_boot(&quiet, &quiet, &facts()), []);
}

#[test]
fn what_is_shown_is_what_is_read_after_a_test() {
    let keys = |probes: Vec<Probe>| probes.into_iter().map(|probe| probe.key).collect::<Vec<_>>();
    let shown = shown(&facts());
    assert!(shown.iter().any(|probe| probe.script.contains("--after-cursor='LAST-ENTRY-BEFORE-THE-TEST'")));
    assert_eq!(keys(shown), keys(next(&Observations::default(), &facts())));
}

#[test]
fn only_what_is_new_is_held_against_a_test() {
    let before = seen(4096, 1, "old.service loaded failed failed Old\n", "{\"__CURSOR\":\"s=1\"}\n", "size 10\n");
    assert_eq!(compare(&before, &before, &facts()), []);
    let journal = format!(
        "{{\"__CURSOR\":\"s=2\",\"_TRANSPORT\":\"audit\",\"MESSAGE\":\"AVC avc:  denied  {{ read }} for pid=7\"}}\n{{\"__CURSOR\":\"s=3\",\"MESSAGE_ID\":\"{COREDUMP}\",\"MESSAGE\":\"Process 9 (x) of user 0 dumped core.\\n\\nStack\"}}\n{{\"__CURSOR\":\"s=4\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":[79,111,109,58,32,75,105,108,108,101,100,32,112,114,111,99,101,115,115]}}\n"
    );
    let after = seen(
        4096 + 512,
        2,
        "old.service loaded failed failed Old\nnew.service loaded failed failed New\n",
        &journal,
        "size 99\ntype=AVC msg=audit(1.2:3): avc:  denied  { read } for pid=7\n",
    );
    let findings = compare(&before, &after, &facts());
    let messages: Vec<(&str, &str)> =
        findings.iter().map(|finding| (finding.id.as_str(), finding.message.as_str())).collect();
    assert_eq!(
        messages,
        [
            ("base.failed-units", "unit failed: new.service"),
            ("base.avc", "SELinux denied an access: avc: denied { read } for pid=7"),
            ("base.coredump", "core dump: Process 9 (x) of user 0 dumped core."),
            ("base.oom", "the kernel killed a process, out of memory: Oom: Killed process"),
            ("base.taint", "the kernel became tainted: warn"),
        ]
    );
    assert_eq!(evidence(&findings)[0].script, "systemctl status --no-pager --full --lines=30 -- 'new.service'");
    assert_eq!(cursor(&after).as_deref(), Some("s=4"));
}

#[test]
fn what_cannot_be_read_is_reported_and_never_clean() {
    let broken = Reply { status: 1, stderr: b"Failed to seek to cursor".to_vec(), ..Reply::default() };
    let good = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
    let mut lost = good.clone();
    lost.0.insert(JOURNAL.to_owned(), broken);
    let findings = compare(&good, &lost, &facts());
    assert_eq!(
        findings.iter().map(|finding| (finding.kind, finding.id.as_str())).collect::<Vec<_>>(),
        [
            (BaseCheckKind::CrashLoop, "probe.failed"),
            (BaseCheckKind::Avc, "probe.failed"),
            (BaseCheckKind::Coredump, "probe.failed")
        ]
    );
    // Told once: it was already so before.
    assert_eq!(compare(&lost, &lost, &facts()), []);
    assert_eq!(unavailable(&lost, &facts()).len(), 3);
    assert_eq!(
        unavailable(&Observations::default(), &Facts::default()).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        [
            BaseCheckKind::FailedUnits,
            BaseCheckKind::CrashLoop,
            BaseCheckKind::Coredump,
            BaseCheckKind::Oom,
            BaseCheckKind::Taint
        ]
    );
    let garbled = seen(0, 0, "", "Hint: something else\n", "size 0\n");
    assert_eq!(compare(&good, &garbled, &facts())[0].id, failure::PROBE_FAILED);
}

#[test]
fn readings_that_say_nothing_are_lost_and_not_clean() {
    let good = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
    for (key, kinds) in [
        (UNITS, vec![BaseCheckKind::FailedUnits, BaseCheckKind::CrashLoop]),
        (JOURNAL, vec![BaseCheckKind::CrashLoop, BaseCheckKind::Avc, BaseCheckKind::Coredump]),
        (AUDIT, vec![BaseCheckKind::Avc]),
        (KERNEL, vec![BaseCheckKind::Oom, BaseCheckKind::Taint]),
    ] {
        for silence in ["", "\n", "  \n"] {
            let mut silent = good.clone();
            silent.0.insert(key.to_owned(), reply(0, silence));
            let found = compare(&good, &silent, &facts());
            assert!(found.iter().all(|finding| finding.id == failure::PROBE_FAILED), "{key}: {found:?}");
            let silenced: Vec<BaseCheckKind> = found.iter().map(|finding| finding.kind).collect();
            assert_eq!(silenced, kinds, "{key}");
        }
    }
}

#[test]
fn a_service_that_restarts_again_and_again_is_found_and_a_single_restart_is_not() {
    let before = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
    let ids = |found: Vec<BaseFinding>| found.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
    let waits = |count: u64| {
        let row = "loop.service loaded activating auto-restart A loop";
        let shown = format!("Id=loop.service\nSubState=auto-restart\nNRestarts={count}\n");
        seen(0, 0, &format!("{row}\nshown\n{shown}"), "", "size 0\n")
    };
    assert_eq!(compare(&before, &waits(0), &facts()), []);
    assert_eq!(compare(&before, &waits(1), &facts()), []);
    let found = compare(&before, &waits(2), &facts());
    assert_eq!((&found[0].id, found[0].unit.as_deref()), (&failure::BASE_CRASH_LOOP, Some("loop.service")));
    assert_eq!(ids(found), ["service restarts again and again: loop.service (2 restarts)"]);
    let entry = |count: u64| {
        format!(
            "{{\"__CURSOR\":\"s=2\",\"MESSAGE_ID\":\"{}\",\"UNIT\":\"fast.service\",\"N_RESTARTS\":\"{count}\",\"MESSAGE\":\"x\"}}\n",
            restarts::SCHEDULED
        )
    };
    // A test that kills a service with Restart=always, twice.
    let killed = seen(0, 0, "", &(entry(1) + &entry(2)), "size 0\n");
    assert_eq!(compare(&before, &killed, &facts()), []);
    let fast = seen(0, 0, "", &(entry(3) + &entry(9)), "size 0\n");
    assert_eq!(ids(compare(&before, &fast, &facts())), ["service restarts again and again: fast.service (9 restarts)"]);
    assert!(CHOSEN.contains(restarts::SCHEDULED) && CHOSEN.contains(COREDUMP));
    // What looped before the first test is reported once for the machine.
    assert_eq!(since_boot(&fast, &fast, &facts()).len(), 1);
    assert!(evidence(&since_boot(&fast, &fast, &facts()))[0].script.contains("fast.service"));
}

#[test]
fn a_boot_whose_journal_could_not_be_read_is_an_error_where_the_baseline_could() {
    let good = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
    let mut lost = good.clone();
    lost.0.insert(JOURNAL.to_owned(), Reply { end: muster_guest::End::TooMuchOutput, ..Reply::default() });
    let found: Vec<(BaseCheckKind, bool)> = since_boot(&lost, &good, &facts())
        .iter()
        .map(|finding| (finding.kind, finding.id == failure::PROBE_FAILED))
        .collect();
    let kinds = [BaseCheckKind::CrashLoop, BaseCheckKind::Avc, BaseCheckKind::Coredump];
    assert_eq!(found, kinds.map(|kind| (kind, true)));
    // Where the machine has none to read, that is said once, of the baseline.
    assert_eq!(since_boot(&lost, &lost, &facts()), []);
    assert_eq!(unavailable(&lost, &facts()).len(), 3);
}

#[test]
fn the_journal_is_read_on_where_the_reading_of_the_boot_ended() {
    let with = |journal: &str| seen(0, 0, "", journal, "size 0\n");
    let read = with("{\"__CURSOR\":\"s=5\",\"MESSAGE\":\"x\"}\n-- cursor: s=7\n");
    let later = with("{\"__CURSOR\":\"s=9\"}\n");
    assert_eq!(cursor(&after_boot(&read, later.clone())).as_deref(), Some("s=7"));
    assert_eq!(cursor(&after_boot(&with(""), later)).as_deref(), Some("s=9"), "it has read no entry");
}

#[test]
fn an_empty_journal_keeps_the_older_cursor_and_cursors_are_quoted() {
    let before = seen(0, 0, "", "{\"__CURSOR\":\"s=1';reboot;'\"}\n", "size 10\n");
    let after = carry(&before, seen(0, 0, "", "", "size 12\n"));
    assert_eq!(cursor(&after).as_deref(), Some("s=1';reboot;'"));
    let probes = next(&after, &facts());
    let journal = probes.iter().find(|probe| probe.key == JOURNAL).unwrap();
    assert!(journal.script.contains(r"--after-cursor='s=1'\'';reboot;'\'''"), "{}", journal.script);
    let audit = probes.iter().find(|probe| probe.key == AUDIT).unwrap();
    assert!(audit.script.contains("-ge 12"), "{}", audit.script);
}
