//! Snapshots that wait, as they are named to a person.

use crate::output::say;
use muster_base::text::one_line;
use muster_facts::pending::Pending;

pub(super) fn name(one: &Pending) -> String {
    one_line(&one.name, 200)
}

pub(super) fn list(waiting: &[Pending]) {
    waiting.iter().for_each(|one| say(&name(one)));
}
