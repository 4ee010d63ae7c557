//! How often a guest has refused the key of a login that goes on: a wait of minutes need not be a silent one,
//! and whoever knows the machine may know that nothing will come of it.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

/// What sshd has refused so far, in one life of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// How often.
    pub times: u32,
    /// When for the first time.
    pub since: Option<Instant>,
    /// How often the machine had been reset by then.
    pub generation: u32,
    /// When sshd greeted somebody for the first time.
    pub greeted: Option<Instant>,
}

impl Refused {
    /// Begins anew when the machine was reset since.
    fn of(&mut self, generation: u32) {
        if self.generation != generation {
            *self = Self { generation, ..Self::default() };
        }
    }
}

/// Counts refusals. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<watch::Sender<Refused>>);

impl Refusals {
    /// What was refused so far, and whatever is from now on.
    pub fn subscribe(&self) -> watch::Receiver<Refused> {
        self.0.subscribe()
    }

    /// Counts one. A machine that was reset since the last one begins anew: another boot may let somebody in.
    pub fn note(&self, generation: u32) {
        self.0.send_modify(|refused| {
            refused.of(generation);
            refused.times += 1;
            refused.since.get_or_insert_with(Instant::now);
        });
    }

    /// sshd has greeted somebody. Nobody who waits for refusals is woken.
    pub(super) fn note_greeting(&self, generation: u32) {
        self.0.send_if_modified(|refused| {
            refused.of(generation);
            refused.greeted.get_or_insert_with(Instant::now);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_begins_anew() {
        let refusals = Refusals::default();
        let seen = refusals.subscribe();
        assert_eq!((seen.borrow().times, seen.borrow().since), (0, None));
        refusals.note(0);
        refusals.clone().note(0);
        let before = *seen.borrow();
        assert_eq!(before.times, 2);
        refusals.note(1);
        assert_eq!(seen.borrow().times, 1);
        assert!(seen.borrow().since >= before.since);
        refusals.note_greeting(1);
        let greeted = seen.borrow().greeted;
        refusals.note_greeting(1);
        assert!(greeted.is_some() && seen.borrow().greeted == greeted, "the first greeting counts");
        refusals.note_greeting(2);
        assert_eq!((seen.borrow().times, seen.borrow().greeted > greeted), (0, true));
    }
}
