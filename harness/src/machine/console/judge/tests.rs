//! The judge on whole streams: torn, flooded, hostile.

use super::*;
use crate::machine::console::findings::Findings;

/// All steps of a stream that came in these chunks.
fn steps(setting: &Setting, chunks: &[&[u8]]) -> Vec<Step> {
    let mut judge = Judge::new(setting.clone());
    let mut all: Vec<_> = chunks.iter().flat_map(|chunk| judge.push(chunk)).collect();
    all.extend(judge.finish());
    all
}

/// Rule, severity and line of every finding.
fn found(setting: &Setting, log: &[u8]) -> Vec<(String, Severity, u64)> {
    let finding = |step| match step {
        Step::Finding(finding) | Step::Unfinished(finding) => {
            Some((finding.rule.to_string(), finding.severity, finding.line_number))
        }
        _ => None,
    };
    steps(setting, &[log]).into_iter().filter_map(finding).collect()
}

fn rules_of(log: &str) -> Vec<String> {
    found(&Setting::default(), log.as_bytes()).into_iter().map(|(rule, _, _)| rule).collect()
}

const LOG: &[u8] = b"SeaBIOS (version x)\r\nWelcome to GRUB!\r\n\x1b[2J\x1b[05;01Herror: no such device: abc.\x1b[0m\r\n\
[    0.000000] Linux version 6.6.1 (b@h) (gcc) #1 SMP\r\n\0\0[    1.000000][    T1] BUG: KASAN: use-af\0ter-free in f\r\n\
<4>[    2.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\r\nlab login: [    3.000000] Kernel pan[    3.000001][    C1] usb 1-1: x\r\n\
[    4.000000] \x1b[1mINFO: task\x1b[0m a:1 blocked for more than 120 seconds.\n\xff\xfe\x80[    5.000000] I/O error, dev vda, sector 8\n\
-----BEGIN SSH HOST KEY KEYS-----\r\nssh-ed25519 AAAAC3 root@lab\r\n-----END SSH HOST KEY KEYS-----\r\n\
[   40.000000] x\nEFI stub: Loaded initrd\n[    0.000000] Linux version 6.6.1 (b@h) (gcc) #1 SMP\n\
[    6.000000] Kernel panic - not syncing: end";

#[test]
fn one_restart_that_is_announced_from_outside_is_no_finding() {
    let boot: &[u8] = b"SeaBIOS (version x)\n[    0.000000] Linux version 6.6.1 (b@h) (gcc) #1 SMP\nlab login:\n";
    let mut judge = Judge::new(Setting::default());
    let mut findings = |announced: bool| {
        if announced {
            judge.announce_restart();
        }
        judge.push(boot).iter().filter(|step| matches!(step, Step::Finding(_))).count()
    };
    assert_eq!([findings(false), findings(true), findings(false)], [0, 0, 1]);
}

#[test]
fn any_chunking_gives_the_same_steps() {
    let setting = Setting::default();
    let mut log = LOG.to_vec();
    // A line longer than a piece, with a message where it is cut.
    log.extend(b"\n");
    log.extend(std::iter::repeat_n(b'z', 4090));
    log.extend(b"[    7.000000] Oops: 0000 [#1] SMP\n");
    let whole = steps(&setting, &[&log]);
    assert!(whole.len() > 20);
    for size in [1, 2, 3, 5, 7, 11, 64, 100, 1000, 4096] {
        let chunks: Vec<&[u8]> = log.chunks(size).collect();
        assert_eq!(steps(&setting, &chunks), whole, "chunks of {size}");
    }
    for at in 0..LOG.len() {
        assert_eq!(steps(&setting, &[&log[..at], &log[at..]]), whole, "cut at {at}");
    }
    // Sizes without a pattern, always the same.
    let mut seed = 7_u64;
    let mut rest = &log[..];
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (chunk, after) = rest.split_at(rest.len().min((seed >> 33) as usize % 40));
        chunks.push(chunk);
        rest = after;
    }
    assert_eq!(steps(&setting, &chunks), whole);
}

#[test]
fn what_a_dirty_stream_says_is_found() {
    let found = found(&Setting::default(), LOG);
    let expected = [
        ("grub-error", Severity::Fail, 3),
        ("kasan", Severity::Fail, 5),
        ("kernel-warning", Severity::Fail, 6),
        ("hung-task", Severity::Fail, 8),
        ("disk-io-error", Severity::Fail, 9),
        ("loader-starts-again", Severity::Fail, 14),
        ("kernel-panic", Severity::Fatal, 16),
    ];
    assert_eq!(found, expected.map(|(rule, severity, line)| (rule.to_owned(), severity, line)));
}

#[test]
fn messages_of_two_processors_in_one_line_are_both_found() {
    let torn = "[    1.000000][    C0] BUG: soft lockup - CPU#0 stuck for 22s! [a:1][    1.000001][    C1] Oops: 0000 [#1] SMP\n";
    assert_eq!(rules_of(torn), ["soft-lockup", "oops"]);
    let twice = "[    1.000000] Oops: 0000 [#1] SMP[    1.000001] Oops: 0000 [#1] SMP\n";
    assert_eq!(rules_of(twice), ["oops"]);
}

#[test]
fn an_unfinished_prompt_is_found_at_a_pause_and_not_again() {
    let mut judge = Judge::new(Setting::default());
    assert_eq!(judge.push(b"grub rescue> "), []);
    assert!(matches!(&judge.pause()[..], [Step::Unfinished(finding)] if finding.severity == Severity::Fatal));
    assert_eq!(judge.pause(), []);
    assert!(matches!(&judge.push(b"\n")[..], [Step::Line(_)]));
    // What is not fatal waits for the rest of its line, which can still be an exception.
    assert_eq!(judge.push(b"[    1.000000] I/O error, dev vda, sector 1"), []);
    assert_eq!(judge.pause(), []);
    assert!(matches!(&judge.push(b"\n")[..], [Step::Line(_), Step::Finding(_)]));
}

#[test]
fn slowness_and_resets_speak_against_nobody_where_they_are_expected() {
    let severity = |setting: &Setting, line: &[u8]| found(setting, line).first().map(|(_, severity, _)| *severity);
    let lockup = b"[  281.646907] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [cc1:4588]\n";
    let emulated = Setting { emulated: true, ..Setting::default() };
    assert_eq!(severity(&Setting::default(), lockup), Some(Severity::Fail));
    assert_eq!(severity(&emulated, lockup), Some(Severity::Info));
    assert_eq!(severity(&emulated, b"[    1.000000] Oops: 0000 [#1] SMP\n"), Some(Severity::Fail));
    let restart = b"[   99.000000] x\n[    0.000000] Linux version 6.6.1 (b@h) (gcc) #1 SMP\n";
    let watched = Setting { resets_watched: true, ..Setting::default() };
    assert_eq!(severity(&Setting::default(), restart), Some(Severity::Fail));
    assert_eq!(severity(&watched, restart), Some(Severity::Info));
}

#[test]
fn a_restart_is_found_once_and_only_when_nobody_announced_it() {
    let boot = "SeaBIOS (version x)\nBooting from Hard Disk...\nDecompressing Linux... done.\nBooting the kernel.\n\
                [    0.000000] Linux version 6.6.1 (b@h) (gcc) #1 SMP\n[    9.000000] Run /init as init process\n";
    assert_eq!(rules_of(boot), [""; 0]);
    assert_eq!(rules_of(&format!("{boot}{boot}")), ["firmware-starts-again"]);
    assert_eq!(rules_of(&format!("{boot}[   99.000000] reboot: Restarting system\n{boot}")), [""; 0]);
    // A console that takes over prints the log of the boot again.
    let early =
        "[    0.000000] Linux version 6.6.1 (b@h) (gcc) #1 SMP\n[    0.900000] printk: console [ttyS0] enabled\n";
    assert_eq!(rules_of(&early.repeat(2)), [""; 0]);
}

#[test]
fn a_flood_is_told_in_part_counted_in_whole_and_judged_once_a_byte() {
    let line = "[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n";
    let mut judge = Judge::new(Setting::default());
    let flood = line.repeat(2000);
    let steps = judge.push(flood.as_bytes());
    let told = steps.iter().filter(|step| matches!(step, Step::Finding(_))).count();
    let counted = judge.counts()[&("warning".into(), Severity::Fail)];
    assert_eq!((told, counted, steps.len()), (50, 2000, 2050));
    // Fatal ones are told although many others of their category were, and are bounded too.
    let mut judge = Judge::new(Setting::default());
    judge.push("error: no such device: x.\n".repeat(100).as_bytes());
    let fatal = judge.push("grub rescue> \n".repeat(100).as_bytes());
    assert_eq!(fatal.iter().filter(|step| matches!(step, Step::Finding(_))).count(), 50);
}

#[test]
fn hostile_streams_stay_within_memory_and_work_in_proportion() {
    let streams: Vec<Vec<u8>> = vec![
        b"[".repeat(300_000),
        b"[    1.000000]".repeat(30_000),
        b"[    1.00000".repeat(30_000),
        b"\x1b[".repeat(200_000),
        b"\x1b]".repeat(200_000),
        b"\x1b[H".repeat(100_000),
        b"\r".repeat(300_000),
        b"\n".repeat(300_000),
        b"x\x08".repeat(200_000),
        b"\xf0\x9f\x98".repeat(100_000),
        b"BUG: ".repeat(80_000),
        b"** 1 printk messages dropped ** ".repeat(10_000),
        b"-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAA\n".repeat(5_000),
        (0..=255).cycle().take(400_000).collect(),
    ];
    for stream in streams {
        let mut judge = Judge::new(Setting::default());
        let mut findings = Findings::default();
        let (mut pieces, mut text) = (0, 0);
        for chunk in stream.chunks(64 << 10) {
            for step in judge.push(chunk) {
                match step {
                    Step::Line(piece) => {
                        pieces += 1;
                        text += piece.text.len();
                        findings.line(&piece.text);
                    }
                    Step::Finding(finding) | Step::Unfinished(finding) => drop(findings.add(finding)),
                    Step::HostKeys(keys) => assert!(keys.len() <= 16),
                }
            }
            assert!(judge.unfinished().is_none_or(|piece| piece.text.len() <= 4 * 4096));
        }
        // The work is what goes through the rules: every byte at most once, a control character as the
        // ten characters by which it is shown.
        assert!(pieces <= stream.len() && text <= 10 * stream.len(), "{pieces} pieces, {text} bytes of text");
        assert!(findings.kept().len() <= 1000);
    }
}
