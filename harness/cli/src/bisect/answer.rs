//! What a search has found, for people and programs.

use camino::Utf8Path;
use serde_json::json;

use super::packages::set::PackageSet;
use super::search::{ImageVerdict, Next};
use super::state::Search;
use crate::diff;
use crate::error::CliError;
use crate::project::short;
use muster_base::files::write_atomically;
use muster_base::text::{one_line, plural, shell_word};
use muster_record::open;
use muster_report::difference::{self, Difference};

/// The file with the answer for programs.
const FILE: &str = "answer.json";

/// What was found.
pub(super) struct Answer<'s> {
    search: &'s Search,
    dir: &'s Utf8Path,
    end: &'s Next,
    /// What differs between the runs of the first bad and the last good image.
    difference: Option<Facts>,
}

impl<'s> Answer<'s> {
    /// # Errors
    ///
    /// When the runs of the two images that it is about cannot be read any more.
    pub(super) fn of(search: &'s Search, dir: &'s Utf8Path, end: &'s Next) -> Result<Self, CliError> {
        let difference = match end {
            Next::Found { good, bad } => difference(search, dir, *good, *bad)?,
            _ => None,
        };
        Ok(Self { search, dir, end, difference })
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        lines(self.search, self.dir, self.end, self.difference.as_ref()).join("\n")
    }

    /// For programs, next to the search.
    pub(super) fn write(&self) -> Result<(), CliError> {
        let text = document(self.search, self.end, self.difference.as_ref())?;
        let unwritable = |error| CliError::about("the answer", error);
        write_atomically(&self.dir.join(FILE), (text + "\n").as_bytes()).map_err(unwritable)
    }
}

/// What differs between the two runs that the answer rests on: its text, and its document.
type Facts = (String, serde_json::Value);

fn difference(search: &Search, dir: &Utf8Path, good: usize, bad: usize) -> Result<Option<Facts>, CliError> {
    let record = |image: usize| match search.images[image].last_run(dir) {
        Some(run) => {
            open::open(&run).map(|opened| Some(opened.record)).map_err(|error| CliError::about("the run", error))
        }
        None => Ok(None),
    };
    let (Some(mut before), Some(after)) = (record(good)?, record(bad)?) else { return Ok(None) };
    if let (Some(old), Some(new)) = (before.images.keys().next().cloned(), after.images.keys().next())
        && old != *new
    {
        diff::renamed(&mut before, &old, new)?;
    }
    let difference = Difference::of(&before, &after)?;
    Ok(Some((difference::text(&difference, true), difference::json::document(&difference))))
}

/// The updates of the first bad state.
fn first_bad(set: &PackageSet, bad: usize) -> Vec<String> {
    let group = set.groups.get(bad - 1).map(|group| group.packages.as_slice()).unwrap_or_default();
    match group {
        [one] => vec![format!("FIRST BAD UPDATE {}", one.shown())],
        several => {
            let head = format!("FIRST BAD UPDATE {} packages that only install together", several.len());
            std::iter::once(head).chain(several.iter().map(|one| format!("  {}", one.shown()))).collect()
        }
    }
}

/// What to do where the last state is good.
fn passes_with_all(set: &PackageSet) -> String {
    let all = match set.shown_left_out() {
        None => "all updates".to_owned(),
        Some(left_out) => format!("all updates that install; {left_out}"),
    };
    match set.reboot {
        false => format!(
            "the test passes with {all}, and what runs already is that of before them: `--reboot` restarts the machine"
        ),
        true => format!("the test passes with {all}: `--repeat N` tests each state several times"),
    }
}

/// Updates of which an answer names so many at most; `answer.json` has all.
const NAMED: usize = 20;

/// The updates that no state had, so that the answer says nothing of them.
fn left_out(set: &PackageSet) -> Vec<String> {
    let Some(shown) = set.shown_left_out() else { return Vec::new() };
    let mut out = vec![String::new(), format!("updates that no state had: {shown}")];
    out.extend(set.left_out.iter().take(NAMED).map(|why| format!("  {}", one_line(why, 600))));
    if let Some(more @ 1..) = set.left_out.len().checked_sub(NAMED) {
        out.push(format!("  and {more} more, see {FILE}"));
    }
    out
}

/// What is new in the changelogs of these updates.
fn changelogs(set: &PackageSet, bad: usize) -> Vec<String> {
    let group = set.groups.get(bad - 1).map(|group| group.packages.as_slice()).unwrap_or_default();
    let mut out = Vec::new();
    let mut said: Vec<&str> = Vec::new();
    for one in group.iter().filter(|one| !one.changelog.is_empty()) {
        // Packages of one source have one changelog.
        if said.contains(&one.changelog.as_str()) {
            continue;
        }
        said.push(&one.changelog);
        out.push(format!("changelog of {}:", one_line(&one.after, 200)));
        out.extend(one.changelog.lines().map(|line| format!("  {}", one_line(line, 200))));
    }
    out
}

/// `3 images`.
fn images(count: usize) -> String {
    format!("{count} image{}", plural(count))
}

fn lines(search: &Search, dir: &Utf8Path, end: &Next, difference: Option<&Facts>) -> Vec<String> {
    let name = |image: usize| search.shown(image);
    let why = |image: usize| one_line(&search.images[image].why, 400);
    let report = |image: usize| {
        let run = search.images[image].last_run(dir)?;
        Some(format!("report   {}", short(&run.join("report.html"))))
    };
    let tested = match &search.packages {
        None => format!("{} of {} tested", images(search.tested()), search.images.len()),
        Some(_) => format!("{} of {} states tested, from one boot", search.tested(), search.images.len()),
    };
    let mut out = Vec::new();
    match end {
        Next::Found { good, bad } => {
            match &search.packages {
                None => out.push(format!("FIRST BAD {}", name(*bad))),
                Some(set) => out.extend(first_bad(set, *bad)),
            }
            out.push(format!("last good {}", name(*good)));
            out.push(tested);
            out.extend([String::new(), why(*bad)]);
            if let Some((text, _)) = difference {
                out.extend([String::new(), text.trim_end().to_owned()]);
            }
            let word = |image: usize| shell_word(&search.images[image].image);
            out.push(String::new());
            out.extend(report(*bad));
            match &search.packages {
                None => {
                    out.push(format!("packages, files and settings: muster compare {} {}", word(*good), word(*bad)))
                }
                Some(set) => out.extend(changelogs(set, *bad)),
            }
        }
        Next::Among { good, bad } => {
            let several = match &search.packages {
                None => images(bad - good),
                Some(_) => format!("{} states", bad - good),
            };
            out.push(format!("AMONG {several}: the first bad one is one of these"));
            for image in good + 1..=*bad {
                let verdict = search.images[image].verdict.map_or("not tested", ImageVerdict::name);
                out.push(format!("  {verdict:<12} {}: {}", name(image), why(image)));
            }
            out.push(format!("last good {}", name(*good)));
            out.push(tested);
            out.push("`muster bisect … --errors-are-bad` takes those without a result for bad".to_owned());
        }
        Next::Wrong { image, found } => {
            match (&search.packages, image) {
                (Some(_), _) => out.push(format!("{} is {}", name(*image), found.name())),
                (None, 0) => out.push(format!("--good {} is {}", name(*image), found.name())),
                (None, _) => out.push(format!("--bad {} is {}", name(*image), found.name())),
            }
            out.push(tested);
            out.extend([String::new(), why(*image)]);
            out.extend(report(*image));
            out.push(match (image, found) {
                (_, ImageVerdict::Inconclusive) => "the test must come to a result on both ends".to_owned(),
                (0, _) if search.packages.is_some() => {
                    "no update is needed to make the test fail; bisect images instead: --good, --bad".to_owned()
                }
                (_, _) if let Some(set) = &search.packages => passes_with_all(set),
                (0, _) => "name an earlier image on which the test passes".to_owned(),
                _ => {
                    "name a later image on which the test fails; `--repeat N` tests each image several times".to_owned()
                }
            });
        }
        Next::Test { .. } => out.push(tested),
    }
    out.extend(search.packages.iter().flat_map(left_out));
    out
}

fn document(search: &Search, end: &Next, difference: Option<&Facts>) -> Result<String, CliError> {
    let name = |image: usize| search.images[image].image.clone();
    let answer = match (end, &search.packages) {
        (Next::Found { good, bad }, Some(set)) => {
            json!({"found": set.groups.get(bad - 1), "updates-before": set.packages(*good), "left-out": set.left_out})
        }
        (Next::Among { good, bad }, Some(set)) => {
            json!({"among": set.groups.get(*good..*bad), "updates-before": set.packages(*good), "left-out": set.left_out})
        }
        (Next::Wrong { image, found }, Some(set)) => {
            json!({"wrong-end": if *image == 0 { "without-updates" } else { "all-updates" }, "updates": set.packages(*image), "left-out": set.left_out, "verdict": found})
        }
        (end, _) => answer_of_images(end, name),
    };
    let document = json!({"search": search, "answer": answer, "difference": difference.map(|(_, document)| document)});
    serde_json::to_string_pretty(&document)
        .map_err(|cause| CliError::infrastructure(format!("the answer cannot be written: {cause}")))
}

fn answer_of_images(end: &Next, name: impl Fn(usize) -> String) -> serde_json::Value {
    match end {
        Next::Found { good, bad } => json!({"found": name(*bad), "last-good": name(*good)}),
        Next::Among { good, bad } => {
            json!({"among": (good + 1..=*bad).map(&name).collect::<Vec<_>>(), "last-good": name(*good)})
        }
        Next::Wrong { image, found } => json!({"wrong-end": name(*image), "verdict": found}),
        Next::Test { .. } => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bisect::packages::set::{PackageUpdate, UpdateGroup};
    use crate::bisect::state::{Candidate, SCHEMA};

    /// Two updates, of which each is a step, and so many that were left out.
    fn search(left_out: usize, reboot: bool) -> Search {
        let group = |name: &str| UpdateGroup {
            packages: vec![PackageUpdate { after: format!("{name}-2-1.noarch"), ..PackageUpdate::default() }],
        };
        let why = |at: usize| format!("c{at}-2-1.noarch cannot be installed: nothing provides\tx");
        let set = PackageSet {
            groups: ["a", "b"].map(group).to_vec(),
            left_out: (0..left_out).map(why).collect(),
            unused: 3,
            ..PackageSet::new("updates", reboot, false)
        };
        Search {
            schema: SCHEMA.to_owned(),
            directory: "/".to_owned(),
            test: "s/t".to_owned(),
            repeat: 1,
            errors_are_bad: false,
            options: Vec::new(),
            images: vec![Candidate::new("lab".to_owned()); 3],
            packages: Some(set),
        }
    }

    fn said(search: &Search, end: &Next) -> (String, serde_json::Value) {
        let text = lines(search, Utf8Path::new("search"), end, None).join("\n");
        (text, serde_json::from_str(&document(search, end, None).expect("written")).expect("JSON"))
    }

    fn ends() -> [Next; 3] {
        [
            Next::Found { good: 1, bad: 2 },
            Next::Among { good: 0, bad: 2 },
            Next::Wrong { image: 2, found: ImageVerdict::Good },
        ]
    }

    #[test]
    fn every_answer_names_the_updates_that_were_left_out() {
        for end in ends() {
            let (text, document) = said(&search(2, false), &end);
            let names = "updates that no state had: 2 were left out\n  \
                         c0-2-1.noarch cannot be installed: nothing provides x\n  \
                         c1-2-1.noarch cannot be installed: nothing provides x";
            assert!(text.ends_with(names), "{text}");
            assert_eq!(document["answer"]["left-out"].as_array().map(Vec::len), Some(2), "{document}");
            let (text, document) = said(&search(0, false), &end);
            assert!(!text.contains("left out") && !text.contains("that install"), "{text}");
            assert_eq!(document["answer"]["left-out"], json!([]), "{document}");
        }
    }

    #[test]
    fn a_last_state_without_some_updates_is_not_called_all() {
        let [_, _, wrong] = ends();
        let (text, _) = said(&search(1, true), &wrong);
        assert!(text.starts_with("lab with all updates that install (2; 1 was left out) is good\n"), "{text}");
        assert!(text.contains("the test passes with all updates that install; 1 was left out: `--repeat N`"), "{text}");
        let (text, _) = said(&search(0, false), &wrong);
        assert!(text.starts_with("lab with 2 of 2 updates is good\n"), "{text}");
        assert!(text.contains("the test passes with all updates, and what runs already"), "{text}");
        assert_eq!(search(1, true).shown(1), "lab with 1 of 2 updates that install");
        assert_eq!(search(1, true).shown(0), "lab without updates");
    }

    #[test]
    fn of_many_that_were_left_out_the_text_names_some() {
        let [_, _, wrong] = ends();
        let (text, document) = said(&search(NAMED + 5, true), &wrong);
        assert!(text.ends_with("\n  and 5 more, see answer.json"), "{text}");
        assert_eq!(text.matches("cannot be installed").count(), NAMED);
        assert_eq!(document["answer"]["left-out"].as_array().map(Vec::len), Some(NAMED + 5));
        let (text, _) = said(&search(NAMED, true), &wrong);
        assert!(!text.contains("more, see"), "{text}");
    }
}
