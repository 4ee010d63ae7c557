//! Whether what is known of a reboot proves that it happened exactly once. Pure.
//!
//! Three witnesses, none of which is enough alone. Boot ids: a second reboot before the first login
//! is not seen in them. QEMU's resets: firmware and boot loaders reset a machine too, and kexec
//! boots without a reset. Starts of a kernel on the console: a quiet kernel shows none. The guest's
//! journal, where it survives, knows its boots as well.

use std::sync::LazyLock;

use regex::bytes::Regex;

use muster_base::failure::{self, Failure};
use muster_suite::model::RebootKind;

/// What is known of one reboot step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Distinct boot ids in the order they were met, beginning with the one before the reboot.
    pub boot_ids: Vec<String>,
    /// What QEMU counted since the reboot was asked for; `None` for a machine elsewhere.
    pub resets: Option<u32>,
    /// Starts of a kernel on the console since then; `None` when there is no console to read.
    pub kernel_starts: Option<u32>,
    /// The boots of the guest's journal, oldest first, without dashes; empty when it has none.
    pub journal: Vec<String>,
    /// Whether a kernel was loaded to take over after a crash (kdump).
    pub crash_kernel: bool,
    /// Panics seen since, on the console or through pvpanic.
    pub panics: u32,
}

/// Evaluates a reboot of this kind; the notes say what a reader should know about a good one.
pub fn evaluate(how: RebootKind, seen: &Evidence) -> Result<Vec<String>, Failure> {
    let mut remarks = Vec::new();
    let [before, after] = match seen.boot_ids.as_slice() {
        [] | [_] => return Err(Failure::new(failure::REBOOT_SAME_BOOT, "the boot id is what it was before")),
        [before, after] => [before, after],
        more => return Err(twice(format!("the boot id changed {} times", more.len() - 1), more.join("\n"))),
    };
    if how == RebootKind::Crash {
        match seen.panics {
            0 => {
                let text =
                    "the guest came back with another boot id, but neither its console nor pvpanic shows the crash";
                return Err(Failure::new(failure::REBOOT_UNPROVEN, text));
            }
            1 => {}
            panics => {
                return Err(twice(
                    format!("the kernel was made to panic once and did so {panics} times"),
                    String::new(),
                ));
            }
        }
    }
    let listed = boots_between(&seen.journal, before, after);
    if let Some(boots) = listed.filter(|boots| *boots > 1) {
        return Err(twice(format!("its journal knows {boots} boots since then"), seen.journal.join("\n")));
    }
    // A kernel that writes the dump of the crashed one is started in between.
    let kernels = if how == RebootKind::Crash && seen.crash_kernel { 2 } else { 1 };
    let starts = seen.kernel_starts.unwrap_or(0);
    let several = format!("its console shows {starts} starts of a kernel, {kernels} expected");
    let Some(resets) = seen.resets else {
        if listed.is_none() {
            remarks.push("that it was rebooted only once cannot be known without its console".to_owned());
        }
        return Ok(remarks);
    };
    let expected = if how == RebootKind::Hard { 0 } else { 1 };
    if starts > kernels && resets > expected {
        return Err(twice(several, String::new()));
    }
    if starts > kernels {
        // Kexec does so unseen by QEMU, and so does a program that prints the kernel's log.
        return Err(Failure::new(
            failure::REBOOT_UNPROVEN,
            format!("{several}, but it was reset as often as requested"),
        ));
    }
    if resets > expected {
        let extra = resets - expected;
        if starts == 0 && listed.is_none() {
            let text = format!(
                "the machine was reset {extra} more times than requested, and nothing shows whether that was its firmware or a \
                 second reboot: its console shows no start of a kernel, its journal does not survive"
            );
            return Err(Failure::new(failure::REBOOT_UNPROVEN, text));
        }
        remarks.push(format!("its firmware or boot loader reset the machine {extra} times on the way"));
    }
    if how != RebootKind::Hard && resets == 0 {
        remarks.push("the machine was not reset: one kernel started the next (kexec)".to_owned());
    }
    Ok(remarks)
}

fn twice(why: String, detail: String) -> Failure {
    let failure = Failure::new(failure::REBOOT_TWICE, format!("the guest rebooted more often than requested: {why}"));
    if detail.is_empty() { failure } else { failure.with_detail(detail) }
}

/// How many boots the journal lists after the first id, up to the second; `None` when it does not
/// know both.
fn boots_between(journal: &[String], before: &str, after: &str) -> Option<usize> {
    let place = |id: &str| journal.iter().position(|boot| *boot == id.replace('-', ""));
    place(after)?.checked_sub(place(before)?)
}

/// The boot id in a line of `journalctl --list-boots`: `-1 0123…cdef Mon …`.
pub(crate) fn listed_boot(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.next()?.parse::<i32>().ok()?;
    words.next().filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Starts of a kernel in a console's log: its first line is `Linux version …`, with time zero before
/// it. What a boot loader left on the line may stand before that. Without a time stamp the line must
/// begin so: a program that quotes one is not a start.
pub fn kernel_starts(log: &[u8]) -> u32 {
    static START: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?-u)(?:^[\x00 ]*|\[ *0\.0{3,9}\] ?(?:\[ *[TC]\d+\] ?)?)Linux version \d").ok());
    let Some(start) = START.as_ref() else { return 0 };
    let starts = log.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| start.is_match(line));
    u32::try_from(starts.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
    const C: &str = "cccccccc-0000-4000-8000-000000000003";

    fn plain(id: &str) -> String {
        id.replace('-', "")
    }

    /// A guest that came back once, on a console that shows it.
    fn once(resets: u32) -> Evidence {
        Evidence {
            boot_ids: vec![A.into(), B.into()],
            resets: Some(resets),
            kernel_starts: Some(1),
            ..Evidence::default()
        }
    }

    fn id(result: Result<Vec<String>, Failure>) -> String {
        result.unwrap_err().id.as_str().to_owned()
    }

    #[test]
    fn one_new_boot_id_and_the_resets_it_takes_are_one_reboot() {
        assert_eq!(evaluate(RebootKind::Soft, &once(1)), Ok(vec![]));
        assert_eq!(evaluate(RebootKind::Hard, &once(0)), Ok(vec![]));
        assert_eq!(evaluate(RebootKind::Crash, &Evidence { panics: 1, ..once(1) }), Ok(vec![]));
        // A quiet kernel on a machine whose resets are accounted for.
        assert_eq!(evaluate(RebootKind::Soft, &Evidence { kernel_starts: Some(0), ..once(1) }), Ok(vec![]));
    }

    #[test]
    fn the_same_boot_id_is_no_reboot_whatever_else_happened() {
        let seen = Evidence { boot_ids: vec![A.into()], ..once(1) };
        assert_eq!(id(evaluate(RebootKind::Soft, &seen)), "reboot.same-boot");
        assert_eq!(id(evaluate(RebootKind::Hard, &Evidence::default())), "reboot.same-boot");
    }

    #[test]
    fn each_witness_alone_can_tell_a_second_reboot() {
        let ids = Evidence { boot_ids: vec![A.into(), B.into(), C.into()], ..once(1) };
        assert_eq!(id(evaluate(RebootKind::Soft, &ids)), "reboot.twice");
        let console = Evidence { kernel_starts: Some(2), ..once(2) };
        assert_eq!(id(evaluate(RebootKind::Soft, &console)), "reboot.twice");
        // By kexec, which QEMU does not see; or else its log was printed.
        let kexec = Evidence { kernel_starts: Some(2), ..once(1) };
        assert_eq!(id(evaluate(RebootKind::Soft, &kexec)), "reboot.unproven");
        let journal =
            Evidence { journal: vec![plain(A), plain(C), plain(B)], kernel_starts: None, resets: None, ..once(0) };
        assert_eq!(id(evaluate(RebootKind::Soft, &journal)), "reboot.twice");
        // After a hard reset, the guest reset itself.
        assert_eq!(id(evaluate(RebootKind::Hard, &Evidence { kernel_starts: Some(2), ..once(1) })), "reboot.twice");
    }

    #[test]
    fn a_reset_by_the_firmware_is_distinguished_from_a_reboot_or_else_nothing_is_said() {
        let remark = "its firmware or boot loader reset the machine 1 times on the way".to_owned();
        assert_eq!(evaluate(RebootKind::Soft, &once(2)), Ok(vec![remark.clone()]));
        assert_eq!(evaluate(RebootKind::Hard, &once(1)), Ok(vec![remark.clone()]));
        let quiet = Evidence { kernel_starts: Some(0), ..once(2) };
        assert_eq!(id(evaluate(RebootKind::Soft, &quiet)), "reboot.unproven");
        let journal = Evidence { journal: vec![plain(A), plain(B)], ..quiet };
        assert_eq!(evaluate(RebootKind::Soft, &journal), Ok(vec![remark]));
    }

    #[test]
    fn a_crash_must_be_seen_and_seen_once() {
        assert_eq!(id(evaluate(RebootKind::Crash, &once(1))), "reboot.unproven");
        assert_eq!(id(evaluate(RebootKind::Crash, &Evidence { panics: 2, ..once(1) })), "reboot.twice");
        let dumped = Evidence { panics: 1, crash_kernel: true, kernel_starts: Some(2), ..once(1) };
        assert_eq!(evaluate(RebootKind::Crash, &dumped), Ok(vec![]));
        let again = Evidence { crash_kernel: false, resets: Some(2), ..dumped };
        assert_eq!(id(evaluate(RebootKind::Crash, &again)), "reboot.twice");
    }

    #[test]
    fn kexec_and_a_machine_without_console_are_remarked_upon() {
        let kexec = evaluate(RebootKind::Soft, &once(0)).unwrap();
        assert_eq!(kexec, ["the machine was not reset: one kernel started the next (kexec)"]);
        let remote = Evidence { resets: None, kernel_starts: None, ..once(0) };
        let remarks = evaluate(RebootKind::Soft, &remote).unwrap();
        assert_eq!(remarks, ["that it was rebooted only once cannot be known without its console"]);
        let journal = Evidence { journal: vec![plain(C), plain(A), plain(B)], ..remote };
        assert_eq!(evaluate(RebootKind::Soft, &journal), Ok(vec![]));
    }

    #[test]
    fn a_kernel_starts_at_its_first_line_and_nowhere_else() {
        let log = b"SeaBIOS\r\n\0[    0.000000] Linux version 6.12.1 (x)\r\n[    0.1] x\n[    0.000000][    T0] Linux version 6.1\nLinux version 5.4\n";
        assert_eq!(kernel_starts(log), 3);
        let quoted =
            b"[  9.1] motd: Linux version 6.12\n[ unclosed Linux version 6\nLinux version of x\nx Linux version 6\n";
        assert_eq!(kernel_starts(quoted), 0);
    }

    #[test]
    fn boots_are_read_from_the_lines_of_the_journal() {
        let id = plain(A);
        assert_eq!(listed_boot(&format!(" -1 {id} Mon 2026-01-05 10:00:00 UTC")), Some(id.as_str()));
        assert_eq!(listed_boot("IDX BOOT ID FIRST ENTRY"), None);
        assert_eq!(listed_boot("-1 0123 Mon"), None);
        assert_eq!(boots_between(&[plain(B), plain(A)], A, B), None);
    }
}
