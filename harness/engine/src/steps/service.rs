//! The step `service`.

use super::done::{Broken, Done};
use super::shell::{output_of, shell};
use crate::clock::Clock;
use crate::driver::Live;
use crate::plan::quote;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_suite::model::{ServiceState, Step};

/// Brings the unit to the state, and looks whether it is there.
pub(super) async fn run<L: Live>(
    live: &L,
    step: &Step,
    unit: &str,
    state: Option<ServiceState>,
    enabled: Option<bool>,
    clock: &Clock,
) -> Result<Done, Broken> {
    let broken = |message: String, detail: String| {
        Broken::missed(Failure::new(failure::STEP_SERVICE, message).with_detail(detail))
    };
    if live.facts().systemd.is_none() {
        return Err(broken(format!("cannot manage {unit}: systemd is not running in the guest"), String::new()));
    }
    let name = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    let quoted = quote(&name);
    let mut verbs = Vec::new();
    if let Some(enabled) = enabled {
        verbs.push(if enabled { "enable" } else { "disable" });
    }
    let (verb, wanted) = match state {
        Some(ServiceState::Started) => ("start", "active"),
        Some(ServiceState::Restarted) => ("restart", "active"),
        Some(ServiceState::Reloaded) => ("reload", "active"),
        Some(ServiceState::Stopped) => ("stop", "inactive"),
        None => ("", ""),
    };
    verbs.extend(Some(verb).filter(|verb| !verb.is_empty()));
    for verb in &verbs {
        let reply = shell(live, step, format!("systemctl {verb} -- {quoted}"), clock).await?;
        if reply.status != 0 {
            let status = shell(live, step, format!("systemctl status --no-pager -l -n 30 -- {quoted}"), clock).await?;
            let detail = format!("{}\n{}", output_of(&reply), output_of(&status));
            return Err(broken(format!("systemctl {verb} {name} ended with status {}", reply.status), detail));
        }
    }
    if !wanted.is_empty() {
        let reply = shell(live, step, format!("systemctl is-active -- {quoted}"), clock).await?;
        let found = text::one_line(&text::escape_bytes(&reply.stdout), 60);
        // A one-shot unit that did its work is inactive after a successful start.
        let done = shell(live, step, format!("systemctl show -p Type -p Result --value -- {quoted}"), clock).await?;
        let oneshot = text::escape_bytes(&done.stdout).lines().eq(["oneshot", "success"]);
        if found != wanted && !(oneshot && wanted == "active" && found == "inactive") {
            let status = shell(live, step, format!("systemctl status --no-pager -l -n 30 -- {quoted}"), clock).await?;
            return Err(broken(format!("{name} is {found} after systemctl {verb}"), output_of(&status)));
        }
    }
    Ok(Done::asserting(verbs.len()))
}
