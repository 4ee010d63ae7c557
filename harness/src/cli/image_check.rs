//! `muster images check`: what suites ask of an image's file, asked of the file, without a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::load::{self, Loaded, Selection};
use super::offline::{self, Known, Outcome, Part, Row};
use super::{Complaint, OutputFormat, say, say_error};
use crate::check::{Check, Observations, disk_image};
use crate::exit::Exit;
use crate::guest::facts::Facts;
use crate::image::{self, DiskFacts, Format, ImageSpec};
use crate::suite::model::Expectation;
use crate::text::harmless;

/// The schema of what `--format json` prints.
pub const SCHEMA: &str = include_str!("../../../reports/schema/images-check-v1.json");

/// Ask image files what the suites ask of them, without starting anything
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all that was asked is as expected · 1 something is missed · 2 invalid suite or usage, \
an image that is refused, nothing was asked, or something that nobody can tell from the file and the options\n\
Example: muster images check disk.vhd --suite azure-image --given firmware=uefi"
)]
pub struct Arguments {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    selection: Selection,
    /// Their format [default: by their own magic bytes; of packed files by their names]
    #[arg(long = "image-format", value_name = "FORMAT")]
    image_format: Option<Format>,
    /// What else is known of the system, for the conditions of suites: firmware=uefi, distro=azurelinux-4.0;
    /// `variant=` says that it has none. May be repeated
    #[arg(long, value_name = "DIMENSION=VALUE")]
    given: Vec<String>,
    /// Let what nobody can tell pass
    #[arg(long)]
    allow_unknown: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    files: Vec<File>,
}

/// One file and what came of each test.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    file: String,
    disk: DiskFacts,
    counts: BTreeMap<&'static str, usize>,
    tests: Vec<Row>,
}

pub fn execute(arguments: &Arguments) -> Result<Exit, Complaint> {
    let known = Known::given(&arguments.given, &[("disk-format", "the file says it, or --image-format")])?;
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    let tests = tests(&loaded, &arguments.selection)?;
    let mut files = Vec::new();
    for path in &arguments.files {
        let disk =
            super::images::runtime()?.block_on(look(path.as_std_path(), arguments.image_format)).map_err(|error| {
                let hint = format!("`muster failures {}` explains it", error.failure_id());
                Complaint { what: error.to_string(), hint: Some(hint), exit: Exit::Invalid }
            })?;
        files.push(File::asked(harmless(path.as_str()), disk, &loaded, &tests, &known));
    }
    let exit = exit(&files, arguments.allow_unknown);
    match arguments.format {
        OutputFormat::Json => {
            let document = Document { schema: "images-check/v1", files };
            say(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        OutputFormat::Text => {
            files.iter().for_each(|file| say(file.text().trim_end()));
            if let Some(hint) = hint(&files).filter(|_| !arguments.allow_unknown) {
                say_error(&hint);
            }
        }
    }
    Ok(exit)
}

/// The selected tests that say something of a file.
fn tests(loaded: &Loaded, selection: &Selection) -> Result<Vec<(usize, usize)>, Complaint> {
    let ours = |(s, t): &(usize, usize)| {
        *t != load::HEALTH && offline::concerns(&loaded.suites[*s].tests[*t], disk_image::TABLE.name)
    };
    let tests: Vec<_> = load::select(loaded, selection)?.into_iter().filter(ours).collect();
    match tests.is_empty() {
        false => Ok(tests),
        true => Err(Complaint::invalid("no selected test has `disk-image` expectations")
            .hint("`muster images check FILE` without --suite, --test and --tag asks all of them")),
    }
}

/// Looks into a file the way a run does before it starts it.
async fn look(path: &Path, format: Option<Format>) -> Result<DiskFacts, image::ImageError> {
    let format = match format {
        Some(format) => format,
        None => image::inspect::guess(path).await?.0,
    };
    let spec = ImageSpec::from_file(path, format);
    Ok(image::prepare(Path::new("."), &spec).await?.facts)
}

impl File {
    fn asked(file: String, disk: DiskFacts, loaded: &Loaded, tests: &[(usize, usize)], known: &Known) -> Self {
        let known = known.with(&[("disk-format", disk.format.clone())]);
        let facts = Facts { disk: Some(disk.clone()), ..Facts::default() };
        let judge = |asked: &Expectation| disk_image::DiskImage.judge(asked, &Observations::default(), &facts);
        let part = Part { check: disk_image::TABLE.name, proves: None, judge: &judge };
        let asked = tests.iter().map(|(s, t)| (&loaded.suites[*s], &loaded.suites[*s].tests[*t]));
        let tests: Vec<Row> = asked.map(|(suite, test)| offline::ask(suite, test, &part, &known)).collect();
        let count = |outcome| tests.iter().filter(|row| row.outcome == outcome).count();
        let counts = Outcome::ALL.iter().map(|outcome| (outcome.word(), count(*outcome))).collect();
        Self { file, disk, counts, tests }
    }

    fn has(&self, outcomes: &[Outcome]) -> bool {
        self.tests.iter().any(|row| outcomes.contains(&row.outcome))
    }

    fn text(&self) -> String {
        let counted = |outcome: &Outcome| {
            self.counts
                .get(outcome.word())
                .filter(|count| **count > 0)
                .map(|count| format!("{count} {}", outcome.word()))
        };
        let counts: Vec<String> = Outcome::ALL.iter().filter_map(counted).collect();
        let rows: String = self.tests.iter().map(offline::text).collect();
        let said = format!("{}: {}, {} MiB", self.file, self.disk.format, self.disk.virtual_size >> 20);
        format!("{said}\n{rows}  {} tests: {}\n", self.tests.len(), counts.join(", "))
    }
}

fn exit(files: &[File], allow_unknown: bool) -> Exit {
    // A file of which nothing was asked has shown nothing.
    let silent = |file: &File| !file.has(&[Outcome::Pass, Outcome::Fail]);
    let untold = |file: &File| file.has(&[Outcome::Unknown, Outcome::Undecided]);
    match () {
        () if files.iter().any(|file| file.has(&[Outcome::Fail])) => Exit::Failed,
        () if files.iter().any(silent) => Exit::Invalid,
        () if files.iter().any(untold) && !allow_unknown => Exit::Invalid,
        () => Exit::Pass,
    }
}

/// What a person can do about what nobody can tell.
fn hint(files: &[File]) -> Option<String> {
    let rows = files.iter().flat_map(|file| &file.tests);
    let dimensions: BTreeSet<&str> = rows.filter_map(|row| row.depends_on.as_deref()).collect();
    let options: Vec<String> = dimensions
        .into_iter()
        .filter(|dimension| !matches!(*dimension, "capability" | "tool"))
        .map(|dimension| format!("--given {dimension}=…"))
        .collect();
    match options.is_empty() {
        false => {
            Some(format!("  help: {} would decide what is undecided; --allow-unknown accepts it", options.join(", ")))
        }
        true => files
            .iter()
            .any(|file| file.has(&[Outcome::Unknown, Outcome::Undecided]))
            .then(|| "  help: --allow-unknown accepts what nobody can tell from these files".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::layout::Table;

    fn disk(kind: &str) -> DiskFacts {
        DiskFacts {
            format: "vhd".to_owned(),
            virtual_size: 1 << 30,
            file_size: 1 << 30,
            subformat: Some(kind.to_owned()),
            table: Some(Table { kind: "gpt".to_owned(), backup: Some(true), partitions: Vec::new() }),
            unreadable: None,
        }
    }

    fn asked(disk: DiskFacts, given: &[&str]) -> File {
        const SUITE: &str = "schema: suite/v1\nsuite: s\ntests:\n- id: fixed\n  when: disk-format == vhd\n  because: x\n  \
            expect: {disk-image: {subformat: fixed}}\n- id: esp\n  when: firmware == uefi\n  because: x\n  \
            expect: {disk-image: {table: gpt}}\n";
        let (suite, diagnostics) = crate::suite::decode_source("s.yaml", SUITE, &load::vocabulary());
        let loaded = Loaded { suites: vec![suite.unwrap_or_else(|| panic!("{}", diagnostics.render(false)))] };
        let given: Vec<String> = given.iter().map(|option| option.to_string()).collect();
        let known = Known::given(&given, &[]).unwrap();
        File::asked("d.vhd".to_owned(), disk, &loaded, &[(0, 0), (0, 1)], &known)
    }

    #[test]
    fn a_file_is_judged_by_what_is_known_of_it() {
        let whole = [asked(disk("fixed"), &["firmware=uefi"])];
        assert_eq!((exit(&whole, false), hint(&whole)), (Exit::Pass, None));
        let unsure = [asked(disk("fixed"), &[])];
        assert_eq!((exit(&unsure, false), exit(&unsure, true)), (Exit::Invalid, Exit::Pass));
        assert!(hint(&unsure).unwrap().contains("--given firmware=…"));
        let bad = [asked(disk("dynamic"), &["firmware=bios"])];
        assert_eq!(exit(&bad, false), Exit::Failed);
        let text = bad[0].text();
        assert!(text.contains("FAIL s/fixed") && text.contains("expected subformat is fixed, found dynamic"), "{text}");
        assert!(text.ends_with("2 tests: 1 fail, 1 skip\n"), "{text}");
    }

    #[test]
    fn what_is_printed_for_programs_follows_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let files = vec![asked(disk("dynamic"), &[]), asked(disk("fixed"), &["firmware=bios"])];
        let document = serde_json::to_value(Document { schema: "images-check/v1", files }).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}
