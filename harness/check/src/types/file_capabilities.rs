//! What `getcap -v` prints of one file, behind its name: clauses of cap_from_text(3), each of which changes what
//! those before it have set.

use std::collections::BTreeMap;

use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
use muster_suite::grammar::capabilities::NAMES;

/// Each capability of the file with its sets, `cap_net_raw=ep`, in the order of the kernel's numbers. A clause without
/// names (`=ep`) is about all capabilities that muster knows by name.
pub(super) fn read(printed: &str) -> Read<Vec<String>> {
    let wrong = || Unreadable::new(format!("getcap -v says `{}` of the file", one_line(printed, 120)));
    // Where the kernel keeps no capabilities of what is no regular file, getcap says so in brackets.
    if printed.trim_start().starts_with('(') {
        return Err(wrong());
    }
    let mut sets: BTreeMap<(usize, String), String> = BTreeMap::new();
    for clause in printed.split_whitespace() {
        // The user whose namespace they hold in.
        if clause.starts_with("[rootid=") {
            continue;
        }
        // libcap before 2.41 prints an equals sign between the name and the clauses.
        if clause == "=" {
            continue;
        }
        let at = clause.find(['=', '+', '-']).ok_or_else(wrong)?;
        let names = named(&clause[..at]).ok_or_else(wrong)?;
        for (operator, flags) in actions(&clause[at..]).ok_or_else(wrong)? {
            for name in &names {
                let held = sets.entry((number(name), name.clone())).or_default();
                *held = match operator {
                    '=' => flags.to_owned(),
                    '+' => format!("{held}{flags}"),
                    _ => held.replace(|flag| flags.contains(flag), ""),
                };
            }
        }
    }
    // In the order in which getcap prints them.
    let ordered = |held: &str| "eip".chars().filter(|flag| held.contains(*flag)).collect::<String>();
    let held = sets.iter().map(|((_, name), held)| (name, ordered(held))).filter(|(_, held)| !held.is_empty());
    Ok(held.map(|(name, held)| format!("{name}={held}")).collect())
}

/// The capabilities that the names before an operator mean. A number is one that libcap has no name for.
fn named(names: &str) -> Option<Vec<String>> {
    if names.is_empty() || names == "all" {
        return Some(NAMES.iter().map(|name| (*name).to_owned()).collect());
    }
    let one = |name: &str| {
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: usize = name.parse().ok()?;
            return Some(NAMES.get(number).map_or_else(|| format!("cap_{number}"), |name| (*name).to_owned()));
        }
        let name = name.to_ascii_lowercase();
        name.starts_with("cap_").then_some(name)
    };
    names.split(',').map(one).collect()
}

/// `=p+e` are two.
fn actions(text: &str) -> Option<Vec<(char, &str)>> {
    let mut actions = Vec::new();
    let mut rest = text;
    while let Some(operator) = rest.chars().next() {
        let flags = &rest[1..];
        let end = flags.find(['=', '+', '-']).unwrap_or(flags.len());
        if !flags[..end].bytes().all(|flag| b"eip".contains(&flag)) {
            return None;
        }
        actions.push((operator, &flags[..end]));
        rest = &flags[end..];
    }
    Some(actions)
}

fn number(name: &str) -> usize {
    let unnamed = || name.strip_prefix("cap_").and_then(|number| number.parse().ok());
    NAMES.iter().position(|known| *known == name).or_else(unnamed).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_but(without: &[&str]) -> Vec<String> {
        NAMES.iter().filter(|name| !without.contains(name)).map(|name| format!("{name}=ep")).collect()
    }

    #[test]
    fn clauses_name_one_some_or_all_capabilities() {
        // As libcap 2.66 printed them behind the name of the file; the last two as libcap 2.25 does.
        for (printed, expected) in [
            (" cap_net_admin,cap_net_raw=ep", vec!["cap_net_admin=ep".to_owned(), "cap_net_raw=ep".to_owned()]),
            (" =ep", all_but(&[])),
            (" =ep cap_sys_admin-ep", all_but(&["cap_sys_admin"])),
            (" cap_setuid=p", vec!["cap_setuid=p".to_owned()]),
            (" cap_chown=p cap_kill+i", vec!["cap_chown=p".to_owned(), "cap_kill=i".to_owned()]),
            (" cap_chown=ep [rootid=1000]", vec!["cap_chown=ep".to_owned()]),
            (" 63=ep", vec!["cap_63=ep".to_owned()]),
            ("", Vec::new()),
            (" = cap_net_raw+p", vec!["cap_net_raw=p".to_owned()]),
            (
                " = cap_net_bind_service,cap_net_raw+ep",
                vec!["cap_net_bind_service=ep".to_owned(), "cap_net_raw=ep".to_owned()],
            ),
        ] {
            assert_eq!(read(printed), Ok(expected), "{printed}");
        }
    }

    #[test]
    fn what_is_no_clause_is_no_capability() {
        for printed in
            [" (Not a regular file)", " Failed to get capabilities", " cap_net_raw", " cap_chown=x", " chown=ep"]
        {
            assert!(read(printed).is_err(), "{printed}");
        }
    }
}
