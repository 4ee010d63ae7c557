use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;

const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const C: &str = "cccccccc-0000-4000-8000-000000000003";

/// One answer of a scripted guest.
enum Say {
    Id(&'static str),
    Gone,
    /// Nothing comes, until somebody gives up waiting.
    Nothing,
}

/// A guest whose answers are written down before; the last goes on for ever.
struct Script {
    says: Mutex<VecDeque<Say>>,
    reconnects: Mutex<VecDeque<Result<(), Failure>>>,
    settles: Mutex<VecDeque<Result<Result<(), Silent>, Failure>>>,
}

fn script(says: impl IntoIterator<Item = Say>) -> Script {
    Script { says: Mutex::new(says.into_iter().collect()), reconnects: Mutex::default(), settles: Mutex::default() }
}

impl Subject for Script {
    async fn request(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn boot_id(&self) -> Result<String, Silent> {
        let say = {
            let mut says = self.says.lock().unwrap();
            if says.len() > 1 {
                says.pop_front()
            } else {
                match says.front() {
                    Some(Say::Id(id)) => Some(Say::Id(id)),
                    Some(Say::Nothing) => Some(Say::Nothing),
                    _ => None,
                }
            }
        };
        match say {
            Some(Say::Id(id)) => Ok(id.to_owned()),
            Some(Say::Nothing) => std::future::pending().await,
            Some(Say::Gone) | None => Err(Silent),
        }
    }

    async fn reconnect(&self, deadline: Instant) -> Result<(), Failure> {
        let next = self.reconnects.lock().unwrap().pop_front();
        match next {
            Some(outcome) => outcome,
            None if matches!(self.says.lock().unwrap().front(), Some(Say::Gone)) => {
                tokio::time::sleep_until(deadline).await;
                Err(Failure::new(failure::REBOOT_TIMEOUT, "nobody answers"))
            }
            None => Ok(()),
        }
    }

    async fn settle(&self, _: Instant) -> Result<Result<(), Silent>, Failure> {
        self.settles.lock().unwrap().pop_front().unwrap_or(Ok(Ok(())))
    }

    async fn reset(&self) {
        std::future::pending().await
    }
}

async fn ids(script: &Script) -> Result<Vec<String>, Failure> {
    follow(script, A, Instant::now() + Duration::from_secs(60)).await
}

/// What a guest comes to that has a moment only.
async fn failure_soon(script: Script) -> Failure {
    follow(&script, A, Instant::now() + Duration::from_millis(300)).await.unwrap_err()
}

#[tokio::test]
async fn a_guest_that_takes_its_time_to_stop_is_waited_for() {
    let slow = script([Say::Id(A), Say::Id(A), Say::Gone, Say::Id(A), Say::Gone, Say::Id(B)]);
    // Connecting works again while it still shuts down.
    slow.reconnects.lock().unwrap().extend([Ok(()), Ok(())]);
    assert_eq!(ids(&slow).await.unwrap(), [A, B]);
}

#[tokio::test]
async fn a_guest_that_never_reboots_is_the_same_boot_at_the_deadline() {
    let failure = failure_soon(script([Say::Id(A)])).await;
    assert_eq!((failure.id.as_str(), failure.actual.as_deref()), ("reboot.same-boot", Some(A)));
}

#[tokio::test]
async fn a_guest_that_does_not_come_back_is_a_timeout_and_not_a_pass() {
    let failure = failure_soon(script([Say::Gone])).await;
    assert_eq!(failure.id.as_str(), "reboot.timeout");
    assert_eq!(failure.message, "the guest did not come back before the deadline: nobody answers");
    let hangs = failure_soon(script([Say::Nothing])).await;
    assert_eq!(hangs.id.as_str(), "reboot.timeout");
}

#[tokio::test]
async fn a_second_reboot_while_it_settles_is_met() {
    let twice = script([Say::Id(B), Say::Id(C)]);
    twice.settles.lock().unwrap().push_back(Ok(Err(Silent)));
    assert_eq!(ids(&twice).await.unwrap(), [A, B, C]);
    // Faster than the connection notices.
    assert_eq!(ids(&script([Say::Id(B), Say::Id(C)])).await.unwrap(), [A, B, C]);
    // Back to an id that was there before is a change as well.
    let back = script([Say::Id(B), Say::Id(A)]);
    back.settles.lock().unwrap().push_back(Ok(Err(Silent)));
    assert_eq!(ids(&back).await.unwrap(), [A, B, A]);
}

#[tokio::test]
async fn a_connection_that_breaks_while_it_settles_is_no_second_reboot() {
    let network = script([Say::Id(B)]);
    network.settles.lock().unwrap().extend([Ok(Err(Silent)), Ok(Ok(()))]);
    assert_eq!(ids(&network).await.unwrap(), [A, B]);
}

#[tokio::test]
async fn another_host_key_and_an_unfinished_boot_have_ids_of_their_own() {
    let other = script([Say::Gone, Say::Id(B)]);
    other.reconnects.lock().unwrap().push_back(Err(Failure::new(failure::REBOOT_HOST_KEY, "another key")));
    assert_eq!(ids(&other).await.unwrap_err().id.as_str(), "reboot.host-key");
    let unsettled = script([Say::Id(B)]);
    unsettled.settles.lock().unwrap().push_back(Err(Failure::new(failure::REBOOT_UNSETTLED, "starting")));
    assert_eq!(ids(&unsettled).await.unwrap_err().id.as_str(), "reboot.unsettled");
}

#[test]
fn a_boot_id_has_one_shape() {
    assert_eq!(parse_boot_id(&format!("{A}\n")), Some(A.to_owned()));
    assert_eq!(parse_boot_id(""), None);
    assert_eq!(parse_boot_id(&"x".repeat(36)), None);
    assert_eq!(parse_boot_id("cat: can't open"), None);
}
