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
        "    expect: {package: {a: {version: 1.10, arch: no}}, file: {/f: {mode: 0644, owner: 2026-09-30}}}\n",
    ));
    let said: Vec<_> = expectations(&suite.tests[0].expect)
        .into_iter()
        .flat_map(|e| &e.assertions)
        .map(|a| a.matcher.to_string())
        .collect();
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
fn files_are_included_under_a_prefix_with_their_own_variables() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let suite = "schema: suite/v1
suite: s
tags: [all]
matrix: {cpus: [1, 2]}
vars: {where: /srv}
include:
  - {file: common.yaml, prefix: web, with: {port: 8080, root: '${where}'}}
  - {file: common.yaml, prefix: admin}
tests:
  - {id: t, needs: [web.listens], expect: {kernel: {taint: 0}}}
";
    let common = "schema: tests/v1
vars: {port: 80, root: /var}
tests:
  - {id: listens, expect: {port: {'tcp/${port}': {listening: true}}}}
  - {id: serves, needs: [listens], steps: [run: 'ls ${root} ${matrix.cpus}']}
";
    fs_err::write(path.join("s.yaml"), suite).unwrap();
    fs_err::write(path.join("common.yaml"), common).unwrap();
    let loaded = || load(std::slice::from_ref(&path), &VOCABULARY);
    let (suites, problems) = loaded();
    assert_eq!(problems.render(false), "");
    let ids: Vec<_> = suites[0].tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(
        ids[..5],
        ["t[cpus=1]", "web.listens[cpus=1]", "web.serves[cpus=1]", "admin.listens[cpus=1]", "admin.serves[cpus=1]"]
    );
    assert_eq!(ids.len(), 10);
    assert_eq!(suites[0].tests[1].plain(0).subject, "tcp/8080");
    assert_eq!(suites[0].tests[3].plain(0).subject, "tcp/80");
    assert!(suites[0].tests[1].location.file.ends_with("common.yaml"));
    assert_eq!(suites[0].tests[1].tags, ["all"]);
    let Action::Run { command, .. } = &suites[0].tests[7].steps[0].action else { panic!() };
    assert_eq!(command, "ls /srv 2");
    let digest = suites[0].digest.clone();

    fs_err::write(path.join("common.yaml"), common.replace("listening: true", "listening: false")).unwrap();
    assert_ne!(loaded().0[0].digest, digest, "the digest is of all files");
    fs_err::write(path.join("common.yaml"), common.replace("[listens]", "[listen]")).unwrap();
    let (suites, problems) = loaded();
    assert!(suites.is_empty());
    let found: Vec<_> =
        problems.iter().map(|d| (d.file.rsplit('/').next().unwrap(), d.code, d.label.as_str())).collect();
    assert_eq!(found, [("common.yaml", "unknown-need", "did you mean `web.listens`?"),]);
    assert!(problems.render(false).contains("needs: [listen]"), "the line of the included file is shown");

    fs_err::write(path.join("s.yaml"), suite.replace("include:", "includ:")).unwrap();
    let (_, problems) = loaded();
    let found: Vec<_> = problems.iter().map(|d| (d.file.rsplit('/').next().unwrap(), d.code)).collect();
    assert!(found.contains(&("common.yaml", "no-effect")), "{found:?}");
}

#[test]
fn a_suite_is_another_one_when_a_file_that_its_tests_read_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let upload = |name: &str| format!("    steps:\n      - {{upload: {name}, to: /tmp/x}}\n      - run: /tmp/x\n");
    let suite = |steps: &str| format!("schema: suite/v1\nsuite: s\ntests:\n  - id: t\n{steps}");
    let digest = |text: &str| {
        fs_err::write(path.join("s.yaml"), text).unwrap();
        let (suites, problems) = load(&[path.join("s.yaml")], &VOCABULARY);
        assert_eq!(problems.render(false), "");
        suites[0].digest.clone()
    };
    let plain = suite("    steps: [run: 'true']\n");
    let of_text = muster_base::text::hex(<sha2::Sha256 as sha2::Digest>::digest(&plain));
    assert_eq!(digest(&plain), of_text, "a suite whose tests read nothing is its text");

    let both = suite(&upload("a.sh")) + "  - id: u\n" + &upload("sub/b.sh");
    fs_err::create_dir(path.join("sub")).unwrap();
    let write = |a: &str, b: &str| {
        fs_err::write(path.join("a.sh"), a).unwrap();
        fs_err::write(path.join("sub/b.sh"), b).unwrap();
    };
    write("exit 1", "exit 0");
    let first = digest(&both);
    write("exit 0", "exit 0");
    let changed = digest(&both);
    write("exit 0", "exit 1");
    let swapped = digest(&both);
    assert!(first != changed && changed != swapped && swapped != first);
    write("exit 1", "exit 0");
    assert_eq!(digest(&both), first);

    // The same for the file of a matrix, of an included file, and of the steps around tests.
    let around = "schema: suite/v1\nsuite: s\nmatrix: {cpus: [1, 2]}\nsetup:\n  - {upload: a.sh, to: /tmp/x}\ninclude:\n  - {file: more.yaml, prefix: m}\n";
    fs_err::write(path.join("more.yaml"), format!("schema: tests/v1\ntests:\n  - id: t\n{}", upload("sub/b.sh")))
        .unwrap();
    let matrix = around.replace("sub/", "");
    let first = digest(&matrix);
    write("exit 1", "exit 2");
    let included = digest(&matrix);
    write("exit 2", "exit 2");
    assert!(first != included && included != digest(&matrix));
}

#[test]
fn what_a_suite_names_lies_below_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    fs_err::create_dir(path.join("suites")).unwrap();
    fs_err::write(path.join("secret"), "x").unwrap();
    fs_err::write(path.join("suites/page.html"), "x").unwrap();
    std::os::unix::fs::symlink("../secret", path.join("suites/link")).unwrap();
    let upload = |source: &str| {
        let text = format!("schema: suite/v1\nsuite: s\ntests:\n- {{id: t, steps: [{{upload: {source}, to: /x}}]}}\n");
        fs_err::write(path.join("suites/s.yaml"), text).unwrap();
        let (suites, problems) = load(&[path.join("suites/s.yaml")], &VOCABULARY);
        (suites.len(), problems.iter().map(|d| d.message.clone()).collect::<Vec<_>>())
    };
    assert_eq!(upload("page.html"), (1, vec![]));
    assert_eq!(upload("./page.html"), (1, vec![]));
    for bad in ["../secret", "/etc/passwd", "link", ".", "missing", "a/../../secret"] {
        let (suites, problems) = upload(bad);
        assert_eq!((suites, problems.len()), (0, 1), "{bad}: {problems:?}");
    }
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
        mode: 0600
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

const MATRIX: &str = "schema: suite/v1
suite: kernel
matrix:
  cpu: [x86-64-v2, x86-64-v3]
  firmware: [bios, uefi-secure]
  flavour: [plain]
  exclude: [{cpu: x86-64-v2, firmware: uefi-secure}, {image: fedora-43-cloud, firmware: bios}]
tests:
  - {id: a, steps: [run: 'echo ${matrix.cpu} ${matrix.flavour}']}
  - {id: b, needs: [a], when: arch == x86_64, steps: [run: x]}
";

#[test]
fn a_matrix_asks_every_test_once_for_every_combination() {
    let suite = good(MATRIX);
    let ids: Vec<_> = suite.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "a[cpu=x86-64-v2,firmware=bios,flavour=plain]",
            "b[cpu=x86-64-v2,firmware=bios,flavour=plain]",
            "a[cpu=x86-64-v3,firmware=bios,flavour=plain]",
            "b[cpu=x86-64-v3,firmware=bios,flavour=plain]",
            "a[cpu=x86-64-v3,firmware=uefi-secure,flavour=plain]",
            "b[cpu=x86-64-v3,firmware=uefi-secure,flavour=plain]",
        ]
    );
    assert_eq!(suite.tests[3].needs, [ids[2]], "a need is of the same combination");
    assert_eq!(suite.tests[3].base_id(), "b");
    let commands = suite.tests.iter().step_by(2).map(|test| match &test.steps[0].action {
        Action::Run { command, .. } => command.as_str(),
        _ => panic!(),
    });
    assert_eq!(commands.collect::<Vec<_>>(), ["echo x86-64-v2 plain", "echo x86-64-v3 plain", "echo x86-64-v3 plain"]);
    let overrides = &suite.tests[5].machine;
    assert_eq!(
        (overrides.cpu.as_deref(), overrides.firmware),
        (Some("x86-64-v3"), Some(muster_base::machine::FirmwareKind::UefiSecure))
    );
    assert!(!overrides.is_plain());
    let when = |at: usize| suite.tests[at].when.as_ref().map(|when| when.condition.to_string());
    assert_eq!(when(2).as_deref(), Some("image != fedora-43-cloud"));
    assert_eq!(when(3).as_deref(), Some("arch == x86_64 and image != fedora-43-cloud"));
    assert_eq!(when(4), None);
}

#[test]
fn every_dimension_of_machines_is_typed() {
    let text = "schema: suite/v1\nsuite: s\nmatrix: {tpm: [true], bus: [sata], memory: [1.5 GiB], cpus: [4], image: [lab], cpu: [max], kernel: [kernel-6.12.40-1.azl4]}\ntests:\n- {id: t, steps: [run: x]}\n";
    let suite = good(text);
    assert_eq!(
        suite.tests[0].id,
        "t[tpm=true,bus=sata,memory=1.5GiB,cpus=4,image=lab,cpu=max,kernel=kernel-6.12.40-1.azl4]"
    );
    assert_eq!(
        suite.tests[0].machine,
        MachineOverrides {
            image: Some("lab".into()),
            cpu: Some("max".into()),
            firmware: None,
            tpm: Some(true),
            bus: Some(muster_base::machine::DiskBus::Sata),
            memory: Some(3 << 29),
            cpus: Some(4),
            kernel: Some(crate::matrix_kernel::MatrixKernel::Package("kernel-6.12.40-1.azl4".into())),
        }
    );
    assert_eq!(suite.tests[0].when.as_ref().unwrap().condition.to_string(), "image == lab");
    let plain =
        good(&text.replace(
            "tpm: [true], bus: [sata], memory: [1.5 GiB], cpus: [4], image: [lab], cpu: [max], kernel: [kernel-6.12.40-1.azl4]",
            "image: [lab]",
        ));
    assert!(plain.tests[0].machine.is_plain(), "an image alone is no shape");
    // Which kernel a name without a version means would change with the repository.
    for kernel in ["kernel", "kernel-core", "kernel 6", "-6.12", "kernel-6.12~rc1"] {
        assert_eq!(bad(&text.replace("kernel-6.12.40-1.azl4", kernel)).len(), 1, "{kernel}");
    }
}

#[test]
fn an_error_in_a_matrix_is_said_once_and_a_test_that_no_combination_allows_too() {
    assert_eq!(bad(&MATRIX.replace("run: x", "runn: x")), ["unknown-key 10:55"]);
    let uefi = MATRIX.replace("when: arch == x86_64", "when: firmware == uefi");
    assert_eq!(good(&uefi).tests.len(), 6, "one combination allows it");
    let never = uefi.replace("[bios, uefi-secure]", "[bios]").replace("{cpu: x86-64-v2, firmware: uefi-secure}, ", "");
    assert_eq!(bad(&never), ["never-true 10:31"]);
    assert_eq!(bad(&MATRIX.replace("${matrix.flavour}", "${matrix.flavor}")), ["unused-var 6:3", "unknown-var 9:46"]);
}

#[test]
fn conditions_are_located_inside_their_scalar() {
    assert_eq!(bad(&with("    when: arch == x86_64 and mode == imgae\n    steps: [run: x]\n")), ["unknown-word 5:38"]);
    assert_eq!(bad(&with("    when: 'distor == a'\n    steps: [run: x]\n")), ["unknown-dimension 5:12"]);
    assert_eq!(bad(&with("    when: \"\\x64istor == a\"\n    steps: [run: x]\n")), ["unknown-dimension 5:11"]);
}

#[test]
fn all_errors_of_all_files_are_there_and_good_suites_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let suite = |name: &str, body: &str| format!("schema: suite/v1\nsuite: {name}\ntests:\n  - id: t\n    {body}\n");
    fs_err::write(path.join("a.yaml"), suite("one", "steps: [run: x]")).unwrap();
    fs_err::write(path.join("b.yaml"), suite("two", "stepz: [run: x]")).unwrap();
    fs_err::write(path.join("c.yaml"), "a: [").unwrap();
    fs_err::write(path.join("d.yaml"), suite("one", "steps: [run: x]")).unwrap();
    fs_err::write(path.join("known.yaml"), "schema: known-issues/v1\n").unwrap();
    let (suites, problems) = load(std::slice::from_ref(&path), &VOCABULARY);
    assert_eq!(suites.iter().map(|suite| suite.name.as_str()).collect::<Vec<_>>(), ["one"]);
    let found: Vec<_> = problems.iter().map(|d| (d.file.rsplit('/').next().unwrap(), d.code)).collect();
    assert_eq!(found, [("b.yaml", "unknown-key"), ("c.yaml", "syntax"), ("d.yaml", "duplicate-suite")]);
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
fn hostile_combinations_end_soon() {
    let started = std::time::Instant::now();
    let values = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let tests =
        |n: usize| (0..n).map(|n| format!("- {{id: t{n}, steps: [run: 'x ${{matrix.a}}']}}\n")).collect::<String>();
    let header = "schema: suite/v1\nsuite: s\n";
    // 256 combinations of 5,000 tests would be more than a million.
    let matrix = format!("{header}matrix: {{a: [{}]}}\ntests:\n{}", values(256), tests(5_000));
    assert_eq!(bad(&matrix), ["too-many 1:1"]);
    let (_, problems) = decode(&format!("{header}matrix: {{a: [{}]}}\ntests:\n{}", values(50_000), tests(1)));
    assert!(problems.iter().any(|problem| problem.code == "too-many"));
    // Many dimensions of one value are one combination, whose names would be without end.
    let dimensions: String = (0..20_000).map(|n| format!("d{n}: [x], ")).collect();
    assert!(!bad(&format!("{header}matrix: {{{dimensions}}}\ntests:\n{}", tests(1))).is_empty());
    // One test that is repeated for everything, and a need of all of it by all of it.
    let each = |body: &str| format!("{header}tests:\n- {{id: a, for-each: {{v: [{}]}}, {body}}}\n", values(5_000));
    let (suite, _) = decode(&each("steps: [run: 'x ${v}']"));
    assert_eq!(suite.map(|suite| suite.tests.len()), Some(5_000));
    let needy = format!(
        "{}- {{id: b, for-each: {{v: [{}]}}, needs: [a], steps: [run: 'x ${{v}}']}}\n",
        each("steps: [run: 'x ${v}']"),
        values(5_000)
    );
    let (suite, problems) = decode(&needy);
    assert!(suite.is_none() && problems.iter().all(|problem| problem.code == "too-many"));
    // Adjustments of many subjects, all of which are there.
    let subjects = |word: &str| (0..8_000).map(|n| format!("p{n}: {word}, ")).collect::<String>();
    let adjust = (0..4)
        .map(|n| format!("{{when: kernel > {n}, because: x, expect: {{package: {{{}}}}}}},", subjects("absent")))
        .collect::<String>();
    let text = format!(
        "{header}tests:\n- {{id: t, expect: {{package: {{{}}}}}, adjust: [{adjust}]}}\n",
        subjects("installed")
    );
    let (suite, _) = decode(&text);
    assert_eq!(suite.map(|suite| suite.tests[0].adjust.len()), Some(4));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn bad_files_say_what_they_always_said() {
    let dir = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata/bad");
    let mut files: Vec<_> = dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
    files.retain(|file| file.extension() == Some("yaml"));
    files.sort();
    assert!(files.len() >= 40, "{} bad files", files.len());
    let mut seen = std::collections::BTreeSet::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&dir);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in &files {
            let name = file.file_stem().unwrap();
            let bytes = fs_err::read(file).unwrap();
            let mut sink = Diagnostics::new();
            // The name is shown; what the suite names itself is looked for next to it.
            let source = super::super::source::SourceFile {
                path: file.clone(),
                name: format!("{name}.yaml").into(),
                found: false,
            };
            let suite = super::load::decode_bytes(
                &source,
                &bytes,
                true,
                &VOCABULARY,
                &mut super::load::Shared::default(),
                &mut sink,
            );
            sink.settle();
            assert!(suite.is_none() && !sink.is_empty(), "{name} is accepted");
            seen.extend(sink.iter().map(|d| d.code));
            insta::assert_snapshot!(name, sink.render(false));
        }
    });
    // Every code that one file alone can bring about has a bad file.
    let elsewhere = [
        "unknown-test",
        "vague-failure",
        "refused-waiver",
        "unknown-cover",
        "stale-coverage",
        "unreadable",
        "no-files",
        "too-large",
        "duplicate-suite",
        "bad-sample",
        "bad-snapshot",
        "toml",
    ];
    for (code, _) in super::super::diagnostic::codes::TABLE {
        assert!(seen.contains(code) || elsewhere.contains(code), "no bad file brings about {code}");
    }
}
