//! What an image's entry claims is required, whatever level a policy gives to the health of the machines.

use super::*;
use crate::decision::RequirementLevel;
use crate::testing::{decided, policy, today};
use muster_base::failure::{self, Failure, FailureId};
use muster_record::outcome::Outcome;

fn with_health(outcome: Outcome, id: Option<FailureId>) -> RunInput {
    let mut input = today(&[("s/a", Outcome::Pass), ("machine/health", outcome)]);
    let health = input.record.tests.iter_mut().find(|test| test.is_health()).expect("the run has it");
    health.failures =
        id.into_iter().map(|id| Failure::new(id, "claimed `uki: true`; the machine says false")).collect();
    input
}

#[test]
fn a_false_claim_keeps_the_gate_closed_whatever_the_policy_says_of_the_machines() {
    for rule in ["level: advisory", "level: experimental", "since: 2090-01-01", "level: upcoming, from: 2090-01-01"] {
        let policy = policy(&format!("require:\n  - {{test: s/a}}\n  - {{test: machine/health, {rule}}}\n"));
        for (outcome, id, open) in [
            (Outcome::Fail, Some(failure::CLAIM_FALSE), false),
            (Outcome::Error, Some(failure::CLAIM_UNREAD), false),
            (Outcome::Fail, Some(failure::BOOT_EMERGENCY), true),
            (Outcome::Pass, None, true),
        ] {
            let decision = decided(&policy, None, &[], &[with_health(outcome, id.clone())]).expect("a decision");
            let health = decision.requirements.iter().find(|one| one.name == "machine/health").expect("it is listed");
            assert_eq!((decision.open, health.blocks), (open, !open), "{rule}: {id:?}: {health:?}");
            if !open {
                assert_eq!(health.level, RequirementLevel::Required);
                assert!(health.message.starts_with("what the image's entry claims is required"), "{}", health.message);
            }
        }
    }
}
