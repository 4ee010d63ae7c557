//! `muster bisect`: the first of many images on which a test fails, or the first of many updates with which it does. Each
//! image or state that is looked at is an ordinary run.

mod answer;
mod candidates;
mod packages;
mod search;
mod state;
mod verdict;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::opening::run_id;
use super::output::{say, say_error};
use super::project::{Project, working_directory};
use super::run::{self, Ready};
use super::session;
use super::this_host::choose_accelerator;
use answer::Answer;
use muster_base::exit::Exit;
use muster_base::files::safe_name;
use muster_base::text::{one_line, shell_word};
use muster_record::open;
use muster_suite::select::NameGlob;
use packages::Base;
use packages::set::PackageSet;
use search::{ImageVerdict, Next};
use state::{Candidate, Search};

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

/// Reads the command line of a `muster run`, without the program's name, as this process would read its own.
type Read<'r> = &'r dyn Fn(&[String]) -> Result<Ready, CliError>;

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
    let mut base = None;
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
                let verdict = look(&mut search, &dir, image, &test, read, base.as_ref())
                    .inspect_err(|_| search.images[image] = before)?;
                // Only what is known is kept: a run that was interrupted says nothing.
                search.write(&dir)?;
                say_error(&format!("{} {name}: {}", verdict.name().to_uppercase(), search.images[image].why));
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
    let (images, packages) = match &arguments.packages {
        None => {
            let (good, bad) = (given(&arguments.good), given(&arguments.bad));
            (candidates::candidates(&good, &bad, arguments.between.as_deref())?, None)
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
    let ready = read(&words(&search, 0, &dir.join("1")))?;
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

/// The command line of one run, as a person types it.
fn words(search: &Search, image: usize, out: &Utf8Path) -> Vec<String> {
    let fixed = ["run", "--test", &search.test, "--image", &search.images[image].image, "--out", out.as_str()];
    fixed.into_iter().map(str::to_owned).chain(search.options.iter().cloned()).collect()
}

/// Boots the image of a search over updates, and enters the updates in the search when it is new.
fn boot_once(search: &mut Search, dir: &Utf8Path, read: Read<'_>) -> Result<Base, CliError> {
    let Some(known) = search.known_packages()? else {
        return Err(CliError::infrastructure("no updates are searched"));
    };
    let own = dir.join(unused(dir, "base"));
    let Ready { arguments, .. } = read(&words(search, 0, &own))?;
    let (base, set) = Base::make(arguments.images(), &known, &own)?;
    if known.groups.is_empty() {
        set.notes().iter().for_each(|why| say_error(&format!("note: {}", one_line(why, 600))));
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

/// Tests an image, until it is bad or has passed often enough.
fn look(
    search: &mut Search,
    dir: &Utf8Path,
    image: usize,
    test: &NameGlob,
    read: Read<'_>,
    base: Option<&Base>,
) -> Result<ImageVerdict, CliError> {
    let mut found = (ImageVerdict::Inconclusive, String::new());
    for _ in 0..search.repeat {
        let file = Utf8Path::new(&search.images[image].image);
        if file.components().count() > 1 && !file.exists() {
            return Err(CliError::invalid(format!("{}: there is no such file any more", search.shown(image)))
                .hint("nothing is kept of it; go on with `--resume` when it is back"));
        }
        let name = match &search.packages {
            None => unused(dir, &search.images[image].image),
            Some(set) => unused(dir, &format!("{}-updates", set.packages(image))),
        };
        let out = dir.join(&name);
        let Ready { arguments, notes, words } = read(&words(search, image, &out))?;
        let frozen = base.zip(search.packages.as_ref()).map(|(base, set)| base.with_updates(set, image));
        found = match run::execute_from(*arguments, &notes, &words, frozen) {
            Ok(_) => {
                let record = open::open(&out).map_err(|error| CliError::about("the run", error))?.record;
                if record.interrupted {
                    let hint = format!("go on with it: `muster bisect --resume {}`", shell_word(dir.as_str()));
                    return Err(CliError::infrastructure("the search was interrupted").hint(hint));
                }
                // Empty where the run did not come as far as its image.
                let sha256 = record.images.values().next().map(|image| image.sha256.clone());
                let sha256 = sha256.filter(|sha256| !sha256.is_empty());
                if let (Some(set), Some(sha256)) = (&search.packages, &sha256) {
                    set.check_base(sha256)?;
                }
                search.images[image].sha256 = sha256;
                search.images[image].runs.push(name);
                verdict::of_run(&record, test, search.errors_are_bad).ok_or_else(|| {
                    CliError::invalid(format!("no test of the run is called {}", one_line(test.as_str(), 200)))
                })?
            }
            // Before the first result, the command line is as likely to be wrong as the image.
            Err(error) if error.exit == Exit::Invalid && search.tested() > 0 && !error.what.is_empty() => {
                error.show();
                match search.errors_are_bad {
                    true => (ImageVerdict::Bad, one_line(&error.what, 400)),
                    false => (ImageVerdict::Inconclusive, one_line(&error.what, 400)),
                }
            }
            Err(error) => return Err(error),
        };
        if found.0 != ImageVerdict::Good {
            break;
        }
    }
    let candidate = &mut search.images[image];
    (candidate.verdict, candidate.why) = (Some(found.0), found.1);
    Ok(found.0)
}

/// A name for the directory of the next run: `03-azl-0912.vhd`. One that was interrupted has left its own.
fn unused(dir: &Utf8Path, image: &str) -> String {
    let file = Utf8Path::new(image).file_name().unwrap_or(image);
    let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().split_once('-')?.0.parse::<u32>().ok());
    format!("{:02}-{}", numbers.max().map_or(1, |last| last.saturating_add(1)), safe_name(file))
}
