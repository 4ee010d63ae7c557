//! Suites of several files, and the corpus of bad ones.

use super::*;

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

    fs_err::write(path.join("s.yaml"), suite.replace("include:", "inclusion:")).unwrap();
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
            let source =
                crate::source::SourceFile { path: file.clone(), name: format!("{name}.yaml").into(), found: false };
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
    for (code, _) in crate::diagnostic::codes::TABLE {
        assert!(seen.contains(code) || elsewhere.contains(code), "no bad file brings about {code}");
    }
}
