//! A script of muster's own in the guest, run by itself, and its one reply.

use super::driver::Live;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_guest::{End, Reply, Request};

/// Runs the script and gives its reply, however it ended. `about` is what messages say it is about: `the kernel`.
///
/// # Errors
/// The guest does not answer any more.
pub(super) async fn one_reply<L: Live>(live: &L, request: Request, about: &str) -> Result<Reply, Failure> {
    only(live.batch(vec![request]).await?, about)
}

/// The same for a script that starts programs which muster did not write: see [`Live::commands`].
///
/// # Errors
/// The guest does not answer any more.
pub(super) async fn one_command<L: Live>(live: &L, request: Request, about: &str) -> Result<Reply, Failure> {
    only(live.commands(vec![request]).await?, about)
}

/// The same for a script that must end by itself, whatever its status.
///
/// # Errors
/// The guest does not answer any more, or the script did not end.
pub(super) async fn one_ended<L: Live>(live: &L, request: Request, about: &str) -> Result<Reply, Failure> {
    let reply = one_reply(live, request, about).await?;
    let why = match reply.end {
        End::Exited => return Ok(reply),
        End::TimedOut => "did not end in its time",
        End::TooMuchOutput => "printed too much",
    };
    Err(Failure::new(failure::PROBE_FAILED, format!("a command about {about} {why}")))
}

/// What a script printed on both streams, escaped.
pub(super) fn both_streams(reply: &Reply) -> String {
    text::escape_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat())
}

fn only(replies: Vec<Reply>, about: &str) -> Result<Reply, Failure> {
    let none = || Failure::new(failure::SSH_PROTOCOL, format!("the guest gave no answer about {about}"));
    replies.into_iter().next().ok_or_else(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_is_not_there_is_an_error_that_says_of_what() {
        assert_eq!(only(vec![Reply { status: 7, ..Reply::default() }], "x").unwrap().status, 7);
        let failure = only(Vec::new(), "the updates").unwrap_err();
        assert_eq!(
            (failure.id, failure.message.as_str()),
            (failure::SSH_PROTOCOL, "the guest gave no answer about the updates")
        );
    }
}
