//! For people at a terminal.

use muster_base::text::escape;

use super::lines;
use crate::decision::Decision;
use crate::ways::Way;

/// The decision; with the ways that would open it, where somebody wants them. All requirements are listed, those that
/// are satisfied with a line each.
pub fn text(decision: &Decision, ways: Option<&[Way]>) -> String {
    let mut out = vec![lines::headline(decision)];
    out.extend(lines::about(decision).into_iter().map(|line| format!("  {line}")));
    out.extend(decision.notes.iter().map(|note| format!("  note: {note}")));
    for (title, members) in lines::groups(decision) {
        out.push(format!("\n{title}"));
        for requirement in members {
            out.push(format!("  {} {}: {}", requirement.state.name(), lines::named(requirement), requirement.message));
            // What passed needs no more than where.
            let evidence = lines::evidence(requirement);
            out.extend(evidence.into_iter().map(|line| format!("      {line}")));
        }
    }
    if !decision.waivers.is_empty() {
        out.push(format!("\nWaivers ({})", decision.waivers.len()));
        out.extend(lines::waivers(decision).into_iter().map(|line| format!("  {line}")));
    }
    if let Some(ways) = ways.filter(|_| !decision.open) {
        out.push("\nWhat would open it".to_owned());
        let blocking = decision.blocking().count();
        for (at, way) in ways.iter().enumerate() {
            out.push(format!("  {}. {} (settles {} of {blocking})", at + 1, way.what, way.satisfies));
            out.extend(way.command.iter().map(|command| format!("       {command}")));
            out.extend(way.waivers.iter().flat_map(|text| text.lines()).map(|line| format!("       {line}")));
        }
    }
    escape(&(out.join("\n") + "\n"))
}
