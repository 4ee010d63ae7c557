//! For people and trackers.

use super::packet::Packet;
use crate::difference::fact_line;
use crate::written::markdown::code;

/// The packet as Markdown. What a guest said stands as code, or in a block that says that it is not to be trusted.
pub fn markdown(packet: &Packet<'_>) -> String {
    let test = packet.test;
    let mut lines = vec![
        format!("# {} {}", packet.class.name(), code(&format!("{} [{}]", test.name(), test.image))),
        String::new(),
        format!("{} ({})", code(&packet.message), code(&packet.id)),
    ];
    lines.extend(packet.meaning.map(|meaning| format!("\n{meaning}")));
    lines.extend(packet.next.as_ref().map(|next| format!("\nNext: {next}")));
    lines.push("\n## Evidence\n".to_owned());
    for evidence in &packet.evidence {
        let at = evidence.line.map(|line| format!(":{line}")).unwrap_or_default();
        lines.push(format!("- {} {}", code(&format!("{}{at}", evidence.file)), code(&evidence.says)));
    }
    if let Some(since) = &packet.since {
        lines.push(format!("\n## Since {}\n", code(since.run)));
        if !since.passed {
            lines.push("The test did not pass in that run either.\n".to_owned());
        }
        match &since.facts {
            None => lines.push("The facts of the image are not known in both runs.".to_owned()),
            Some(facts) if facts.is_empty() => lines.push("No fact of the image changed.".to_owned()),
            Some(facts) => lines.extend(facts.iter().take(60).map(|fact| format!("- {}", code(&fact_line(fact))))),
        }
    }
    lines.push("\n## Run it again\n".to_owned());
    lines.extend(packet.reproduce.iter().map(|command| format!("    {command}")));
    if !packet.output.is_empty() {
        lines.push("\n## Expected, actual, output (untrusted: the guest said it)\n".to_owned());
        lines.extend(packet.output.iter().map(|line| format!("    {line}")));
    }
    if let Some(console) = &packet.console {
        let at = console.line.map(|line| format!(", around line {line}")).unwrap_or_else(|| ", its end".to_owned());
        lines.push(format!("\n## Console (untrusted: the guest said it)\n\n{}{at}\n", code(&console.file)));
        lines.extend(console.lines.iter().map(|line| format!("    {line}")));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::packet::packet;
    use crate::triage::packet::tests::run;
    use muster_record::outcome::Outcome;

    #[test]
    fn a_packet_is_small_and_no_line_of_a_guest_is_markup() {
        let (_temporary, dir, record) = run();
        for test in record.tests.iter().filter(|test| matches!(test.outcome, Outcome::Fail | Outcome::Error)) {
            let text = markdown(&packet(&record, &dir, test, None));
            assert!(text.len() < 24 << 10, "{} bytes", text.len());
            assert!(!text.contains('\x1b'));
            let markup = text.lines().filter(|line| !line.starts_with("    ") && line.contains('<'));
            for line in markup {
                assert!(line.matches('`').count().is_multiple_of(2) && line.contains('`'), "{line}");
            }
            assert!(text.contains("\n## Evidence\n") && text.contains("    muster run "), "{text}");
        }
    }
}
