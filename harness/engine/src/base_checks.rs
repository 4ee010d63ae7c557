//! The base checks, which look at every machine whatever its tests do: what they find after a boot,
//! and what a suite makes of that.

use std::time::Duration;

use super::clock::Clock;
use super::driver::{BootLeft, Live};
use super::reading::{PROBE_LIMIT, observe, read};
use muster_base::failure::Failure;
use muster_base::text;
use muster_check::base::BaseFinding;
use muster_check::{Observations, Probe, base};
use muster_guest::Reply;
use muster_suite::model::{BaseCheck, Suite};

/// Bytes of evidence below a base check's finding.
const EVIDENCE: usize = 16 << 10;

/// What the base checks find right after a boot: the failures, what cannot be looked at on this
/// machine, and the state that the first test is compared with.
///
/// # Errors
/// The guest does not answer any more.
pub async fn base_after_boot<L: Live>(live: &L) -> Result<BootLeft, Failure> {
    let (base, findings, mut remarks) = since_boot(live).await?;
    remarks.extend(live.blind());
    if !live.seen_from_start() {
        remarks.extend(findings.into_iter().map(|finding| format!("before this run: {}", finding.message)));
        return Ok(BootLeft { base, failures: Vec::new(), remarks });
    }
    Ok(BootLeft { base, failures: findings.into_iter().map(base_failure).collect(), remarks })
}

/// What happened since the machine's boot, as [`base_after_boot`] and every reboot want it.
pub(super) async fn since_boot<L: Live>(live: &L) -> Result<(Observations, Vec<BaseFinding>, Vec<String>), Failure> {
    let clock = Clock::new(Duration::from_secs(120), live.deadline_scale());
    let facts = live.facts();
    let (looked, baseline) = (base::since_boot_probes(facts), base::baseline(facts));
    // One trip. What both read in the same way is read once, so that nothing can happen in between that neither has seen.
    let again = baseline.into_iter().filter(|probe| !looked.contains(probe));
    let all: Vec<Probe> = looked.iter().cloned().chain(again).collect();
    let mut replies = read(live, &all.iter().collect::<Vec<_>>(), false, PROBE_LIMIT, &clock).await?;
    let keyed = |probes: &[Probe], replies: Vec<Reply>| {
        Observations(probes.iter().map(|probe| probe.key.clone()).zip(replies).collect())
    };
    let since = replies.drain(..looked.len().min(replies.len())).collect();
    let seen = keyed(&looked, since);
    let again = keyed(&all[looked.len()..], replies);
    let baseline = base::after_boot(&seen, again);
    let findings = with_evidence(live, base::since_boot(&seen, &baseline, facts), &clock).await?;
    let blind = base::unavailable(&baseline, facts);
    let blind = blind.into_iter().map(|(kind, why)| format!("{} cannot be read here: {why}", kind.name()));
    Ok((baseline, findings, blind.collect()))
}

/// Findings of base checks with what explains them, read only when there is something to explain.
pub(super) async fn with_evidence<L: Live>(
    live: &L,
    mut findings: Vec<BaseFinding>,
    clock: &Clock,
) -> Result<Vec<BaseFinding>, Failure> {
    let probes = base::evidence(&findings);
    if probes.is_empty() {
        return Ok(findings);
    }
    let seen = observe(live, &probes, clock).await?;
    for finding in &mut findings {
        // Its own alone: a known issue about one unit must not match what another says.
        let reply = finding.unit.as_deref().and_then(|unit| seen.0.get(&base::evidence_key(unit)));
        if let Some(reply) = reply {
            finding.detail = text::tail(&text::escape_bytes(&reply.stdout), EVIDENCE);
        }
    }
    Ok(findings)
}

/// Findings of base checks as the suite wants them treated: failures, and what is only reported.
pub(super) fn weighed(findings: Vec<BaseFinding>, suite: &Suite) -> (Vec<Failure>, Vec<String>) {
    let (mut failures, mut remarks) = (Vec::new(), Vec::new());
    for finding in findings {
        match suite.base_checks.get(finding.kind.name()).copied().unwrap_or(BaseCheck::Fail) {
            BaseCheck::Fail => failures.push(base_failure(finding)),
            BaseCheck::Info => remarks.push(finding.message),
            BaseCheck::Off => {}
        }
    }
    (failures, remarks)
}

fn base_failure(finding: BaseFinding) -> Failure {
    let failure = Failure::new(finding.id, finding.message);
    if finding.detail.is_empty() { failure } else { failure.with_detail(finding.detail) }
}
