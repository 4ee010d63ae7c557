//! `--shard`: which of how many runs this one is, as it is typed or as the environment of parallel jobs says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::Utf8PathBuf;
use sha2::{Digest as _, Sha256};

use super::earlier;
use super::error::CliError;
use super::named_durations;
use muster_base::text::{hex, one_line};
use muster_engine::shard::{self, Division, Part, Shard};
use muster_record::durations::Durations;
use muster_record::shard::{OPTIONS, ShardRecord};
use muster_suite::model::Suite;
use muster_suite::select::TestIndex;

/// Shards at most.
const MOST: u32 = 1000;

/// One part of a run.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ShardOptions {
    /// Only one of N parts of the selected tests, such as 2/4; auto, where the environment of parallel jobs says which; auto/4, where it
    /// says the number only. Merge their runs with `muster merge`
    #[arg(long, value_name = "I/N", value_parser = Wanted::parse)]
    pub shard: Option<Wanted>,
    /// How long tests took, by which the parts are made: an earlier run, or the durations.json of one; the same for all shards
    /// [default: all tests take equally long]
    #[arg(long, value_name = "RUN|FILE", requires = "shard")]
    pub durations: Option<Utf8PathBuf>,
}

/// What `--shard` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `2/4`
    This(Shard),
    /// `auto`, or `auto/4`
    Auto {
        /// How many there are, where it is typed.
        of: Option<u32>,
    },
}

/// What is no shard.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shard is I/N with I from 1 to N and N at most {MOST}, such as 2/4; or auto, or auto/4")]
pub(crate) struct NoShard;

impl Wanted {
    fn parse(text: &str) -> Result<Self, NoShard> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| (1..=MOST).contains(number)).ok_or(NoShard);
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto { of: None }),
            Some(("auto", of)) => Ok(Self::Auto { of: Some(number(of)?) }),
            Some((this, of)) => {
                let (this, of) = (number(this)?, number(of)?);
                if this <= of { Ok(Self::This(Shard { number: this, of })) } else { Err(NoShard) }
            }
            None => Err(NoShard),
        }
    }
}

/// An environment that runs the same job several times.
struct Environment {
    /// Whose.
    name: &'static str,
    /// The variable with the number of this job.
    index: &'static str,
    /// The variable with how many there are, where there is one.
    total: Option<&'static str>,
    /// The number of the first job; of Slurm's arrays the variable that has it.
    first: First,
}

enum First {
    Is(u32),
    In { first: &'static str, step: &'static str },
}

const ENVIRONMENTS: [Environment; 6] = [
    Environment {
        name: "Slurm's job arrays",
        index: "SLURM_ARRAY_TASK_ID",
        total: Some("SLURM_ARRAY_TASK_COUNT"),
        first: First::In { first: "SLURM_ARRAY_TASK_MIN", step: "SLURM_ARRAY_TASK_STEP" },
    },
    Environment { name: "Kubernetes' indexed jobs", index: "JOB_COMPLETION_INDEX", total: None, first: First::Is(0) },
    Environment { name: "GitLab", index: "CI_NODE_INDEX", total: Some("CI_NODE_TOTAL"), first: First::Is(1) },
    Environment {
        name: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        total: Some("BUILDKITE_PARALLEL_JOB_COUNT"),
        first: First::Is(0),
    },
    Environment { name: "CircleCI", index: "CIRCLE_NODE_INDEX", total: Some("CIRCLE_NODE_TOTAL"), first: First::Is(0) },
    Environment {
        name: "Azure Pipelines",
        index: "SYSTEM_JOBPOSITIONINPHASE",
        total: Some("SYSTEM_TOTALJOBSINPHASE"),
        first: First::Is(1),
    },
];

/// Which shard the environment says that this is.
fn of_environment(of: Option<u32>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Shard, CliError> {
    let set: Vec<&Environment> = ENVIRONMENTS.iter().filter(|one| variable(one.index).is_some()).collect();
    let wrong = |what: String| CliError::invalid(format!("--shard auto: {what}")).hint("name the shard: `--shard 2/4`");
    let environment = match set.as_slice() {
        [one] => one,
        [] => {
            let names: Vec<&str> = ENVIRONMENTS.iter().map(|one| one.name).collect();
            return Err(wrong(format!("nothing says which of how many jobs this is; {} would", names.join(", ")))
                .hint("name the shard, `--shard 2/4`: Jenkins and GitHub have no variable for it, so take that of a matrix"));
        }
        several => {
            let names: Vec<String> = several.iter().map(|one| format!("{} ({})", one.name, one.index)).collect();
            return Err(wrong(format!("more than one says which job this is: {}", names.join(", "))));
        }
    };
    let number = |name: &str| -> Result<u32, CliError> {
        let text = variable(name).unwrap_or_default();
        text.trim().parse().map_err(|_| wrong(format!("{name} is `{}`, and no number", one_line(&text, 40))))
    };
    let (first, step) = match environment.first {
        First::Is(first) => (first, 1),
        First::In { first, step } => (number(first)?, if variable(step).is_some() { number(step)?.max(1) } else { 1 }),
    };
    let index = number(environment.index)?;
    let total = match (of, environment.total) {
        (Some(of), Some(total)) if variable(total).is_some() && number(total)? != of => {
            return Err(wrong(format!("{total} is {}, and not {of}", number(total)?)));
        }
        (Some(of), _) => of,
        (None, Some(total)) => number(total)?,
        (None, None) => {
            let what = format!("{} say which job this is, and not of how many", environment.name);
            return Err(wrong(what).hint("say how many: `--shard auto/4`"));
        }
    };
    let steps = index.checked_sub(first).filter(|above| above % step == 0).map(|above| above / step + 1);
    match steps.filter(|number| (1..=total).contains(number) && total <= MOST) {
        Some(number) => Ok(Shard { number, of: total }),
        None => Err(wrong(format!(
            "{} is {index}, which is no job of {total} that are counted from {first}",
            environment.index
        ))),
    }
}

/// What a product is called among the files that decide; the record has it of each image.
pub(crate) const PRODUCT: &str = "product";

/// Enters in the plan of a shard what else all shards of one run must have in common: options (how machines are started, and
/// whether results count), and the files that decide on results, each by what it is for and its SHA-256, since each host has its own paths.
pub(crate) fn with_options(shard: &mut ShardRecord, options: &[String], files: &[(String, String)]) {
    let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    lines.entry(OPTIONS).or_default().extend(options.iter().map(String::as_str));
    for (role, sha256) in files {
        lines.entry(role).or_default().push(sha256);
    }
    let mut whole = Sha256::new();
    whole.update(&shard.plan);
    for (part, lines) in lines {
        let digest = hex(Sha256::digest(lines.join("\n")));
        whole.update(format!("\n{part} {digest}"));
        shard.made_of.insert(part.to_owned(), digest);
    }
    shard.plan = hex(whole.finalize());
}

/// A shard that was chosen, and what it is made by.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// Which.
    pub(crate) shard: Shard,
    durations: Durations,
    /// Where the durations are, if they are named.
    durations_place: Option<Utf8PathBuf>,
}

/// The tests of one shard, by image.
pub(crate) type Tests = BTreeMap<String, BTreeSet<TestIndex>>;

impl ShardOptions {
    /// Which shard is wanted; `None` for a whole run.
    pub(crate) fn chosen(&self) -> Result<Option<Box<Chosen>>, CliError> {
        let Some(wanted) = self.shard else { return Ok(None) };
        let shard = match wanted {
            Wanted::This(shard) => shard,
            Wanted::Auto { of } => {
                of_environment(of, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))?
            }
        };
        let named = self.durations.as_deref().map(named_durations::read).transpose()?;
        let (durations, durations_place) = named.map(|named| (named.durations, named.place)).unzip();
        Ok(Some(Box::new(Chosen { shard, durations: durations.unwrap_or_default(), durations_place })))
    }
}

impl Chosen {
    /// A shard that is made by these durations.
    pub(crate) fn new(shard: Shard, durations: Durations) -> Self {
        Self { shard, durations, durations_place: None }
    }

    /// All shards, of which this one is [`Chosen::part`].
    pub(crate) fn division(
        &self,
        suites: &[Suite],
        selected: &BTreeSet<TestIndex>,
        images: &[String],
    ) -> Result<Division, CliError> {
        let suites: Vec<Arc<Suite>> = suites.iter().cloned().map(Arc::new).collect();
        shard::divide(&suites, selected, images, &self.durations, self.shard.of).map_err(|error| {
            CliError::invalid(format!("--shard {}: {error}", self.shard))
                .hint("tests that need each other stay together")
        })
    }

    /// What this shard has of them.
    pub(crate) fn part<'d>(&self, division: &'d Division) -> Result<&'d Part, CliError> {
        let at = self.shard.number as usize - 1;
        division.parts.get(at).ok_or_else(|| CliError::infrastructure(format!("there is no shard {}", self.shard)))
    }

    /// What a reader of a run should know of it.
    pub(crate) fn notice(&self, division: &Division, part: &Part) -> String {
        division.record(self.shard).notice(part.tests.values().map(BTreeSet::len).sum())
    }
}

/// Words of a command line, with the number of the shard in place of `auto`, since nobody else has this environment, and the
/// directory of a run in place of `last`, which is another run later.
pub(crate) fn settled(words: Vec<String>, chosen: Option<&Chosen>) -> Vec<String> {
    let Some(chosen) = chosen else { return words };
    let value_of = |option: &str, value: &str| match option {
        "--shard" if value == "auto" || value.starts_with("auto/") => Some(chosen.shard.to_string()),
        "--durations" if earlier::is_newest(value) => chosen.durations_place.as_ref().map(Utf8PathBuf::to_string),
        _ => None,
    };
    let mut before = String::new();
    let settle = |word: String| {
        let settled = match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => {
                value_of(option, value).map(|value| format!("{option}={value}"))
            }
            _ => value_of(&before, &word),
        };
        before = settled.unwrap_or(word);
        before.clone()
    };
    words.into_iter().map(settle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    fn asked(of: Option<u32>, set: &[(&str, &str)]) -> Result<(u32, u32), String> {
        let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        of_environment(of, &variable).map(|shard| (shard.number, shard.of)).map_err(|error| error.what)
    }

    #[test]
    fn shards_of_other_options_or_files_are_of_another_run() {
        const KNOWN: &str = "known-issues";
        let plan = |machine: &[&str], files: &[(&str, &str)]| {
            let options: Vec<String> = machine.iter().map(|text| (*text).to_owned()).collect();
            let files: Vec<_> =
                files.iter().map(|(option, sha256)| ((*option).to_owned(), (*sha256).to_owned())).collect();
            let mut shard = ShardRecord { plan: "plan".into(), ..ShardRecord::default() };
            with_options(&mut shard, &options, &files);
            shard
        };
        let plain = plan(&["--firmware", "uefi"], &[(KNOWN, "ab")]);
        assert_eq!(plain, plan(&["--firmware", "uefi"], &[(KNOWN, "ab")]));
        let known = "the content of known-issues is another";
        for (other, differs) in [
            (plan(&["--firmware", "bios"], &[(KNOWN, "ab")]), "the options for machines"),
            (plan(&["--firmware", "uefi"], &[(KNOWN, "cd")]), known),
            (plan(&["--firmware", "uefi"], &[]), known),
            (plan(&["--firmware", "uefi"], &[(PRODUCT, "ab")]), known),
            (plan(&[], &[]), known),
        ] {
            assert_ne!(other.plan, plain.plan);
            assert!(plain.differences(&other).contains(differs), "{}", plain.differences(&other));
        }
    }

    #[test]
    fn each_environment_says_which_job_this_is() {
        let slurm = [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert_eq!(asked(None, &[&slurm[..], &[("SLURM_ARRAY_TASK_STEP", "2")]].concat()), Ok((4, 4)));
        assert_eq!(asked(Some(3), &[("JOB_COMPLETION_INDEX", "0")]), Ok((1, 3)));
        assert_eq!(asked(None, &[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "4")]), Ok((2, 4)));
        assert_eq!(asked(None, &[("BUILDKITE_PARALLEL_JOB", "3"), ("BUILDKITE_PARALLEL_JOB_COUNT", "4")]), Ok((4, 4)));
        assert_eq!(asked(None, &[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "2")]), Ok((1, 2)));
        assert_eq!(asked(None, &[("SYSTEM_JOBPOSITIONINPHASE", "2"), ("SYSTEM_TOTALJOBSINPHASE", "2")]), Ok((2, 2)));
        assert_eq!(asked(Some(2), &[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "2")]), Ok((1, 2)));
    }

    #[test]
    fn an_environment_that_does_not_say_it_is_an_error_and_no_guess() {
        let error = |of, set: &[(&str, &str)]| asked(of, set).unwrap_err();
        assert!(error(None, &[]).contains("nothing says which of how many jobs this is"));
        assert!(error(Some(4), &[("CI_NODE_TOTAL", "4")]).contains("nothing says which"));
        assert!(error(None, &[("JOB_COMPLETION_INDEX", "1")]).contains("not of how many"));
        let two =
            [("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "2"), ("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "2")];
        assert!(error(None, &two).contains("GitLab (CI_NODE_INDEX), CircleCI (CIRCLE_NODE_INDEX)"));
        assert!(error(Some(3), &two[..2]).contains("CI_NODE_TOTAL is 2, and not 3"));
        for (index, total) in [("0", "2"), ("3", "2"), ("x", "2"), ("1", "0"), ("1", "")] {
            error(None, &[("CI_NODE_INDEX", index), ("CI_NODE_TOTAL", total)]);
        }
        let gaps = [
            ("SLURM_ARRAY_TASK_ID", "9"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
            ("SLURM_ARRAY_TASK_STEP", "1"),
        ];
        assert!(error(None, &gaps).contains("SLURM_ARRAY_TASK_ID is 9, which is no job of 3 that are counted from 1"));
    }

    #[test]
    fn a_shard_is_typed_as_a_fraction() {
        let this = |number, of| Ok(Wanted::This(Shard { number, of }));
        assert_eq!((Wanted::parse("1/1"), Wanted::parse("4/4")), (this(1, 1), this(4, 4)));
        assert_eq!(Wanted::parse("auto"), Ok(Wanted::Auto { of: None }));
        assert_eq!(Wanted::parse("auto/3"), Ok(Wanted::Auto { of: Some(3) }));
        for wrong in ["", "0/4", "5/4", "1", "1/", "/4", "a/b", "-1/4", "1/1001", "auto/", "auto/0"] {
            assert_eq!(Wanted::parse(wrong), Err(NoShard), "{wrong}");
        }
    }

    /// Of the shipped suites on `lab`, emulated, on two cores: what a run of them recorded.
    const RECORDED: &str = include_str!("../data/durations.json");

    #[test]
    fn shipped_suites_are_divided_so_that_the_slowest_shard_takes_little_longer_than_the_mean() {
        let dir = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites");
        let (suites, problems) = muster_suite::load(&[dir], &crate::load::vocabulary());
        assert!(problems.is_empty(), "{}", problems.render(false));
        let all: BTreeSet<TestIndex> =
            suites.iter().enumerate().flat_map(|(at, suite)| TestIndex::all_of(at, &suite.tests)).collect();
        let images: Vec<String> = ["lab", "one", "other", "third"].map(str::to_owned).to_vec();
        // The same for images that are like it.
        let lines = images.iter().map(|image| RECORDED.replace("\"lab ", &format!("\"{image} ")));
        let bodies: Vec<String> =
            lines.map(|text| text.trim().trim_matches(['{', '}']).trim().trim_end_matches(',').to_owned()).collect();
        let durations = Durations::parse(&format!("{{{}}}", bodies.join(","))).unwrap();
        let mut compared = 0;
        for images in (1..=images.len()).map(|count| &images[..count]) {
            for of in 2..=8 {
                let chosen = Chosen::new(Shard { number: 1, of }, durations.clone());
                let division = chosen.division(&suites, &all, images).unwrap();
                let seconds: Vec<f64> = division.parts.iter().map(|part| part.seconds).collect();
                let mean = seconds.iter().sum::<f64>() / f64::from(of);
                let slowest = seconds.iter().copied().fold(0.0, f64::max);
                // Where a shard is less than four boots, what cannot be divided decides: boots, and tests that have one of their own.
                let worth_it = mean >= 4.0 * durations.longest_boot("lab").unwrap();
                compared += usize::from(worth_it);
                assert!(
                    !worth_it || slowest <= 1.15 * mean,
                    "{of} shards of {images:?}: {seconds:?}, the mean is {mean}"
                );
            }
        }
        assert!(compared >= 8, "{compared}");
    }

    #[test]
    fn a_run_keeps_the_number_that_its_environment_said() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut chosen = Chosen::new(Shard { number: 2, of: 4 }, Durations::default());
        chosen.durations_place = Some("muster-runs/20261129T1".into());
        let chosen = Some(&chosen);
        let cases = [
            ("run --shard auto --image auto", "run --shard 2/4 --image auto"),
            ("run --shard=auto/4 auto", "run --shard=2/4 auto"),
            ("run --shard 2/4", "run --shard 2/4"),
            ("run --shard 2/4 --durations last", "run --shard 2/4 --durations muster-runs/20261129T1"),
            ("run --durations=latest --before last", "run --durations=muster-runs/20261129T1 --before last"),
        ];
        for (typed, kept) in cases {
            assert_eq!(settled(words(typed), chosen), words(kept));
        }
        assert_eq!(settled(words("run --test auto"), None), words("run --test auto"));
    }
}
