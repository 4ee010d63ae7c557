//! Units that a chain enables and starts, tried on a machine.

use crate::error::CliError;
use crate::guest;
use muster_base::text::{escape_bytes, last_words, one_line, shell_word};
use muster_engine::driver::Live;

/// What a chain does with a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnitPlan {
    pub(super) name: String,
    pub(super) enable: bool,
    pub(super) start: bool,
}

/// Seconds within which a unit must have become active, on a fast machine.
const DEADLINE: u64 = 60;

/// What became of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnitSeen {
    pub(super) name: String,
    /// What `systemctl is-enabled` said before the chain's own `enable`: what presets made of it.
    pub(super) before: String,
    /// Why it cannot be enabled.
    pub(super) not_enabled: Option<String>,
    /// Why it is not active; `None` when it is, or was not to be started.
    pub(super) not_active: Option<String>,
}

/// `$1` is the unit, `$2` and `$3` whether it is enabled and started, `$4` the deadline in seconds. A unit that ran to
/// its end (`Type=oneshot`) is as good as one that is active.
const TRY: &str = r#"command -v systemctl >/dev/null 2>&1 || { echo 'systemctl: not found' >&2; exit 127; }
export LC_ALL=C SYSTEMD_COLORS=0
systemctl daemon-reload 2>/dev/null
printf '= before %s\n' "$(systemctl is-enabled "$1" 2>&1 | head -n 1)"
if [ "$2" = 1 ]; then
    said=$(systemctl enable "$1" 2>&1 </dev/null); status=$?
    printf '= enable %s %s\n' "$status" "$(printf %s "$said" | tr '\n' ' ')"
fi
if [ "$3" = 1 ]; then
    said=$(systemctl start --no-block "$1" 2>&1 </dev/null); status=$?
    [ "$status" = 0 ] || { printf '= start %s %s\n' "$status" "$(printf %s "$said" | tr '\n' ' ')"; echo '= end'; exit 0; }
    tries=$4
    while :; do
        job= state= result= type=
        while IFS='=' read -r key value; do
            case $key in Job) job=$value;; ActiveState) state=$value;; Result) result=$value;; Type) type=$value;; esac
        done <<S
$(systemctl show "$1" -p Job -p ActiveState -p Result -p Type)
S
        [ -n "$state" ] || { echo 'systemctl show said nothing' >&2; exit 1; }
        case $state in active|failed) [ "${job:-0}" = 0 ] && break;; inactive) [ "${job:-0}" = 0 ] && break;; esac
        [ "$tries" -gt 0 ] || break
        tries=$((tries - 1)); sleep 1
    done
    # One that falls over as soon as it is up has a moment for it.
    [ "$state" != active ] || [ "$type" = oneshot ] || { sleep 2; state=$(systemctl show "$1" -p ActiveState --value); }
    printf '= state %s %s %s\n' "$state" "${result:--}" "${type:--}"
    case $state in active) ;; *) journalctl -b -u "$1" -n 5 -o cat --no-pager 2>/dev/null | while IFS= read -r line; do printf '= log %s\n' "$line"; done;; esac
fi
echo '= end'"#;

/// Tries each, in order.
///
/// # Errors
/// The guest is gone, or systemd does not answer.
pub(super) async fn try_all(live: &impl Live, plan: &[UnitPlan]) -> Result<Vec<UnitSeen>, CliError> {
    let mut out = Vec::with_capacity(plan.len());
    for unit in plan {
        let deadline = (DEADLINE as f64 * live.deadline_scale()).ceil() as u64;
        let script = format!(
            "set -- {} {} {} {deadline}\n{TRY}",
            shell_word(&unit.name),
            u8::from(unit.enable),
            u8::from(unit.start),
        );
        let reply = guest::run_foreign(live, script, DEADLINE * 2 + 60, guest::OUTPUT).await?;
        let said = escape_bytes(&reply.stdout);
        let seen = guest::cut(&reply).is_none().then(|| read(&unit.name, &said)).flatten();
        out.push(seen.ok_or_else(|| {
            let why = guest::cut(&reply).map(str::to_owned).unwrap_or_else(|| last_words(&guest::both(&reply), 200));
            CliError::infrastructure(format!("the state of {} cannot be read: {why}", one_line(&unit.name, 100)))
        })?);
    }
    Ok(out)
}

/// `None` when the answer is not whole.
fn read(name: &str, text: &str) -> Option<UnitSeen> {
    let text = text.strip_suffix("= end\n")?;
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix("= ")?.strip_prefix(key)?.strip_prefix(' '));
    let refused = |key: &str| match of(key)?.split_once(' ') {
        Some(("0", _)) => None,
        Some((status, said)) => Some(format!("`systemctl {key}` ended with status {status}: {}", one_line(said, 200))),
        None => Some(format!("`systemctl {key}` failed")),
    };
    let log: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("= log ")).collect();
    let not_active = refused("start").or_else(|| {
        let words: Vec<&str> = of("state")?.split(' ').collect();
        match words.as_slice() {
            ["active", ..] | ["inactive", "success", "oneshot"] => None,
            [state, result, _] => {
                let log = if log.is_empty() { String::new() } else { format!(": {}", one_line(&log.join(" "), 300)) };
                Some(format!("it is {state} ({result}){log}"))
            }
            _ => Some("its state is not known".to_owned()),
        }
    });
    let enabled = refused("enable");
    Some(UnitSeen { name: name.to_owned(), before: one_line(of("before")?, 60), not_enabled: enabled, not_active })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_active_or_it_is_said_why_not() {
        let seen = |text: &str| read("x.service", text).unwrap();
        let up = seen("= before disabled\n= enable 0 Created symlink\n= state active success notify\n= end\n");
        assert_eq!((up.before.as_str(), up.not_enabled, up.not_active), ("disabled", None, None));
        assert_eq!(seen("= before static\n= state inactive success oneshot\n= end\n").not_active, None);
        let ended = seen("= before static\n= state inactive success simple\n= end\n").not_active.unwrap();
        assert_eq!(ended, "it is inactive (success)");
        let failed = seen("= before enabled\n= state failed exit-code simple\n= log no port\n= end\n");
        assert_eq!(failed.not_active.as_deref(), Some("it is failed (exit-code): no port"));
        let none =
            seen("= before not-found\n= enable 1 Unit x.service does not exist\n= start 5 Unit not found.\n= end\n");
        assert!(none.not_enabled.unwrap().contains("does not exist") && none.not_active.unwrap().contains("status 5"));
        assert_eq!(read("x.service", "= before enabled\n"), None);
        assert_eq!(read("x.service", "= end\n"), None);
    }
}
