//! What the host's kernel says of a process: `/proc/PID/stat`, as proc_pid_stat(5) has it.

/// What `/proc/PID/stat` says of a process, as far as somebody needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStat {
    /// The name of its program (field 2), at most 15 bytes, any but NUL; what is not UTF-8 is replaced.
    pub name: String,
    /// The process that waits for it (field 4).
    pub parent: u32,
    /// What it has used of processors, itself and in the kernel, in clock ticks (fields 14 and 15).
    pub used_ticks: u64,
    /// When it was started, in clock ticks since the boot of the host (field 22).
    pub started_ticks: u64,
}

impl ProcessStat {
    /// Reads it; none when there is no such process, or its entry is not what the manual says.
    pub fn of(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// A name stands in brackets and may contain brackets, blanks and newlines. No later field has a bracket: the last one ends it.
    fn parse(stat: &[u8]) -> Option<Self> {
        let begin = stat.iter().position(|byte| *byte == b'(')?;
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let name = String::from_utf8_lossy(stat.get(begin + 1..end)?).into_owned();
        let rest: Vec<&str> = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace().collect();
        // The first of them is field 3.
        let number = |field: usize| rest.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            name,
            parent: u32::try_from(number(4)?).ok()?,
            used_ticks: number(14)?.checked_add(number(15)?)?,
            started_ticks: number(22)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "S 1 77 77 0 -1 4194560 10 0 0 0 250 50 9 9 20 0 1 0 4711 1000 20 18446744073709551615 1";

    #[test]
    fn fields_are_found_behind_any_name() {
        for name in ["sleep", "a) S 9 9 (b c)", "tmux: server", "(sd-pam)", ")", "", "a\nb"] {
            let stat = ProcessStat::parse(format!("77 ({name}) {REST}\n").as_bytes());
            let expected = ProcessStat { name: name.to_owned(), parent: 1, used_ticks: 300, started_ticks: 4711 };
            assert_eq!(stat, Some(expected), "{name:?}");
        }
        let stat = ProcessStat::parse(&[b"77 (\xff) ", REST.as_bytes()].concat());
        assert_eq!(stat.unwrap().name, "\u{fffd}");
    }

    #[test]
    fn what_is_no_entry_says_nothing() {
        for text in ["", "77", "77 (a", "77 )a( S 1", "77 (a) S 1 77", "77 (a) S -1 77"] {
            assert_eq!(ProcessStat::parse(text.as_bytes()), None, "{text:?}");
        }
        let overflow = REST.replace(" 250 ", " 18446744073709551615 ");
        assert_eq!(ProcessStat::parse(format!("77 (a) {overflow}").as_bytes()), None);
    }

    #[test]
    fn the_entry_of_this_process_is_read_and_that_of_none_is_not() {
        let stat = ProcessStat::of(std::process::id()).unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(stat.started_ticks > 0 && !stat.name.is_empty(), "{stat:?}");
        assert_eq!(ProcessStat::of(u32::MAX), None);
    }
}
