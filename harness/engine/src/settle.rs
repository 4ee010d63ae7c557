//! The end of a boot, as the guest tells it, for every kind of machine.

use std::time::{Duration, Instant};

use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_guest::{Guest, GuestError, Request};

/// Waits until systemd says that the boot is over, whether well or badly.
pub async fn settle(guest: &Guest, deadline: Instant) -> Result<(), Failure> {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let request = Request { script: "systemctl is-system-running --wait".into(), timeout: left, limit: 1 << 16 };
    let reply = guest.run(request).await.map_err(|error| guest_failure(&error))?;
    let said = text::one_line(&text::escape_bytes(&reply.stdout), 80);
    if matches!(said.as_str(), "running" | "degraded") {
        return Ok(());
    }
    let script = "systemctl list-jobs --no-pager; systemctl --failed --no-pager";
    let jobs = Request { script: script.into(), timeout: Duration::from_secs(60), limit: 1 << 16 };
    let detail = guest.run(jobs).await.map(|reply| text::escape_bytes(&reply.stdout)).unwrap_or_default();
    let state = if said.is_empty() { "does not say how it is".to_owned() } else { format!("says `{said}`") };
    let text = format!("the guest answers SSH, but systemd {state} when the boot's deadline was over");
    Err(Failure::new(failure::BOOT_UNSETTLED, text).with_detail(detail))
}

/// What a guest that cannot be spoken with any more makes of a test.
pub fn guest_failure(error: &GuestError) -> Failure {
    Failure::from(error)
}
