//! Every kind of file, with its mistakes.

use super::*;

const SUITE: &str = "schema: suite/v1
suite: a
tests:
- {id: one, summary: x, expect: {package: {bash: {installed: true}}}}
";

fn checked(place: &tempfile::TempDir, files: &[(&str, &str)]) -> Found {
    let dir = Utf8PathBuf::from_path_buf(place.path().to_owned()).unwrap();
    for (name, text) in files {
        let path = dir.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    look(Files::of(&[dir])).unwrap()
}

fn labels(found: &Found) -> Vec<(u32, &str)> {
    let unknown = found.problems.iter().filter(|problem| problem.code == codes::UNKNOWN_KEY);
    unknown.map(|problem| (problem.span.unwrap().line, problem.label.as_str())).collect()
}

#[test]
fn a_misspelt_key_is_reported_in_every_kind_of_file_with_and_without_its_schema() {
    for kind in FileKind::ALL {
        for schema in [format!("schema: {}\n", kind.schema()), "\n".to_owned()] {
            let keys: Vec<_> = kind.keys().keys.iter().map(|key| key.name).filter(|key| *key != "schema").collect();
            // Without a schema the other keys tell what it is, when there are others.
            if schema == "\n" && keys.len() == 1 {
                continue;
            }
            let last = keys.last().unwrap();
            let others: String = keys[..keys.len() - 1].iter().map(|key| format!("{key}: x\n")).collect();
            let line = u32::try_from(keys.len() + 1).unwrap();
            let text = format!("{schema}{others}{last}x: x\n");
            let place = tempfile::tempdir().unwrap();
            let found = checked(&place, &[("suite.yaml", SUITE), ("sub.yaml", &text)]);
            let wanted = format!("did you mean `{last}`?");
            assert!(labels(&found).contains(&(line, &wanted)), "{kind:?}: {text}\n{}", found.problems.render(false));
        }
    }
}

#[test]
fn entries_that_have_expired_are_named_and_are_no_error() {
    let known = "schema: known-issues/v1\nknown-issues:\n- {tests: a/one, tracker: t, because: x, expires: 2020-01-01, effect: skip}\n";
    let waivers = format!(
        "schema: waivers/v1\nwaivers:\n- {{image: {}, test: a/one, missing: true, cell: {{image: lab}}, reason: x, tracker: \
         https://bugs.example/1, requested-by: a, approved-by: b, created: 2019-01-01, expires: 2020-01-01}}\n",
        "ab".repeat(32)
    );
    let place = tempfile::tempdir().unwrap();
    let found = checked(&place, &[("a.yaml", SUITE), ("known.yaml", known), ("waivers.yaml", &waivers)]);
    assert_eq!(found.problems.render(false), "");
    let says = |what: &str| found.notes.iter().any(|line| line.ends_with(what));
    assert!(found.notes.len() == 2, "{:?}", found.notes);
    assert!(says("the known issue of a/one expired on 2020-01-01"), "{:?}", found.notes);
    assert!(says("the waiver of a/one expired on 2020-01-01"), "{:?}", found.notes);
}

#[test]
fn what_is_missing_is_named_next_to_other_mistakes() {
    let known = "schema: known-issues/v1\nknown-issues:\n- {tests: a/onne, tracker: t, because: x, expires: 2026-13-01, effect: skip}\n";
    let policy = "schema: policy/v1\nid: p\ncontext: x\nprofile: nowhere\nallow-skips: [skip.whn]\n";
    let place = tempfile::tempdir().unwrap();
    let found = checked(&place, &[("a.yaml", SUITE), ("known.yaml", known), ("policy.yaml", policy)]);
    let codes: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
    let text = found.problems.render(false);
    assert_eq!(codes.len(), 4, "{text}");
    assert!(text.contains("no test matches `a/onne`") && text.contains("`2026-13-01` is not a day"), "{text}");
    assert!(text.contains("the profile nowhere is not there") && text.contains("did you mean `skip.when`"), "{text}");
}

#[test]
fn a_distribution_that_nobody_knows_is_named_in_a_policy_too() {
    let policy = "schema: policy/v1\nid: p\ncontext: x\napplies: {distro: azurelinx, arch: [amd64]}\n\
                  systems: [{distro: fedroa, arch: arm64}]\nrequire: [{test: a/one, level: required}]\n";
    let place = tempfile::tempdir().unwrap();
    let found = checked(&place, &[("a.yaml", SUITE), ("policy.yaml", policy)]);
    assert_eq!(found.problems.render(false), "");
    for near in ["azurelinux", "x86_64", "fedora", "aarch64"] {
        assert!(found.notes.iter().any(|line| line.contains(&format!("did you mean `{near}`?"))), "{:?}", found.notes);
    }
}

#[test]
fn a_value_that_an_attribute_never_has_is_refused_at_any_depth() {
    for (expected, near) in [
        ("kconfig: {CONFIG_DEVMEM: {not: yes}}", "y"),
        ("kconfig: {CONFIG_DEVMEM: {not: Y}}", "y"),
        ("kconfig: {CONFIG_DEVMEM: {value: {not: {any-of: [m, 'on']}}}}", "y"),
        ("kconfig: {CONFIG_DEVMEM: {not: '=m'}}", "m"),
        ("kconfig: {CONFIG_DEVMEM: {not: is not set}}", "n"),
        ("sysctl: {kernel.sysrq: {not: true}}", "1"),
        ("sysctl: {kernel.sysrq: {persisted: {not: 'no'}}}", "0"),
        ("kernel: {arch: {not: amd64}}", "x86_64"),
        ("kernel: {arch: {any-of: [x86_64, ARM64]}}", "aarch64"),
        ("kernel: {release: '>= 6.1, < 6.12.x'}", ">= 6.1, < 6.12"),
        ("kernel: {release: {not: 6.12.x}}", "6.12"),
        ("service: {sshd: running}", "active"),
        ("service: {sshd: {enabled: true}}", "enabled"),
        ("package: {bash: installed}", "present"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let text = SUITE.replace("package: {bash: {installed: true}}", expected);
        let found = checked(&place, &[("a.yaml", &text)]);
        let labels: Vec<_> = found.problems.iter().map(|problem| (problem.code, problem.label.as_str())).collect();
        let wanted = format!("did you mean `{near}`?");
        assert_eq!(labels, [(codes::BAD_VALUE, wanted.as_str())], "{expected}");
    }
    for expected in [
        "kconfig: {CONFIG_DEVMEM: {not: y}, CONFIG_LSM: {contains: yama}, CONFIG_NR_CPUS: '>= 512', CONFIG_A: absent}",
        "sysctl: {kernel.sysrq: {any-of: [0, none]}, kernel.core_pattern: core}",
        "sysctl: {kernel.printk_devkmsg: {not: 'on'}, fs.binfmt_misc.status: {not: enabled}}",
        "sysctl: {kernel.printk_devkmsg: {not: 'off'}, fs.binfmt_misc.status: {persisted: {not: disabled}}}",
        "kernel: {arch: {not: x86_64}, version: {contains: PREEMPT}}",
    ] {
        let place = tempfile::tempdir().unwrap();
        let text = SUITE.replace("package: {bash: {installed: true}}", expected);
        let found = checked(&place, &[("a.yaml", &text)]);
        assert_eq!(found.problems.render(false), "", "{expected}");
    }
}

#[test]
fn all_mistakes_of_a_file_without_a_schema_are_shown() {
    let place = tempfile::tempdir().unwrap();
    let text = SUITE.replace("schema: suite/v1\n", "tagz: [x]\n").replace("installed", "instaled");
    let found = checked(&place, &[("a.yaml", &text)]);
    let codes: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [codes::UNKNOWN_SCHEMA, codes::UNKNOWN_KEY, codes::UNKNOWN_KEY]);
}

#[test]
fn a_broken_suite_makes_nothing_else_wrong() {
    let place = tempfile::tempdir().unwrap();
    let known = "schema: known-issues/v1
known-issues:
- {tests: a/one, tracker: t, because: x, expires: 2020-01-01, effect: skip, ownr: x}
";
    let proofs = "schema: proofs/v1\nproofs:\n- {tests: a/one, unprovable: x}\n";
    let broken = SUITE.replace("installed", "instaled");
    let files = [("a.yaml", broken.as_str()), ("known.yaml", known), ("proofs/a.yaml", proofs)];
    let found = checked(&place, &files);
    let codes: Vec<_> = found.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [codes::UNKNOWN_KEY, codes::UNKNOWN_KEY], "{}", found.problems.render(false));
}

#[test]
fn snapshots_are_read_and_what_is_passed_over_is_named_with_the_reason() {
    let place = tempfile::tempdir().unwrap();
    let files = [
        ("a.yaml", SUITE),
        ("README.md", "x"),
        ("more/b.yaml", SUITE),
        ("snapshots/good.snap", "---\nsource: a.yaml\n---\nx\n"),
        ("snapshots/bad.snap", "---\nsource: a.yaml\n<<<<<<< a\n"),
        ("snapshots/c.snap.new", "---\n---\n"),
    ];
    let found = checked(&place, &files);
    let problems: Vec<_> = found.problems.iter().map(|problem| (problem.code, &*problem.file)).collect();
    assert!(matches!(problems[..], [(codes::BAD_SNAPSHOT, file)] if file.ends_with("bad.snap")), "{problems:?}");
    let dir = Utf8PathBuf::from_path_buf(place.path().to_owned()).unwrap();
    let lines = Files::of(&[dir]).not_checked().join("\n");
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for part in ["more (a sub-directory", "README.md (neither", "c.snap.new (waits"] {
        assert!(lines.contains(part), "{part} is not in {lines}");
    }
}
