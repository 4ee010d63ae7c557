//! The evaluator on whole streams: torn, flooded, hostile.

use super::*;
use crate::findings::Findings;

/// All steps of a stream that came in these chunks.
fn steps(setting: &Setting, chunks: &[&[u8]]) -> Vec<Step> {
    let mut evaluator = Evaluator::new(setting.clone());
    let mut all: Vec<_> = chunks.iter().flat_map(|chunk| evaluator.push(chunk)).collect();
    all.extend(evaluator.finish());
    all
}

/// Rule, severity and line of every finding.
fn found(setting: &Setting, log: &[u8]) -> Vec<(String, Severity, u64)> {
    let finding = |step| match step {
        Step::Found(found) | Step::Unfinished(found) => {
            let finding = found.finding;
            Some((finding.rule.to_string(), finding.severity, finding.line_number))
        }
        _ => None,
    };
    steps(setting, &[log]).into_iter().filter_map(finding).collect()
}

/// The same, with what was provisional, in the order of the log.
fn final_ones(log: &str) -> Vec<(String, Severity, u64)> {
    let found = crate::scan::scan(log.as_bytes(), Setting::default()).unwrap().findings;
    found.into_iter().map(|found| (found.rule.to_string(), found.severity, found.line_number)).collect()
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
    let mut evaluator = Evaluator::new(Setting::default());
    let mut findings = |announced: bool| {
        if announced {
            evaluator.announce_restart();
        }
        evaluator.push(boot).iter().filter(|step| matches!(step, Step::Found(_))).count()
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
fn a_finding_hides_no_graver_one_of_its_category_in_the_same_line() {
    let both = "[    1.000000] dracut-initqueue[312]: Warning: /dev/x does not exist[    1.000001] dracut-initqueue[312]: Warning: Could not boot.\n";
    assert_eq!(rules_of(both), ["dracut-waiting", "dracut-emergency"]);
    let turned = "[    1.000000] dracut-initqueue[312]: Warning: Could not boot.[    1.000001] dracut-initqueue[312]: Warning: /dev/x does not exist\n";
    assert_eq!(rules_of(turned), ["dracut-emergency"]);
}

#[test]
fn a_carriage_return_alone_ends_a_line_and_what_is_drawn_again_is_found_once() {
    let lines = "[    1.000000] mce: [Hardware Error]: Machine check events logged\r[    2.000000] Oops: 0000 [#1] SMP\r[    3.000000] EDAC MC0: 1 UE memory read error on x\r[    4.000000] EDAC MC0: 1 UE memory read error on y\r";
    assert_eq!(rules_of(lines), ["corrected-error", "oops", "machine-check", "machine-check"]);
    let prompt = "grub rescue> \rgrub rescue> \rgrub rescue> \n";
    assert_eq!(rules_of(prompt).len(), 1);
    // A line that is cut because it is long goes on.
    let long = format!("[    1.000000] Oops: 0000 [#1] SMP {}[    1.000001] Oops: 0001 [#2] SMP\n", "x".repeat(5000));
    assert_eq!(rules_of(&long), ["oops"]);
}

#[test]
fn an_unfinished_prompt_is_found_at_a_pause_and_not_again() {
    let mut evaluator = Evaluator::new(Setting::default());
    assert_eq!(evaluator.push(b"grub rescue> "), []);
    assert!(matches!(&evaluator.pause()[..], [Step::Unfinished(found)] if found.finding.severity == Severity::Fatal));
    assert_eq!(evaluator.pause(), []);
    assert!(matches!(&evaluator.push(b"\n")[..], [Step::Line(_)]));
    // What is not fatal waits for the rest of its line, which can still be an exception.
    assert_eq!(evaluator.push(b"[    1.000000] I/O error, dev vda, sector 1"), []);
    assert_eq!(evaluator.pause(), []);
    assert!(matches!(&evaluator.push(b"\n")[..], [Step::Line(_), Step::Found(_)]));
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
fn a_flood_is_reported_in_part_counted_in_whole_and_evaluated_once_a_byte() {
    let line = "[    1.000000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n";
    let mut evaluator = Evaluator::new(Setting::default());
    let flood = line.repeat(2000);
    let steps = evaluator.push(flood.as_bytes());
    let reported = steps.iter().filter(|step| matches!(step, Step::Found(_))).count();
    let counted = evaluator.counts()[&("warning".into(), Severity::Fail)];
    assert_eq!((reported, counted, steps.len()), (50, 2000, 2050));
    // Fatal ones are reported although many others of their category were, and are bounded too.
    let mut evaluator = Evaluator::new(Setting::default());
    evaluator.push("error: you need to load the kernel first.\n".repeat(100).as_bytes());
    let fatal = evaluator.push("grub rescue> \n".repeat(100).as_bytes());
    assert_eq!(fatal.iter().filter(|step| matches!(step, Step::Found(_))).count(), 50);
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
        let mut evaluator = Evaluator::new(Setting::default());
        let mut findings = Findings::default();
        let (mut pieces, mut text) = (0, 0);
        for chunk in stream.chunks(64 << 10) {
            for step in evaluator.push(chunk) {
                match step {
                    Step::Line(piece) => {
                        pieces += 1;
                        text += piece.text.len();
                        findings.line(&piece.text);
                    }
                    Step::Found(found) | Step::Unfinished(found) => drop(findings.add(found)),
                    Step::Provisional(found) => findings.hold(found),
                    Step::Settled { rule, severity } => drop(findings.settle(&rule, severity)),
                    Step::HostKeys(keys) => assert!(keys.len() <= 16),
                }
            }
            assert!(evaluator.unfinished().is_none_or(|piece| piece.text.len() <= 4 * 4096));
        }
        // The work is what goes through the rules: every byte at most once, a control character as the
        // ten characters by which it is shown.
        assert!(pieces <= stream.len() && text <= 10 * stream.len(), "{pieces} pieces, {text} bytes of text");
        assert!(findings.kept().len() <= 1000);
    }
}

/// A message of each severity, and one of the first process, with the rule that finds it.
const SAID: &[(&str, Severity, &str)] = &[
    ("Kernel panic - not syncing: VFS: Unable to mount root fs", Severity::Fatal, "kernel-panic"),
    ("BUG: KASAN: slab-out-of-bounds in foo_bar+0x1a/0x40", Severity::Fail, "kasan"),
    ("sysfs: cannot create duplicate filename '/class/net/eth0'", Severity::Warn, "duplicate-object"),
    ("prog[812]: segfault at 10 ip 00007feb96eb56a1 sp 0000000020000fd0 error 4", Severity::Info, "segfault"),
];

#[test]
fn every_form_of_a_log_shows_every_severity_and_healthy_lines_stay_healthy() {
    for form in crate::forms::FORMS {
        for (said, severity, rule) in SAID {
            let line = format!("{}\n", form.sample.replace("{}", said));
            let found = found(&Setting::default(), line.as_bytes());
            assert_eq!(found, [((*rule).to_owned(), *severity, 1)], "{}: {line}", form.name);
        }
        let healthy = form.sample.replace("{}", "Command line: note=Kernel panic - not syncing");
        assert_eq!(rules_of(&healthy), [""; 0], "{}: {healthy}", form.name);
    }
}

#[test]
fn what_the_first_process_says_is_found_in_every_output_of_the_journal() {
    let whole = [
        "Oct 13 12:00:01 host systemd[1]: {}",
        "Oct 13 12:00:01 systemd[1]: {}",
        "Tue 2026-10-13 12:00:01 UTC host systemd[1]: {}",
        "Tue 2026-10-13 12:00:01 UTC host init.scope[1]: {}",
        "2026-10-13T12:00:01.123456+00:00 host systemd[1]: {}",
        "1760356801.123456 host systemd[1]: {}",
        "[    1.234567] host systemd[1]: {}",
        "<27>1 2026-10-13T12:00:01.123456Z host systemd 1 - - {}",
        r#"{"_PID":"1","MESSAGE":"{}","SYSLOG_IDENTIFIER":"systemd"}"#,
        "{\n\t\"MESSAGE\" : \"{}\",\n\t\"SYSLOG_IDENTIFIER\" : \"systemd\",\n\t\"_PID\" : \"1\"\n}",
        "Tue 2026-10-13 12:00:01.123456 UTC [s=1;i=2]\n    MESSAGE={}\n    _PID=1\n    SYSLOG_IDENTIFIER=systemd",
        "__CURSOR=s=1\n_PID=1\nSYSLOG_IDENTIFIER=systemd\nMESSAGE={}",
    ];
    for sample in whole {
        let log = format!("{}\n", sample.replace("{}", "Reached target emergency.target - Emergency Mode."));
        assert_eq!(rules_of(&log), ["emergency-target"], "{log}");
    }
}

#[test]
fn a_word_that_the_kernel_tore_is_found_and_its_near_misses_are_not() {
    let kernel = "[    2.948528] scsi 1:0:0:0: CD-ROM            QEMU     QEMU DVD-ROM     2.5+ PQ: 0 ANSI: 5\n";
    let torn =
        format!("[    0.000000] Linux version 6.12.0 x\nYou are in emer{kernel}gency mode. After logging in, type\n");
    assert_eq!(found(&Setting::default(), torn.as_bytes()), [("emergency-mode".to_owned(), Severity::Fatal, 3)]);
    // Between any two letters, and with more lines of the kernel between.
    let said = "Give root password for maintenance";
    for at in 1..said.len() {
        let log = format!("{}{}{}\n", &said[..at], kernel.repeat(1 + at % 3), &said[at..]);
        assert_eq!(rules_of(&log), ["emergency-mode"], "{log}");
    }
    for miss in [
        format!("Password for emer{kernel}gency mode. After logging in\n"),
        format!("You are in emer{kernel}\ngency mode\n"),
        format!("You are in emer{kernel}the office\ngency mode\n"),
        format!("lab login: {kernel}You are welcome in emergency mode\n"),
        format!("note: {kernel}You are in\n emergency mode\n"),
    ] {
        assert_eq!(rules_of(&miss), [""; 0], "{miss}");
    }
    // A prompt has no end of its line.
    let mut evaluator = Evaluator::new(Setting::default());
    let steps = evaluator.push(format!("Give root password for mainten{kernel}ance").as_bytes());
    assert!(!steps.iter().any(|step| matches!(step, Step::Found(_))));
    assert!(matches!(&evaluator.pause()[..], [Step::Unfinished(found)] if found.finding.line == said));
    assert_eq!(evaluator.pause(), []);
    assert!(matches!(&evaluator.push(b"\n")[..], [Step::Line(_)]));
}

#[test]
fn what_a_later_success_excuses_is_milder_and_final_without_it() {
    let linux = "[    0.000000] Linux version 6.12.0 (build@host) #1 SMP\n";
    let grub = "error: no such device: root.\n\nPress any key to continue...\n";
    let one = |rule: &str, severity, line| vec![(rule.to_owned(), severity, line)];
    assert_eq!(final_ones(grub), one("grub-error", Severity::Fail, 1), "the log ends");
    assert_eq!(final_ones(&format!("{grub}{linux}")), one("grub-error", Severity::Warn, 1));
    assert_eq!(final_ones(&format!("{grub}lab login: ")), one("grub-error", Severity::Warn, 1), "a quiet kernel");
    let lost = final_ones(&format!("{grub}SeaBIOS (version x)\n{linux}"));
    assert_eq!(lost[0], ("grub-error".to_owned(), Severity::Fail, 1), "another boot excuses nothing");
    let given_up = final_ones(&format!("{grub}grub rescue> \n{linux}"));
    assert_eq!(given_up[0], ("grub-error".to_owned(), Severity::Fail, 1), "nor what comes after the end");
    let kernel = final_ones(&format!("error: you need to load the kernel first.\n{linux}"));
    assert_eq!(kernel, one("grub-no-kernel", Severity::Fail, 1));
    let ignition =
        "[    6.021025] ignition[453]: CRITICAL : files: createFiles: op(e): [failed]   mounting \"x\": busy\n";
    assert_eq!(final_ones(ignition), one("ignition-trouble", Severity::Fail, 1));
    let finished = "[   15.400000] ignition[1044]: INFO     : Ignition finished successfully\n";
    assert_eq!(final_ones(&format!("{ignition}{finished}")), one("ignition-trouble", Severity::Warn, 1));
    let failed = "[   15.400000] ignition[1044]: CRITICAL : Ignition failed: no network\n";
    let both = final_ones(&format!("{ignition}{failed}"));
    assert!(both.iter().all(|(_, severity, _)| *severity == Severity::Fail) && both.len() == 2, "{both:?}");
    let offline = "[    6.021025] ignition[453]: failed to fetch config: resource requires networking\n";
    assert_eq!(final_ones(&format!("{offline}{finished}")), []);
}
