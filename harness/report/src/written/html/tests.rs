//! The page as a whole: what may run in it, what hostile text becomes, how large it is.

use std::collections::BTreeSet;
use std::time::Instant;

use super::*;
use crate::causes;
use crate::evidence::Base;
use crate::since::Since;
use muster_base::failure::{Failure, FailureId};
use muster_record::fold::Recorder;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;
use muster_record::sample;

/// Renders with a run directory in which each machine has this console.
fn rendered(record: &RunRecord, before: Option<&RunRecord>, console: &str) -> String {
    let temporary = tempfile::tempdir().unwrap();
    let root = camino::Utf8PathBuf::from_path_buf(temporary.path().join("r")).unwrap();
    let dir = RunDir::create(&root).unwrap();
    for machine in ["m1", "m2"] {
        std::fs::create_dir_all(dir.machine(machine)).unwrap();
        std::fs::write(dir.machine(machine).join("console.log"), console).unwrap();
    }
    let base = Base::of(&root, None).unwrap();
    Html.render(ReportInput { record, before, dir: &dir, base: &base }).unwrap()
}

/// The data of a page.
fn data_of(page: &str) -> serde_json::Value {
    let text = page.split("<template id=\"data\">").nth(1).unwrap().split("</template>").next().unwrap();
    let bytes = miniz_oxide::inflate::decompress_to_vec_zlib(&STANDARD.decode(text).unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// Start tags of a page with their attributes, as a parser of HTML would find them: the content of `style` and `script`
/// is no markup, and a comment would be one.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with(['/', '!']) {
            assert!(!rest.starts_with("!--"), "no comment");
            continue;
        }
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = rest.split_at(end);
        let (name, mut attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{tag}>");
        let mut list = Vec::new();
        while !attributes.trim().is_empty() {
            let attribute = attributes.trim_start();
            let end = attribute.find(['=', ' ']).unwrap_or(attribute.len());
            let (key, value) = attribute.split_at(end);
            let value = value.strip_prefix("=\"").map(|value| value.split_once('"').expect("a quoted value"));
            list.push((key.to_owned(), value.map_or(String::new(), |(value, _)| value.to_owned())));
            attributes = value.map_or(&attribute[end..], |(_, after)| after);
        }
        found.push((name.to_owned(), list));
        rest = match name {
            "style" | "script" => after.split_once(&format!("</{name}>")).expect("it ends").1,
            _ => after,
        };
    }
    found
}

/// Hostile text in every field that holds text.
fn hostile(text: &str) -> RunRecord {
    let mut record = Recorder::fold(&sample::events());
    let failure = Failure {
        expected: Some(text.into()),
        actual: Some(format!("{text}\n{text}")),
        detail: Some(text.repeat(3)),
        ..Failure::new(FailureId::of_check(text, text), text)
    };
    for test in &mut record.tests {
        for field in [&mut test.suite, &mut test.test, &mut test.summary, &mut test.rerun] {
            field.push_str(text);
        }
        test.image = text.into();
        test.tags = vec![text.into()];
        test.links = vec![text.into(), format!("https://example.org/{text}"), format!("javascript:{text}")];
        test.remarks = vec![text.into()];
        test.capsule = Some(text.into());
        test.location.file = text.into();
        test.failures.iter_mut().chain(&mut test.skipped).for_each(|field| *field = failure.clone());
        test.attempts.iter_mut().for_each(|attempt| attempt.machine = Some(text.into()));
        if let Some(issue) = &mut test.issue {
            for field in [&mut issue.tracker, &mut issue.because, &mut issue.expires, &mut issue.owner] {
                *field = text.into();
            }
        }
    }
    let lab = record.images["lab"].clone();
    record.images.insert(text.into(), lab);
    for image in record.images.values_mut() {
        image.path = text.into();
        image.enter = Some(text.into());
        if let Some(facts) = &mut image.facts {
            facts.kernel = text.into();
            facts.os_release.insert("PRETTY_NAME".into(), text.into());
        }
    }
    for machine in &mut record.machines {
        machine.end = Some(text.into());
        machine.channel = Some(text.into());
        if let Some(boot) = &mut machine.boot {
            boot.parts.iter_mut().for_each(|part| part.name = text.into());
        }
    }
    for found in &mut record.findings {
        found.finding.line = text.into();
        found.finding.category = text.into();
    }
    record.notices = vec![text.into()];
    record.arguments = vec![text.into()];
    record.accelerator.reason = text.into();
    record.id = text.into();
    record.muster = text.into();
    record.started = text.into();
    record
}

const ATTACKS: [&str; 8] = [
    sample::HOSTILE,
    "</script><script>alert(1)</script>",
    "</template></style></title></noscript><img src=x onerror=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "' onmouseover='alert(1)",
    "<!--<script>-->",
    "javascript:alert(1)",
    "{{script}}{{data}}&#60;b&#62;\u{202e}\u{2066}\u{61c}",
];

#[test]
fn no_text_of_a_guest_becomes_markup() {
    let plain = Recorder::fold(&sample::events());
    let allowed: BTreeSet<_> = tags(&rendered(&plain, Some(&plain), "console")).into_iter().map(|tag| tag.0).collect();
    for attack in ATTACKS {
        let record = hostile(attack);
        let page = rendered(&record, Some(&plain), attack);
        let tags = tags(&page);
        for (name, attributes) in &tags {
            assert!(allowed.contains(name), "<{name}> by {attack:?}");
            for (key, value) in attributes {
                let known = [
                    "lang",
                    "charset",
                    "http-equiv",
                    "content",
                    "name",
                    "id",
                    "class",
                    "href",
                    "hidden",
                    "scope",
                    "tabindex",
                    "role",
                ];
                assert!(known.contains(&key.as_str()) || key == "aria-labelledby", "{key} of <{name}> by {attack:?}");
                let fragment = |value: &str| {
                    value.starts_with('#') && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"#=%-_.".contains(&b))
                };
                assert!(key != "href" || fragment(value), "{value:?} by {attack:?}");
            }
        }
        let count = |name: &str| tags.iter().filter(|(tag, _)| tag == name).count();
        assert_eq!((count("script"), count("style"), count("template"), count("title")), (1, 1, 1, 1));
        let data = data_of(&page);
        assert_eq!(data["tests"].as_array().unwrap().len(), sample::TESTS);
        // Markup outside of the style and the script, and every string of the data.
        let mut texts = vec![page.split(STYLE).next().unwrap(), page.split(STYLE).nth(1).unwrap()];
        let strings = strings(&data);
        texts.extend(strings.iter().map(String::as_str));
        let reorders = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
        let control = |c: char| c.is_control() && c != '\n' && c != '\t';
        for text in texts {
            let text = text.split("<script>").next().unwrap();
            assert!(!text.chars().any(|c| reorders(c) || control(c)), "{attack:?}");
        }
    }
}

fn strings(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(values) => values.iter().flat_map(strings).collect(),
        serde_json::Value::Object(map) => {
            map.iter().flat_map(|(key, value)| std::iter::once(key.clone()).chain(strings(value))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn the_policy_names_the_script_and_the_style_of_the_page_and_nothing_else() {
    let record = Recorder::fold(&sample::events());
    let page = rendered(&record, None, "");
    let between = |open: &str, close: &str| page.split(open).nth(1).unwrap().split(close).next().unwrap();
    let policy = between("Content-Security-Policy\" content=\"", "\"");
    for (name, text) in [("script", between("<script>", "</script>")), ("style", between("<style>", "</style>"))] {
        let digest = STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{name}-src 'sha256-{digest}';")), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe") && !policy.contains("http"));
    let at = page.find("Content-Security-Policy").unwrap();
    assert!(at < page.find("<style>").unwrap(), "it stands before what it rules");
    // What ends an element early, or that a policy of trusted types refuses.
    for wrong in
        ["</", "<!--", "\r", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch("]
    {
        assert!(!SCRIPT.contains(wrong), "{wrong:?} in the script");
    }
    assert!(!STYLE.contains("</") && !STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains('\r'));
}

#[test]
fn the_same_run_is_the_same_page() {
    let record = Recorder::fold(&sample::events());
    assert_eq!(rendered(&record, Some(&record), "x"), rendered(&record, Some(&record), "x"));
}

#[test]
fn the_summary_of_the_sample_run() {
    let record = Recorder::fold(&sample::events());
    let mut before = record.clone();
    before.id = "2026-02-28T10-00-00-1a2b".into();
    before.tests.retain(|test| test.test != "flaky");
    for test in &mut before.tests {
        match (test.test.as_str(), test.image.as_str()) {
            ("nginx-version", "lab") => test.outcome = Outcome::Pass,
            ("nginx-serves", "lab") => test.outcome = Outcome::Fail,
            ("nginx-serves", _) => test.outcome = Outcome::Pass,
            _ => {}
        }
    }
    before.tests.push(sample::test("base", "retired", Outcome::Pass));
    let known = |before| Known {
        since: Option::map(before, |before| Since::of(&record, before)),
        failed: causes::of_failures(&record),
        not_run: causes::of_not_run(&record),
        boots: boots::Boots::of(&record, before),
    };
    let answer = summary::Answer::of(&record);
    insta::assert_snapshot!(summary::render(&record, &known(Some(&before)), answer));
    let alone = summary::render(&record, &known(None), answer);
    assert!(alone.contains("Not known: no earlier run was given to compare with."), "{alone}");
}

#[test]
fn the_data_has_what_the_record_has() {
    let record = Recorder::fold(&sample::events());
    let page = rendered(&record, None, "booting\nlogin:\n");
    let data = data_of(&page);
    let tests = data["tests"].as_array().unwrap();
    let outcomes: Vec<_> = tests.iter().map(|test| test["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, record.tests.iter().map(|test| test.outcome.name()).collect::<Vec<_>>());
    let version = &tests[1];
    assert_eq!(version["failures"][0]["expected"], "version >= 1:1.26");
    assert_eq!(version["failures"][0]["id"], "package.version");
    assert_eq!(version["files"][0], "machines/m1/console.log");
    assert_eq!(data["consoles"]["m1"], "booting\nlogin:\n");
    assert_eq!(data["causes"].as_array().unwrap().len(), 4);
    assert_eq!(tests[4]["why"], 1);
    assert_eq!(data["day"], "2026-03-01");
    assert_eq!(data["issues"][0]["days"], 213);
    assert_eq!(tests[6]["issue"], 0);
    assert_eq!(tests[7]["attempts"][0]["failures"][0]["id"], "port.listening");
}

#[test]
fn a_page_of_ten_thousand_tests_is_small_and_one_with_much_output_is_bounded() {
    let record = sample_of(10_000);
    let begun = Instant::now();
    let page = rendered(&record, None, "console");
    // Seconds in a release build are checked by ci/report-page.
    assert!(begun.elapsed().as_secs() < 60 && page.len() < 2 << 20, "{} bytes", page.len());
    assert_eq!(data_of(&page)["tests"].as_array().unwrap().len(), 10_000);
    // What cannot be compressed: a digest after another.
    let noise = |seed: usize| -> String {
        (0..400).map(|n| muster_base::text::hex(Sha256::digest(format!("{seed} {n}"))) + "\n").collect()
    };
    let mut record = sample_of(500);
    for (index, test) in record.tests.iter_mut().enumerate() {
        test.outcome = Outcome::Fail;
        let failure = Failure::new(FailureId::of_check("package", "version"), "m").with_detail(noise(index));
        test.failures = vec![failure];
    }
    let page = rendered(&record, None, "console");
    assert!(page.len() <= LARGEST, "{} bytes", page.len());
    let data = data_of(&page);
    let detail = data["tests"][499]["failures"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("bytes left out]") && detail.len() >= 200, "{detail}");
}

fn sample_of(count: usize) -> RunRecord {
    let mut record = Recorder::fold(&sample::events());
    let tests = record.tests.clone();
    record.tests = (0..count)
        .map(|number| {
            let mut test = tests[number % 7].clone();
            test.suite = format!("suite-{}", number % 40);
            test.test = format!("test-{number}");
            test.rerun = format!("muster run --image lab --test {}/{}", test.suite, test.test);
            test
        })
        .collect();
    record
}
