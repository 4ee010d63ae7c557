//! Users, groups and their numbers.

use super::form::{Grammar, Reading, Refusal, meant, only, refuse};

/// A user. shadow's `is_valid_name` and systemd's `valid_user_group_name` differ in the first letter and in
/// dots; what both refuse is refused here.
pub const USER: Grammar = Grammar {
    what: "a user name",
    form: "letters, digits and `_.-`, no digit alone, at most 31 bytes, a `$` at its end; of a domain also `\\` and `@`",
    pattern: r"[A-Za-z0-9_.@\\-]+\$?",
    reading: Reading::Form(user),
    good: &[
        ("root", "root"),
        ("systemd-network", "systemd-network"),
        ("_apt", "_apt"),
        ("EXAMPLE\\jane", "EXAMPLE\\jane"),
        ("host$", "host$"),
    ],
    bad: &[
        ("ro ot", ""),
        ("r*", ""),
        ("0", ""),
        ("1000", ""),
        ("-x", ""),
        ("root:x", ""),
        ("/root", ""),
        ("root ", "root"),
    ],
};

/// A group.
pub const GROUP: Grammar = Grammar {
    what: "a group name",
    form: "letters, digits and `_.-`, no digit alone, at most 31 bytes",
    pattern: r"[A-Za-z0-9_.@\\-]+\$?",
    reading: Reading::Form(group),
    good: &[("wheel", "wheel"), ("systemd-journal", "systemd-journal")],
    bad: &[("%wheel", "wheel"), ("@wheel", "wheel"), ("10", ""), ("wh eel", ""), ("w*", "")],
};

/// The number of a user or a group.
pub const NUMBER: Grammar = Grammar {
    what: "a number of a user or group",
    form: "decimal digits",
    pattern: r"[0-9]+",
    reading: Reading::Form(number),
    good: &[("0", "0"), ("1000", "1000")],
    bad: &[("root", ""), ("0x10", ""), ("007", "7"), ("-1", ""), ("99999999999", "")],
};

fn user(text: &str) -> Result<String, Refusal> {
    account(text, "a user name")
}

fn group(text: &str) -> Result<String, Refusal> {
    // Written so in sudoers and in access files, and nowhere else.
    if let Some(name) = text.strip_prefix(['%', '@'])
        && account(name, "a group name").is_ok()
    {
        return meant("only sudoers and the like mark a group", name);
    }
    account(text, "a group name")
}

fn account(text: &str, what: &str) -> Result<String, Refusal> {
    let name = text.strip_suffix('$').unwrap_or(text);
    only(name, what, |c| c.is_alphanumeric() || "_.-@\\".contains(c))?;
    if name.is_empty() || name.starts_with(['-', '@']) {
        return refuse(format!("{what} begins with a letter, a digit or `_`"));
    }
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return refuse(format!("{what} is not a number"));
    }
    Ok(text.to_owned())
}

fn number(text: &str) -> Result<String, Refusal> {
    match text.parse::<u32>() {
        Ok(number) if number.to_string() == text => Ok(text.to_owned()),
        Ok(number) => meant("a number is written without zeros and signs before it", number.to_string()),
        Err(_) => refuse("it is a decimal number below 4294967296"),
    }
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&USER, &GROUP, &NUMBER];
