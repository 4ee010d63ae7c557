//! `machines:` of a test that has several, and what follows from them: `on` of each step, `expect` by machine.

use super::context::Context;
use super::context::fields::Fields;
use super::expect::expect as clauses;
use super::expectation::entries;
use super::step_scope::StepScope;
use crate::clause::{Clause, OnMachine, expectations};
use crate::diagnostic::{Span, codes, did_you_mean};
use crate::model::{Action, GuestMode, MOST_MACHINES, Step, Test, TestMachine};
use crate::yaml::{Node, NodeKind};

/// Longest name of one, in characters.
const LONGEST: usize = 32;

/// What a machine may be called, for messages.
const NAME_FORM: &str = "lower-case letters, digits and `-`, begins with a letter and does not end with `-`";

/// The machines of a test; none when one of them is wrong, which is reported.
pub(super) fn machines(cx: &mut Context<'_>, node: &Node) -> Vec<TestMachine> {
    let problems = cx.problems();
    let Some(entries) = entries(cx, node, "`machines`", "a mapping from names to `{}`") else { return Vec::new() };
    let mut out = Vec::with_capacity(entries.len().min(MOST_MACHINES));
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if !is_name(name) {
            let shown = muster_base::text::one_line(name, 60);
            let problem = cx.problem(codes::BAD_ID, key.span, format!("a machine cannot be called `{shown}`"));
            let note =
                format!("its name is its host name for the others: {NAME_FORM}, and has at most {LONGEST} characters");
            cx.report(problem.note(note));
        }
        of_machine(cx, value);
        out.push(TestMachine { name: name.to_owned(), location: cx.location(key.span) });
    }
    if out.len() < 2 || out.len() > MOST_MACHINES {
        let message = format!("a test has 2 to {MOST_MACHINES} machines, this one {}", out.len());
        let code = if out.len() < 2 { codes::NO_EFFECT } else { codes::TOO_MANY };
        let problem = cx.problem(code, node.span, message);
        let help = if out.len() < 2 { "without `machines` a test has one" } else { "write several tests" };
        cx.report(problem.help(help));
    }
    if cx.problems() > problems { Vec::new() } else { out }
}

/// What is said of a machine: nothing yet, since all are of the image that is tested.
fn of_machine(cx: &mut Context<'_>, node: &Node) {
    let NodeKind::Mapping(keys) = &node.kind else {
        let problem = cx.wrong_shape(node, "a machine", "an empty mapping, `{}`");
        cx.report(problem);
        return;
    };
    for (key, _) in keys {
        let name = key.scalar().unwrap_or_default();
        let shown = muster_base::text::one_line(name, 60);
        let problem = if name == "image" {
            let message =
                "a machine of another image is not supported: all machines of a test are of the image that is tested";
            cx.problem(codes::NOT_YET, key.span, message)
        } else {
            cx.problem(codes::UNKNOWN_KEY, key.span, format!("`{shown}` is not a key of a machine, which has none"))
        };
        cx.report(problem.help("write `{}`; a `matrix` gives all machines of a test another shape"));
    }
}

/// Whether a machine may be called so: it becomes a host name, and what is local stays so.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(fits)
        && text != "localhost"
}

/// On which machine a step runs. An error when it does not say so as it must, which is reported.
pub(super) fn of_step(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    place: StepScope<'_>,
    takes_one: bool,
) -> Result<Option<String>, ()> {
    let machines = match place {
        StepScope::Test(machines) => machines,
        StepScope::Around => &[],
    };
    match fields.entry("on") {
        None if machines.is_empty() || !takes_one => Ok(None),
        None => {
            let message = "this step does not say on which machine it runs";
            let problem = cx.problem(codes::UNKNOWN_MACHINE, fields.span, message);
            let problem = problem.note(format!("machines: {}", names(machines)));
            cx.report(problem.help(format!("add `on: {}`, or another of them", machines[0].name)));
            Err(())
        }
        Some((key, node)) if machines.is_empty() => {
            let (message, help) = match place {
                StepScope::Test(_) => (
                    "`on` names one of several machines, and this test has no `machines`",
                    "remove `on`, or give the test `machines`",
                ),
                StepScope::Around => {
                    ("steps around tests run on every machine", "remove `on`, or make it a step of a test")
                }
            };
            let span = if matches!(place, StepScope::Around) { key.span } else { node.span };
            let problem = cx.problem(codes::UNKNOWN_MACHINE, span, message);
            cx.report(problem.help(help));
            Err(())
        }
        Some((_, node)) => {
            let text = cx.line(node, "on").ok_or(())?;
            if machines.iter().any(|machine| machine.name == text.text) {
                return Ok(Some(text.text));
            }
            unknown(cx, text.span, &text.text, machines);
            Err(())
        }
    }
}

/// `expect` of a test with several machines: a mapping from their names.
pub(super) fn expect(cx: &mut Context<'_>, node: &Node, machines: &[TestMachine]) -> Vec<Clause> {
    let wanted = "a mapping from machines of the test to what is expected of each";
    let Some(entries) = entries(cx, node, "`expect`", wanted) else { return Vec::new() };
    let mut out = Vec::new();
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if !machines.iter().any(|machine| machine.name == name) {
            unknown(cx, key.span, name, machines);
            continue;
        }
        let problems = cx.problems();
        let of_machine = clauses(cx, value);
        if cx.problems() == problems
            && let Some(boot) = expectations(&of_machine).iter().find(|one| one.check == "boot")
        {
            let span = Span { line: boot.location.line, column: boot.location.column, ..key.span };
            let message = "`boot` measures one machine, and this test has several";
            let problem = cx.problem(codes::NOT_YET, span, message);
            cx.report(problem.help("write a test of its own for it"));
        }
        let location = cx.location(key.span);
        out.push(Clause::On(OnMachine { machine: name.to_owned(), clauses: of_machine, location }));
    }
    out
}

/// Reports a name that no machine of the test has.
fn unknown(cx: &mut Context<'_>, span: Span, name: &str, machines: &[TestMachine]) {
    let shown = muster_base::text::one_line(name, 60);
    let mut problem = cx
        .problem(codes::UNKNOWN_MACHINE, span, format!("the test has no machine `{shown}`"))
        .note(format!("machines: {}", names(machines)));
    if let Some(near) = did_you_mean(name, machines.iter().map(|machine| machine.name.as_str())) {
        problem = problem.label(format!("did you mean `{near}`?"));
    }
    if cx.vocabulary.table(name).is_some() {
        problem = problem
            .help(format!("with `machines`, `expect` begins with a machine: `{}: {{{shown}: …}}`", machines[0].name));
    }
    cx.report(problem);
}

/// Reports a reboot before tests with several machines: they are connected before it, and would not be after it.
pub(super) fn stay_connected(cx: &mut Context<'_>, node: &Node, setup: &[Step], tests: &[Test]) {
    let reboot = setup.iter().find(|step| matches!(step.action, Action::Reboot(_)));
    if let (Some(step), Some(test)) = (reboot, tests.iter().find(|test| !test.machines.is_empty())) {
        let span = Span { line: step.location.line, column: step.location.column, ..node.span };
        let message =
            format!("`reboot` in `setup` is not supported where a test has several machines, as {} has", test.id);
        let problem = cx.problem(codes::NOT_YET, span, message);
        cx.report(problem.help("make it a step of the test, or put the test into a suite of its own"));
    }
}

/// Reports what a test with several machines cannot have.
pub(super) fn refused(cx: &mut Context<'_>, fields: &Fields<'_>, test: &Test) {
    let mut report = |span: Span, message: &str, help: &str| {
        let problem = cx.problem(codes::NOT_YET, span, message);
        cx.report(problem.help(help));
    };
    if let Some((key, _)) = fields.entry("snapshots") {
        report(
            key.span,
            "`snapshots` are of one machine, and this test has several",
            "write a test of its own for them",
        );
    }
    if let Some(NodeKind::Sequence(items)) = fields.get("adjust").map(|node| &node.kind) {
        for node in items.iter().filter_map(|item| item.get("expect")) {
            let help = "write two tests, each with its `when`";
            report(node.span, "what is expected of several machines cannot be adjusted", help);
        }
    }
    if let Some(node) = fields.get("guest").filter(|_| test.guest == GuestMode::Shared) {
        let problem = cx.problem(
            codes::BAD_VALUE,
            node.span,
            "`guest` cannot be `shared`: several machines are of this test alone",
        );
        cx.report(problem.help("remove it, or make it `fresh`"));
    }
}

fn names(machines: &[TestMachine]) -> String {
    machines.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::VOCABULARY;
    use super::super::decode_source;
    use super::*;
    use crate::model::Suite;

    fn decode(body: &str) -> (Option<Suite>, String) {
        let text = format!("schema: suite/v1\nsuite: s\ntests:\n- id: t\n{body}");
        let (suite, problems) = decode_source("s.yaml", &text, &VOCABULARY);
        (suite, problems.render(false))
    }

    const TWO: &str = "  machines: {server: {}, client: {}}\n";

    #[test]
    fn steps_and_expectations_are_of_a_machine() {
        let body = format!(
            "{TWO}  steps:\n  - {{run: serve, on: server}}\n  - wait: 1s\n  - {{run: fetch, on: client}}\n  expect:\n    client: {{file: {{/tmp/a: present}}}}\n    server: {{kernel: {{taint: 0}}, file: {{/tmp/b: present}}}}\n"
        );
        let (suite, problems) = decode(&body);
        assert_eq!(problems, "");
        let test = &suite.unwrap().tests[0];
        assert_eq!(test.machine_names(), ["server", "client"]);
        assert_eq!(test.guest, GuestMode::Clone);
        let on: Vec<Option<&str>> = test.steps.iter().map(|step| step.on.as_deref()).collect();
        assert_eq!(on, [Some("server"), None, Some("client")]);
        let count = |machine| expectations(test.expected_of(machine)).len();
        assert_eq!((count("server"), count("client"), count("other")), (2, 1, 0));
        // Whoever looks at everything that is expected sees what is expected of each.
        assert_eq!(expectations(&test.expect).len(), 3);
        assert_eq!(test.assertions(), 3 + 2, "the steps' exit status too");
    }

    #[test]
    fn a_test_that_only_looks_at_its_machines_has_them_for_itself() {
        let (suite, problems) = decode(&format!("{TWO}  expect: {{server: {{kernel: {{taint: 0}}}}}}\n"));
        assert_eq!((suite.unwrap().tests[0].guest, problems.as_str()), (GuestMode::Clone, ""));
    }

    #[test]
    fn what_a_test_with_machines_must_say_and_may_not() {
        let step = "  steps: [{run: x, on: server}]\n";
        for (body, code, part) in [
            (format!("{TWO}  steps: [{{run: x}}]\n"), "unknown-machine", "add `on: server`"),
            (format!("{TWO}  steps: [{{run: x, on: sever}}]\n"), "unknown-machine", "did you mean `server`?"),
            (
                format!("{TWO}  steps: [{{wait: 1s, on: server}}]\n"),
                "unknown-key",
                "`on` is not a key of a `wait` step",
            ),
            ("  steps: [{run: x, on: server}]\n".to_owned(), "unknown-machine", "this test has no `machines`"),
            (format!("{TWO}{step}  expect: {{kernel: {{taint: 0}}}}\n"), "unknown-machine", "`server: {kernel: …}`"),
            (
                format!("{TWO}{step}  expect: {{clint: {{kernel: {{taint: 0}}}}}}\n"),
                "unknown-machine",
                "did you mean `client`?",
            ),
            (format!("  machines: {{server: {{}}}}\n{step}"), "no-effect", "2 to 8 machines, this one 1"),
            (
                format!("  machines: {{server: {{image: lab}}, client: {{}}}}\n{step}"),
                "not-yet",
                "of the image that is tested",
            ),
            (format!("  machines: {{server: {{cpus: 2}}, client: {{}}}}\n{step}"), "unknown-key", "which has none"),
            (format!("  machines: {{server: , client: {{}}}}\n{step}"), "empty-value", "a machine is empty"),
            (format!("  machines: {{Server: {{}}, client: {{}}}}\n{step}"), "bad-id", "cannot be called `Server`"),
            (
                format!("  machines: {{localhost: {{}}, client: {{}}}}\n{step}"),
                "bad-id",
                "cannot be called `localhost`",
            ),
            (format!("{TWO}{step}  guest: shared\n"), "bad-value", "of this test alone"),
            (
                format!("{TWO}{step}  snapshots: [{{name: f, of: sysctl}}]\n"),
                "not-yet",
                "`snapshots` are of one machine",
            ),
            (
                format!(
                    "{TWO}{step}  expect: {{server: {{kernel: {{taint: 0}}}}}}\n  adjust: [{{when: arch == aarch64, because: w, expect: {{kernel: null}}}}]\n"
                ),
                "not-yet",
                "cannot be adjusted",
            ),
            (format!("{TWO}  guest: fresh\n  steps: [{{boot-samples: 2}}]\n"), "not-yet", "measures one machine"),
        ] {
            let (suite, problems) = decode(&body);
            assert!(suite.is_none() && problems.contains(part), "{body}: {problems}");
            assert!(problems.contains(&format!("[{code}]")), "{body}: {problems}");
            assert!(problems.contains("s.yaml:") && problems.contains('^'), "{body}: {problems}");
        }
    }

    #[test]
    fn steps_around_tests_run_everywhere() {
        let text = "schema: suite/v1\nsuite: s\nsetup: [{run: x, on: server}]\ntests:\n- {id: t, expect: {kernel: {taint: 0}}}\n";
        let (suite, problems) = decode_source("s.yaml", text, &VOCABULARY);
        let problems = problems.render(false);
        assert!(suite.is_none() && problems.contains("run on every machine"), "{problems}");
        let reboots = |machines: &str| {
            let text = format!("schema: suite/v1\nsuite: s\nsetup: [{{reboot: soft}}]\ntests:\n- id: t\n{machines}");
            decode_source("s.yaml", &text, &VOCABULARY).1.render(false)
        };
        assert_eq!(reboots("  expect: {kernel: {taint: 0}}\n"), "");
        let problems = reboots("  machines: {server: {}, client: {}}\n  expect: {server: {kernel: {taint: 0}}}\n");
        assert!(problems.contains("[not-yet]") && problems.contains("s.yaml:3:"), "{problems}");
    }

    #[test]
    fn tests_that_need_each_other_have_the_same_machines() {
        let chain = |second: &str| {
            decode(&format!("{TWO}  steps: [{{run: x, on: server}}]\n- id: u\n  needs: [t]\n{second}")).1
        };
        assert_eq!(chain(&format!("{TWO}  steps: [{{run: x, on: client}}]\n")), "");
        for second in ["  steps: [run: x]\n", "  machines: {client: {}, server: {}}\n  steps: [{run: x, on: client}]\n"]
        {
            let problems = chain(second);
            assert!(problems.contains("[need-across-guests]"), "{problems}");
            assert!(problems.contains("that one has server, client"), "{problems}");
        }
    }
}
