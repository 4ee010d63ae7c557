//! A suite file and its tests.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sha2::Digest as _;

use super::super::diagnostic::codes;
use super::super::keys::{BASE_CHECKS, DEFAULTS, IMAGES, SUITE};
use super::super::matrix_kernel::MatrixKernel;
use super::super::model::{BaseCheck, GuestMode, Suite, When};
use super::super::yaml::{self, Node};
use super::conditions::condition;
use super::context::Context;
use super::duration::duration;
use super::matrix::{self, Cell};
use super::schema::schema;
use super::scope::Scope;
use super::step_scope::StepScope;
use super::steps::steps;
use super::test::{guest, optional_line, retry, tags, tests};
use super::{include, machines, needs, vars};

/// The time-out of a test when neither it nor the suite states one.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The suite of a file; `None` when it lacks what makes it one. What is wrong is reported.
pub(super) fn suite(cx: &mut Context<'_>, root: &Node, files: &mut include::Files) -> Option<Suite> {
    if !schema(cx, root, "suite/v1") {
        return None;
    }
    let fields = cx.fields(root, &SUITE)?;
    let mut used = vars::used(root);
    if let Some(node) = fields.get("vars") {
        // Included files have variables of their own, so what they use is no use of these.
        vars::vars(cx, node, &used, &BTreeMap::new());
    }
    let included = fields.get("include").map_or(Vec::new(), |node| include::include(cx, node, files));
    included.iter().for_each(|file| used.extend(vars::used(&file.root)));
    let name = fields.get("suite").and_then(|node| cx.id(node, "suite"));
    let summary = optional_line(cx, &fields, "summary");
    let tags = tags(cx, &fields);
    let images = fields.get("images").and_then(|node| {
        let fields = cx.fields(node, &IMAGES)?;
        let (_, node) = fields.entry("where")?;
        let condition = condition(cx, node, "where")?;
        let because = fields.get("because").and_then(|node| cx.line(node, "because")).map(|text| text.text);
        Some(When { condition, because, location: cx.location(node.span) })
    });
    let defaults = fields.get("defaults").map_or(Defaults::default(), |node| defaults(cx, node));
    let base_checks = fields.get("base-checks").map_or(BTreeMap::new(), |node| base_checks(cx, node));
    let setup = fields.get("setup").map_or(Vec::new(), |node| steps(cx, node, "setup", StepScope::Around));
    let teardown = fields.get("teardown").map_or(Vec::new(), |node| steps(cx, node, "teardown", StepScope::Around));
    if !fields.has("tests") && !fields.has("include") {
        let problem = cx.problem(codes::MISSING_KEY, root.span, "a suite needs the key `tests`, or `include`");
        cx.report(problem);
    }
    let cells = match fields.get("matrix") {
        Some(node) => matrix::cells(cx, node, |name| used.contains(name)),
        None => vec![Cell::default()],
    };
    // Files decide what is found as the suite's own text does.
    let kernels = cells.iter().filter_map(|cell| cell.overrides.kernel.as_ref());
    for file in kernels.flat_map(MatrixKernel::files) {
        files.digest.update(&file.sha256);
        files.paths.push(file.path.clone());
    }
    let given: Vec<_> = included.iter().map(|file| include::given(cx, file)).collect();
    let mut all = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let lists = fields.get("tests").into_iter().chain(included.iter().filter_map(|file| file.root.get("tests")));
        if at > 0 {
            let vars: usize = given.iter().map(|(vars, _)| vars.len()).sum();
            if !cx.may_repeat(vars + lists.map(Node::nodes).sum::<usize>(), root.span) {
                break;
            }
            cx.next_pass();
        }
        for (name, value) in &cell.values {
            cx.vars.insert(format!("matrix.{name}"), value.clone());
        }
        let mut scope = Scope {
            tags: &tags,
            images: images.as_ref(),
            timeout: defaults.timeout.unwrap_or(TIMEOUT),
            retry: defaults.retry.unwrap_or(0),
            cell,
            prefix: String::new(),
        };
        let mut ids = HashMap::new();
        let mut drafts = fields.get("tests").map_or(Vec::new(), |node| tests(cx, node, &scope, &mut ids));
        for (file, given) in included.iter().zip(&given) {
            scope.prefix = format!("{}.", file.prefix);
            drafts.extend(include::tests(cx, file, given, &scope, &mut ids));
        }
        needs::check(cx, &mut drafts, defaults.guest);
        all.extend(drafts.into_iter().map(|draft| draft.test));
    }
    if let Some(node) = fields.get("setup") {
        machines::stay_connected(cx, node, &setup, &all);
    }
    for problem in cx.feasible.take() {
        cx.report(problem);
    }
    Some(Suite {
        name: name?.text,
        file: cx.file.clone(),
        summary,
        tags,
        images,
        base_checks,
        setup,
        teardown,
        tests: all,
        accepted: None,
        digest: String::new(),
        parts: Vec::new(),
    })
}

/// `defaults:`.
#[derive(Default)]
struct Defaults {
    timeout: Option<Duration>,
    guest: Option<GuestMode>,
    retry: Option<u32>,
}

fn defaults(cx: &mut Context<'_>, node: &Node) -> Defaults {
    let Some(fields) = cx.fields(node, &DEFAULTS) else { return Defaults::default() };
    Defaults {
        timeout: fields.get("timeout").and_then(|node| duration(cx, node, "timeout")),
        guest: fields.get("guest").and_then(|node| guest(cx, node)),
        retry: fields.get("retry").and_then(|node| retry(cx, node)),
    }
}

fn base_checks(cx: &mut Context<'_>, node: &Node) -> BTreeMap<String, BaseCheck> {
    let mut out = BTreeMap::new();
    let yaml::NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`base-checks`", "a mapping");
        cx.report(problem);
        return out;
    };
    if entries.is_empty() {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`base-checks` is an empty mapping");
        cx.report(problem);
    }
    let known: Vec<&str> = BASE_CHECKS.iter().map(|(name, _)| *name).collect();
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if !known.contains(&name) {
            cx.unknown_key(key, name, "`base-checks`", &known);
            continue;
        }
        let treated = match cx.keyword(value, name, &["fail", "info", "off"]) {
            Some("fail") => BaseCheck::Fail,
            Some("info") => BaseCheck::Info,
            Some(_) => BaseCheck::Off,
            None => continue,
        };
        out.insert(name.to_owned(), treated);
    }
    out
}
