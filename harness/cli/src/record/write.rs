//! The text of a suite. Whatever a guest called its packages, files and users, the decoder reads what
//! was meant: a scalar is plain only when nothing else can be seen in it, and is quoted otherwise. Pure.

use super::draft::Recorded;
use muster_base::text::one_line;
use muster_suite::write::{self, scalar};

/// So many of those left out are named in the text.
const NAMED: usize = 20;

/// Where a suite comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The suite's name.
    pub(super) suite: String,
    /// The image, or the machine's address.
    pub(super) machine: String,
    /// What the system calls itself.
    pub(super) system: String,
    /// As conditions know it; may be empty.
    pub(super) distro: String,
    pub(super) arch: String,
    /// The kernel's release.
    pub(super) kernel: String,
    /// RFC 3339.
    pub(super) at: String,
    /// What was asked for, as typed.
    pub(super) of: String,
}

/// The whole text.
pub(super) fn suite(recorded: &Recorded, origin: &Origin) -> String {
    let mut out = String::new();
    for line in header(recorded, origin) {
        out.push_str(format!("# {}", one_line(&line, 240)).trim_end());
        out.push('\n');
    }
    out.push_str(&format!("schema: suite/v1\nsuite: {}\n", scalar(&origin.suite)));
    let summary = format!("what {} was when it was recorded", one_line(&origin.machine, 100));
    out.push_str(&format!("summary: {}\ntags: [recorded]\n", scalar(&summary)));
    if write::is_word(&origin.distro) {
        out.push_str(&format!(
            "# images: {{where: \"distro == {}\", because: it was recorded there}}\n",
            origin.distro
        ));
    }
    out.push_str("tests:\n");
    for (at, test) in recorded.tests.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        write::test(&mut out, test, muster_check::tables());
    }
    out
}

fn header(recorded: &Recorded, origin: &Origin) -> Vec<String> {
    let Origin { machine, system, arch, kernel, at, of, .. } = origin;
    let system = if system.is_empty() { "a system that does not say its name" } else { system };
    let mut lines = vec![
        format!("Recorded from {machine} at {at} by muster {}: --of {of}", env!("CARGO_PKG_VERSION")),
        format!("{system}, {arch}, kernel {kernel}"),
        String::new(),
        "This is what one machine was, not what an image must be. Before it gates anything: remove what may".to_owned(),
        "change, loosen what may grow (`\">= 4\"`, `{any-of: [a, b]}`), say in each summary why it matters, and"
            .to_owned(),
        "state under `images` whom it is for.".to_owned(),
    ];
    if !recorded.left_out.is_empty() {
        lines.push(String::new());
        lines.push("Left out:".to_owned());
        lines.extend(recorded.left_out.iter().take(NAMED).map(|why| format!("- {why}")));
        let more = recorded.left_out.len().saturating_sub(NAMED);
        if more > 0 {
            lines.push(format!("- and {more} more"));
        }
    }
    lines
}
