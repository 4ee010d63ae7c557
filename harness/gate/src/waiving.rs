//! Which waivers count, and what they cover.

use std::collections::BTreeMap;

use jiff::civil::Date;

use muster_base::text::one_line;
use muster_suite::policy::WaiverRules;
use muster_suite::waivers::Waiver;

use crate::decision::{FailureSeen, RefusalReason, Refused};

/// Everything that is wrong with a waiver on a day; `has_run` says whether its test ran on the image.
pub fn refusals(waiver: &Waiver, rules: Option<&WaiverRules>, today: Date, has_run: bool) -> Vec<Refused> {
    let mut out = Vec::new();
    let mut refuse = |reason, key: &str, message: String, help: &str| {
        out.push(Refused { reason, key: key.to_owned(), message, help: help.to_owned() });
    };
    let test = one_line(&waiver.test, 200);
    if let Some(key) = waiver.wildcard() {
        refuse(RefusalReason::Wildcard, key, waiver.wildcard_message(key), Waiver::wildcard_help(key));
    }
    if waiver.is_self_approved() {
        let message = format!("{} both requested and approved it", one_line(&waiver.approved_by, 60));
        refuse(RefusalReason::SelfApproved, "approved-by", message, "another person must approve it");
    }
    if waiver.is_expired(today) {
        let message = format!("it expired on {}", waiver.expires);
        refuse(
            RefusalReason::Expired,
            "expires",
            message,
            "have it approved again, with a new `created` and `expires`",
        );
    }
    if waiver.created > today {
        let message = format!("it was created on {}, and this is {today}", waiver.created);
        refuse(RefusalReason::Future, "created", message, "`created` is the day on which it was approved");
    }
    if !waiver.missing && (waiver.failure.is_none() || waiver.signature.is_none()) {
        let message = "it does not say which failure it covers".to_owned();
        refuse(RefusalReason::NoFailure, "failure", message, "`muster gate` lists failures with their signatures");
    }
    if !waiver.missing && !has_run {
        let message = format!("{test} did not run on this image, so that it has no failure");
        refuse(RefusalReason::NeverRan, "test", message, "run it, or write `missing: true` if it may ship untested");
    }
    let Some(rules) = rules else {
        let message = "the policy accepts no waivers".to_owned();
        refuse(RefusalReason::NotAccepted, "test", message, "its key `waivers` says which it accepts");
        return out;
    };
    let (suite, id) = waiver.test.split_once('/').unwrap_or((&waiver.test, ""));
    if let Some(glob) = rules.forbids(suite, id) {
        let message = format!("{test} is not waivable: the policy lists `{}`", glob.as_str());
        refuse(RefusalReason::NotWaivable, "test", message, "fix what fails");
    }
    if waiver.days() > rules.max_days {
        let message =
            format!("it is valid for {} days, and the policy accepts {} at most", waiver.days(), rules.max_days);
        refuse(RefusalReason::TooLong, "expires", message, "choose an earlier day, and renew it if need be");
    }
    if !rules.approvers.is_empty() && !rules.approvers.contains(&waiver.approved_by) {
        let message = format!("{} may not approve waivers", one_line(&waiver.approved_by, 60));
        let help = format!("the policy lists: {}", rules.approvers.join(", "));
        refuse(RefusalReason::Approver, "approved-by", message, &help);
    }
    out
}

/// The waivers that together cover every failure of a test in a place, as indices; empty when one failure is left.
pub(crate) fn covering(
    waivers: &[(usize, &Waiver)],
    test: &str,
    cell: &BTreeMap<String, String>,
    failures: &[FailureSeen],
) -> Vec<usize> {
    let here = |waiver: &Waiver| !waiver.missing && waiver.test == test && waiver.cell == *cell;
    let mut out = Vec::new();
    for failure in failures {
        let covers = |waiver: &Waiver| {
            waiver.failure.as_deref() == Some(&failure.id) && waiver.signature.as_deref() == Some(&failure.signature)
        };
        let Some((index, _)) = waivers.iter().find(|(_, waiver)| here(waiver) && covers(waiver)) else {
            return Vec::new();
        };
        if !out.contains(index) {
            out.push(*index);
        }
    }
    out
}

/// The waiver that lets a test go that did not run. Of one that was skipped, a failure id that it names must be that of
/// the skip.
pub(crate) fn covering_missing(
    waivers: &[(usize, &Waiver)],
    test: &str,
    cell: &BTreeMap<String, String>,
    reasons: &[FailureSeen],
) -> Option<usize> {
    let fits = |waiver: &Waiver| {
        let reason = waiver.failure.as_ref().is_none_or(|id| reasons.iter().any(|reason| reason.id == *id));
        waiver.missing && waiver.test == test && waiver.cell == *cell && reason
    };
    waivers.iter().find(|(_, waiver)| fits(waiver)).map(|(index, _)| *index)
}
