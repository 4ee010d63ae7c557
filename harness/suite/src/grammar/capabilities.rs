//! Capabilities of processes and files: capabilities(7), include/uapi/linux/capability.h.

use super::super::diagnostic::did_you_mean;
use super::form::{Grammar, Reading, Refusal, meant, refuse};

/// All capabilities, in the order of their bits.
pub const NAMES: &[&str] = &[
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// A capability.
pub const CAPABILITY: Grammar = Grammar {
    what: "a capability",
    form: "as capabilities(7) names them, in lower case (`cap_net_raw`)",
    pattern: r"cap_[a-z0-9_]+",
    reading: Reading::Known(one, NAMES),
    good: &[("cap_net_raw", "cap_net_raw"), ("cap_of_tomorrow", "cap_of_tomorrow"), ("cap_41", "cap_41")],
    bad: &[
        ("CAP_NET_RAW", "cap_net_raw"),
        ("net_raw", "cap_net_raw"),
        ("cap_net_rw", "cap_net_raw"),
        ("cap-net-raw", "cap_net_raw"),
        ("cap_net_raw=ep", "cap_net_raw"),
    ],
};

/// A capability of a file with its sets.
pub const OF_FILE: Grammar = Grammar {
    what: "a capability of a file",
    form: "one capability and its sets, as getcap prints them (`cap_net_raw=ep`)",
    pattern: r"cap_[a-z0-9_]+[=+-][eip]+",
    reading: Reading::Form(of_file),
    good: &[
        ("cap_net_raw=ep", "cap_net_raw=ep"),
        ("cap_setuid=p", "cap_setuid=p"),
        ("cap_net_raw+pe", "cap_net_raw=ep"),
    ],
    bad: &[
        ("cap_net_raw", "cap_net_raw=ep"),
        ("CAP_NET_RAW=ep", "cap_net_raw=ep"),
        ("cap_net_raw,cap_net_admin=ep", ""),
        ("cap_net_raw=x", ""),
        ("cap_net_rw=ep", "cap_net_raw=ep"),
    ],
};

fn one(text: &str) -> Result<String, Refusal> {
    if text.starts_with("cap_") && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Ok(text.to_owned());
    }
    let plain = text.split(['=', '+']).next().unwrap_or_default().to_lowercase().replace('-', "_");
    let whole = if plain.starts_with("cap_") { plain } else { format!("cap_{plain}") };
    let near = did_you_mean(&whole, NAMES.iter().copied()).unwrap_or_default();
    meant("a capability is `cap_` and lower-case letters, digits and `_`", near)
}

/// Sets in the order in which they are compared.
fn of_file(text: &str) -> Result<String, Refusal> {
    let Some(at) = text.find(['=', '+']) else {
        let name = CAPABILITY.read(text).map(|name| format!("{name}=ep"));
        return meant("a capability of a file has its sets after it", name.unwrap_or_default());
    };
    let (name, sets) = (&text[..at], &text[at + 1..]);
    if name.contains(',') {
        return refuse("one capability in each element");
    }
    if sets.is_empty() || !sets.bytes().all(|b| b"eip".contains(&b)) {
        return refuse("the sets of a capability are `e`, `i` and `p`");
    }
    let ordered: String = "eip".chars().filter(|set| sets.contains(*set)).collect();
    match CAPABILITY.read(name) {
        Ok(name) => Ok(format!("{name}={ordered}")),
        Err(Refusal { why, suggestion }) => {
            Err(Refusal { why, suggestion: suggestion.map(|near| format!("{near}={ordered}")) })
        }
    }
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&CAPABILITY, &OF_FILE];
