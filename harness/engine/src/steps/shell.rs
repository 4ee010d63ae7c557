//! Command lines of steps in the guest.

use super::done::Broken;
use crate::clock::Clock;
use crate::driver::Live;
use crate::one_reply::one_command;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_guest::{End, Reply, Request};
use muster_suite::model::Step;

/// Bytes of a step's stdout and stderr, each.
const OUTPUT_LIMIT: usize = 8 << 20;

/// Bytes of output shown in a report.
const SHOWN: usize = 8 << 10;

/// Runs a command line in the guest, within the step's time-out or what is left of the test's.
pub(super) async fn shell<L: Live>(live: &L, step: &Step, script: String, clock: &Clock) -> Result<Reply, Broken> {
    let timeout = step.timeout.map_or(clock.left(), |limit| clock.stretch(limit));
    let shown = text::one_line(&script, 160);
    let request = Request { script, timeout, limit: OUTPUT_LIMIT };
    let reply = one_command(live, request, "a step").await.map_err(Broken::lost)?;
    let (id, what) = match reply.end {
        End::Exited => return Ok(reply),
        End::TimedOut => {
            (failure::COMMAND_TIMEOUT, format!("did not end within {:.0} s and was killed", timeout.as_secs_f64()))
        }
        End::TooMuchOutput => {
            (failure::COMMAND_OUTPUT, format!("printed more than {} MiB and was killed", OUTPUT_LIMIT >> 20))
        }
    };
    Err(Broken::missed(Failure::new(id, format!("`{shown}` {what}")).with_detail(output_of(&reply))))
}

/// Both streams, as a report shows them.
pub(super) fn output_of(reply: &Reply) -> String {
    let mut out = format!("exit status {}\n", reply.status);
    for (name, bytes) in [("stdout", &reply.stdout), ("stderr", &reply.stderr)] {
        if bytes.is_empty() {
            out.push_str(&format!("{name}: (empty)\n"));
        } else {
            out.push_str(&format!("{name}:\n{}\n", text::tail(text::escape_bytes(bytes).trim_end(), SHOWN)));
        }
    }
    out
}
