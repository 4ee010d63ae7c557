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
                (_, _) if search.packages.as_ref().is_some_and(|set| !set.reboot) => {
                    "the test passes with all updates, and what runs already is that of before them: `--reboot` restarts the machine"
                        .to_owned()
                }
                (_, _) if search.packages.is_some() => {
                    "the test passes with all updates: `--repeat N` tests each state several times".to_owned()
                }
                (0, _) => "name an earlier image on which the test passes".to_owned(),
                _ => {
                    "name a later image on which the test fails; `--repeat N` tests each image several times".to_owned()
                }
            });
        }
        Next::Test { .. } => out.push(tested),
    }
    out
}

fn document(search: &Search, end: &Next, difference: Option<&Facts>) -> Result<String, CliError> {
    let name = |image: usize| search.images[image].image.clone();
    let answer = match (end, &search.packages) {
        (Next::Found { good, bad }, Some(set)) => {
            json!({"found": set.groups.get(bad - 1), "updates-before": set.packages(*good)})
        }
        (Next::Among { good, bad }, Some(set)) => {
            json!({"among": set.groups.get(*good..*bad), "updates-before": set.packages(*good)})
        }
        (Next::Wrong { image, found }, Some(set)) => {
            json!({"wrong-end": if *image == 0 { "without-updates" } else { "all-updates" }, "updates": set.packages(*image), "verdict": found})
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
