//! A `junit.xml` that somebody hands in, compared with the record that it must have been made of. Bodies, times and the
//! paths of attachments may differ: another directory, another version of muster. What ran and how it ended may not.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, XmlString};

use super::junit;
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// What is said in sentences of muster, which another version may word otherwise.
const PROSE: [&str; 3] = ["the message", "the property earlier", "the property remark"];

/// What a test case says: class, name, how it ended, and the failure id.
type Cases = BTreeMap<(String, String), (&'static str, String)>;

/// In one line where the file says something else than the record; `None` where both say the same.
pub fn junit_differs(record: &RunRecord, text: &str) -> Option<String> {
    let found = match Report::deserialize_from_str(&zoned(text)) {
        Ok(found) => found,
        Err(error) => return Some(format!("it cannot be read: {}", one_line(&error.to_string(), 200))),
    };
    let made = junit::report(record, None);
    let counts = |of: &Report| (of.tests, of.failures, of.errors);
    let (found_cases, made_cases) = (cases(&found), cases(&made));
    let shown = |name: &(String, String)| one_line(&format!("{} {}", name.0, name.1), 200);
    for (name, (ended, id)) in &made_cases {
        match found_cases.get(name) {
            None => return Some(format!("it has no test case {}", shown(name))),
            Some((other, other_id)) if (other, other_id) != (ended, id) => {
                let other = one_line(&format!("{other} {other_id}"), 100);
                return Some(format!(
                    "it says of {} `{}`, and the record says `{ended} {id}`",
                    shown(name),
                    other.trim()
                ));
            }
            Some(_) => {}
        }
    }
    let outputs: BTreeMap<(String, String), &str> =
        every_case(&found).map(|case| (name_of(case), case.system_out.as_deref().unwrap_or_default())).collect();
    // Words between values belong to a version of muster, so that of another one only the values are compared.
    let is_of_this_version = record.muster.split(['+', ' ']).next() == Some(env!("CARGO_PKG_VERSION"));
    for (case, test) in every_case(&made).zip(junit::in_order(record)) {
        let passed = matches!(test.outcome, Outcome::Pass | Outcome::Flaky);
        let name = name_of(case);
        let (made, found) =
            (case.system_out.as_deref().unwrap_or_default(), outputs.get(&name).copied().unwrap_or_default());
        let same = match is_of_this_version {
            true => lines(made) == lines(found),
            false if made.is_empty() => found.trim().is_empty(),
            false => made.contains(" bytes left out]") || shows(found, test),
        };
        if passed && !same {
            return Some(format!("it shows of {} another value than the record has", shown(&name)));
        }
    }
    if let Some(why) = notes_differ(&found, &made, is_of_this_version) {
        return Some(why);
    }
    if let Some(name) = found_cases.keys().find(|name| !made_cases.contains_key(*name)) {
        return Some(format!("it has a test case {} that the record does not have", shown(name)));
    }
    let of_suites = |of: &Report| of.test_suites.iter().map(|suite| suite.test_cases.len()).sum::<usize>();
    (counts(&found) != counts(&made) || of_suites(&found) != of_suites(&made)).then(|| {
        format!("it counts {:?}, and the record {:?} (tests, failures, errors)", counts(&found), counts(&made))
    })
}

/// What stands around the outcomes: properties and attributes of suites and of cases, and the message of what did not pass. They are
/// made from the record alone. Another version of muster may have others, so that of its files only those are compared that both have.
fn notes_differ(found: &Report, made: &Report, is_of_this_version: bool) -> Option<String> {
    let (found, made) = (notes(found), notes(made));
    for (place, made) in &made {
        let none = SaidOf::new();
        let found = found.get(place).unwrap_or(&none);
        let names: BTreeSet<&String> = made.keys().chain(found.keys()).collect();
        for name in names {
            let (ours, theirs) = (made.get(name), found.get(name));
            let both = ours.is_some() && theirs.is_some();
            if ours != theirs && (is_of_this_version || both && !PROSE.contains(&name.as_str())) {
                let shown = |values: Option<&Vec<String>>| match values {
                    Some(values) => format!("`{}`", one_line(&values.join("`, `"), 100)),
                    None => "nothing".to_owned(),
                };
                let (place, name) = (one_line(place, 200), one_line(name, 60));
                return Some(format!("{name} of {place} is {}, and the record says {}", shown(theirs), shown(ours)));
            }
        }
    }
    found
        .keys()
        .find(|place| is_of_this_version && !made.contains_key(*place))
        .map(|place| format!("it has {}, of which the record knows nothing", one_line(place, 200)))
}

/// What is said of one suite or case, by name: a property may be there several times.
type SaidOf = BTreeMap<String, Vec<String>>;

/// Of every suite and every case, by what they are called.
fn notes(report: &Report) -> BTreeMap<String, SaidOf> {
    let mut out: BTreeMap<String, SaidOf> = BTreeMap::new();
    for suite in &report.test_suites {
        let of_suite = out.entry(format!("the suite {}", suite.name.as_str())).or_default();
        add(of_suite, &suite.properties, &suite.extra);
        for case in &suite.test_cases {
            let (class, name) = name_of(case);
            let of_case = out.entry(format!("the case {class} {name}")).or_default();
            add(of_case, &case.properties, &case.extra);
            let message = match &case.status {
                TestCaseStatus::Success { .. } => None,
                TestCaseStatus::NonSuccess { message, .. } | TestCaseStatus::Skipped { message, .. } => {
                    message.as_ref()
                }
            };
            let message = message.map(|message| message.as_str().to_owned());
            of_case.entry("the message".to_owned()).or_default().extend(message);
            let assertions = case.assertions.map(|count| count.to_string());
            of_case.entry("the number of assertions".to_owned()).or_default().extend(assertions);
        }
    }
    out
}

fn add(notes: &mut SaidOf, properties: &[Property], extra: &IndexMap<XmlString, XmlString>) {
    for Property { name, value } in properties {
        notes.entry(format!("the property {}", name.as_str())).or_default().push(value.as_str().to_owned());
    }
    // Times may differ in form.
    for (name, value) in extra.iter().filter(|(name, _)| name.as_str() != "timestamp") {
        notes.entry(format!("the attribute {}", name.as_str())).or_default().push(value.as_str().to_owned());
    }
}

fn cases(report: &Report) -> Cases {
    every_case(report).map(|case| (name_of(case), ended(case))).collect()
}

fn every_case(report: &Report) -> impl Iterator<Item = &TestCase> {
    report.test_suites.iter().flat_map(|suite| &suite.test_cases)
}

/// Its class and its name, which are nobody else's.
fn name_of(case: &TestCase) -> (String, String) {
    let class = case.classname.as_ref().map_or_else(String::new, |class| class.as_str().to_owned());
    (class, case.name.as_str().to_owned())
}

/// Its lines: XML keeps neither other ends of lines nor what surrounds all of it.
fn lines(output: &str) -> Vec<&str> {
    output.trim().lines().map(str::trim_end).collect()
}

/// Whether an output has what the record says that was expected and found, in its order. Words between them belong to a version of
/// muster.
fn shows(output: &str, test: &TestRecord) -> bool {
    let mut rest = output;
    test.met.iter().flat_map(|met| [&met.subject, &met.expected, &met.actual]).all(|value| {
        let value = junit::text::unattached(&one_line(value, usize::MAX));
        let found = rest.find(&value).map(|at| &rest[at + value.len()..]);
        rest = found.unwrap_or_default();
        found.is_some()
    })
}

fn ended(case: &TestCase) -> (&'static str, String) {
    let id = |ty: &Option<quick_junit::XmlString>| ty.as_ref().map_or_else(String::new, |ty| ty.as_str().to_owned());
    match &case.status {
        TestCaseStatus::Success { flaky_runs } if flaky_runs.is_empty() => ("pass", String::new()),
        TestCaseStatus::Success { .. } => ("flaky", String::new()),
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, ty, .. } => ("failure", id(ty)),
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, ty, .. } => ("error", id(ty)),
        TestCaseStatus::Skipped { ty, .. } => ("skipped", id(ty)),
    }
}

/// The time stamps that we write have no zone, and this reader wants one.
fn zoned(text: &str) -> String {
    const BEGIN: &str = " timestamp=\"";
    let mut parts = text.split(BEGIN);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(BEGIN);
        let (value, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(value);
        if value.len() == "2026-03-01T10:00:05".len() {
            out.push('Z');
        }
        out.push('"');
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn every_property_attribute_and_message_must_be_that_of_the_record() {
        let record = Recorder::fold(&sample::events());
        let made = junit::report(&record, None);
        let says = |report: &Report| junit_differs(&record, &report.to_string().expect("XML"));
        assert_eq!(says(&made), None);
        let mut flipped = BTreeSet::new();
        for at in 0..made.test_suites.len() {
            for number in 0..made.test_suites[at].properties.len() {
                let mut other = made.clone();
                let property = &mut other.test_suites[at].properties[number];
                let name = property.name.as_str().to_owned();
                property.value = format!("{}0", property.value.as_str()).into();
                assert!(says(&other).is_some_and(|why| why.contains(&name)), "{name}");
                let mut fewer = made.clone();
                fewer.test_suites[at].properties.remove(number);
                assert!(says(&fewer).is_some_and(|why| why.contains(&name)), "{name}");
                flipped.insert(name);
            }
            let mut other = made.clone();
            other.test_suites[at].properties.push(Property::new("image.signed", "yes"));
            assert!(says(&other).is_some_and(|why| why.contains("image.signed")));
            for case in 0..made.test_suites[at].test_cases.len() {
                for number in 0..made.test_suites[at].test_cases[case].properties.len() {
                    let mut other = made.clone();
                    let property = &mut other.test_suites[at].test_cases[case].properties[number];
                    property.value = format!("{}0", property.value.as_str()).into();
                    assert!(
                        says(&other).is_some(),
                        "{property:?}",
                        property = made.test_suites[at].test_cases[case].properties[number]
                    );
                }
                for name in ["file", "line"] {
                    let mut other = made.clone();
                    let extra = &mut other.test_suites[at].test_cases[case].extra;
                    if extra.insert(name.into(), "other".into()).is_some() {
                        assert!(says(&other).is_some_and(|why| why.contains(name)), "{name}");
                    }
                }
            }
        }
        for name in [
            "image.id",
            "image.sha256",
            "distro",
            "arch",
            "firmware",
            "kernel",
            "accelerator",
            "muster.version",
            "run.id",
            "suite.sha256",
        ] {
            assert!(flipped.contains(name), "the sample has no {name}");
        }
        let mut messages = 0;
        for at in 0..made.test_suites.len() {
            for case in 0..made.test_suites[at].test_cases.len() {
                let mut other = made.clone();
                match &mut other.test_suites[at].test_cases[case].status {
                    TestCaseStatus::Success { .. } => continue,
                    TestCaseStatus::NonSuccess { message, .. } | TestCaseStatus::Skipped { message, .. } => {
                        *message = Some("all is well".into());
                    }
                }
                assert!(says(&other).is_some_and(|why| why.contains("the message")));
                messages += 1;
            }
        }
        assert!(messages > 2);
        // Of another version those that both have.
        let other_version = RunRecord { muster: "0.0.9".into(), ..record.clone() };
        let of_it = junit::report(&other_version, None);
        let mut changed = of_it.clone();
        changed.test_suites[0].properties.push(Property::new("of-its-own", "1"));
        assert_eq!(junit_differs(&other_version, &changed.to_string().expect("XML")), None);
        let kernel =
            changed.test_suites[0].properties.iter_mut().find(|one| one.name.as_str() == "image.sha256").expect("one");
        kernel.value = "0".into();
        assert!(junit_differs(&other_version, &changed.to_string().expect("XML")).is_some());
    }

    #[test]
    fn a_file_that_was_edited_differs_and_the_one_that_was_made_does_not() {
        let record = Recorder::fold(&sample::events());
        let text = junit::report(&record, None).to_string().expect("XML");
        assert_eq!(junit_differs(&record, &text), None);
        // As it is written next to its evidence.
        let attached = text.replacen("</failure>", "</failure><system-out>[[ATTACHMENT|a]]</system-out>", 1);
        assert_eq!(junit_differs(&record, &attached), None);
        let says = |text: &str| junit_differs(&record, text).unwrap_or_else(|| panic!("nothing differs in {text}"));
        assert!(says("<testsuites").starts_with("it cannot be read: "));
        assert!(says(&text.replace("nginx-serves", "nginx-serve5")).contains("it has no test case"));
        assert!(says(&text.replace("tests=\"11\"", "tests=\"12\"")).starts_with("it counts"));
        assert!(says(&text.replace("1:1.28-3.azl4", "1:1.29-1.azl4")).contains("another value than the record has"));
        // Also where the value that was found is in the one that is shown, where there is a line more, and where a test has no output.
        for (of, other) in [
            ("1:1.28-3.azl4", "1:1.28-3.azl4.99"),
            ("and 1 more that was met", "package openssl: version, found 3.5\nand 1 more that was met"),
            ("version &gt;= 1:1.26, found", "version &gt;= 1:1.26, and there is"),
        ] {
            assert!(says(&text.replace(of, other)).contains("another value than the record has"), "{other}");
        }
        // Another version may have other words, and no other values.
        let other_version = RunRecord { muster: "0.0.9".into(), ..record.clone() };
        let text = junit::report(&other_version, None).to_string().expect("XML");
        let of_it = text.replace("version &gt;= 1:1.26, found", "version &gt;= 1:1.26, and there is");
        assert!(of_it != text && junit_differs(&other_version, &of_it).is_none());
        let of_it = text.replace("1:1.28-3.azl4", "1:1.29-1.azl4");
        assert!(junit_differs(&other_version, &of_it).is_some());
        let mut fixed = record.clone();
        let failed = fixed.tests.iter_mut().find(|test| test.outcome == Outcome::Fail).expect("a failure");
        (failed.outcome, failed.failures) = (Outcome::Pass, Vec::new());
        let why = junit_differs(&fixed, &text).expect("a difference");
        assert!(why.contains("failure package.version") && why.contains("the record says `pass"), "{why}");
        fixed.tests.pop();
        assert!(junit_differs(&fixed, &text).is_some());
    }
}
