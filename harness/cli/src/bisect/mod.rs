//! `muster bisect`: the first of many images on which a test fails, or the first of many updates with which it does. Each
//! image or state that is looked at is an ordinary run.

mod answer;
mod candidates;
mod look;
mod packages;
mod search;
mod state;
mod there;
mod verdict;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::opening::run_id;
use super::output::{OutputFormat, say, say_error, say_note};
use super::project::{Project, working_directory};
use super::run::Ready;
use super::this_host::choose_accelerator;
use super::{divided, load, session};
use answer::Answer;
use look::{Look, Looked, Read, unused};
use muster_base::exit::Exit;
use muster_base::text::{one_line, shell_word};
use muster_suite::select::NameGlob;
use packages::Base;
use packages::set::PackageSet;
use search::Next;
use state::{Candidate, Search};
use there::Images;

/// Find the first of many images, or of many package updates, on which a test fails
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The images between are those of a directory or of a glob, in the order of the versions in their names, or the lines of a \
                  file, the oldest first: files, or names of the catalogue. Each image that is tested is an ordinary `muster run` in a directory \
                  below that of the search, which also has `answer.json` in the end. An end is tested only when the answer rests on it.

With --packages one image boots once, and the test runs on clones of it with more and more of the updates, in an order in \
                  which each state installs. That it passes without updates and fails with all of them is tested first.

Exit codes: 0 the first bad image or update is known · 1 an end is not what it was said to be · 2 the command line, the test \
                  or the list is wrong · 3 it is among several, since the test came to no result on them, or the search was interrupted

Examples:
  muster bisect kernel/release --good azl-0901.vhd --bad azl-0930.vhd --between nightly/ -o search
  muster bisect base/core-services --good old.qcow2 --bad new.qcow2 --between 'images/azl-*.qcow2' --repeat 3 -o search
  muster bisect machine/health --good a --bad b --between list.txt --errors-are-bad -o search -- --cpus 1 --suites my.yaml
  muster bisect base/core-services --image lab --packages updates/ -o search
  muster bisect security/sysctls --image azl.vhd --packages enabled --internet --reboot -o search
  muster bisect --resume search                               go on with one that was interrupted"
)]
pub(crate) struct Arguments {
    /// The test, as `suite/test`; a glob is good when all of its tests pass
    #[arg(value_name = "TEST")]
    test: Option<String>,
    /// An image on which it passes: a name of the catalogue, or a file
    #[arg(long, value_name = "NAME|FILE")]
    good: Option<String>,
    /// A later image on which it fails
    #[arg(long, value_name = "NAME|FILE")]
    bad: Option<String>,
    /// The images between: a directory, a glob of files in one, or a file that lists them
    #[arg(long, value_name = "DIR|GLOB|FILE")]
    between: Option<String>,
    /// The image whose updates are searched: a name of the catalogue, or a file
    #[arg(long, value_name = "NAME|FILE", requires = "packages", conflicts_with_all = ["good", "bad", "between"])]
    image: Option<String>,
    /// Search updates of RPMs: a directory of package files, a file that lists them, `enabled` for those in the repositories that the
    /// image has enabled, or `repo:ID` to enable one more of its repositories
    #[arg(long, value_name = "DIR|FILE|enabled|repo:ID", requires = "image", conflicts_with_all = ["good", "bad", "between"])]
    packages: Option<String>,
    /// Reboot each machine after its updates were installed
    #[arg(long, requires = "packages")]
    reboot: bool,
    /// Let the machine in which updates are fetched reach the internet; the test does not
    #[arg(long, requires = "packages")]
    internet: bool,
    /// An image is good when the test passed in so many runs; it is bad at the first failure
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    repeat: u32,
    /// An image that does not boot, or on which the test ends in an error, is bad; without this it is left out
    #[arg(long)]
    errors_are_bad: bool,
    /// Directory for the search and its runs; must not exist [default: a new one in reports/runs of a checkout, else in
    /// ./muster-runs]
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    /// Go on with the search in this directory; what was tested is kept
    #[arg(long, value_name = "DIR", conflicts_with_all = ["test", "good", "bad", "between", "image", "packages", "reboot", "internet", "repeat", "errors_are_bad", "out", "options"])]
    resume: Option<Utf8PathBuf>,
    /// Options of `muster run`: suites, machines, snapshots
    #[arg(last = true, value_name = "OPTIONS OF RUN", allow_hyphen_values = true)]
    options: Vec<String>,
}

/// The two kinds of searches.
const FORMS: &str = "`muster bisect TEST --good A --bad B --between DIR` searches images; `muster bisect TEST --image A --packages DIR` \
    searches updates of one image. Options of `muster run` come last: `-- --user NAME`";

impl Arguments {
    /// What is missing for a new search.
    fn lacks(&self) -> Vec<&'static str> {
        let of_images =
            self.packages.is_none() && (self.good.is_some() || self.bad.is_some() || self.between.is_some());
        let nothing = self.packages.is_none() && !of_images;
        [
            (self.test.is_none(), "a test"),
            (nothing, "images (`--good` and `--bad`) or updates (`--image` and `--packages`) to search"),
            (of_images && self.good.is_none(), "an image on which the test passes (`--good`)"),
            (of_images && self.bad.is_none(), "a later one on which it fails (`--bad`)"),
        ]
        .into_iter()
        .filter_map(|(lacks, what)| lacks.then_some(what))
        .collect()
    }
}

pub(crate) fn execute(arguments: &Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    let (mut search, dir) = match &arguments.resume {
        Some(dir) => (resumed(dir)?, dir.clone()),
        None if arguments.lacks().is_empty() => {
            let dir = match &arguments.out {
                Some(dir) => dir.clone(),
                None => Project::find()?.runs().join(format!("bisect-{}", run_id())),
            };
            let search = begin(arguments, &dir, read)?;
            if arguments.out.is_none() {
                say_error(&format!("note: the search is in {dir}; `muster bisect --resume {dir}` goes on with it"));
            }
            (search, dir)
        }
        None => {
            let what = format!("a search needs {}", arguments.lacks().join(", and "));
            return Err(CliError::invalid(what).hint(FORMS));
        }
    };
    let test = name(&search.test)?;
    let there = Images::load()?;
    let (mut base, mut unusable) = (None, 0);
    let end = loop {
        match search.next() {
            Next::Test { .. } if search.packages.is_some() && base.is_none() => {
                base = Some(boot_once(&mut search, &dir, read)?);
            }
            Next::Test { image, left } => {
                let (tested, name) = (search.tested() + 1, search.shown(image));
                let what = if search.packages.is_some() { "state" } else { "image" };
                let about = search.tested() as u64 + u64::from(left);
                say_error(&format!("BISECT {name}: {what} {tested} of about {about}"));
                let before = search.images[image].clone();
                let look = Look { dir: &dir, test: &test, read, base: base.as_ref(), there: &there };
                let looked = look.at(&mut search, image).inspect_err(|_| search.images[image] = before)?;
                // Only what is known is kept: a run that was interrupted says nothing.
                search.write(&dir)?;
                let candidate = &search.images[image];
                let verdict = candidate.verdict.map_or("no result", |verdict| verdict.name());
                say_error(&format!("{} {name}: {}", verdict.to_uppercase(), candidate.why));
                if let Looked::Unusable(error) = looked
                    && !search.has_run()
                    && !search.errors_are_bad
                {
                    unusable += 1;
                    if unusable == UNUSABLE {
                        return Err(none_usable(error, &dir));
                    }
                }
            }
            end => break end,
        }
    };
    let answer = Answer::of(&search, &dir, &end)?;
    answer.write()?;
    say(&answer.text());
    Ok(match end {
        Next::Found { .. } => Exit::Pass,
        Next::Wrong { .. } => Exit::Failed,
        Next::Among { .. } | Next::Test { .. } => Exit::Error,
    })
}

/// What each run of a search has of its own, and what to type in place of it.
const OWN: [(&str, &str); 3] = [
    ("--out", "name the directory of the search, before `--`"),
    ("-o", "name the directory of the search, before `--`"),
    ("--image", "name the images with --good, --bad and --between, before `--`"),
];

/// Images that cannot be used before the first run, after which what is wrong with them may be wrong with all.
const UNUSABLE: u32 = 3;

/// Before any run, what the images have in common is as likely to be wrong as each of them.
fn none_usable(last: CliError, dir: &Utf8Path) -> CliError {
    let what = format!("none of {UNUSABLE} images can be used, and no test has run yet; the last one: {}", last.what);
    let resume = format!("muster bisect --resume {}", shell_word(dir.as_str()));
    CliError { what, ..last }.hint(format!(
        "where an option is wrong for all of them, begin a new search; `{resume}` leaves these out and tries others"
    ))
}

fn name(test: &str) -> Result<NameGlob, CliError> {
    NameGlob::parse(test).map_err(|wrong| CliError::invalid(wrong.to_string()))
}

/// A new search, of which all is checked that can be before a machine boots.
fn begin(arguments: &Arguments, dir: &Utf8Path, read: Read<'_>) -> Result<Search, CliError> {
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    let test = given(&arguments.test);
    name(&test)?;
    if dir.symlink_metadata().is_ok() {
        return Err(CliError::invalid(format!(
            "--out {dir}: it is there already, and a search never writes into another"
        ))
        .hint(format!("name a directory that does not exist, or go on with it: `muster bisect --resume {dir}`")));
    }
    for (option, instead) in OWN {
        divided::not_behind(&arguments.options, option, "run of the search", instead)?;
    }
    let (images, packages) = match &arguments.packages {
        None => {
            let (good, bad) = (given(&arguments.good), given(&arguments.bad));
            let between = arguments.between.as_deref();
            let found = candidates::candidates(&good, &bad, between)?;
            Images::load()?.check(&found.images, between)?;
            found.notes.iter().for_each(|note| say_error(&format!("note: {note}")));
            (found.images, None)
        }
        Some(typed) => {
            packages::check(typed)?;
            // How many states there are is known when the image was looked into.
            let ends = vec![given(&arguments.image); 2];
            (ends, Some(PackageSet::new(typed, arguments.reboot, arguments.internet)))
        }
    };
    let search = Search {
        schema: state::SCHEMA.to_owned(),
        directory: working_directory()?.into_string(),
        test,
        repeat: arguments.repeat,
        errors_are_bad: arguments.errors_are_bad,
        options: arguments.options.clone(),
        images: images.into_iter().map(Candidate::new).collect(),
        packages,
    };
    let ready = read(&search.words(0, &dir.join("1")))?;
    let selection = ready.arguments.selected()?;
    load::select(&load::suites(&selection, OutputFormat::Text)?, &selection)?;
    if search.packages.is_some() && !ready.arguments.is_plain() {
        let what = "behind `--` are options with which it is no run on new machines of one image";
        return Err(
            CliError::invalid(what).hint("leave out --connect, --prove, --shard, --list and what goes on with a run")
        );
    }
    session::room(dir)?;
    if !ready.arguments.is_connected() {
        choose_accelerator(ready.arguments.images().machine.accel)?;
    }
    search.write(dir)?;
    Ok(search)
}

/// A search to go on with, from where it was started.
fn resumed(dir: &Utf8Path) -> Result<Search, CliError> {
    let search = Search::read(dir)?;
    if search.is_here(&working_directory()?) {
        return Ok(search);
    }
    let there = one_line(&search.directory, 300);
    Err(CliError::invalid(format!("--resume {dir}: the search was started in {there}, and its paths begin there"))
        .hint("change to that directory first"))
}

/// Boots the image of a search over updates, and enters the updates in the search when it is new.
fn boot_once(search: &mut Search, dir: &Utf8Path, read: Read<'_>) -> Result<Base, CliError> {
    let Some(known) = search.known_packages()? else {
        return Err(CliError::infrastructure("no updates are searched"));
    };
    let own = dir.join(unused(dir, "base"));
    let Ready { arguments, .. } = read(&search.words(0, &own))?;
    let (base, set) = Base::make(arguments.images(), &known, &own)?;
    if known.groups.is_empty() {
        set.notes().iter().for_each(|why| say_note(why, 600));
        let (packages, groups) = (set.packages(usize::MAX), set.groups.len());
        say_error(&format!("{packages} updates, applied in {groups} steps"));
        let image = search.images[0].image.clone();
        search.images = vec![Candidate::new(image); groups + 1];
        search.packages = Some(set);
        search.write(dir)?;
    } else if !known.is_same(&set) {
        let what = "the updates are others than when the search began";
        return Err(CliError::invalid(what).hint("begin a new search, or bring back the package files"));
    } else {
        search.packages = Some(PackageSet { base_sha256: set.base_sha256, ..known });
        search.write(dir)?;
    }
    Ok(base)
}
