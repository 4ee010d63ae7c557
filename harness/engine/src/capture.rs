//! The machine of a test that failed becomes a capsule, where the run wants that.

use super::capsule::DriverError;
use super::driver::Driver;
use super::sink::Events;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

/// Keeps the machine of a test that failed, where the run wants that: notes the capsule in the
/// record, or says why there is none. An error means that the machine is no longer of use.
pub(super) async fn take<D: Driver>(
    driver: &D,
    events: &Events,
    live: Option<&mut D::Live>,
    record: &mut TestRecord,
) -> Result<(), DriverError> {
    let Some(capsule_store) = driver.capsules() else { return Ok(()) };
    let failed = matches!(record.outcome, Outcome::Fail | Outcome::Error);
    let Some(machine) = record.machine.clone().filter(|_| failed) else { return Ok(()) };
    if record.machines.len() > 1 {
        let (name, count) = (record.name(), record.machines.len());
        events.notice(format!("no capsule of {name}: a capsule holds one machine, and this test has {count}"));
        return Ok(());
    }
    let mut goes_on = Ok(());
    let kept = match live {
        None => Err(Some("its machine does not answer any more".to_owned())),
        Some(live) => {
            let name = format!("{}.{}.{machine}", record.suite, record.test);
            let (record, goes_on) = (&*record, &mut goes_on);
            capsule_store
                .keep(&name, async |dir, room| {
                    let written = driver.capture(live, &dir, room, record).await;
                    *goes_on = written.goes_on;
                    written.capsule
                })
                .await
        }
    };
    match kept {
        Ok(path) => record.capsule = Some(path.to_string()),
        Err(Some(why)) => events.notice(format!("no capsule of {} on {machine}: {why}", record.name())),
        Err(None) => {}
    }
    goes_on
}
