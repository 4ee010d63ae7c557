//! Automatic restarts of units, and which of them are a crash loop. Shared by `units`, `service` and the
//! base checks.
//!
//! **Switch-root.** systemd in an initrd sends SIGTERM to every process that is left and starts itself
//! again from the root file system, without waiting for them (systemd's main.c, `finish_remaining_processes`
//! and `do_reexecute`: "so that we can handle the SIGCHLD for them after deserializing"). journald is the
//! one service that stays until then (`IgnoreOnIsolate=yes`) and has `Restart=always`, so the new manager
//! restarts it and counts that (`NRestarts=1`) on every boot of every such system. [`of_switch_root`]
//! tells these restarts from those of a service that died by itself.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::journal;
use crate::unreadable::{Read, Unreadable};
use muster_boot_time::systemctl_show::units as shown;

/// systemd's message id of an automatic restart (`SD_MESSAGE_UNIT_RESTART_SCHEDULED`); the entry has the
/// fields `UNIT` and `N_RESTARTS`.
pub(super) const SCHEDULED: &str = "5eb03494b6584870a536b337290809b3";
/// The message id of a start (`SD_MESSAGE_UNIT_STARTING`).
const STARTING: &str = "7d4958e842da4a758f6c1cdc7b36dcc5";
/// Restarts after which a unit that waits for the next one is in a loop: one restart alone may be what a
/// person or a test wanted of `Restart=`.
pub(super) const WAITING: u64 = 2;
/// Restarts that are a loop although the unit runs at this moment.
pub(super) const RUNNING: u64 = 3;
/// Seconds within which the last start must lie for a unit that runs: what looped once and is well since is
/// not in a loop.
const RECENT: f64 = 300.0;

/// Key of the probe [`COUNTS`].
pub(super) const COUNTS_KEY: &str = "systemd/restarts";
/// Key of the probe [`LOG`].
pub(super) const LOG_KEY: &str = "systemd/restarts-log";
/// Reads how often each service was restarted, and when it was started last.
pub(super) const COUNTS: &str = "read -r up rest </proc/uptime && echo \"uptime $up\" || exit 1\nsystemctl show --no-pager -p Id -p SubState -p NRestarts -p ExecMainStartTimestampMonotonic -- '*.service'";

/// Reads what systemd said of restarts and starts since it began, when it ran in the initrd too. While
/// journald does not run, its messages come by way of the kernel and are text alone.
pub(super) const LOG: &str = concat!(
    "stamps=$(systemctl show --no-pager -p InitRDTimestampMonotonic -p UserspaceTimestampMonotonic) || exit 1\nprintf '%s\\n' \"$stamps\"\ncase $stamps in *InitRDTimestampMonotonic=0*) exit 0;; *InitRDTimestampMonotonic=*) ;; *) echo 'systemctl show names no time stamps' >&2; exit 1;; esac\n",
    journal::not_empty!(""),
    "journalctl -b -o json --no-pager --output-fields=MESSAGE,MESSAGE_ID,UNIT,N_RESTARTS,_SOURCE_MONOTONIC_TIMESTAMP MESSAGE_ID=5eb03494b6584870a536b337290809b3 + MESSAGE_ID=7d4958e842da4a758f6c1cdc7b36dcc5 + _TRANSPORT=kernel SYSLOG_IDENTIFIER=systemd"
);

/// A service and its automatic restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restarted {
    pub(super) unit: String,
    pub(super) count: u64,
    /// Whether it waits for its next restart.
    pub(super) waits: bool,
    /// Whether its last start lies within [`RECENT`].
    pub(super) recent: bool,
}

impl Restarted {
    /// Whether it is in a crash loop.
    pub(super) fn loops(&self) -> bool {
        (self.waits && self.count >= WAITING) || (self.recent && self.count >= RUNNING)
    }
}

/// The services that were restarted, of what [`COUNTS`] printed.
pub(super) fn counted(text: &str) -> Read<Vec<Restarted>> {
    let (uptime, rest) = text.split_once('\n').unwrap_or((text, ""));
    let now: f64 = uptime
        .strip_prefix("uptime ")
        .and_then(|seconds| seconds.parse().ok())
        .ok_or_else(|| Unreadable::new("the uptime cannot be read"))?;
    let units = shown(rest);
    if !units.iter().any(|unit| unit.contains_key("NRestarts")) {
        return Err(Unreadable::new("systemctl show names no service with a count of restarts"));
    }
    Ok(units.iter().filter_map(|unit| restarted(unit, now)).collect())
}

fn restarted(unit: &BTreeMap<&str, &str>, now: f64) -> Option<Restarted> {
    let count = unit.get("NRestarts")?.parse().ok().filter(|count| *count > 0)?;
    let started: u64 = unit.get("ExecMainStartTimestampMonotonic").and_then(|stamp| stamp.parse().ok()).unwrap_or(0);
    Some(Restarted {
        unit: (*unit.get("Id")?).to_owned(),
        count,
        waits: waits(unit.get("SubState")?),
        recent: started > 0 && now - started as f64 / 1e6 <= RECENT,
    })
}

/// Whether a sub-state is the wait for an automatic restart (`auto-restart-queued` since systemd 254).
pub(super) fn waits(sub: &str) -> bool {
    sub.starts_with("auto-restart")
}

/// How many restarts of a unit, of what [`LOG`] printed, only bring back what switch-root had killed: the
/// first one (`N_RESTARTS` 1), when this systemd had not started the unit before it.
pub(super) fn of_switch_root(text: &str, unit: &str) -> Read<u64> {
    let stamp = |name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.trim().parse().ok())
    };
    let initrd =
        stamp("InitRDTimestampMonotonic").ok_or_else(|| Unreadable::new("systemctl show names no time stamps"))?;
    let root =
        stamp("UserspaceTimestampMonotonic").ok_or_else(|| Unreadable::new("systemctl show names no time stamps"))?;
    if initrd == 0 {
        return Ok(0);
    }
    let entries: String =
        text.lines().filter(|line| !line.contains("TimestampMonotonic=")).map(|line| format!("{line}\n")).collect();
    for line in journal::messages(&entries).lines().filter(|line| !line.is_empty()) {
        let entry: Json =
            serde_json::from_str(line).map_err(|error| Unreadable::new(format!("journalctl -o json: {error}")))?;
        let field = |name: &str| entry.get(name).and_then(Json::as_str).unwrap_or_default();
        let at: Option<u64> = [field("_SOURCE_MONOTONIC_TIMESTAMP"), field("__MONOTONIC_TIMESTAMP")]
            .iter()
            .find_map(|at| at.parse().ok());
        if at.is_none_or(|at| at < root) {
            continue;
        }
        let message = field("MESSAGE");
        let of_unit = field("UNIT") == unit;
        if of_unit && field("MESSAGE_ID") == STARTING || message.starts_with(&format!("Starting {unit} ")) {
            return Ok(0);
        }
        let first = of_unit && field("MESSAGE_ID") == SCHEDULED && field("N_RESTARTS") == "1";
        if first || message == format!("{unit}: Scheduled restart job, restart counter is at 1.") {
            return Ok(1);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_distinguished_from_single_restarts() {
        let text = "uptime 400.00\nId=a.service\nSubState=running\nNRestarts=0\n\nId=loop.service\nSubState=auto-restart\nNRestarts=2\nExecMainStartTimestampMonotonic=398000000\n\nId=once.service\nSubState=auto-restart\nNRestarts=1\nExecMainStartTimestampMonotonic=398000000\n\nId=fast.service\nSubState=running\nNRestarts=40\nExecMainStartTimestampMonotonic=399900000\n\nId=long-ago.service\nSubState=running\nNRestarts=40\nExecMainStartTimestampMonotonic=9000000\n\nId=killed-twice.service\nSubState=running\nNRestarts=2\nExecMainStartTimestampMonotonic=399900000\n";
        let all = counted(text).unwrap();
        assert_eq!(all.len(), 5);
        let loops: Vec<&str> = all.iter().filter(|one| one.loops()).map(|one| one.unit.as_str()).collect();
        assert_eq!(loops, ["loop.service", "fast.service"]);
        assert!(counted("").is_err() && counted("uptime 4.0\n").is_err());
    }

    const STAMPS: &str = "InitRDTimestampMonotonic=12000000\nUserspaceTimestampMonotonic=57000000\n";

    #[test]
    fn the_restart_after_switch_root_is_not_the_services_own() {
        // lab-dracut, systemd 257: by way of the kernel, since it is journald that is away.
        let kernel = "{\"__MONOTONIC_TIMESTAMP\":\"70100000\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"69389078\",\"MESSAGE\":\"systemd-journald.service: Scheduled restart job, restart counter is at 1.\"}\n";
        let of = |entries: &str, unit: &str| of_switch_root(&format!("{STAMPS}{entries}"), unit);
        assert_eq!(of(kernel, "systemd-journald.service"), Ok(1));
        assert_eq!(of(kernel, "other.service"), Ok(0));
        // A service that this systemd had started before died by itself.
        let started = format!(
            "{{\"__MONOTONIC_TIMESTAMP\":\"69000000\",\"MESSAGE_ID\":\"{STARTING}\",\"UNIT\":\"x.service\",\"MESSAGE\":\"Starting x.service - X...\"}}\n{{\"__MONOTONIC_TIMESTAMP\":\"71000000\",\"MESSAGE_ID\":\"{SCHEDULED}\",\"UNIT\":\"x.service\",\"N_RESTARTS\":\"1\",\"MESSAGE\":\"…\"}}\n"
        );
        assert_eq!(of(&started, "x.service"), Ok(0));
        // Starts in the initrd do not count: it is what switch-root killed.
        assert_eq!(of(&started.replace("69000000", "20000000"), "x.service"), Ok(1));
        // Without systemd in the initrd there is nothing to leave out, and silence is no answer.
        assert_eq!(of_switch_root("InitRDTimestampMonotonic=0\nUserspaceTimestampMonotonic=5\n", "x.service"), Ok(0));
        assert!(of_switch_root("", "x.service").is_err());
        assert_eq!(of("-- No entries --\n", "x.service"), Ok(0));
    }
}
