//! A run that ended while it waited for a machine: what that machine was last seen to do, and what follows from it.

use super::statement::{Evidence, console_file};
use muster_base::failure;
use muster_base::text::one_line;
use muster_record::awaited::awaited;
use muster_record::last_seen::LastSeen;
use muster_record::layout::RunDir;
use muster_record::outstanding::is_cut_off;
use muster_record::run::{MachineRecord, RunRecord, TestRecord};

/// Machines that are named at most.
const NAMED: usize = 10;

fn machines<'r>(
    record: &'r RunRecord,
    test: &'r TestRecord,
) -> impl Iterator<Item = (&'r MachineRecord, &'r LastSeen)> {
    let seen =
        awaited(&record.machines, &test.image).filter_map(|machine| Some((machine, machine.last_seen.as_ref()?)));
    seen.filter(|_| is_cut_off(test)).take(NAMED)
}

/// What a person does next, where running it again would come to the same.
pub(super) fn next(record: &RunRecord, test: &TestRecord, id: &str) -> Option<String> {
    if id != failure::RUN_INTERRUPTED.as_str() {
        return None;
    }
    let mut seen: Vec<&LastSeen> = machines(record, test).map(|(_, seen)| seen).collect();
    seen.sort_by_key(|seen| matches!(seen, LastSeen::Booting { .. }));
    Some(match seen.first()? {
        LastSeen::LoginRefused { user, .. } => format!(
            "sshd refused the key of `{}` as long as the run waited: check `--user` and `--seed` (with `--connect`: the user and \
             `--identity`) before you run it again.",
            one_line(user, 40).replace('`', "'")
        ),
        LastSeen::Booting { .. } => {
            "The machine had not answered when the run ended: read the end of its console.log, then run it again."
                .to_owned()
        }
    })
}

/// The statements, each with the file that has it.
pub(super) fn evidence(record: &RunRecord, test: &TestRecord) -> Vec<Evidence> {
    let of = |(machine, seen): (&MachineRecord, &LastSeen)| Evidence {
        says: one_line(&format!("the machine {} had not answered: {}", machine.id, seen.sentence()), 400),
        file: match seen {
            LastSeen::Booting { .. } => console_file(&machine.id),
            LastSeen::LoginRefused { .. } => RunDir::RUN_JSON.to_owned(),
        },
        line: None,
        untrusted: true,
    };
    machines(record, test).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::Failure;
    use muster_record::outcome::Outcome;
    use muster_record::sample;

    #[test]
    fn a_run_that_waited_for_a_login_is_not_only_to_be_run_again() {
        let test = TestRecord {
            failures: vec![Failure::new(failure::RUN_INTERRUPTED, "the run ended before this test was reached")],
            ..sample::test("base", "a", Outcome::Error)
        };
        let machine = |id: &str, last_seen| MachineRecord {
            id: id.into(),
            image: test.image.clone(),
            last_seen: Some(last_seen),
            ..MachineRecord::default()
        };
        let booting = || machine("lab-1", LastSeen::Booting { line: "a".into() });
        let refused = machine("lab-2", LastSeen::LoginRefused { user: "m`e".into(), times: 96 });
        let of = |machines: Vec<MachineRecord>, test: &TestRecord| {
            let record = RunRecord { machines, ..RunRecord::default() };
            (next(&record, test, "run.interrupted"), evidence(&record, test).len())
        };
        let (said, evidence) = of(vec![booting(), refused.clone()], &test);
        let said = said.unwrap();
        assert!(said.starts_with("sshd refused the key of `m'e` ") && said.contains("`--user` and `--seed`"), "{said}");
        assert_eq!(evidence, 2);
        assert!(of(vec![booting()], &test).0.unwrap().contains("console.log"));
        // Of another image, of a machine that has answered, and of a test that has a result.
        let answered = MachineRecord { boot_seconds: Some(2.0), ..refused.clone() };
        let elsewhere = MachineRecord { image: "other".into(), ..refused.clone() };
        assert_eq!(of(vec![answered, elsewhere], &test), (None, 0));
        assert_eq!(of(vec![refused], &sample::test("base", "a", Outcome::Fail)), (None, 0));
    }
}
