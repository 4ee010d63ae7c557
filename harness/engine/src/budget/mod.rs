//! How many machines may run at a time: never more memory than the host has left, never more
//! processors than it has. An emulated guest keeps as many host processors busy as it has virtual
//! ones; a guest under KVM mostly waits.

mod cost;
mod ledger;
mod memory;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use cost::CENTI;
pub use cost::Cost;
use ledger::{Ledger, Request};
pub use memory::available_memory_mib;

/// What all machines of a run share. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    ledger: Ledger,
    /// Whoever waits, in the order in which they came.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    grant: oneshot::Sender<Reservation>,
}

/// What a machine was granted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Budget,
    request: Request,
}

impl Budget {
    /// A budget of so many processors and so much memory, and at most `jobs` machines at a time.
    pub fn new(cores: u32, memory_mib: u32, jobs: Option<u32>) -> Self {
        let total = Cost { centicores: cores.max(1) * CENTI, memory_mib: memory_mib.max(1) };
        Self::with(Ledger::new(total, jobs.unwrap_or(total.centicores).max(1)))
    }

    fn with(ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(State { ledger, waiting: VecDeque::new() })))
    }

    /// One of the same size, of which nothing is taken: for what is counted apart from machines.
    pub(crate) fn another(&self) -> Self {
        Self::with(self.state().ledger.emptied())
    }

    /// How many machines of this cost can run side by side: at least one, because a run that could
    /// start none would be of no use.
    pub fn side_by_side(&self, cost: Cost) -> u32 {
        self.state().ledger.side_by_side(cost)
    }

    /// Waits until a machine fits. One that is larger than the whole budget gets all of it.
    pub(crate) async fn reserve(&self, cost: Cost) -> Reservation {
        self.reserve_several(cost, 1).await
    }

    /// Waits until so many machines of this cost fit, all at once.
    pub(crate) async fn reserve_several(&self, one: Cost, machines: u32) -> Reservation {
        self.granted(Request { cost: one.times(machines), machines, alone: false }).await
    }

    /// Waits until no other machine runs, and keeps others away: for whoever measures time.
    pub(crate) async fn reserve_alone(&self, cost: Cost) -> Reservation {
        self.granted(Request { cost, machines: 1, alone: true }).await
    }

    async fn granted(&self, request: Request) -> Reservation {
        let (grant, granted) = oneshot::channel();
        self.state().waiting.push_back(Waiting { request, grant });
        self.admit();
        match granted.await {
            Ok(reservation) => reservation,
            // The other end is dropped only with the budget, which `self` is.
            Err(_) => std::future::pending().await,
        }
    }

    /// Counts memory that is in use without a machine: a template's. It does not wait, since a machine's own memory has
    /// just become it.
    pub fn hold(&self, mib: u32) -> Held {
        self.state().ledger.hold(mib);
        Held { budget: self.clone(), mib }
    }

    /// Grants whatever can be granted now.
    fn admit(&self) {
        loop {
            let (grant, request) = {
                let mut state = self.state();
                // Whoever does not wait any more does not hold up the others.
                state.waiting.retain(|waiting| !waiting.grant.is_closed());
                let requests: Vec<Request> = state.waiting.iter().map(|waiting| waiting.request).collect();
                let Some(at) = state.ledger.next(&requests) else { return };
                let Some(Waiting { request, grant }) = state.waiting.remove(at) else { return };
                state.ledger.take(request);
                (grant, request)
            };
            // Nobody may wait for it any more: then it is dropped here, without the lock, and given back.
            let _ = grant.send(Reservation { budget: self.clone(), request });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Lets others in again, where it kept them away.
    pub(crate) fn share(&mut self) {
        if std::mem::take(&mut self.request.alone) {
            self.budget.state().ledger.share();
            self.budget.admit();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.state().ledger.give_back(self.request);
        self.budget.admit();
    }
}

/// Memory that is counted as used, until it is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Budget,
    mib: u32,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.state().ledger.let_go(self.mib);
        self.budget.admit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MACHINE: Cost = Cost { centicores: 200, memory_mib: 1000 };

    async fn waits<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_millis(20), future).await.is_err()
    }

    #[tokio::test]
    async fn neither_processors_nor_memory_nor_jobs_are_given_twice() {
        for budget in [Budget::new(4, 100_000, None), Budget::new(64, 2100, None), Budget::new(64, 100_000, Some(2))] {
            assert_eq!(budget.side_by_side(MACHINE), 2);
            let first = budget.reserve(MACHINE).await;
            let _second = budget.reserve(MACHINE).await;
            assert!(waits(budget.reserve(MACHINE)).await);
            drop(first);
            assert!(!waits(budget.reserve(MACHINE)).await);
        }
    }

    #[tokio::test]
    async fn a_machine_larger_than_the_host_runs_alone() {
        let budget = Budget::new(1, 500, None);
        assert_eq!(budget.side_by_side(MACHINE), 1);
        let _all = budget.reserve(MACHINE).await;
        assert!(waits(budget.reserve(Cost { centicores: 1, memory_mib: 1 })).await);
    }

    #[tokio::test]
    async fn who_measures_is_alone_until_it_has_measured() {
        let small = Cost { centicores: 1, memory_mib: 1 };
        let budget = Budget::new(4, 2500, None);
        let first = budget.reserve(small).await;
        assert!(waits(budget.reserve_alone(MACHINE)).await);
        drop(first);
        let mut alone = budget.reserve_alone(MACHINE).await;
        assert!(waits(budget.reserve(small)).await);
        alone.share();
        let _second = budget.reserve(small).await;
        assert!(waits(budget.reserve_alone(small)).await);
    }

    #[tokio::test]
    async fn a_template_counts_and_keeps_nobody_from_running_alone() {
        let budget = Budget::new(4, 2500, None);
        let held = budget.hold(600);
        drop(budget.reserve_alone(MACHINE).await);
        let first = budget.reserve(MACHINE).await;
        assert!(waits(budget.reserve(MACHINE)).await);
        drop(held);
        assert!(!waits(budget.reserve(MACHINE)).await);
        drop(first);
        let empty = budget.another();
        assert_eq!(budget.state().ledger, empty.state().ledger);
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_holds_nothing_and_holds_nobody_up() {
        let budget = Budget::new(2, 2000, None);
        let first = budget.reserve(MACHINE).await;
        assert!(waits(budget.reserve_alone(MACHINE)).await);
        drop(first);
        let _second = budget.reserve(MACHINE).await;
        assert!(waits(budget.reserve(MACHINE)).await);
    }
}
