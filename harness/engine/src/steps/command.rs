//! The step `run`: a command line, and what its status and output must be.

use std::time::{Duration, Instant};

use super::done::{Broken, Done};
use super::shell::{output_of, shell};
use crate::clock::Clock;
use crate::driver::Live;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_check::{Verdict, wording};
use muster_guest::Reply;
use muster_record::met::MetRecord;
use muster_suite::model::{Assertion, Expectation, Step};

/// How often a step with `eventually` is tried.
const POLL: Duration = Duration::from_millis(500);

/// Runs a command line until what is expected of it holds, or its patience is over.
pub(super) async fn run<L: Live>(
    live: &L,
    step: &Step,
    command: &str,
    expect: &[Assertion],
    eventually: Option<Duration>,
    clock: &Clock,
) -> Result<Done, Broken> {
    let begun = Instant::now();
    let patience = eventually.map_or(Duration::ZERO, |limit| clock.stretch(limit));
    let assertions = expect.len() + usize::from(!expect.iter().any(|a| a.attribute == "exit"));
    loop {
        let reply = shell(live, step, command.to_owned(), clock).await?;
        match evaluate_command(step, command, expect, &reply) {
            Ok(met) => {
                let remarks = muster_check::types::command::note(command, &reply).into_iter().collect();
                return Ok(Done { remarks, ..Done::having(met) });
            }
            Err(mut failure) => {
                if begun.elapsed() >= patience || clock.is_over() {
                    if eventually.is_some() {
                        failure.message.push_str(&format!(" (still so after {:.0} s)", begun.elapsed().as_secs_f64()));
                    }
                    let assertions = u32::try_from(assertions).unwrap_or(u32::MAX);
                    return Err(Broken { failure, assertions, machine_lost: false });
                }
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// How everything that is expected of the command was met, or how the first of it was not.
fn evaluate_command(
    step: &Step,
    command: &str,
    expect: &[Assertion],
    reply: &Reply,
) -> Result<Vec<MetRecord>, Failure> {
    let shown = text::one_line(command, 120);
    let broken =
        |message: String| Failure::new(failure::STEP_RUN, message).with_detail(output_of(reply)).at(&step.location);
    let said = if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr };
    let said = text::last_words(&text::escape_bytes(said), 120);
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let states_exit = expect.iter().any(|assertion| assertion.attribute == "exit");
    if !states_exit && reply.status != 0 {
        let mut failure = broken(format!("`{shown}` ended with status {}{said}", reply.status));
        failure.expected = Some("exit 0".into());
        failure.actual = Some(format!("exit {}", reply.status));
        return Err(failure);
    }
    let expectation = Expectation {
        check: muster_check::types::command::TABLE.name,
        subject: command.to_owned(),
        assertions: expect.to_vec(),
        eventually: None,
        location: step.location.clone(),
    };
    let subject = format!("step run {command}");
    let mut met = Vec::with_capacity(expect.len() + 1);
    met.extend((!states_exit).then(|| MetRecord::new(&subject, "exit is 0", "0")));
    for (assertion, verdict) in
        expect.iter().zip(muster_check::types::command::verdicts_of_command(&expectation, Some(reply), true))
    {
        match verdict {
            Verdict::Met { actual } => met.push(MetRecord::new(&subject, &wording::expected(assertion), &actual)),
            Verdict::Missed { expected, actual, .. } => {
                let found = text::one_line(&actual, 120);
                // Of a status only the command's own words say why it is another one.
                let said = if assertion.attribute == "exit" { said.as_str() } else { "" };
                let expected_line = text::one_line(&expected, 160);
                let mut failure = broken(format!("`{shown}`: expected {expected_line}, found {found}{said}"));
                failure.expected = Some(expected);
                failure.actual = Some(actual);
                failure.location = Some(assertion.location.clone());
                return Err(failure);
            }
            Verdict::Unknown { why } => {
                let text = format!("`{shown}`: cannot determine {}: {why}", assertion.attribute);
                return Err(Failure { id: failure::PROBE_FAILED, ..broken(text) });
            }
        }
    }
    Ok(met)
}
