//! The decoder as a whole: what suites become, and what is said about bad ones. The corpus of bad
//! files is in `testdata/bad`; each has the rendered diagnostics beside it.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::super::diagnostic::Diagnostics;
use super::super::model::{Action, GuestMode, Matcher, Operator, SnapshotSource, Suite};
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
    assert_eq!((nginx.name.as_str(), nginx.tags.len(), nginx.tests.len()), ("nginx", 3, 2));
    assert_eq!(nginx.images.as_ref().unwrap().condition.to_string(), "distro >= fedora-41 and mode == package");
    assert_eq!(nginx.setup[0].timeout, Some(Duration::from_secs(120)));
    assert_eq!(nginx.digest.len(), 64);
    let install = &nginx.tests[0];
    assert_eq!(install.timeout, Duration::from_secs(300));
    let Action::Service { unit, .. } = &install.steps[1].action else { panic!() };
    assert_eq!(unit, "nginx.service");
    let version = &install.expect[0].assertions[0];
    assert_eq!((install.expect[0].check, version.attribute), ("package", "version"));
    assert_eq!(version.matcher.to_string(), ">= 1:1.26, < 2:0");
    assert_eq!(install.expect[1].subject, "nginx-mod-stream");
    assert_eq!(install.expect[1].assertions[0].matcher.to_string(), "false");
    assert_eq!(install.expect[2].assertions[0].matcher.to_string(), "0644");
    let port = install.expect.iter().find(|e| e.check == "port").unwrap();
    assert_eq!((port.subject.as_str(), port.eventually), ("tcp/80", Some(Duration::from_secs(20))));
    let Action::Run { command, expect, eventually } = &nginx.tests[1].steps[0].action else { panic!() };
    assert_eq!(command, "curl -fsS http://127.0.0.1:80/");
    assert_eq!(expect.iter().map(|a| a.attribute).collect::<Vec<_>>(), ["exit", "stdout"]);
    assert_eq!(*eventually, Some(Duration::from_secs(15)));

    let kernel = good(EXAMPLES[1]);
    let said: Vec<String> = kernel.tests[0]
        .expect
        .iter()
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
        ]
    );

    let boot = good(EXAMPLES[2]);
    assert_eq!(boot.tests[0].guest, GuestMode::Fresh);
    let keys: Vec<_> = boot.tests[0].expect[0]
        .assertions
        .iter()
        .map(|a| (a.attribute, a.key.as_deref().unwrap_or_default(), a.matcher.to_string()))
        .collect();
    assert_eq!(keys[0], ("total", "median", "<= 14s".to_owned()));
    assert_eq!(keys[3], ("units", "NetworkManager-wait-online.service", "<= 3s".to_owned()));
    assert!(matches!(boot.tests[0].expect[1].assertions[0].matcher, Matcher::None));

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
        "    expect: {package: {a: {version: 1.10, arch: no}}, file: {/f: {mode: 0644, owner: 2026-09-30}}}\n",
    ));
    let said: Vec<_> =
        suite.tests[0].expect.iter().flat_map(|e| &e.assertions).map(|a| a.matcher.to_string()).collect();
    assert_eq!(said, ["1.10", "no", "0644", "2026-09-30"]);
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
    assert_eq!(suite.tests[0].expect[0].subject, "px");
    assert_eq!(bad(&text.replace("'p${a}': installed", "'p${a}': installed, px: absent")), ["duplicate-subject 7:44"]);
}

#[test]
fn comparisons_hold_their_operators() {
    let suite = good(&with("    expect: {kernel: {taint: '>= 0x10, != 17'}}\n"));
    let Matcher::Compare(parts) = &suite.tests[0].expect[0].assertions[0].matcher else { panic!() };
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
    assert_eq!(modes, [GuestMode::Fresh, GuestMode::Fresh, GuestMode::Fresh, GuestMode::Shared]);
    assert_eq!(bad(&text.replace("id: c,", "id: c, guest: shared,")), ["need-across-guests 6:20"]);
}

#[test]
fn conditions_are_located_inside_their_scalar() {
    assert_eq!(bad(&with("    when: arch == x86_64 and mode == imgae\n    steps: [run: x]\n")), ["unknown-word 5:38"]);
    assert_eq!(bad(&with("    when: 'distor == a'\n    steps: [run: x]\n")), ["unknown-dimension 5:12"]);
    assert_eq!(bad(&with("    when: \"\\x64istor == a\"\n    steps: [run: x]\n")), ["unknown-dimension 5:11"]);
}

#[test]
fn all_errors_of_all_files_are_there_and_good_suites_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    let suite = |name: &str, body: &str| format!("schema: suite/v1\nsuite: {name}\ntests:\n  - id: t\n    {body}\n");
    fs_err::write(path.join("a.yaml"), suite("one", "steps: [run: x]")).unwrap();
    fs_err::write(path.join("b.yaml"), suite("two", "stepz: [run: x]")).unwrap();
    fs_err::write(path.join("c.yaml"), "a: [").unwrap();
    fs_err::write(path.join("d.yaml"), suite("one", "steps: [run: x]")).unwrap();
    fs_err::write(path.join("known.yaml"), "schema: known-issues/v1\n").unwrap();
    let (suites, problems) = load(std::slice::from_ref(&path), &VOCABULARY);
    assert_eq!(suites.iter().map(|suite| suite.name.as_str()).collect::<Vec<_>>(), ["one"]);
    let found: Vec<_> = problems.iter().map(|d| (d.file.rsplit('/').next().unwrap(), d.code)).collect();
    assert_eq!(
        found,
        [("b.yaml", "asserts-nothing"), ("b.yaml", "unknown-key"), ("c.yaml", "syntax"), ("d.yaml", "duplicate-suite")]
    );
    let (_, problems) = load(&[path.join("known.yaml")], &VOCABULARY);
    assert_eq!(problems.iter().map(|d| d.code).collect::<Vec<_>>(), ["unknown-schema"]);
}

#[test]
fn hostile_suites_end_soon() {
    let started = std::time::Instant::now();
    // A hundred thousand unknown keys, subjects, unknown needs, and a chain of needs as long as a file.
    let keys: String = (0..60_000).map(|n| format!("k{n}: 1\n")).collect();
    let (_, problems) = decode(&format!("schema: suite/v1\n{keys}"));
    assert!(problems.len() > 60_000);
    let subjects: String = (0..40_000).map(|n| format!(" p{n}: installed,")).collect();
    let suite =
        good(&format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t, expect: {{package: {{{subjects}}}}}}}\n"));
    assert_eq!(suite.tests[0].expect.len(), 40_000);
    let chain: String =
        (1..10_000).map(|n| format!("- {{id: t{n}, needs: [t{}], steps: [run: x]}}\n", n - 1)).collect();
    let suite = good(&format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t0, steps: [run: x]}}\n{chain}"));
    assert_eq!(suite.tests.len(), 10_000);
    let var = "x".repeat(50_000);
    let uses = "- {id: t, steps: [run: '${v}']}\n".repeat(3_000);
    assert!(
        bad(&format!("schema: suite/v1\nsuite: s\nvars: {{v: {var}}}\ntests:\n{uses}"))
            .iter()
            .any(|p| p.starts_with("too-many"))
    );
    let patterns: String = (0..600).map(|n| format!("{{run: x, stdout: {{matches: '[a-f]{{2}}{n}'}}}},")).collect();
    assert!(
        bad(&format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t, steps: [{patterns}]}}\n"))
            .iter()
            .any(|p| p.starts_with("too-many"))
    );
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn bad_files_say_what_they_always_said() {
    let folder = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src/suite/testdata/bad");
    let mut files: Vec<_> = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
    files.retain(|file| file.extension() == Some("yaml"));
    files.sort();
    assert!(files.len() >= 40, "{} bad files", files.len());
    let mut seen = std::collections::BTreeSet::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in &files {
            let name = file.file_stem().unwrap();
            let bytes = fs_err::read(file).unwrap();
            let mut sink = Diagnostics::new();
            let shown = format!("{name}.yaml");
            let suite = super::decode_bytes(
                &shown.as_str().into(),
                &bytes,
                false,
                &VOCABULARY,
                &mut super::Shared::default(),
                &mut sink,
            );
            sink.settle();
            assert!(suite.is_none() && !sink.is_empty(), "{name} is accepted");
            seen.extend(sink.iter().map(|d| d.code));
            insta::assert_snapshot!(name, sink.render(false));
        }
    });
    // Every code that one file alone can bring about has a bad file.
    let elsewhere = ["unreadable", "no-files", "too-large", "duplicate-suite", "bad-sample"];
    for (code, _) in super::super::diagnostic::codes::TABLE {
        assert!(seen.contains(code) || elsewhere.contains(code), "no bad file brings about {code}");
    }
}
