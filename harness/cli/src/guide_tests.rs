//! The examples of `docs/writing-suites.md` are what they are said to be, with the check types that
//! ship.

use camino::Utf8PathBuf;

use muster_record::facts::{CAPABILITIES, TOOLS};
use muster_suite::model::Suite;
use muster_suite::{Vocabulary, decode_source, known, load};

const PAGE: &str = include_str!("../../../docs/writing-suites.md");

pub(super) fn vocabulary() -> Vocabulary<'static> {
    Vocabulary { tables: muster_check::tables(), capabilities: CAPABILITIES, tools: TOOLS }
}

/// The fenced blocks of a page: what stands behind the fence, and the text.
pub(super) fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut out: Vec<(&str, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                out.push((language, String::new()));
            }
            None if inside => {
                if let Some((_, text)) = out.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
            None => {}
        }
    }
    out
}

#[test]
fn every_example_of_the_guide_is_decoded() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).expect("UTF-8");
    fs_err::create_dir_all(path.join("pages")).expect("a directory");
    fs_err::write(path.join("pages/index.html"), "x").expect("a file");
    fs_err::create_dir_all(path.join("baselines")).expect("a directory");
    fs_err::write(path.join("baselines/boot.json"), "{}").expect("a file");
    let blocks = blocks(PAGE);
    let of = |schema: &str| {
        let begins = format!("schema: {schema}\n");
        blocks.iter().filter(move |(fence, text)| *fence == "yaml" && text.starts_with(&begins)).map(|(_, text)| text)
    };
    let mut suites: Vec<Suite> = Vec::new();
    for (at, text) in of("suite/v1").enumerate() {
        let file = path.join(format!("{at}.yaml"));
        fs_err::write(&file, text).expect("a file");
        let (found, problems) = load(&[file], &vocabulary());
        assert_eq!(problems.render(false), "", "{text}");
        suites.extend(found);
    }
    assert_eq!(suites.len(), 10);
    assert!(suites.iter().flat_map(|suite| &suite.tests).all(|test| test.assertions() > 0));

    fs_err::create_dir_all(path.join("common")).expect("a directory");
    fs_err::write(path.join("common/web.yaml"), of("tests/v1").next().expect("a file of tests")).expect("a file");
    let include = PAGE.split('`').find(|code| code.starts_with("include: [")).expect("how it is included");
    let file = path.join("including.yaml");
    fs_err::write(&file, format!("schema: suite/v1\nsuite: s\n{include}\n")).expect("a file");
    let (found, problems) = load(&[file], &vocabulary());
    assert_eq!(problems.render(false), "");
    assert_eq!(found[0].tests[0].id, "web.listens");
    assert_eq!(found[0].tests[0].plain(0).subject, "tcp/8080");

    let issues = of("known-issues/v1").next().expect("known issues");
    let today = "2026-12-01".parse().expect("a day");
    let (entries, problems) = known::decode_source("known.yaml", issues, &vocabulary(), &suites, today);
    assert_eq!(problems.render(false), "");
    assert_eq!(entries.len(), 1);
    let yaml = blocks.iter().filter(|(fence, _)| *fence == "yaml").count();
    assert_eq!(yaml, 10 + 1 + 1, "every example was looked at");
}

#[test]
fn the_diagnostic_of_the_guide_is_the_one_that_is_shown() {
    let blocks = blocks(PAGE);
    let at = blocks.iter().position(|(fence, _)| *fence == "yaml bad").expect("a bad example");
    let (suite, problems) = decode_source("suite.yaml", &blocks[at].1, &vocabulary());
    assert!(suite.is_none());
    assert_eq!(problems.len(), 2);
    let shown = problems.render(false);
    assert!(shown.starts_with(&blocks[at + 1].1), "{shown}");
}

#[test]
fn the_guide_names_every_step_and_every_matcher() {
    for table in muster_suite::keys::STEPS {
        let verb = format!("`{}`", table.keys[0].name);
        assert!(PAGE.contains(&verb), "{verb}");
    }
    for (matcher, _) in muster_suite::matcher::MATCHERS {
        assert!(PAGE.contains(&format!("{{{matcher}: ")), "{matcher}");
    }
}
