//! An account as a person reads it. Harmless, whatever suites hold.

use super::account::{Account, Adjusting, Answer, Line, Variant};
use super::commands::Command;
use muster_base::text::{escape, one_line};

/// Width of the first column.
const LABEL: usize = 11;
/// What is said when adjustments take everything away.
const NOTHING_LEFT: &str = "    nothing is left of the test, which is an error; use its `when` to leave it out\n";

/// The text, ending in a newline.
pub(super) fn render(account: &Account) -> String {
    let mut page = Page::default();
    page.out.push_str(&format!("{}\n", one_line(&account.name, 300)));
    page.field("why", &account.summary);
    page.field("file", &format!("{}:{}:{}", account.file, account.line, account.column));
    page.field("tags", &account.tags.join(", "));
    page.fields("see", &account.links);
    page.field("covers", &account.covers.join(", "));
    page.fields("runs when", &gates(account));
    page.field("machine", &machine(account));
    if account.chain.len() > 1 {
        page.field("in order", &account.chain.join(", then "));
    }
    let again = match account.retry {
        0 => String::new(),
        count => format!(", run again up to {count} times after a failure"),
    };
    page.field("time", &format!("{} before emulation extends it{again}", account.timeout));
    page.section("setup, before the suite's first test on a machine", &account.setup);
    page.section("steps", &account.steps);
    page.section("expected", &account.expect);
    if account.nothing_left {
        page.out.push_str(NOTHING_LEFT);
    }
    for adjustment in &account.adjustments {
        page.adjustment(adjustment, account);
    }
    for variant in &account.variants {
        page.variant(variant, account);
    }
    if let Some(open) = unshown(account) {
        page.out.push_str(&format!("  {open}\n"));
    }
    page.section("compared with what was accepted", &account.snapshots);
    page.section("teardown, after the suite's last test on a machine", &account.teardown);
    page.field("checks too", &account.base_checks.join(", "));
    page.commands("runs in the guest, in this order", &account.commands);
    page.out
}

fn gates(account: &Account) -> Vec<String> {
    let mut out = Vec::new();
    for gate in &account.gates {
        out.push(format!("{}{} ({})", gate.when, because(gate.because.as_deref()), gate.of));
        out.extend(account.image.as_ref().map(|image| format!("  {}", answered(&gate.answer, image, "it runs"))));
    }
    if out.is_empty() {
        out.push("always".to_owned());
    }
    out
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(", because {reason}")).unwrap_or_default()
}

fn answered(answer: &Answer, image: &str, yes: &str) -> String {
    match answer {
        Answer::Yes => format!("on {image}: {yes}"),
        Answer::No { why } => format!("on {image}: no, {why}"),
        Answer::Unknown { dimension } => format!("on {image}: unknown until it has booted ({dimension})"),
    }
}

fn machine(account: &Account) -> String {
    let machine = &account.machine;
    let mut text = format!("{}: {}", machine.guest, machine.isolation);
    if !machine.machines.is_empty() {
        text.push_str(&format!("; its {} machines are {}", machine.machines.len(), machine.machines.join(", ")));
    }
    if !machine.overrides.is_empty() {
        text.push_str(&format!("; with {}", machine.overrides.join(", ")));
    }
    text.push_str(if machine.internet { "; it reaches the internet" } else { "; it does not reach the internet" });
    text
}

/// That combinations are left out, when there are too many.
fn unshown(account: &Account) -> Option<&'static str> {
    let open = account.adjustments.iter().filter(|one| matches!(one.answer, Answer::Unknown { .. })).count();
    (account.variants.len() == open && open > 1)
        .then_some("several of these may apply at once, in this order; each is shown alone")
}

#[derive(Default)]
struct Page {
    out: String,
}

impl Page {
    /// A line of the first part; nothing is said of what is empty.
    fn field(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.out.push_str(&format!("  {label:LABEL$} {}\n", one_line(text, 1000)));
        }
    }

    fn fields(&mut self, label: &str, texts: &[String]) {
        for (at, text) in texts.iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            let indented = text.len() - text.trim_start().len();
            self.out.push_str(&format!("  {label:LABEL$} {:indented$}{}\n", "", one_line(text, 1000)));
        }
    }

    fn section(&mut self, heading: &str, lines: &[Line]) {
        if lines.is_empty() {
            return;
        }
        self.out.push_str(&format!("  {heading}\n"));
        for line in lines {
            self.line("", line);
        }
    }

    fn line(&mut self, sign: &str, line: &Line) {
        self.out.push_str(&format!("    {sign}{}  [{}]\n", one_line(&line.text, 1000), one_line(&line.at, 300)));
    }

    fn adjustment(&mut self, adjustment: &Adjusting, account: &Account) {
        let text = format!("otherwise when {}{}", adjustment.when, because(adjustment.because.as_deref()));
        self.out.push_str(&format!("  {}\n", one_line(&text, 1000)));
        if let Some(image) = &account.image {
            let answer = answered(&adjustment.answer, image, "it applies, and is in what is expected above");
            self.out.push_str(&format!("    {}\n", one_line(&answer, 400)));
        }
        for change in &adjustment.changes {
            self.line("", change);
        }
    }

    /// How a variant differs from the test as it is without any open adjustment.
    fn variant(&mut self, variant: &Variant, account: &Account) {
        let conditions: Vec<String> = variant.conditions.iter().map(|condition| format!("`{condition}`")).collect();
        let text = format!("if {} holds, in place of the above", conditions.join(" and "));
        self.out.push_str(&format!("  {}\n", one_line(&text, 1000)));
        for line in account.expect.iter().filter(|line| !said(&variant.expect, line)) {
            self.line("- ", line);
        }
        for line in variant.expect.iter().filter(|line| !said(&account.expect, line)) {
            self.line("+ ", line);
        }
        if variant.timeout != account.timeout {
            self.out.push_str(&format!("    - time {}\n    + time {}\n", account.timeout, variant.timeout));
        }
        if variant.nothing_left {
            self.out.push_str(NOTHING_LEFT);
        }
        let of_checks = |one: &&Command| one.of.starts_with("check ");
        for command in account.commands.iter().filter(of_checks).filter(|one| !variant.commands.contains(one)) {
            self.command("- ", command);
        }
        for command in variant.commands.iter().filter(|one| !account.commands.contains(one)) {
            self.command("+ ", command);
        }
    }

    fn commands(&mut self, heading: &str, commands: &[Command]) {
        if commands.is_empty() {
            return;
        }
        self.out.push_str(&format!("  {heading}\n"));
        for command in commands {
            self.command("", command);
        }
    }

    fn command(&mut self, sign: &str, command: &Command) {
        let timeout = command.timeout.as_ref().map(|limit| format!(", at most {limit}")).unwrap_or_default();
        let only_if = command.only_if.as_ref().map(|words| format!(", if {words}")).unwrap_or_default();
        let of = one_line(&command.of, 200);
        self.out.push_str(&format!("    {sign}[{of}{timeout}{only_if}]\n"));
        for line in escape(&command.script).lines() {
            self.out.push_str(&format!("      {line}\n"));
        }
    }
}

/// Whether the same is expected, wherever it stands.
fn said(lines: &[Line], wanted: &Line) -> bool {
    lines.iter().any(|line| line.text == wanted.text)
}
