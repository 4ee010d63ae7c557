//! The decoder as a whole: what suites become, and what is said about bad ones. The corpus of bad
//! files is in `testdata/bad`; each has the rendered diagnostics next to it.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::super::clause::expectations;
use super::super::diagnostic::Diagnostics;
use super::super::model::{Action, GuestMode, MachineOverrides, Matcher, Operator, SnapshotSource, Suite};
use super::super::testing::{EXAMPLES, VOCABULARY};
use super::{decode_source, load};

fn decode(text: &str) -> (Option<Suite>, Diagnostics) {
    decode_source("s.yaml", text, &VOCABULARY)
}

fn good(text: &str) -> Suite {
    let (suite, problems) = decode(text);
    assert_eq!(problems.render(false), "", "{text}");
    suite.expect("a suite without diagnostics")
}

/// Codes with line and column.
fn bad(text: &str) -> Vec<String> {
    let (suite, problems) = decode(text);
    assert!(suite.is_none(), "{text}");
    problems
        .iter()
        .map(|d| match d.span {
            Some(span) => format!("{} {}:{}", d.code, span.line, span.column),
            None => d.code.to_owned(),
        })
        .collect()
}

/// A suite with one test whose body is `body`, indented as a test's keys.
fn with(body: &str) -> String {
    format!("schema: suite/v1\nsuite: s\ntests:\n  - id: t\n{body}")
}

#[test]
fn the_examples_of_the_language_page_become_what_they_say() {
    let nginx = good(EXAMPLES[0]);
    assert_eq!((nginx.name.as_str(), nginx.tags.len(), nginx.tests.len()), ("nginx", 3, 3));
    assert_eq!(nginx.images.as_ref().unwrap().condition.to_string(), "distro >= fedora-41 and mode == package");
    assert_eq!(nginx.setup[0].timeout, Some(Duration::from_secs(120)));
    assert_eq!(nginx.digest.len(), 64);
    let install = &nginx.tests[1];
    assert_eq!((install.guest, nginx.tests[0].guest), (GuestMode::Clone, GuestMode::Clone), "one machine a chain");
    let Action::Collect { paths } = &nginx.teardown[0].action else { panic!() };
    assert_eq!(paths, &["/var/log/nginx/error.log"]);
    assert_eq!(install.timeout, Duration::from_secs(300));
    let Action::Service { unit, .. } = &install.steps[1].action else { panic!() };
    assert_eq!(unit, "nginx.service");
    let version = &install.plain(0).assertions[0];
    assert_eq!((install.plain(0).check, version.attribute), ("package", "version"));
    assert_eq!(version.matcher.to_string(), ">= 1:1.26, < 2:0");
    assert_eq!(install.plain(1).subject, "nginx-mod-stream");
    assert_eq!(install.plain(1).assertions[0].matcher.to_string(), "false");
    assert_eq!(install.plain(2).assertions[0].matcher.to_string(), "0644");
    let port = expectations(&install.expect).into_iter().find(|e| e.check == "port").unwrap();
    assert_eq!((port.subject.as_str(), port.eventually), ("tcp/80", Some(Duration::from_secs(20))));
    let Action::Run { command, expect, eventually } = &nginx.tests[2].steps[1].action else { panic!() };
    assert_eq!(command, "curl -fsS http://127.0.0.1:80/");
    assert_eq!(expect.iter().map(|a| a.attribute).collect::<Vec<_>>(), ["exit", "stdout"]);
    assert_eq!(*eventually, Some(Duration::from_secs(15)));

    let kernel = good(EXAMPLES[1]);
    let said: Vec<String> = expectations(&kernel.tests[0].expect)
        .into_iter()
        .flat_map(|e| {
            e.assertions.iter().map(move |a| format!("{} {} {}: {}", e.check, e.subject, a.attribute, a.matcher))
        })
        .collect();
    assert_eq!(
        said,
        [
            "kernel  release: >= 6.14",
            "kernel  taint: 0",
            "kernel  cmdline: lacks [nomodeset]",
            "kconfig CONFIG_KVM value: any-of [y, m]",
            "kconfig CONFIG_DEBUG_INFO_BTF value: y",
            "kconfig CONFIG_NR_CPUS value: >= 512",
            "sysctl kernel.kptr_restrict value: >= 1",
            "sysctl fs.protected_symlinks value: 1",
            "module btrfs available: true",
            "module vsock_loopback state: loaded",
            "module vsock_loopback signed: true",
            "module firewire_core available: false",
            "cpu  level: x86-64-v2",
            "cpu  flags: has [aes]",
        ]
    );
    assert_eq!((kernel.tests.len(), kernel.tests[0].adjust[0].changes.len()), (4, 2));

    let boot = good(EXAMPLES[2]);
    assert_eq!(boot.tests[0].guest, GuestMode::Fresh);
    assert!(matches!(boot.tests[0].steps[0].action, Action::BootSamples { samples: 7, discard: 1 }));
    let keys: Vec<_> = boot.tests[0]
        .plain(0)
        .assertions
        .iter()
        .map(|a| (a.attribute, a.key.as_deref().unwrap_or_default(), a.matcher.to_string()))
        .collect();
    assert_eq!(keys[0], ("total", "median", "<= 14s".to_owned()));
    assert_eq!(keys[3], ("units", "NetworkManager-wait-online.service", "<= 3s".to_owned()));
    assert!(matches!(boot.tests[0].plain(1).assertions[0].matcher, Matcher::None));

    let base = good(EXAMPLES[3]);
    assert_eq!(base.tests[0].when.as_ref().unwrap().condition.to_string(), "mode == image");
    let [packages, sysctl, errors] = &base.tests[1].snapshots[..] else { panic!() };
    assert_eq!(packages.keep, ["name", "arch", "vendor"]);
    assert_eq!(
        sysctl.redact,
        [("kernel.hostname".to_owned(), Some("[hostname]".to_owned())), ("kernel.random.*".to_owned(), None)]
    );
    assert_eq!(errors.of, SnapshotSource::Run("journalctl -b -p err -o cat".to_owned()));
    assert_eq!((errors.filters.len(), errors.unordered), (1, true));
    assert_eq!(base.tests[1].assertions(), 3);
}

#[test]
fn scalars_are_read_from_their_source_text() {
    let suite = good(&with(
        "    expect: {package: {a: {version: 1.10, arch: no}}, file: {/f: {mode: '0644', owner: 2026-09-30}}}\n",
    ));
    let said: Vec<_> = expectations(&suite.tests[0].expect)
        .into_iter()
        .flat_map(|e| &e.assertions)
        .map(|a| a.matcher.to_string())
        .collect();
    assert_eq!(said, ["1.10", "no", "0644", "2026-09-30"]);
}

#[test]
fn a_mode_without_quotes_is_an_error_that_says_what_to_write() {
    for (written, help) in [
        ("0644", Some("write \"0644\", in quotes")),
        ("644", Some("write \"0644\", in quotes")),
        ("0o755", Some("write \"0755\", in quotes")),
        ("4755", Some("write \"4755\", in quotes")),
        ("888", None),
    ] {
        for body in [
            format!("    expect: {{file: {{/f: {{mode: {written}}}}}}}\n"),
            format!("    expect: {{file: {{/f: {{mode: {{not: {written}}}}}}}}}\n"),
            format!("    steps: [{{write: /f, content: x, mode: {written}}}]\n"),
        ] {
            let (suite, problems) = decode(&with(&body));
            let said = problems.render(false);
            assert!(suite.is_none() && said.contains("is not in quotes"), "{body}{said}");
            assert_eq!(said.contains("in quotes: a mode is octal"), help.is_some(), "{said}");
            assert!(help.is_none_or(|help| said.contains(help)), "{said}");
        }
    }
    // A variable is text, and what has no number in it is none.
    for body in [
        "    for-each: {m: ['0644', 0600]}\n    expect: {file: {'/${m}': {mode: '${m}'}}}\n",
        "    for-each: {m: ['0644']}\n    expect:\n      file:\n        '/${m}':\n          mode: ${m}\n",
        "    expect: {file: {/f: {mode: none}}}\n",
    ] {
        good(&with(body));
    }
}

#[test]
fn what_stands_below_a_key_with_one_wrong_letter_is_looked_at() {
    let below = "{package: {a: {instaled: true}}, port: {tcp/22: {listening: true, eventually: 20}}}";
    let codes = |key: &str| {
        let (suite, problems) = decode(&with(&format!("    {key}: {below}\n")));
        assert!(suite.is_none(), "{key}");
        problems.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    for key in ["exspect", "expct", "expecy", "exepct"] {
        assert_eq!(codes(key), ["unknown-key", "unknown-key", "bare-number"], "{key}");
    }
    // What else it may have been is not known; and of two keys that mean one, neither is certain to be it.
    assert_eq!(codes("exspects"), ["unknown-key"]);
    let both = format!("    exspect: {below}\n    expct: {below}\n");
    let (_, problems) = decode(&with(&both));
    assert_eq!(problems.iter().filter(|problem| problem.code == "bare-number").count(), 1);
}

#[test]
fn a_run_step_without_exit_asserts_success() {
    let suite = good(&with("    steps: [{run: a}, {run: b, exit: '!= 0'}]\n"));
    let exits: Vec<_> = suite.tests[0]
        .steps
        .iter()
        .map(|step| match &step.action {
            Action::Run { expect, .. } => {
                expect.iter().map(|a| format!("{} {}", a.attribute, a.matcher)).collect::<Vec<_>>()
            }
            _ => panic!(),
        })
        .collect();
    assert_eq!(exits, [["exit 0"], ["exit != 0"]]);
    assert_eq!(suite.tests[0].assertions(), 2);
}

#[test]
fn a_reboot_step_says_how_and_how_long() {
    let suite = good(&with("    steps: [{reboot: soft}, {reboot: hard, timeout: 3m}, {reboot: crash}]\n"));
    let said: Vec<_> = suite.tests[0]
        .steps
        .iter()
        .map(|step| match &step.action {
            Action::Reboot(kind) => (kind.name(), step.timeout),
            _ => panic!(),
        })
        .collect();
    assert_eq!(said, [("soft", None), ("hard", Some(Duration::from_secs(180))), ("crash", None)]);
    assert_eq!(suite.tests[0].assertions(), 3);
    assert_eq!(bad(&with("    steps: [{reboot: warm}, {reboot: }]\n")), ["bad-value 5:22", "empty-value 5:36"]);
}

#[test]
fn assertions_are_counted_by_leaves() {
    let body = "    steps: [{service: a, state: started, enabled: true}, {install: [x], scriptlet-errors: none}, {write: /a, content: ''}]
    expect: {command: {x: {stdout: {contains: a, lacks: b, json: {.a: 1, .b: {any-of: [1, 2]}}}}}}
    snapshots: [{name: p, of: packages}]
";
    assert_eq!(good(&with(body)).tests[0].assertions(), 2 + 2 + 1 + 4 + 1);
}

#[test]
fn substitution_is_in_scalars_and_keys_and_can_be_escaped() {
    let text = "schema: suite/v1\nsuite: s\nvars: {a: x, b: '${a}y'}\ntests:\n  - id: t\n    steps: [run: 'echo $${HOME} $HOME $$ ${b} $$${a}']\n    expect: {package: {'p${a}': installed}}\n";
    let suite = good(text);
    let Action::Run { command, .. } = &suite.tests[0].steps[0].action else { panic!() };
    assert_eq!(command, "echo ${HOME} $HOME $$ xy $${a}");
    assert_eq!(suite.tests[0].plain(0).subject, "px");
    assert_eq!(bad(&text.replace("'p${a}': installed", "'p${a}': installed, px: absent")), ["duplicate-subject 7:44"]);
}

#[test]
fn comparisons_hold_their_operators() {
    let suite = good(&with("    expect: {kernel: {taint: '>= 0x10, != 17'}}\n"));
    let Matcher::Compare(parts) = &suite.tests[0].plain(0).assertions[0].matcher else { panic!() };
    assert_eq!(parts[..], [(Operator::Ge, "0x10".to_owned()), (Operator::Ne, "17".to_owned())]);
}

#[test]
fn needs_share_the_machine_of_their_chain() {
    let text = "schema: suite/v1\nsuite: s\ntests:
  - {id: a, guest: fresh, steps: [run: x]}
  - {id: b, needs: [a], steps: [run: x]}
  - {id: c, needs: [b], steps: [run: x]}
  - {id: d, steps: [run: x]}
";
    let modes: Vec<_> = good(text).tests.iter().map(|test| test.guest).collect();
    assert_eq!(modes, [GuestMode::Fresh, GuestMode::Fresh, GuestMode::Fresh, GuestMode::Clone]);
    assert_eq!(bad(&text.replace("id: c,", "id: c, guest: shared,")), ["need-across-guests 6:20"]);
}

#[test]
fn the_machine_of_a_test_follows_from_its_chain() {
    let text = "schema: suite/v1
suite: s
tests:
  - {id: look, expect: {kernel: {taint: 0}}}
  - {id: change, tags: [needs-internet], steps: [run: x]}
  - {id: after, needs: [change], expect: {kernel: {taint: 0}}}
  - {id: stated, guest: shared, steps: [run: x]}
  - {id: beside, needs: [stated], steps: [run: x]}
";
    let modes = |text: &str| good(text).tests.iter().map(|test| (test.guest, test.internet)).collect::<Vec<_>>();
    use GuestMode::{Clone, Fresh, Shared};
    assert_eq!(modes(text), [(Shared, false), (Clone, true), (Clone, true), (Shared, false), (Shared, false)]);
    let usual = text.replace("suite: s", "suite: s\ndefaults: {guest: fresh, retry: 2}");
    assert_eq!(modes(&usual), [(Fresh, false), (Fresh, true), (Fresh, true), (Shared, false), (Shared, false)]);
    assert_eq!(good(&usual).tests[0].retry, 2);
}

#[test]
fn for_each_repeats_a_test_over_data() {
    let text = "schema: suite/v1
suite: s
matrix: {cpus: [1, 2]}
tests:
  - id: path
    for-each: {path: [/usr/bin, /etc]}
    steps: [run: 'test -d ${path}']
  - id: size
    needs: [path]
    retry: 3
    covers: [lisa/verify_size, CIS 1.2]
    for-each: [{name: a, limit: 1 MiB}, {limit: 2 MiB, name: b}]
    expect: {file: {'/${name}': {size: '<= ${limit}'}}}
";
    let suite = good(text);
    let ids: Vec<_> = suite.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(
        ids[..4],
        ["path[cpus=1,path=usr-bin]", "path[cpus=1,path=etc]", "size[cpus=1,name=a]", "size[cpus=1,name=b]"]
    );
    assert_eq!(suite.tests.len(), 8);
    assert_eq!(suite.tests[3].needs, [ids[0], ids[1]], "a need means every repetition");
    assert_eq!(suite.tests[3].plain(0).subject, "/b");
    assert_eq!(suite.tests[3].plain(0).assertions[0].matcher.to_string(), "<= 2 MiB");
    assert_eq!((suite.tests[3].retry, suite.tests[3].covers.len(), suite.tests[3].base_id()), (3, 2, "size"));
    // The same mistake in every repetition is one error; a wrong list has none that follow from it.
    assert_eq!(bad(&text.replace("size: '<=", "siez: '<=")), ["unknown-key 13:34"]);
    assert_eq!(bad(&text.replace("{path: [/usr/bin, /etc]}", "{path: /usr/bin}")), ["wrong-shape 6:22"]);
    assert_eq!(bad(&text.replace("id: path", "id: 'p-${path}'")), ["unknown-var 5:12", "unknown-need 9:13"]);
}

#[test]
fn the_other_steps_are_what_they_say() {
    let body = "    steps:
      - remove: [a]
        scriptlet-errors: none
      - update: all
      - update: [a, b]
        timeout: 9m
      - wait: 1m 30s
      - upload: x/y.conf
        to: /etc/y.conf
        mode: '0600'
      - collect: [/var/log/*.log]
";
    let suite = good(&with(body));
    let steps = &suite.tests[0].steps;
    assert!(
        matches!(&steps[0].action, Action::Remove { packages, refuse_scriptlet_errors: true } if packages[..] == ["a"])
    );
    assert!(
        matches!(&steps[1].action, Action::Update { packages, refuse_scriptlet_errors: false } if packages.is_empty())
    );
    assert!(matches!(&steps[2].action, Action::Update { packages, .. } if packages.len() == 2));
    assert_eq!(steps[2].timeout, Some(Duration::from_secs(540)));
    assert!(matches!(steps[3].action, Action::Wait(limit) if limit == Duration::from_secs(90)));
    let Action::Upload { source, path, mode } = &steps[4].action else { panic!() };
    assert_eq!((source.as_str(), path.as_str(), *mode), ("x/y.conf", "/etc/y.conf", Some(0o600)));
    assert_eq!(suite.tests[0].assertions(), 2 + 1 + 1 + 1);
    assert_eq!(bad(&with("    steps: [wait: 5s, collect: [/a]]\n")), ["asserts-nothing 4:5"]);
}

#[test]
fn conditions_are_located_inside_their_scalar() {
    assert_eq!(bad(&with("    when: arch == x86_64 and mode == imgae\n    steps: [run: x]\n")), ["unknown-word 5:38"]);
    assert_eq!(bad(&with("    when: 'distor == a'\n    steps: [run: x]\n")), ["unknown-dimension 5:12"]);
    assert_eq!(bad(&with("    when: \"\\x64istor == a\"\n    steps: [run: x]\n")), ["unknown-dimension 5:11"]);
}

mod effort;
mod files;
mod matrix;
