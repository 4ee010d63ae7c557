//! Tests of tmt: a tree of fmf files.

use std::fmt::Write as _;

use super::exported::{Exported, Written, yaml};
use muster_base::text::one_line;

/// How long a suite may take there; tmt's own limit is five minutes, which one emulated boot may take.
const DURATION: &str = "4h";

pub(super) fn files(suites: &[Exported]) -> Vec<Written> {
    let plan = "summary: Suites of muster, each test of theirs a result of its own\n\
                discover:\n    how: fmf\nprovision:\n    how: local\nexecute:\n    how: tmt\n";
    let mut tests = String::new();
    for suite in suites {
        let _ = write!(
            tests,
            "/{}:\n    summary: {}\n    test: {}\n",
            suite.name,
            yaml(&one_line(&suite.summary, 300)),
            yaml(&format!("./run.sh {}", suite.quoted()))
        );
        let _ =
            write!(tests, "    framework: shell\n    result: custom\n    duration: {DURATION}\n    tag: [muster]\n");
    }
    vec![
        Written::new(".fmf/version", "1\n"),
        Written::new("plans/muster.fmf", plan),
        Written::new("tests/main.fmf", tests),
        Written::script("tests/run.sh", include_str!("tmt-run.sh")),
    ]
}
