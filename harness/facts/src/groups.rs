//! The groups of a system. No snapshot has them; comparisons and `muster record` do.

use muster_base::text::one_line;
use muster_check::{Probe, Read, Unreadable};

/// A line of group(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, not empty.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// The users that it names, in its order.
    pub members: Vec<String>,
}

/// What to read in the guest. getent knows groups that are not in the file.
pub fn probe() -> Probe {
    let script = "if command -v getent >/dev/null 2>&1; then getent group; else cat /etc/group; fi";
    Probe::new("facts/groups", 30, script)
}

/// The groups of an escaped reply, in its order.
///
/// # Errors
/// A line that no group has.
pub fn parse(text: &str) -> Read<Vec<Group>> {
    let group = |line: &str| match line.split(':').collect::<Vec<_>>()[..] {
        [name, _, gid, members] if !name.is_empty() => {
            let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
            Some(Group { name: name.to_owned(), gid: gid.parse().ok()?, members })
        }
        _ => None,
    };
    let strange =
        |line: &str| Unreadable::new(format!("a line of the answer is not as expected: {}", one_line(line, 120)));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| group(line).ok_or_else(|| strange(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_with_their_members_and_other_lines_are_errors() {
        let of = |name: &str, gid, members: &[&str]| Group {
            name: name.to_owned(),
            gid,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        let text = "wheel:x:10:b,a\nroot:x:0:\n\n";
        assert_eq!(parse(text).unwrap(), [of("wheel", 10, &["b", "a"]), of("root", 0, &[])]);
        for line in ["wheel:x:ten:", ":x:1:", "wheel:x:10", "wheel:x:10::", "getent: no", "a:x:4294967296:"] {
            assert!(parse(line).unwrap_err().to_string().ends_with(line), "{line}");
        }
    }
}
