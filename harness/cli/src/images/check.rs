//! `muster images check`: what suites ask of an image's file, asked of the file, without a machine.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::error::CliError;
use crate::image_file::{facts, notes_on, size};
use crate::load::{self, Loaded, Selection};
use crate::offline::{self, Known, Part, Row};
use crate::output::{OutputFormat, say, say_error};
use muster_base::exit::Exit;
use muster_base::machine::Format;
use muster_base::text::escape;
use muster_check::types::disk_image;
use muster_check::{Check, Observations};
use muster_record::disk::DiskFacts;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use muster_suite::select::TestIndex;

/// The schema of what `--format json` prints.
pub(crate) const SCHEMA: &str = include_str!("../../../../reports/schema/images-check-v1.json");

/// Run the disk image tests of the suites on image files, without starting anything
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 everything checked is as expected · 1 a test failed · 2 invalid suite or usage, \
an image that is refused, nothing was checked, or the file and the options do not decide a test\n\
Example: muster images check disk.vhd --suite azure-image --given firmware=uefi"
)]
pub(crate) struct Arguments {
    /// Image files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    selection: Selection,
    /// Their format [default: by their own magic bytes; of packed files by their names]
    #[arg(long = "image-format", value_name = "FORMAT")]
    image_format: Option<Format>,
    /// What else is known of the system, for the conditions of suites: firmware=uefi, distro=azurelinux-4.0;
    /// `variant=` says that it has none, 'capability!=tpm' that this one is missing. May be repeated
    #[arg(long, value_name = "DIMENSION=VALUE")]
    given: Vec<String>,
    /// Accept tests that the file and the options do not decide
    #[arg(long)]
    allow_unknown: bool,
    /// How results are printed: text for people, json for programs (one object, as `muster schema images-check`
    /// describes it)
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

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let known = Known::given(&arguments.given, &[("disk-format", "the file says it, or --image-format")])?;
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    load::report_ignored(&arguments.selection);
    let check = disk_image::TABLE.name;
    let tests = offline::select(&loaded, &arguments.selection, check, "muster images check FILE")?;
    let mut files = Vec::new();
    for path in &arguments.files {
        let disk = facts(path, arguments.image_format)?;
        files.push(File::checked(escape(path.as_str()), disk, &loaded, &tests, &known));
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

impl File {
    fn checked(file: String, disk: DiskFacts, loaded: &Loaded, tests: &[TestIndex], known: &Known) -> Self {
        let known = known.with(&[("disk-format", disk.format.clone())]);
        // An archive says itself whether it is an image of bootc; of a disk only a machine can tell.
        let (known, proves) = match &disk.root {
            Some(root) if root.is_of_bootc() => (known, Some("bootc")),
            Some(_) => (known.lacking("bootc"), None),
            None => (known, None),
        };
        let facts = Facts { disk: Some(disk.clone()), ..Facts::default() };
        let evaluate = |asked: &Expectation| disk_image::DiskImage.evaluate(asked, &Observations::default(), &facts);
        let part = Part { check: disk_image::TABLE.name, proves, evaluate: &evaluate };
        let tests = offline::run_all(loaded, tests, &part, &known);
        Self { file, disk, counts: offline::counts(&tests), tests }
    }

    fn text(&self) -> String {
        let rows: String = self.tests.iter().map(offline::text).collect();
        let said = format!("{}: {}, {}", self.file, self.disk.format, size(self.disk.virtual_size));
        let remarks = notes_on(self.file.as_str().into(), &self.disk);
        let remarks: String = remarks.iter().map(|remark| format!("  note: {}\n", escape(remark))).collect();
        format!("{said}\n{rows}{remarks}  {}\n", offline::summary(&self.counts))
    }
}

fn exit(files: &[File], allow_unknown: bool) -> Exit {
    offline::exit(&files.iter().map(|file| file.tests.as_slice()).collect::<Vec<_>>(), allow_unknown)
}

fn hint(files: &[File]) -> Option<String> {
    offline::hint(files.iter().flat_map(|file| &file.tests), |dimension| format!("--given {dimension}=…"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::disk::Table;

    fn disk(kind: &str) -> DiskFacts {
        DiskFacts {
            format: "vhd".to_owned(),
            virtual_size: 1 << 30,
            file_size: 1 << 30,
            subformat: Some(kind.to_owned()),
            table: Some(Table { kind: "gpt".to_owned(), backup: Some(true), ..Table::default() }),
            unreadable: None,
            boot_code: None,
            esp: None,
            root: None,
        }
    }

    fn checked(disk: DiskFacts, given: &[&str]) -> File {
        const SUITE: &str = "schema: suite/v1\nsuite: s\ntests:\n- id: fixed\n  when: disk-format == vhd\n  because: x\n  \
            expect: {disk-image: {subformat: fixed}}\n- id: esp\n  when: firmware == uefi\n  because: x\n  \
            expect: {disk-image: {table: gpt}}\n";
        let (suite, diagnostics) = muster_suite::decode_source("s.yaml", SUITE, &load::vocabulary());
        let loaded = Loaded { suites: vec![suite.unwrap_or_else(|| panic!("{}", diagnostics.render(false)))] };
        let given: Vec<String> = given.iter().map(|option| option.to_string()).collect();
        let known = Known::given(&given, &[]).unwrap();
        File::checked("d.vhd".to_owned(), disk, &loaded, &[0, 1].map(|test| TestIndex { suite: 0, test }), &known)
    }

    #[test]
    fn a_file_is_evaluated_by_what_is_known_of_it() {
        let whole = [checked(disk("fixed"), &["firmware=uefi"])];
        assert_eq!((exit(&whole, false), hint(&whole)), (Exit::Pass, None));
        let unsure = [checked(disk("fixed"), &[])];
        assert_eq!((exit(&unsure, false), exit(&unsure, true)), (Exit::Invalid, Exit::Pass));
        assert!(hint(&unsure).unwrap().contains("--given firmware=…"));
        let bad = [checked(disk("dynamic"), &["firmware=bios"])];
        assert_eq!(exit(&bad, false), Exit::Failed);
        let text = bad[0].text();
        assert!(text.contains("FAIL s/fixed") && text.contains("expected subformat is fixed, found dynamic"), "{text}");
        assert!(text.ends_with("2 tests: 1 fail, 1 skip\n"), "{text}");
    }

    #[test]
    fn what_is_printed_for_programs_follows_its_schema() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let files = vec![checked(disk("dynamic"), &[]), checked(disk("fixed"), &["firmware=bios"])];
        let document = serde_json::to_value(Document { schema: "images-check/v1", files }).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}
