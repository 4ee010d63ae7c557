//! What was found as a person reads it in a terminal of 100 columns: the verdict first, then what is against it by cause,
//! the edits, what is otherwise, and the lines that were not understood. Everything foreign is escaped and cut.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use muster_base::text::{escape, one_line, plural};

use crate::answer::{Answered, Effect};
use crate::sum::{Installation, Port, PortedChain, summary};
use crate::trial::{Ran, Smoke, SmokeResult};
use crate::words::{self, Cause};

/// Columns of a line.
const WIDTH: usize = 100;
/// Lines of a list without `--all`.
const LISTED: usize = 8;
/// Lines of all diffs without `--all`.
const DIFF: usize = 40;

/// The text. With `all`, every need is listed with what its answer rests on, and nothing is left out.
pub fn render(port: &Port, all: bool) -> String {
    let mut page = Page { out: String::new(), most: if all { usize::MAX } else { LISTED }, all };
    page.head(port);
    page.against(port);
    page.edits(port);
    page.installations(port);
    page.smokes(port);
    page.differences(port);
    page.not_understood(port);
    page.list("notes", port.notes.iter().map(|note| vec![note.clone()]).collect());
    if all {
        page.needs(port);
    }
    page.out
}

struct Page {
    out: String,
    /// Entries of a list.
    most: usize,
    all: bool,
}

impl Page {
    /// A line, cut to the width unless everything is shown.
    fn line(&mut self, indent: usize, text: &str) {
        let width = if self.all { 4000 } else { WIDTH - indent };
        let _ = writeln!(self.out, "{:indent$}{}", "", one_line(text, width));
    }

    /// A list with a title; each entry is one line or several.
    fn list(&mut self, title: &str, entries: Vec<Vec<String>>) {
        if entries.is_empty() {
            return;
        }
        self.out.push('\n');
        self.line(0, title);
        self.entries(2, entries);
    }

    fn entries(&mut self, indent: usize, entries: Vec<Vec<String>>) {
        let more = entries.len().saturating_sub(self.most);
        for entry in entries.into_iter().take(self.most) {
            for (at, line) in entry.iter().enumerate() {
                self.line(if at == 0 { indent } else { indent + 4 }, line);
            }
        }
        if more > 0 {
            self.line(indent, &format!("and {more} more; --all lists them"));
        }
    }

    fn head(&mut self, port: &Port) {
        let from = port.from.as_ref().map(|from| format!(", from {from}")).unwrap_or_default();
        let sentence = port.summary();
        let (verdict, detail) = sentence.split_once(": ").unwrap_or((&sentence, ""));
        self.line(0, &format!("{}{from}: {verdict}", port.target));
        if !detail.is_empty() {
            self.line(2, detail);
        }
        let rows = port.chains.iter().map(|chain| {
            let verdict = summary(chain.verdict(port.accepts_gaps), chain.counts());
            vec![format!("{} ({}): {verdict}", escape(&chain.chain.file), chain.chain.kind.name())]
        });
        // One chain is its own sum.
        if port.chains.len() > 1 {
            self.entries(2, rows.collect());
        }
    }

    fn against(&mut self, port: &Port) {
        let mut by_cause: BTreeMap<Cause, Vec<&Answered>> = BTreeMap::new();
        for answered in port.chains.iter().flat_map(|chain| &chain.answers) {
            if let Some(cause) = Cause::of(answered) {
                by_cause.entry(cause).or_default().push(answered);
            }
        }
        for (cause, needs) in &by_cause {
            // Edits are shown as such.
            if *cause != Cause::Edit {
                let entries = needs.iter().map(|answered| self.need(answered)).collect();
                self.list(&format!("{}: {}", cause.title(), needs.len()), entries);
            }
        }
        let problems = |one: &Installation| {
            let within = one.within.as_ref().map(|within| format!("{within}: ")).unwrap_or_default();
            one.problems.iter().map(move |problem| vec![format!("{within}{problem}")]).collect::<Vec<_>>()
        };
        let installations = || port.chains.iter().flat_map(|chain| &chain.installations);
        self.list("does not install together", installations().flat_map(problems).collect());
        let unknown = installations().filter_map(|one| one.unknown.as_ref()).map(|why| vec![why.clone()]);
        self.list("whether it installs together is not known", unknown.collect());
        for chain in &port.chains {
            let Some(trial) = &chain.trial else { continue };
            let file = escape(&chain.chain.file);
            if let Some(why) = &trial.failed {
                self.list(&format!("{file} could not be tried"), vec![vec![why.clone()]]);
            }
            for (what, lines) in trial.faults() {
                let lines = lines.iter().flat_map(|line| line.lines()).map(|line| vec![line.to_owned()]);
                self.list(&format!("{file} on the image: {what}"), lines.collect());
            }
        }
    }

    /// A need that is not met: where, what, and the answer; with `--all` what it rests on.
    fn need(&self, answered: &Answered) -> Vec<String> {
        let head = format!("{}  {}", answered.need.place, words::need(&answered.need));
        let answer = words::answer(answered);
        let mut lines = match (head.chars().count() + answer.chars().count()) < WIDTH - 4 {
            true => vec![format!("{head}  {answer}")],
            false => vec![head, answer],
        };
        for difference in answered.differences.iter().filter(|one| one.blocks || self.all) {
            lines.push(format!("{}: {} → {}", difference.what, difference.there, difference.here));
        }
        if self.all {
            lines.extend(answered.evidence.iter().cloned());
        }
        lines
    }

    fn edits(&mut self, port: &Port) {
        let files = || port.chains.iter().flat_map(|chain| &chain.edited);
        let count: usize = files().map(|file| file.edits).sum();
        let conflicts: Vec<Vec<String>> = files()
            .flat_map(|file| &file.in_conflict)
            .map(|edit| vec![format!("{}  {} → {}", edit.place, edit.from, edit.to)])
            .collect();
        self.list("edits of the same place that contradict each other", conflicts);
        if count == 0 {
            return;
        }
        self.out.push('\n');
        self.line(0, &format!("{count} edit{}; `--write-edits FILE` writes them for `git apply`", plural(count)));
        let lines: Vec<String> =
            files().flat_map(|file| file.diff().lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let shown = if self.all { lines.len() } else { lines.len().min(DIFF) };
        for line in &lines[..shown] {
            let _ = writeln!(self.out, "{}", escape(line));
        }
        if shown < lines.len() {
            self.line(0, &format!("{} more lines; --all shows them", lines.len() - shown));
        }
    }

    fn installations(&mut self, port: &Port) {
        let row = |chain: &PortedChain, one: &Installation| {
            let within = one.within.as_ref().map(|within| format!(", {within}")).unwrap_or_default();
            let removed = match (one.removes.as_slice(), one.replaces.len()) {
                ([], 0) => String::new(),
                ([], replaced) => format!("; replaces {replaced}"),
                (removed, replaced) => format!("; replaces {replaced}, removes {}", removed.join(", ")),
            };
            vec![format!(
                "{}{within}: {} package{}, {}{removed}",
                escape(&chain.chain.file),
                one.packages,
                plural(one.packages),
                words::bytes(one.bytes)
            )]
        };
        let rows = port.chains.iter().flat_map(|chain| {
            let works = chain.installations.iter().filter(|one| one.problems.is_empty() && one.unknown.is_none());
            works.map(move |one| row(chain, one))
        });
        self.list("installs", rows.collect());
    }

    fn smokes(&mut self, port: &Port) {
        for chain in &port.chains {
            let Some(smoke) = &chain.smoke else { continue };
            let title = format!("--run {}", verdict_of(smoke, &port.target));
            let mut rows = vec![vec![format!("{}: {}", escape(&chain.chain.file), one_line(&smoke.command, 300))]];
            rows.push(vec![format!("on {}: {}", port.target, ended(&smoke.target))]);
            if let Some(name) = &port.from {
                let how = smoke.from.as_ref().map_or_else(|| "it was not run".to_owned(), ended);
                rows.push(vec![format!("on {name}: {how}")]);
            }
            let differs = smoke.result() == SmokeResult::WorksOtherwise;
            if let Some((here, there)) = smoke.first_difference().filter(|_| differs) {
                let line = |line: Option<&str>| line.map_or("it ends".to_owned(), |line| one_line(line, 200));
                rows.push(vec![format!("the first line that differs: {}", line(here))]);
                rows.push(vec![format!("where it comes from: {}", line(there))]);
            }
            let shown = [&smoke.target.stderr, &smoke.target.stdout].into_iter().find(|text| !text.trim().is_empty());
            if matches!(smoke.result(), SmokeResult::Fails | SmokeResult::Unknown)
                && let Some(text) = shown
            {
                let lines: Vec<&str> = text.lines().collect();
                rows.extend(lines[lines.len().saturating_sub(4)..].iter().map(|line| vec![(*line).to_owned()]));
            }
            rows.extend(smoke.target.console.iter().map(|line| vec![format!("console: {line}")]));
            self.list(&title, rows);
        }
    }

    fn differences(&mut self, port: &Port) {
        let mut rows = Vec::new();
        for answered in port.chains.iter().flat_map(|chain| &chain.answers) {
            for one in answered.differences.iter().filter(|one| !one.blocks) {
                rows.push(vec![format!("{}  {}: {} → {}", answered.need.place, one.what, one.there, one.here)]);
            }
            if answered.effect() == Effect::Tolerated {
                let what = format!("{}  {}", answered.need.place, words::need(&answered.need));
                rows.push(vec![format!("{what} {}; the chain goes on without", words::answer(answered))]);
            }
        }
        for trial in port.chains.iter().filter_map(|chain| chain.trial.as_ref()) {
            rows.extend(trial.changed_files().iter().map(|line| vec![format!("rpm -V  {line}")]));
        }
        self.list("works, but is otherwise", rows);
    }

    fn not_understood(&mut self, port: &Port) {
        let rows: Vec<Vec<String>> = port
            .chains
            .iter()
            .flat_map(|chain| &chain.chain.not_understood)
            .map(|one| vec![format!("{}  {}", one.place, one.written), one.why.clone()])
            .collect();
        let accepted = if port.accepts_gaps { ", accepted" } else { "" };
        let title = format!("not understood{accepted}: {} line{}", rows.len(), plural(rows.len()));
        self.list(&title, rows);
    }

    fn needs(&mut self, port: &Port) {
        for chain in &port.chains {
            let rows = chain.answers.iter().map(|answered| {
                let mut rows = self.need(answered);
                rows[0] = format!("{:<9} {}", answered.effect().name(), rows[0]);
                rows
            });
            let rows = rows.collect();
            self.list(&format!("all needs of {}", escape(&chain.chain.file)), rows);
        }
    }
}

fn verdict_of(smoke: &Smoke, target: &str) -> String {
    match smoke.result() {
        SmokeResult::Works => format!("works on {target}"),
        SmokeResult::WorksOtherwise => {
            format!("works on {target}, and prints something else than where the chain comes from")
        }
        SmokeResult::Fails => format!("fails on {target}"),
        SmokeResult::Unknown => format!("says nothing on {target}: it fails on both systems, or could not be run"),
    }
}

fn ended(ran: &Ran) -> String {
    match ran.status {
        Some(status) => format!("exit status {status}"),
        None => format!("not run: {}", ran.why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_verdict_comes_first_then_what_is_against_it_then_the_edits() {
        assert_eq!(
            render(&testing::planted(), false),
            "lab, from fedora:43: does not port, as far as 8 of 9 lines are understood\n  \
               of 8 needs 3 not met, 1 need a decision, 1 need an edit, 1 not known\n\
             \n\
             not there: 2\n  \
               Containerfile:3  package gone  is not there\n  \
               Containerfile:4  package nearly  is not there\n\
             \n\
             there, but not as it is needed: 1\n  \
               Containerfile:6  processor level x86-64-v3\n      \
                   it needs processors of x86-64-v3, and lab is for x86-64-v2\n\
             \n\
             there in other versions: 1\n  \
               Containerfile:5  package moved >= 9  is there only as moved-1-1.x86_64\n\
             \n\
             not known: 1\n  \
               Containerfile:7  repository https://other.example/  is not known: what is in it was not read\n\
             \n\
             1 edit; `--write-edits FILE` writes them for `git apply`\n\
             --- a/Containerfile\n\
             +++ b/Containerfile\n\
             @@ -1,5 +1,5 @@\n \
              web\n\
             -old-name\n\
             +new-name\n \
              gone\n \
              nearly\n \
              moved >= 9\n\
             \n\
             installs\n  \
               Containerfile: 2 packages, 2 MiB\n\
             \n\
             works, but is otherwise\n  \
               Containerfile:1  preset of web.service: enabled → not known before it is installed\n  \
               Containerfile:8  value of net.core.somaxconn: 4096 → 128\n\
             \n\
             not understood: 1 line\n  \
               Containerfile:9  $(curl x)\n      \
                   its output is not known\n"
        );
    }

    #[test]
    fn what_the_image_and_the_command_said_is_shown() {
        let text = render(&testing::tried(), false);
        for part in [
            "does not port",
            "on the image: scriptlets failed",
            "%post(web-1-1.x86_64)",
            "--run fails on lab\n  Containerfile: web --version",
            "exit status 127",
            "web: not found",
            "rpm -V  S.5",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn lines_are_escaped_bounded_and_listed_in_full_on_demand() {
        let mut port = testing::hostile();
        let text = render(&port, false);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let gap = port.chains[0].chain.not_understood[0].clone();
        port.chains[0].chain.not_understood.extend(std::iter::repeat_n(gap, 100));
        assert!(render(&port, false).lines().count() < 60);
        let all = render(&port, true);
        assert!(all.lines().count() > 200 && all.contains("all needs of"), "{all}");
    }
}
