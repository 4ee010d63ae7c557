//! Proofs (`schema: proofs/v1`): for each test a change of the guest after which it must fail, and in
//! which way. A test that nothing can make fail shows nothing when it passes.

use camino::Utf8PathBuf;

use super::decode::{Context, Patterns, StepScope, schema, steps};
use super::diagnostic::{Diagnostics, codes, did_you_mean};
use super::keys::{PROOF, PROOFS};
use super::model::{Step, Suite, Test, TestMachine};
use super::select::NameGlob;
use super::source::{self, SourceFile};
use super::value::ValueError;
use super::vocabulary::Vocabulary;
use super::yaml::{self, Limits, Node};
use muster_base::failure::{self, Location};

/// Most entries of one file.
const MOST: usize = 2000;

/// How some tests are shown to be able to fail.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The tests.
    pub tests: NameGlob,
    /// The change, or why there can be none.
    pub kind: ProofKind,
    /// Where it stands.
    pub location: Location,
}

/// A change of the guest, or why there is none.
#[derive(Debug, Clone)]
pub enum ProofKind {
    /// A change after which the tests must fail.
    Mutation {
        /// Steps before the test's own.
        before: Vec<Step>,
        /// Steps after the test's own, before what it expects.
        after: Vec<Step>,
        /// Failure ids, one of which must be among those of the failure.
        fails: Vec<String>,
    },
    /// The tests cannot be made to fail by a change of the guest.
    Unprovable {
        /// Why.
        because: String,
    },
}

impl Proof {
    /// Whether it is about a test.
    pub fn is_about(&self, suite: &str, test: &str) -> bool {
        self.tests.matches(suite, test)
    }
}

/// Decodes the proofs among the files that the paths mean, and holds them against all suites that
/// were loaded. In a directory, files of other schemas are passed over.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, suites: &[Suite]) -> (Vec<Proof>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let out =
        source::read_documents(paths, &mut sink, |source, bytes, sink| decode(source, bytes, vocabulary, suites, sink));
    sink.settle();
    (out, sink)
}

/// Decodes one text.
pub fn decode_source(
    name: &str,
    text: &str,
    vocabulary: &Vocabulary<'_>,
    suites: &[Suite],
) -> (Vec<Proof>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let source = SourceFile { path: name.into(), name: name.into(), found: false };
    let out = decode(&source, text.as_bytes(), vocabulary, suites, &mut sink);
    sink.settle();
    (out, sink)
}

fn decode(
    source: &SourceFile,
    bytes: &[u8],
    vocabulary: &Vocabulary<'_>,
    suites: &[Suite],
    sink: &mut Diagnostics,
) -> Vec<Proof> {
    let name = &source.name;
    let before = sink.len();
    let root = yaml::text_of(name, bytes, Limits::default(), sink)
        .and_then(|text| yaml::parse(name, text, Limits::default(), sink));
    let proofs = root.map(|root| {
        let mut patterns = Patterns::new();
        let mut cx = Context::new(name.clone(), vocabulary, &mut patterns, sink);
        cx.dir = source.path.parent().map(camino::Utf8Path::to_owned);
        proofs(&mut cx, &root, suites)
    });
    if sink.len() > before {
        sink.add_source(name, String::from_utf8_lossy(bytes).as_ref());
        return Vec::new();
    }
    proofs.unwrap_or_default()
}

fn proofs(cx: &mut Context<'_>, root: &Node, suites: &[Suite]) -> Vec<Proof> {
    if !schema(cx, root, "proofs/v1") {
        return Vec::new();
    }
    let Some(fields) = cx.fields(root, &PROOFS) else { return Vec::new() };
    let Some(items) = fields.get("proofs").and_then(|node| cx.items(node, "proofs")) else { return Vec::new() };
    if items.len() > MOST {
        let problem = cx.problem(codes::TOO_MANY, root.span, format!("the file has more than {MOST} proofs"));
        cx.report(problem);
        return Vec::new();
    }
    items.iter().filter_map(|item| proof(cx, item, suites)).collect()
}

fn proof(cx: &mut Context<'_>, node: &Node, suites: &[Suite]) -> Option<Proof> {
    let fields = cx.fields(node, &PROOF)?;
    let tests = fields.get("tests").and_then(|node| {
        let glob = cx.parsed(node, "tests", |text| {
            NameGlob::parse(text).map_err(|error| ValueError::Invalid(error.to_string()))
        })?;
        if !suites.iter().any(|suite| suite.tests.iter().any(|test| glob.matches(&suite.name, &test.id))) {
            let mut problem =
                cx.problem(codes::UNKNOWN_TEST, node.span, format!("no test matches `{}`", glob.as_str()));
            if let Some(near) = glob.suggestion(suites) {
                problem = problem.label(format!("did you mean `{near}`?"));
            }
            cx.report(problem.help("a proof of a test that is gone must go too"));
            return None;
        }
        Some(glob)
    });
    let machines = tests.as_ref().map_or(Ok(&[] as &[_]), |glob| machines_of(glob, suites));
    let machines = match machines {
        Ok(machines) => machines,
        Err((one, other)) => {
            let message = format!("`{one}` and `{other}` have not the same machines");
            let span = fields.get("tests").map_or(fields.span, |node| node.span);
            let problem = cx.problem(codes::UNKNOWN_MACHINE, span, message);
            cx.report(problem.help("write a proof for each"));
            return None;
        }
    };
    let place = StepScope::Test(machines);
    let mut list = |name: &str| fields.get(name).map_or(Vec::new(), |node| steps(cx, node, name, place));
    let (before, after) = (list("steps"), list("then"));
    let fails = fields.get("fails").map_or(Vec::new(), |node| fails(cx, node));
    let unprovable = fields.get("unprovable").and_then(|node| cx.line(node, "unprovable"));
    let mutates = fields.get("steps").is_some() || fields.get("then").is_some();
    let kind = match unprovable {
        Some(because) if !mutates && fields.get("fails").is_none() => ProofKind::Unprovable { because: because.text },
        Some(_) => {
            let message = "a test that cannot be proven has no steps and no failure";
            let problem = cx.problem(codes::CONTRADICTION, fields.span, message);
            cx.report(problem.help("remove `unprovable`, or all of `steps`, `then` and `fails`"));
            return None;
        }
        None if mutates && fields.get("fails").is_some() => ProofKind::Mutation { before, after, fails },
        None if ["fails", "steps", "then", "unprovable"].iter().any(|name| fields.meant(name)) => return None,
        None => {
            let message = "a proof needs a change and the failure it leads to";
            let problem = cx.problem(codes::MISSING_KEY, fields.span, message);
            cx.report(problem.help("give it `fails`, and `steps` or `then`; or say `unprovable` with the reason"));
            return None;
        }
    };
    Some(Proof { tests: tests?, kind, location: cx.location(node.span) })
}

/// The machines of the tests that a proof is about, or two of these tests that have not the same.
fn machines_of<'s>(glob: &NameGlob, suites: &'s [Suite]) -> Result<&'s [TestMachine], (String, String)> {
    let tests = suites.iter().flat_map(|suite| suite.tests.iter().map(move |test| (suite, test)));
    let mut meant = tests.filter(|(suite, test)| glob.matches(&suite.name, &test.id));
    let Some((suite, first)) = meant.next() else { return Ok(&[]) };
    let name = |suite: &Suite, test: &Test| format!("{}/{}", suite.name, test.id);
    match meant.find(|(_, test)| test.machine_names() != first.machine_names()) {
        Some((other, test)) => Err((name(suite, first), name(other, test))),
        None => Ok(&first.machines),
    }
}

/// Failure ids that exist.
fn fails(cx: &mut Context<'_>, node: &Node) -> Vec<String> {
    let Some(items) = cx.items(node, "fails") else { return Vec::new() };
    let mut out = Vec::new();
    for item in items {
        let Some(text) = cx.line(item, "fails") else { continue };
        let known = failure_ids(cx.vocabulary);
        let exists = known.contains(&text.text) || text.text.starts_with("console.");
        if !exists {
            let shown = muster_base::text::one_line(&text.text, 60);
            let mut problem = cx.problem(codes::BAD_VALUE, text.span, format!("no failure has the id `{shown}`"));
            if let Some(near) = did_you_mean(&text.text, known.iter().map(String::as_str)) {
                problem = problem.label(format!("did you mean `{near}`?"));
            }
            cx.report(problem.help("`muster failures` lists them; those of checks are `<check type>.<attribute>`"));
            continue;
        }
        out.push(text.text);
    }
    out
}

/// Every failure id but those of console rules: of the table, and `<check type>.<attribute>`.
pub fn failure_ids(vocabulary: &Vocabulary<'_>) -> Vec<String> {
    let of_checks = vocabulary
        .tables
        .iter()
        .flat_map(|table| table.attributes.iter().map(move |attribute| format!("{}.{}", table.name, attribute.name)));
    of_checks.chain(failure::TABLE.iter().map(|row| row.id.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::VOCABULARY;
    use super::*;

    fn decoded(text: &str) -> (Vec<Proof>, String) {
        let suite =
            "schema: suite/v1\nsuite: s\ntests:\n- {id: a, expect: {kernel: {taint: 0}}}\n- {id: b, steps: [run: x]}\n";
        let suites = vec![super::super::decode_source("s.yaml", suite, &VOCABULARY).0.unwrap()];
        let (proofs, problems) = decode_source("p.yaml", text, &VOCABULARY, &suites);
        (proofs, problems.render(false))
    }

    #[test]
    fn a_change_with_its_failure_or_a_reason_why_there_is_none() {
        let text = "schema: proofs/v1\nproofs:\n- tests: s/a\n  steps: [run: modprobe evil]\n  fails: [kernel.taint]\n- {tests: s/b, unprovable: it only shows that the machine is up}\n";
        let (proofs, problems) = decoded(text);
        assert_eq!(problems, "");
        assert!(proofs[0].is_about("s", "a") && !proofs[0].is_about("s", "b"));
        assert!(
            matches!(&proofs[0].kind, ProofKind::Mutation { before, fails, .. } if before.len() == 1 && fails == &["kernel.taint"])
        );
        assert!(matches!(&proofs[1].kind, ProofKind::Unprovable { because } if because.starts_with("it only")));
    }

    #[test]
    fn what_proves_nothing_is_refused() {
        for (entry, part) in [
            ("{tests: s/c, steps: [run: x], fails: [kernel.taint]}", "no test matches `s/c`"),
            ("{tests: s/a, steps: [run: x]}", "a proof needs a change and the failure it leads to"),
            ("{tests: s/a, fails: [kernel.taint]}", "a proof needs a change and the failure it leads to"),
            ("{tests: s/a, steps: [run: x], fails: [kernel.tiant]}", "did you mean `kernel.taint`?"),
            ("{tests: s/a, unprovable: why, fails: [kernel.taint]}", "a test that cannot be proven has no steps"),
        ] {
            let (proofs, problems) = decoded(&format!("schema: proofs/v1\nproofs:\n- {entry}\n"));
            assert!(proofs.is_empty() && problems.contains(part), "{entry}: {problems}");
        }
    }
}
