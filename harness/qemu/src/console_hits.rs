//! What the console of a machine of this host shows, as a driver reports it.

use muster_console::rules::Severity;
use muster_console::{Console, Finding};
use muster_engine::driver::{ConsoleHit, Weight};

/// All findings after the first `seen`.
pub(super) fn hits(console: &Console, seen: usize) -> Vec<ConsoleHit> {
    let hit = |finding: Finding| ConsoleHit {
        category: finding.category.to_string(),
        weight: match finding.severity {
            Severity::Fatal => Weight::Fatal,
            Severity::Fail => Weight::Fail,
            Severity::Warn | Severity::Info => Weight::Info,
        },
        line: finding.line,
        line_number: finding.line_number,
        excerpt: finding.excerpt.join("\n"),
    };
    console.findings().into_iter().skip(seen).map(hit).collect()
}
