//! What the page answers first, as markup that needs no script: may it ship, what is new, what failed by cause, what did
//! not run and why. Links set filters of the table of tests, by the fragment of the address.

use super::data;
use super::known::Known;
use super::markup::percent;
use super::ran;
use crate::causes::Cause;
use crate::since::{Change, ImageFile, Since};
use crate::verdict::{self, ImageVerdict, Standing};
use crate::words;
use muster_base::exit::Exit;
use muster_base::text::{markup, one_line, plural, shell_word};
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Groups that are listed at once; the others are behind a line that counts them.
const OPEN: usize = 6;
/// Groups that are listed at all.
const LISTED: usize = 200;
/// Names of tests in a sentence.
const NAMED: usize = 4;
/// Tests that are listed where no script runs.
const WITHOUT_SCRIPT: usize = 200;
/// Characters of a name at most.
const NAME: usize = 200;

/// Whether what was tested may be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Every image that was tested passes, and the run ended with exit code 0.
    Yes,
    /// Something speaks against an image.
    No,
    /// Nothing does, but tests could not be run, or the run is no pass for another reason.
    NotKnown,
}

impl Answer {
    /// From the sentences about the images and the exit code: greener than neither.
    pub(super) fn of(record: &RunRecord) -> Self {
        let verdicts = verdict::of_images(record);
        let any = |wanted: &str| verdicts.iter().any(|verdict| mark(verdict) == wanted);
        if any("fail") {
            Self::No
        } else if any("error") || record.exit_code != Some(Exit::Pass as u8) || !any("pass") {
            Self::NotKnown
        } else if verdict::unexplained(record).is_some() {
            Self::No
        } else if record.shard.is_some() {
            // The other shards may say something else.
            Self::NotKnown
        } else {
            Self::Yes
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Yes => "Yes",
            Self::No => "No",
            Self::NotKnown => "Not known",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Yes => "pass",
            Self::No => "fail",
            Self::NotKnown => "error",
        }
    }
}

/// The first part of the page.
pub(super) fn render(record: &RunRecord, known: &Known<'_>, answer: Answer) -> String {
    let mut out = header(record, answer);
    out.push_str("<div class=\"first\">\n");
    out.push_str(&section("new", "What is new", &new(record, known.since.as_ref())));
    out.push_str(&section("failed", "What failed, by cause", &failed(record, &known.failed)));
    out.push_str(&section("not-run", "What did not run, and why", &not_run(record, &known.not_run)));
    if !record.notices.is_empty() {
        let notices = record.notices.iter().take(20).map(|notice| format!("<li>{}</li>\n", line(notice, 400)));
        out.push_str(&section("notes", "Notes", &format!("<ul>\n{}</ul>\n", notices.collect::<String>())));
    }
    out.push_str("</div>\n");
    out.push_str(&without_script(record, &known.boots.table()));
    out
}

fn header(record: &RunRecord, answer: Answer) -> String {
    let mut facts = vec![format!("Run {}", line(&record.id, NAME)), format!("began {}", moment(&record.started))];
    match (data::seconds(record), &record.finished) {
        (Some(seconds), _) => facts.push(format!("took {}", words::seconds(seconds))),
        (None, Some(at)) => facts.push(format!("ended {}", moment(at))),
        (None, None) => facts.push("has not ended".into()),
    }
    if let Some(shard) = &record.shard {
        facts.push(format!("shard {} of {}", shard.number, shard.of));
    }
    if !record.merged.is_empty() {
        facts.push(format!("merged of {} shards", record.merged.len()));
    }
    facts.push(format!("muster {}", line(&record.muster, NAME)));
    let mut out = format!(
        "<header>\n<p class=\"run\">{}</p>\n<h1>May it ship? <strong class=\"{}\">{}</strong></h1>\n<ul class=\"verdicts\">\n",
        facts.join(" · "),
        answer.class(),
        answer.word()
    );
    for verdict in verdict::of_images(record) {
        out.push_str(&format!("<li class=\"{}\">{}</li>\n", mark(&verdict), line(&verdict.sentence(), 1000)));
    }
    out.push_str("</ul>\n<p>");
    out.push_str(&exit(record));
    if let Some(why) = verdict::unexplained(record) {
        out.push_str(&format!(" The run is not a pass: {}.", line(&why, 400)));
    }
    out.push_str("</p>\n");
    let Accelerator { kind, reason } = Accelerator::of(record);
    if kind == "tcg" {
        out.push_str(&format!(
            "<p class=\"quiet\">Guests are emulated: {reason}. Timings are from emulation; do not compare with hardware.</p>\n"
        ));
    } else if !kind.is_empty() {
        out.push_str(&format!("<p class=\"quiet\">Accelerator: {kind}, {reason}.</p>\n"));
    }
    if !record.arguments.is_empty() {
        let words: Vec<String> = record.arguments.iter().map(|argument| shell_word(&one_line(argument, 400))).collect();
        let command = one_line(&format!("muster {}", words.join(" ")), 2000);
        out.push_str(&format!("<p class=\"quiet\">Command: <code class=\"copy\">{}</code></p>\n", markup(&command)));
    }
    out.push_str("</header>\n");
    out
}

struct Accelerator {
    kind: String,
    reason: String,
}

impl Accelerator {
    fn of(record: &RunRecord) -> Self {
        Self { kind: line(&record.accelerator.kind, NAME), reason: line(&record.accelerator.reason, 400) }
    }
}

fn exit(record: &RunRecord) -> String {
    let Some(code) = record.exit_code else { return "There is no exit code: the run has not ended.".into() };
    match Exit::of_code(code) {
        Some(exit) => format!("Exit code {code}: {}.", markup(exit.words().1)),
        None => format!("Exit code {code}."),
    }
}

/// The class of a verdict, which is its first word.
fn mark(verdict: &ImageVerdict) -> &'static str {
    match verdict.standing {
        Standing::Passes => "pass",
        Standing::NotTested => "skip",
        Standing::Fails if verdict.sentence().starts_with("ERROR ") => "error",
        Standing::Fails => "fail",
    }
}

fn new(record: &RunRecord, since: Option<&Since<'_>>) -> String {
    let Some(since) = since else {
        return "<p>Not known: no earlier run was given to compare with.</p>\n".into();
    };
    let mut out = format!(
        "<p>Compared with run {}, which began {}{}.</p>\n",
        line(&since.before.id, NAME),
        moment(&since.before.started),
        if since.before.finished.is_some() { "" } else { " and did not end" }
    );
    let mut rows = String::new();
    for change in Change::ALL {
        let tests: Vec<&TestRecord> = since.with(change).into_iter().map(|index| &record.tests[index]).collect();
        if tests.is_empty() {
            continue;
        }
        let names = if change == Change::Added { String::new() } else { named(&tests) };
        let count = link(&format!("since={}", change.name()), &format!("{} {}", count(tests.len()), change.words()));
        rows.push_str(&format!("<li class=\"{}\">{count}{names}</li>\n", change.name()));
    }
    if !since.gone.is_empty() {
        let (tests, names) = (since.gone.len(), names(&since.gone, shown));
        rows.push_str(&format!("<li class=\"gone\">{} no longer in the plan{names}</li>\n", count(tests)));
    }
    if rows.is_empty() {
        out.push_str("<p>Nothing: no test fails, passes or runs that did not then.</p>\n");
    } else {
        out.push_str(&format!("<ul class=\"groups\">\n{rows}</ul>\n"));
    }
    for (file, text) in [
        (ImageFile::Same, "The same file as then (SHA-256)"),
        (ImageFile::Changed, "Another file than then (SHA-256)"),
        (ImageFile::Unknown, "Not known whether the same file as then"),
    ] {
        let images: Vec<&str> = since.images.iter().filter(|(_, found)| **found == file).map(|(id, _)| *id).collect();
        if !images.is_empty() {
            out.push_str(&format!("<p class=\"quiet\">{text}: {}.</p>\n", some(&images)));
        }
    }
    let newly_red = since.with(Change::NewlyRed);
    let of_same = |index: &usize| since.images.get(record.tests[*index].image.as_str()) == Some(&ImageFile::Same);
    let unexplained = newly_red.iter().filter(|index| of_same(index)).count();
    if unexplained > 0 {
        let tests = count(unexplained);
        out.push_str(&format!("<p>{tests} newly failing on the same file: the image alone does not explain it.</p>\n"));
    }
    out
}

fn failed(record: &RunRecord, causes: &[Cause]) -> String {
    if causes.is_empty() {
        return match verdict::unexplained(record) {
            Some(_) => "<p>No test failed. Why the run is not a pass is said above.</p>\n".into(),
            None => "<p>Nothing.</p>\n".into(),
        };
    }
    let tests: usize = causes.iter().map(|cause| cause.tests.len()).sum();
    let intro = format!(
        "<p>{} that did not pass, of {} cause{} by failure id and message.</p>\n",
        count(tests),
        causes.len(),
        plural(causes.len())
    );
    intro + &groups(record, causes, "cause", |_| "")
}

fn not_run(record: &RunRecord, reasons: &[Cause]) -> String {
    if reasons.is_empty() {
        return ran::where_nothing_was_left_out(record);
    }
    let skipped = groups(record, reasons, "why", |cause| match record.tests[cause.tests[0]].outcome {
        Outcome::NotRun => "not run: ",
        _ => "skipped: ",
    });
    ran::cut_off(record).unwrap_or_default() + &skipped
}

/// A list of causes, each a link to its tests; what is beyond the first few can be opened.
fn groups(record: &RunRecord, causes: &[Cause], filter: &str, before: impl Fn(&Cause) -> &'static str) -> String {
    let item = |(index, cause): (usize, &Cause)| {
        let tests: Vec<&TestRecord> = cause.tests.iter().map(|index| &record.tests[*index]).collect();
        let suites = distinct(tests.iter().map(|test| test.suite.as_str()));
        let images = distinct(tests.iter().map(|test| test.image.as_str()));
        let on = if record.images.len() > 1 { format!(" on {}", some(&images)) } else { String::new() };
        format!(
            "<li><span class=\"count\">{}</span> <span>{} <span class=\"quiet\">{} · in {}{on}</span></span></li>\n",
            cause.tests.len(),
            link(&format!("{filter}={index}"), &format!("{}{}", before(cause), markup(&cause.message))),
            markup(&cause.id),
            some(&suites),
        )
    };
    let list = |from: usize, to: usize| -> String {
        let items = causes.iter().enumerate().skip(from).take(to - from);
        format!("<ul class=\"groups counted\">\n{}</ul>\n", items.map(item).collect::<String>())
    };
    let shown = causes.len().min(LISTED);
    let open = if shown > OPEN + 1 { OPEN } else { shown };
    let mut out = list(0, open);
    if shown > open {
        let (groups, tests) =
            (causes.len() - open, causes[open..].iter().map(|cause| cause.tests.len()).sum::<usize>());
        out.push_str(&format!("<details><summary>{groups} more, with {}</summary>\n", count(tests)));
        out.push_str(&list(open, shown));
        if causes.len() > shown {
            out.push_str(&format!("<p>And {} more, which run.json has.</p>\n", causes.len() - shown));
        }
        out.push_str("</details>\n");
    }
    out
}

/// What failed, and what boots took, for readers without script; the script hides it.
fn without_script(record: &RunRecord, boots: &str) -> String {
    let red = |test: &&TestRecord| matches!(test.outcome, Outcome::Fail | Outcome::Error);
    let all = record.tests.iter().filter(red).count();
    let mut out = String::from(
        "<section id=\"without-script\" aria-labelledby=\"h-plain\">\n<h2 id=\"h-plain\">What failed, test by test</h2>\n\
         <p>Scripts do not run here, so the table of all tests is missing. junit.xml and run.json next to this file have \
         all of it.</p>\n<ul class=\"plain\">\n",
    );
    for test in record.tests.iter().filter(red).take(WITHOUT_SCRIPT) {
        out.push_str(&format!(
            "<li><strong class=\"{}\">{}</strong> {} [{}]: {}<br><code>{}</code>{}</li>\n",
            test.outcome.name(),
            words::mark(test.outcome),
            line(&test.name(), NAME),
            line(&test.image, NAME),
            markup(&words::headline(test).1),
            line(&test.rerun, 8000),
            words::resume(test).map(|command| format!("<br><code>{}</code>", markup(&command))).unwrap_or_default()
        ));
    }
    out.push_str("</ul>\n");
    if all > WITHOUT_SCRIPT {
        out.push_str(&format!("<p>And {} more.</p>\n", all - WITHOUT_SCRIPT));
    }
    out.push_str(boots);
    out.push_str("</section>\n");
    out
}

fn section(id: &str, title: &str, body: &str) -> String {
    format!("<section class=\"{id}\" aria-labelledby=\"h-{id}\">\n<h2 id=\"h-{id}\">{title}</h2>\n{body}</section>\n")
}

fn link(fragment: &str, text: &str) -> String {
    format!("<a href=\"#{fragment}\">{text}</a>")
}

fn count(tests: usize) -> String {
    format!("{tests} test{}", plural(tests))
}

/// `: base/a [lab], base/b [lab] and 3 more`, each a link that opens the test.
fn named(tests: &[&TestRecord]) -> String {
    names(tests, |test| {
        let name = |text: &str| one_line(text, NAME);
        let key = format!("{}/{}@{}", name(&test.suite), name(&test.test), name(&test.image));
        link(&format!("open={}", percent(&key)), &shown(test))
    })
}

fn names(tests: &[&TestRecord], name: impl Fn(&TestRecord) -> String) -> String {
    let names: Vec<String> = tests.iter().take(NAMED).map(|test| name(test)).collect();
    let more = match tests.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(": {}{more}", names.join(", "))
}

fn shown(test: &TestRecord) -> String {
    line(&format!("{} [{}]", test.name(), test.image), NAME)
}

fn distinct<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut seen = Vec::new();
    for name in names {
        // A few are named, so that a longer search would find nothing to say.
        if seen.len() <= NAMED * 4 && !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// Some of the names, escaped.
fn some(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| line(name, 60)).collect();
    let more = if names.len() > NAMED { " and others" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A time stamp to the second, in UTC; what is none as it is.
fn moment(at: &str) -> String {
    match at.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => line(at, 60),
    }
}

fn line(text: &str, max: usize) -> String {
    markup(&one_line(text, max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    #[test]
    fn the_answer_is_no_greener_than_the_run() {
        let whole = Recorder::fold(&sample::events());
        assert_eq!(Answer::of(&whole), Answer::No);
        assert_eq!(Answer::of(&RunRecord::default()), Answer::NotKnown);
        let of = |outcomes: &[Outcome], exit: Option<u8>| {
            let mut record = whole.clone();
            record.images.retain(|image, _| image == "lab");
            record.findings.clear();
            let test = |(index, outcome): (usize, &Outcome)| sample::test("base", &format!("t{index}"), *outcome);
            record.tests = outcomes.iter().enumerate().map(test).collect();
            record.exit_code = exit;
            Answer::of(&record)
        };
        use Outcome::{Error, Fail, NotRun, Pass, Skip};
        assert_eq!(of(&[Pass, Skip], Some(0)), Answer::Yes);
        assert_eq!(of(&[Pass, Fail], Some(1)), Answer::No);
        assert_eq!(of(&[Pass, Error], Some(3)), Answer::NotKnown);
        assert_eq!(of(&[Pass, NotRun], Some(3)), Answer::NotKnown);
        assert_eq!(of(&[Fail, Error], Some(1)), Answer::No);
        assert_ne!(of(&[Skip], Some(2)), Answer::Yes, "nothing ran");
        assert_ne!(of(&[Pass], Some(2)), Answer::Yes, "it was focused");
        assert_ne!(of(&[Pass], Some(4)), Answer::Yes, "a known issue has expired");
        assert_ne!(of(&[Pass], None), Answer::Yes, "it goes on");
        let mut shard = whole.clone();
        shard.images.retain(|image, _| image == "lab");
        shard.findings.clear();
        shard.tests = vec![sample::test("base", "t", Pass)];
        shard.exit_code = Some(0);
        assert_eq!(Answer::of(&shard), Answer::Yes);
        shard.shard = Some(muster_record::shard::ShardRecord { number: 1, of: 4, ..Default::default() });
        assert_eq!(Answer::of(&shard), Answer::NotKnown, "it is a part");
        for exit in 0..6 {
            assert_ne!(of(&[Pass, Fail], Some(exit)), Answer::Yes, "whatever the exit code says");
        }
        let mut interrupted = whole.clone();
        interrupted.tests.retain(|test| test.outcome == Outcome::Pass);
        interrupted.findings.clear();
        (interrupted.interrupted, interrupted.exit_code) = (true, Some(3));
        assert_ne!(Answer::of(&interrupted), Answer::Yes);
    }
}
