//! What CI servers read out of a log: failures that they show next to the source, and long output that they fold.
//!
//! The same lines are a danger: GitHub's runner and Azure's agent obey commands wherever a line holds one, and most
//! of what a run prints was said by a guest. So ordinary lines are disarmed there ([`disarmed`]) before they are written,
//! and only lines made here command anything. GitLab's marks hold an escape and a carriage return, neither of which is
//! left in any text of a guest ([`muster_base::text`]).

use super::{causes, verdict, words};
use muster_base::failure::Location;
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// Characters of an annotation's message at most.
const MESSAGE: usize = 600;

muster_base::words! {
    /// A CI server: its logs have commands, and there is a job for it.
    Server {
        /// GitHub Actions.
        Github = "github",
        /// GitLab CI.
        Gitlab = "gitlab",
        /// Azure Pipelines.
        Azure = "azure",
    }
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Azure];

    /// What its vendor calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub Actions",
            Self::Gitlab => "GitLab CI",
            Self::Azure => "Azure Pipelines",
        }
    }
}

/// The line that makes the server show a test that did not pass, for servers that have one.
pub(crate) fn error(server: Server, test: &TestRecord) -> Option<String> {
    if !matches!(test.outcome, Outcome::Fail | Outcome::Error) {
        return None;
    }
    let title = one_line(&format!("{} {} [{}]", words::mark(test.outcome), test.name(), test.image), 200);
    let (id, headline) = words::headline(test);
    let message = one_line(&format!("{headline} ({id}); run it again: {}", test.rerun), MESSAGE);
    let place = test.failures.iter().find_map(|failure| failure.location.as_ref()).unwrap_or(&test.location);
    let place = Some(place).filter(|place| is_below(place));
    match server {
        Server::Github => {
            let at = place
                .map(|place| format!("file={},line={},col={},", github(&place.file, true), place.line, place.column));
            let title = github(&title, true);
            Some(format!("::error {}title={title}::{}", at.unwrap_or_default(), github(&message, false)))
        }
        Server::Azure => {
            let at = place.map(|place| {
                let (line, column) = (place.line, place.column);
                format!(";sourcepath={};linenumber={line};columnnumber={column}", azure(&place.file, true))
            });
            let message = azure(&format!("{title}: {message}"), false);
            Some(format!("##vso[task.logissue type=error{}]{message}", at.unwrap_or_default()))
        }
        Server::Gitlab => None,
    }
}

/// Annotations of a run at most: GitHub shows ten of a step and drops the rest.
const SHOWN: usize = 10;

/// What a server shows of a run that is over, in lines: one annotation for each cause, the causes of most tests first;
/// for a server that has none, the failures as a folded part of the log.
pub fn of_run(server: Server, record: &RunRecord) -> Vec<String> {
    let causes = causes::of_failures(record);
    let mut lines: Vec<String> =
        causes.iter().take(SHOWN).filter_map(|cause| error(server, &record.tests[cause.tests[0]])).collect();
    if server == Server::Gitlab && !causes.is_empty() {
        let at = record.finished.as_ref().and_then(|at| at.parse::<jiff::Timestamp>().ok()).unwrap_or_default();
        lines.push(fold(server, 0, "what did not pass", at.as_second()));
        for test in causes.iter().flat_map(|cause| &cause.tests).map(|at| &record.tests[*at]) {
            let title = format!("{} {} [{}]", words::mark(test.outcome), test.name(), test.image);
            lines.push(one_line(&format!("{title}: {}", words::headline(test).1), MESSAGE));
        }
        lines.push(unfold(server, 0, at.as_second()));
    }
    let left = SHOWN.saturating_sub(lines.len());
    lines.extend(verdict::unsaid(record).iter().take(left).filter_map(|unsaid| {
        let text = one_line(&format!("{} is not a pass: {}", unsaid.name(), unsaid.why), MESSAGE);
        match server {
            Server::Github => Some(format!("::error ::{}", github(&text, false))),
            Server::Azure => Some(format!("##vso[task.logissue type=error]{}", azure(&text, false))),
            Server::Gitlab => None,
        }
    }));
    lines.extend(verdict::of_images(record).iter().map(|verdict| disarmed(&verdict.sentence())));
    lines
}

/// Whether a server can find the file: those of the program itself, and those elsewhere on this host, it cannot.
fn is_below(place: &Location) -> bool {
    place.line > 0 && std::path::Path::new(&*place.file).is_relative() && !place.file.is_empty()
}

/// The line that begins a folded part. `number` is unique in the run, `at` is in seconds since 1970.
pub(crate) fn fold(server: Server, number: usize, title: &str, at: i64) -> String {
    let title = one_line(title, 200);
    match server {
        Server::Github => format!("::group::{}", github(&title, false)),
        Server::Azure => format!("##[group]{}", disarmed(&title)),
        Server::Gitlab => format!("\x1b[0Ksection_start:{at}:muster_{number}[collapsed=true]\r\x1b[0K{title}"),
    }
}

/// The line that ends it.
pub(crate) fn unfold(server: Server, number: usize, at: i64) -> String {
    match server {
        Server::Github => "::endgroup::".to_owned(),
        Server::Azure => "##[endgroup]".to_owned(),
        Server::Gitlab => format!("\x1b[0Ksection_end:{at}:muster_{number}\r\x1b[0K"),
    }
}

/// The text with every line that a server would take for a command made one that none does. GitHub's runner looks for
/// `::` at the beginning of a line, blanks left out, and for `##[` anywhere; Azure's agent for `##vso[` anywhere and `##[`
/// at the beginning.
pub fn disarmed(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let line = without_marks(line);
        let unseen = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{180e}' | '\u{200b}'..='\u{200d}');
        let rest = line.trim_start_matches(unseen);
        match rest.strip_prefix("::") {
            Some(command) => format!("{}:\\x3a{command}", &line[..line.len() - rest.len()]),
            None => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A line in which neither `##[` nor `##vso[` stands.
fn without_marks(line: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(at) = rest.find("##") {
        let after = &rest[at + 2..];
        let command = after.starts_with('[') || after.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("vso["));
        out.push_str(&rest[..=at]);
        // The second may be the first of another pair.
        rest = if command { after } else { &rest[at + 1..] };
        if command {
            out.push_str("\\x23");
        }
    }
    out + rest
}

/// For a GitHub command: a message, or the value of a property.
fn github(text: &str, property: bool) -> String {
    let text = disarmed(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

/// For a command of Azure Pipelines: a message, or the value of a property.
fn azure(text: &str, property: bool) -> String {
    let text = disarmed(text).replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    if property { text.replace(';', "%3B").replace(']', "%5D") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::Failure;
    use muster_record::fold::Recorder;
    use muster_record::sample;

    fn hostile() -> TestRecord {
        let mut test = sample::test("base", "a", Outcome::Fail);
        let place = Location { file: "suites/a,b;c].yaml".into(), line: 3, column: 7 };
        let said = "50% ::error::x\n::stop-commands::y\r##vso[task.complete result=Succeeded;]";
        test.failures = vec![Failure::new(muster_base::failure::STEP_RUN, said).at(&place)];
        test.rerun = "muster run --test base/a".into();
        test
    }

    #[test]
    fn an_annotation_is_one_line_and_names_the_place() {
        assert_eq!(
            error(Server::Github, &hostile()).unwrap(),
            "::error file=suites/a%2Cb;c].yaml,line=3,col=7,title=FAIL base/a [lab]::50%25 ::error::x \
             ::stop-commands::y\\x0d#\\x23vso[task.complete result=Succeeded;] (step.run); \
             run it again: muster run --test base/a"
        );
        assert_eq!(
            error(Server::Azure, &hostile()).unwrap(),
            "##vso[task.logissue type=error;sourcepath=suites/a,b%3Bc%5D.yaml;linenumber=3;columnnumber=7]FAIL base/a [lab]: \
             50%AZP25 ::error::x ::stop-commands::y\\x0d#\\x23vso[task.complete result=Succeeded;] (step.run); \
             run it again: muster run --test base/a"
        );
        assert_eq!(error(Server::Gitlab, &hostile()), None);
        for outcome in Outcome::ALL.into_iter().filter(|one| !matches!(one, Outcome::Fail | Outcome::Error)) {
            assert_eq!(error(Server::Github, &sample::test("base", "a", outcome)), None, "{outcome:?}");
        }
        let mut elsewhere = hostile();
        elsewhere.failures[0].location = Some(Location { file: "/opt/a.yaml".into(), line: 1, column: 1 });
        assert!(error(Server::Github, &elsewhere).unwrap().starts_with("::error title=FAIL"));
    }

    #[test]
    fn no_line_of_a_guest_commands_anything() {
        for (said, written) in [
            ("::error::x", ":\\x3aerror::x"),
            ("  \t::set-output name=a::b", "  \t:\\x3aset-output name=a::b"),
            ("\u{200b}::x", "\u{200b}:\\x3ax"),
            ("a ##[command]b", "a #\\x23[command]b"),
            ("x ##vso[task.setvariable variable=A]b", "x #\\x23vso[task.setvariable variable=A]b"),
            ("###VSO[x]", "##\\x23VSO[x]"),
            ("## a heading", "## a heading"),
            ("a\n::b", "a\n:\\x3ab"),
            ("std::vec is fine", "std::vec is fine"),
        ] {
            assert_eq!(disarmed(said), written);
        }
    }

    #[test]
    fn a_run_that_is_over_has_ten_annotations_at_most_and_one_for_each_cause() {
        let mut record = Recorder::fold(&sample::events());
        let like = hostile();
        record.tests = (0..400).map(|n| TestRecord { test: format!("t{n}"), ..like.clone() }).collect();
        // All that is said of the other image is its console.
        let crashed: Vec<String> = of_run(Server::Github, &record)
            .into_iter()
            .filter(|line| line.starts_with("::error ::muster/run [lab-immutable] is not a pass: "))
            .collect();
        assert_eq!(crashed.len(), 1, "{crashed:?}");
        record.findings.clear();
        let lines = of_run(Server::Github, &record);
        assert_eq!(lines.iter().filter(|line| line.starts_with("::error ")).count(), 1, "one cause");
        for (at, test) in record.tests.iter_mut().enumerate() {
            let name: String = at.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            test.failures[0].message = name;
        }
        let lines = of_run(Server::Azure, &record);
        assert_eq!(lines.iter().filter(|line| line.starts_with("##vso[")).count(), SHOWN);
        let lines = of_run(Server::Gitlab, &record);
        assert!(lines[0].contains("section_start") && lines.iter().any(|line| line.contains("section_end")));
        assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("FAIL lab: ")), "{lines:?}");
    }
}
