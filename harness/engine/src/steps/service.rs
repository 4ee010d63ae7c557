//! The step `service`. systemctl ends well although a unit can be neither enabled nor disabled: what the unit file's
//! state is afterwards is the only proof.

use super::done::{Broken, Done};
use super::shell::{output_of, shell};
use crate::clock::Clock;
use crate::driver::Live;
use muster_base::failure::{self, Failure};
use muster_base::text::{self, shell_word};
use muster_record::met::MetRecord;
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
    let quoted = shell_word(&name);
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
    let mut id = name.clone();
    if enabled.is_some() {
        // It may be another name of a unit, as `sshd.service` is of `ssh.service` on Debian, and be gone with what
        // enabled that.
        let shown = shell(live, step, format!("systemctl show -p Id --value -- {quoted}"), clock).await?;
        let said = text::one_line(text::escape_bytes(&shown.stdout).trim(), 255);
        if shown.status == 0 && !said.is_empty() {
            id = said;
        }
    }
    for verb in &verbs {
        let reply = shell(live, step, format!("systemctl {verb} -- {quoted}"), clock).await?;
        if reply.status != 0 {
            let status = shell(live, step, format!("systemctl status --no-pager -l -n 30 -- {quoted}"), clock).await?;
            let detail = format!("{}\n{}", output_of(&reply), output_of(&status));
            return Err(broken(format!("systemctl {verb} {name} ended with status {}", reply.status), detail));
        }
    }
    let mut met = Vec::with_capacity(verbs.len());
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
        met.push(MetRecord::new(
            &format!("step service {name}"),
            &format!("is {wanted} after systemctl {verb}"),
            &found,
        ));
    }
    if let Some(enabled) = enabled {
        let reply = shell(live, step, format!("systemctl is-enabled -- {}", shell_word(&id)), clock).await?;
        let state = text::one_line(text::escape_bytes(&reply.stdout).trim(), 60);
        match enablement(&name, &state, enabled) {
            Ok(()) => {
                let expected = if enabled { "is enabled" } else { "is not enabled" };
                met.push(MetRecord::new(&format!("step service {name}"), expected, &state));
            }
            Err(Wrong::Unread) => {
                let what = format!("whether {name} is enabled cannot be read: systemctl is-enabled says `{state}`");
                let failure = Failure::new(failure::PROBE_FAILED, what).with_detail(output_of(&reply));
                return Err(Broken { assertions: 0, ..Broken::missed(failure) });
            }
            Err(Wrong::Is(message)) => return Err(broken(message, output_of(&reply))),
        }
    }
    Ok(Done::having(met))
}

/// What is wrong with the state of a unit's file.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// It is another than the step states.
    Is(String),
    /// It was not said.
    Unread,
}

/// Whether the state of a unit's file (systemd's `unit_file_state_table`) is what the step states.
fn enablement(name: &str, state: &str, enabled: bool) -> Result<(), Wrong> {
    let wanted = if enabled { "enabled" } else { "disabled" };
    let not = |why: &str| Err(Wrong::Is(format!("{name} cannot be {wanted}: {why}")));
    match (state, enabled) {
        ("enabled" | "enabled-runtime" | "alias", true)
        | ("disabled" | "indirect" | "masked" | "masked-runtime", false) => Ok(()),
        ("static", _) => not("it is static: its file has no [Install] section, and other units start it"),
        ("indirect", true) => {
            not("it is indirect: its [Install] section is only about other units (`Also=`), which this step could name")
        }
        ("generated" | "transient", _) => {
            not(&format!("it is {state}: its file is not on the disk, so that systemd cannot keep that of it"))
        }
        (
            "enabled" | "enabled-runtime" | "alias" | "disabled" | "masked" | "masked-runtime" | "linked"
            | "linked-runtime" | "bad" | "not-found",
            _,
        ) => {
            Err(Wrong::Is(format!("{name} is {state}, not {wanted}, after systemctl {}", &wanted[..wanted.len() - 1])))
        }
        _ => Err(Wrong::Unread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::Driver as _;
    use crate::fake::{self, FakeDriver};
    use muster_guest::Reply;
    use muster_record::facts::Facts;
    use std::time::Duration;

    fn said(text: &str) -> Reply {
        Reply { stdout: format!("{text}\n").into_bytes(), ..Reply::default() }
    }

    /// The step on a guest whose unit is so; its failure, and the commands that ran there.
    async fn run_step(state: &str, enabled: bool) -> (Option<Failure>, Vec<String>) {
        let driver = FakeDriver {
            facts: Facts { systemd: Some(257), ..Facts::default() },
            answers: vec![("systemctl show -p Id", said("ssh.service")), ("systemctl is-enabled", said(state))],
            ..FakeDriver::default()
        };
        let Ok(live) = driver.boot("fake-1", false).await else { panic!("it does not boot") };
        let clock = Clock::new(Duration::from_secs(5), 1.0);
        let done = run(&live, &fake::step("x"), "sshd", None, Some(enabled), &clock).await;
        let heard = driver.said.lock().unwrap().clone();
        (done.err().map(|broken| broken.failure), heard)
    }

    #[tokio::test]
    async fn what_the_unit_file_is_afterwards_is_what_counts() {
        let (failure, heard) = run_step("enabled", true).await;
        assert_eq!(failure, None);
        assert_eq!(
            heard,
            [
                "systemctl show -p Id --value -- sshd.service",
                "systemctl enable -- sshd.service",
                "systemctl is-enabled -- ssh.service"
            ]
        );
        for (state, enabled) in [("enabled-runtime", true), ("disabled", false), ("masked", false)] {
            assert_eq!(run_step(state, enabled).await.0, None, "{state}");
        }
        for (state, enabled) in [
            ("disabled", true),
            ("masked", true),
            ("linked", true),
            ("enabled", false),
            ("enabled-runtime", false),
            ("indirect", true),
            ("static", true),
            ("static", false),
        ] {
            let failure = run_step(state, enabled).await.0.unwrap();
            assert_eq!(failure.id, failure::STEP_SERVICE, "{state}");
            assert!(failure.message.contains(state), "{failure:?}");
        }
        assert_eq!(run_step("", true).await.0.unwrap().id, failure::PROBE_FAILED);
    }

    #[test]
    fn a_static_unit_is_said_to_be_one() {
        let Err(Wrong::Is(message)) = enablement("a.service", "static", true) else { panic!() };
        assert_eq!(
            message,
            "a.service cannot be enabled: it is static: its file has no [Install] section, and other units start it"
        );
        let Err(Wrong::Is(message)) = enablement("a.service", "enabled", false) else { panic!() };
        assert_eq!(message, "a.service is enabled, not disabled, after systemctl disable");
    }
}
