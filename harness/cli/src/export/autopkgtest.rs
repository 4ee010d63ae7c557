//! Tests of autopkgtest: `debian/tests` of a source package.

use std::fmt::Write as _;

use super::exported::{Exported, Written};

pub(super) fn files(suites: &[Exported]) -> Vec<Written> {
    let mut control = String::new();
    let mut files = Vec::new();
    for suite in suites {
        // 77 means skipped only where this says so.
        let _ = write!(control, "Tests: {}\nDepends:\nRestrictions: skippable\n\n", suite.name);
        let text = include_str!("autopkgtest-run.sh").replace("SELECTS", &suite.quoted());
        files.push(Written::script(format!("debian/tests/{}", suite.name), text));
    }
    files.push(Written::new("debian/tests/control", control.trim_end().to_owned() + "\n"));
    files.push(Written::new(
        "debian/control",
        "Source: muster-suites\nMaintainer: nobody <nobody@localhost>\nStandards-Version: 4.6.2\n\n\
         Package: muster-suites\nArchitecture: all\nDescription: suites of muster\n for autopkgtest; nothing is built of it\n",
    ));
    files.push(Written::new(
        "debian/changelog",
        "muster-suites (1) unstable; urgency=low\n\n  * Suites.\n\n -- nobody <nobody@localhost>  Thu, 01 Jan 1970 00:00:00 +0000\n",
    ));
    files
}
