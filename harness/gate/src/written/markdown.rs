//! For a pull request, or a comment of a pipeline.

use muster_base::text::{code_span, escape};

use super::lines;
use crate::decision::Decision;
use crate::ways::Way;

/// Bytes at most: code hosts refuse more than 1,024 KiB, and refuse it whole.
const LIMIT: usize = 1000 << 10;
/// Characters of a line.
const LINE: usize = 1000;

/// The decision. All that runs and files say stands between backticks and holds none.
pub fn markdown(decision: &Decision, ways: Option<&[Way]>) -> String {
    let mut parts = vec![format!("### muster gate: {}\n", if decision.open { "open" } else { "closed" })];
    parts.push(format!("- {}", code_span(&lines::headline(decision), LINE)));
    parts.extend(lines::about(decision).iter().map(|line| format!("- {}", code_span(line, LINE))));
    parts.extend(decision.notes.iter().map(|note| format!("- {}", code_span(note, LINE))));
    for (title, members) in lines::groups(decision) {
        parts.push(format!("\n#### {title}\n\n| requirement | state | why |\n|---|---|---|"));
        for requirement in members {
            let evidence: String =
                lines::evidence(requirement).iter().map(|line| format!("<br>{}", code_span(line, LINE))).collect();
            parts.push(format!(
                "| {} | {} | {}{evidence} |",
                code_span(&lines::named(requirement), LINE),
                requirement.state.name(),
                code_span(&requirement.message, LINE)
            ));
        }
    }
    if !decision.waivers.is_empty() {
        parts.push(format!("\n#### Waivers ({})\n", decision.waivers.len()));
        parts.extend(lines::waivers(decision).iter().map(|line| format!("- {}", code_span(line, LINE))));
    }
    if let Some(ways) = ways.filter(|_| !decision.open) {
        parts.push("\n#### What would open it\n".to_owned());
        for way in ways {
            parts.push(format!("1. {}", code_span(&way.what, LINE)));
            parts.extend(way.command.iter().map(|command| format!("   {}", code_span(command, LINE))));
            let draft = way.waivers.iter().map(|text| {
                let lines: Vec<String> = text.lines().map(|line| format!("       {}", escape(line))).collect();
                format!("\n{}\n", lines.join("\n"))
            });
            parts.extend(draft);
        }
    }
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        if out.len() + part.len() > LIMIT {
            out.push_str(&format!("\n{} more lines, which `--format json` has\n", parts.len() - at));
            break;
        }
        out.push_str(part);
        out.push('\n');
    }
    out
}
