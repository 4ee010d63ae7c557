//! Which group of tests starts when, and how many at a time: the longest first, as many as the
//! budget has room for, and whoever measures time alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;

use super::budget::Budget;
use super::driver::Driver;
use super::plan::{Group, Isolation, MachineSpec, Plan, Planned, is_about_the_boot};
use super::session::Session;
use super::session::clones::MachineSource;
use muster_base::failure::Failure;
use muster_record::run::TestRecord;
use muster_suite::model::MachineOverrides;

/// Tests that only look are spread over several machines when there are at least so many of them:
/// below that, a second machine costs more than it saves.
const WORTH_SPREADING: usize = 12;

/// Runs every group of the plan that the image's own shape of machine is for, then those of each other
/// shape.
pub(super) async fn run_all<D: Driver>(plan: &Plan, session: &Session<'_, D>) -> Vec<TestRecord> {
    let groups = plan.groups_of(&session.image);
    if groups.is_empty() {
        session.boot_only().await;
        return Vec::new();
    }
    let of = |machine_spec: &MachineSpec| {
        groups.iter().filter(|group| group.machine_spec == *machine_spec).collect::<Vec<_>>()
    };
    let mut records = run_groups(&of(&MachineSpec::default()), session).await;
    let known = session.facts();
    // Shapes of which no machine came up, and why.
    let mut dead: BTreeMap<MachineSpec, Failure> = BTreeMap::new();
    dead.extend(session.never_came_up().map(|why| (MachineSpec::default(), why)));
    let others: BTreeSet<&MachineSpec> =
        groups.iter().map(|group| &group.machine_spec).filter(|s| !s.is_plain()).collect();
    for machine_spec in others {
        // A machine that only reaches more of the network is the same to its guest.
        let same = known.as_ref().filter(|_| machine_spec.overrides == MachineOverrides::default());
        if let Some(skipped) = same.and_then(|facts| session.all_skipped(facts, &of(machine_spec))) {
            records.extend(skipped);
            continue;
        }
        // A way to the internet changes neither the disk nor a device: a guest that never answered without it would only be
        // waited for once more.
        let offline = MachineSpec { internet: false, ..machine_spec.clone() };
        let driver = match dead.get(&offline) {
            Some(why) if machine_spec.internet => Err(why.clone()),
            _ => session.driver.with_spec(machine_spec),
        };
        match driver {
            Ok(driver) => {
                let session = session.next_to(&driver, machine_spec);
                records.extend(run_groups(&of(machine_spec), &session).await);
                dead.extend(session.never_came_up().map(|why| (machine_spec.clone(), why)));
                session.close().await;
            }
            Err(failure) => {
                let tests = of(machine_spec).into_iter().flat_map(|group| &group.tests);
                records.extend(tests.map(|planned| session.cannot_run(planned, &failure)));
            }
        }
    }
    // Only machines of other shapes ran, which say nothing of some claims.
    if session.has_open_claims() {
        session.boot_only().await;
    }
    records
}

/// Runs every group, all of one shape. Where nothing asks for a clone and nothing is gained by more
/// machines, one booted machine serves all that only look, and nothing is frozen.
async fn run_groups<D: Driver>(groups: &[&Group], session: &Session<'_, D>) -> Vec<TestRecord> {
    let mut records = Vec::new();
    if groups.is_empty() {
        return records;
    }
    let budget = &session.settings.budget;
    let workers = budget.side_by_side(session.driver.cost(true));
    let of = |isolation: Isolation| groups.iter().copied().filter(move |group| group.isolation == isolation);
    let looking: usize = of(Isolation::Shared).map(|group| group.tests.len()).sum();
    let spread = workers > 1 && looking >= WORTH_SPREADING;
    // A template that is kept is worth making, and one that is there already saves the boot.
    let kept = session.driver.keeps_templates() && looking > 0;
    let source = match of(Isolation::Clone).next().is_some() || spread || kept {
        true => MachineSource::Clone,
        false => MachineSource::Boot,
    };

    tracing::debug!(
        image = session.image,
        groups = groups.len(),
        looking,
        workers,
        spread,
        kept,
        source = ?source,
        "schedule: how the groups of one shape are run"
    );

    // What checks the boot comes first, alone, on the machine of which clones are made afterwards.
    let mut first = session.worker(MachineSource::Boot);
    {
        let timed = of(Isolation::Booted).flat_map(|group| &group.tests).any(|p| is_about_the_boot(p.test()));
        let cost = session.driver.cost(false);
        let mut room = if timed { budget.reserve_alone(cost).await } else { budget.reserve(cost).await };
        if source == MachineSource::Clone && of(Isolation::Booted).next().is_some() {
            first.boot_for_clones().await;
        }
        for group in of(Isolation::Booted) {
            records.extend(first.run_group(group).await);
        }
        room.share();
        match source {
            MachineSource::Clone => {
                first.give_for_clones().await;
                session.make_template().await;
            }
            MachineSource::Boot => {
                for group in of(Isolation::Shared) {
                    records.extend(first.run_group(group).await);
                }
                first.end_machine().await;
            }
        }
    }

    let mut queue: Vec<Group> = Vec::new();
    if source == MachineSource::Clone {
        queue.extend(of(Isolation::Shared).flat_map(|group| spread_out(group, if spread { workers } else { 1 })));
        queue.extend(of(Isolation::Clone).cloned());
    }
    if workers > 1 {
        longest_first(&mut queue, session);
    }
    records.extend(run_queue(queue, session, source, budget, workers).await);
    // What only the template was for is let go of before other machines boot next to it.
    session.close().await;

    let (timed, mut fresh): (Vec<Group>, Vec<Group>) = of(Isolation::Fresh)
        .cloned()
        .partition(|group| group.tests.iter().any(|planned| is_about_the_boot(planned.test())));
    let workers = budget.side_by_side(session.driver.cost(false));
    if workers > 1 {
        longest_first(&mut fresh, session);
    }
    records.extend(run_queue(fresh, session, MachineSource::Boot, budget, workers).await);
    for group in timed {
        let _alone = budget.reserve_alone(session.driver.cost(false)).await;
        records.extend(run_one(&group, session, MachineSource::Boot).await);
    }
    records
}

/// Runs all groups of a queue, so many at a time.
async fn run_queue<D: Driver>(
    queue: Vec<Group>,
    session: &Session<'_, D>,
    source: MachineSource,
    budget: &Budget,
    workers: u32,
) -> Vec<TestRecord> {
    let workers = (workers as usize).min(queue.len());
    let queue = Mutex::new(VecDeque::from(queue));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let worker = || async {
        let mut records = Vec::new();
        while let Some(group) = next() {
            // All machines of a test at once: two tests that each wait for one more would wait for each other.
            let cost = session.driver.cost(source == MachineSource::Clone);
            let _room = budget.reserve_several(cost, group.machines()).await;
            records.extend(run_one(&group, session, source).await);
        }
        records
    };
    join_all((0..workers).map(|_| worker())).await.into_iter().flatten().collect()
}

async fn run_one<D: Driver>(group: &Group, session: &Session<'_, D>, source: MachineSource) -> Vec<TestRecord> {
    let mut worker = session.worker(source);
    let records = worker.run_group(group).await;
    worker.end_machine().await;
    records
}

/// The longest first; what takes as long stays in the plan's order.
fn longest_first<D: Driver>(queue: &mut [Group], session: &Session<'_, D>) {
    let durations = &session.settings.durations;
    let expected = |group: &Group| group.expected(&session.image, durations);
    queue.sort_by(|one, other| expected(other).total_cmp(&expected(one)));
}

/// Tests that share one machine, spread over several: whole suites where they balance, and never a
/// `needs` chain over two machines.
fn spread_out(group: &Group, machines: u32) -> Vec<Group> {
    let most = group.tests.len().div_ceil(machines.max(1) as usize);
    let mut out: Vec<Vec<Planned>> = vec![Vec::new()];
    for (at, planned) in group.tests.iter().enumerate() {
        let full = out.last().is_some_and(|last| last.len() >= most);
        if full && !group.tests[at..].iter().any(|later| needs_any(later, &group.tests[..at])) {
            out.push(Vec::new());
        }
        if let Some(last) = out.last_mut() {
            last.push(planned.clone());
        }
    }
    let whole = |tests| Group { isolation: group.isolation, machine_spec: group.machine_spec.clone(), tests };
    out.into_iter().map(whole).collect()
}

fn needs_any(later: &Planned, earlier: &[Planned]) -> bool {
    earlier.iter().any(|one| one.suite.name == later.suite.name && later.test().needs.contains(&one.test().id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{suite, test};

    #[test]
    fn tests_are_spread_without_tearing_chains() {
        let ids = ["a", "b", "c", "d", "e", "f"];
        let needs: [&[&str]; 6] = [&[], &[], &[], &["c"], &[], &[]];
        let suite = suite(ids.iter().zip(needs).map(|(id, needs)| test(id, needs, &[])).collect());
        let tests = (0..6).map(|index| Planned { suite: suite.clone(), index }).collect();
        let group = Group { isolation: Isolation::Shared, machine_spec: MachineSpec::default(), tests };
        let names = |machines| -> Vec<String> {
            spread_out(&group, machines)
                .iter()
                .map(|group| group.tests.iter().map(|planned| planned.test().id.as_str()).collect())
                .collect()
        };
        assert_eq!(names(1), ["abcdef"]);
        assert_eq!(names(2), ["abcd", "ef"]);
        assert_eq!(names(3), ["ab", "cd", "ef"]);
    }
}
