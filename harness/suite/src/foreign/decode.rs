//! From files and suites to lists.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::keys::{CHECK, FILE, REASONS, SCHEMA};
use super::model::{Check, List, Reason};
use crate::decode::{Context, Fields, Patterns, is_id, root_for, schema};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes, did_you_mean};
use crate::model::{Cover, Suite};
use crate::source::{self, SourceFile};
use crate::value::ValueError;
use crate::vocabulary::Vocabulary;
use crate::yaml::{Limits, Node};
use muster_base::failure::Location;

/// Most checks of one file.
const MOST: usize = 2000;

/// Decodes the lists among the files that the paths mean (a directory: its `*.yaml` files, of which those
/// of other schemas are passed over), and holds them against all suites that were loaded.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, suites: &[Suite]) -> (Vec<List>, Diagnostics) {
    let (mut decoder, mut sink) = decoded(paths, vocabulary);
    decoder.compared_with(suites, &mut sink);
    sink.settle();
    (decoder.lists(), sink)
}

/// The same without what the suites say, for when these cannot be read: only what the lists themselves have wrong.
pub fn load_alone(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>) -> (Vec<List>, Diagnostics) {
    let (decoder, mut sink) = decoded(paths, vocabulary);
    sink.settle();
    (decoder.lists(), sink)
}

fn decoded<'v>(paths: &[Utf8PathBuf], vocabulary: &'v Vocabulary<'v>) -> (Decoder<'v>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let mut decoder = Decoder::new(vocabulary);
    let sources = source::find(paths, &mut sink);
    source::read_each(&sources, &mut sink, |source, bytes, sink| decoder.decode(source, bytes, sink));
    (decoder, sink)
}

/// Decodes one text.
pub fn decode_source(
    name: &str,
    text: &str,
    vocabulary: &Vocabulary<'_>,
    suites: &[Suite],
) -> (Vec<List>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let mut decoder = Decoder::new(vocabulary);
    let source = SourceFile { path: name.into(), name: name.into(), found: false };
    decoder.decode(&source, text.as_bytes(), &mut sink);
    decoder.compared_with(suites, &mut sink);
    sink.settle();
    (decoder.lists(), sink)
}

/// Lists while they are read, and where each tool and check was first named.
struct Decoder<'v> {
    vocabulary: &'v Vocabulary<'v>,
    /// Each with the name of its file.
    lists: Vec<(Arc<str>, List)>,
    tools: HashMap<String, Location>,
}

impl<'v> Decoder<'v> {
    fn new(vocabulary: &'v Vocabulary<'v>) -> Self {
        Self { vocabulary, lists: Vec::new(), tools: HashMap::new() }
    }

    fn lists(self) -> Vec<List> {
        self.lists.into_iter().map(|(_, list)| list).collect()
    }

    fn decode(&mut self, source: &SourceFile, bytes: &[u8], sink: &mut Diagnostics) {
        let name = &source.name;
        let Some(root) = root_for(SCHEMA, name, bytes, source.found, sink) else { return };
        let mut patterns = Patterns::new();
        let mut cx = Context::new(name.clone(), self.vocabulary, &mut patterns, sink);
        if let Some(list) = list(&mut cx, &root, &mut self.tools) {
            self.lists.push((name.clone(), list));
        }
    }

    /// Finds the tests of each check, and what is claimed or left out wrongly. A list with an error of
    /// its own would only lead to others, so it must be fixed first.
    fn compared_with(&mut self, suites: &[Suite], sink: &mut Diagnostics) {
        if !sink.is_empty() {
            return;
        }
        for suite in suites {
            for test in &suite.tests {
                let name = format!("{}/{}", suite.name, test.base_id());
                for cover in &test.covers {
                    self.claimed(cover, &name, sink);
                }
            }
        }
        for (file, list) in &self.lists {
            list.checks.iter().filter_map(|check| contradiction(file, &list.tool, check)).for_each(|p| sink.push(p));
        }
    }

    /// One entry of a `covers:`.
    fn claimed(&mut self, cover: &Cover, test: &str, sink: &mut Diagnostics) {
        let (tool, id) = cover.name.split_once('/').unwrap_or((&cover.name, ""));
        if let Some((_, list)) = self.lists.iter_mut().find(|(_, list)| list.tool == tool) {
            if let Some(check) = list.checks.iter_mut().find(|check| check.id == id) {
                // A test that is repeated is one test.
                if !check.tests.iter().any(|known| known == test) {
                    check.tests.push(test.to_owned());
                }
                return;
            }
            let shown = muster_base::text::one_line(id, 80);
            let mut problem = unknown(cover, format!("the list of `{tool}` has no check `{shown}`"), sink);
            // Nobody reads the hundredth of a file's suggestions.
            let crowded = sink.count_in(&cover.file) > 100;
            let lists = self.lists.iter().filter(|(_, list)| list.tool == tool && !crowded);
            let known = lists.flat_map(|(_, list)| &list.checks);
            if let Some(near) = did_you_mean(id, known.map(|check| check.id.as_str())) {
                problem = problem.label(format!("did you mean `{tool}/{near}`?"));
            }
            sink.push(problem.help(format!("`muster coverage --tool {tool}` lists them")));
            return;
        }
        // Of another tool, unless it looks like a slip of the pen.
        let word = cover.name.split([' ', ':', '.']).next().unwrap_or_default();
        let meant = match self.lists.iter().find(|(_, list)| list.tool == word) {
            Some((_, list)) => {
                let rest = cover.name[word.len()..].trim_start_matches([' ', ':', '.']);
                Some(format!("{}/{rest}", list.tool))
            }
            None => self
                .lists
                .iter()
                .find(|(_, list)| list.checks.iter().any(|check| check.id == id))
                .map(|(_, list)| format!("{}/{id}", list.tool)),
        };
        if let Some(meant) = meant {
            let shown = muster_base::text::one_line(&cover.name, 80);
            let problem = unknown(cover, format!("`{shown}` is in no list"), sink);
            sink.push(problem.label(format!("did you mean `{}`?", muster_base::text::one_line(&meant, 100))));
        }
    }
}

/// A claim that cannot be: with the line of the suite, whose text is read again for it.
fn unknown(cover: &Cover, message: String, sink: &mut Diagnostics) -> Diagnostic {
    if sink.count_in(&cover.file) == 0 {
        let source = SourceFile { path: (&*cover.file).into(), name: cover.file.clone(), found: false };
        let mut unread = Diagnostics::new();
        if let Some(bytes) = source::read(&source, Limits::default(), &mut unread) {
            sink.add_source(&cover.file, String::from_utf8_lossy(&bytes).as_ref());
        }
    }
    Diagnostic::new(codes::UNKNOWN_COVER, &cover.file, cover.span, message)
}

/// A check that says of itself what the suites do not say.
fn contradiction(file: &Arc<str>, tool: &str, check: &Check) -> Option<Diagnostic> {
    let id = muster_base::text::one_line(&check.id, 80);
    let said = check.written.unwrap_or(check.span);
    match (&check.reason, check.tests.first()) {
        (Some(_), Some(test)) => {
            let message = format!("`{id}` is listed as not covered, and `{test}` covers it");
            let problem = Diagnostic::new(codes::STALE_COVERAGE, file, said, message);
            Some(problem.help("remove the reason; `partly` says what a test does not check of it"))
        }
        (None, None) if check.partly.is_some() => {
            let message = format!("`{id}` is listed as covered in part, and no test covers it");
            let problem = Diagnostic::new(codes::STALE_COVERAGE, file, said, message);
            Some(problem.help(format!("say `gap`, `by` or `outside`, or give a test `covers: [{tool}/{id}]`")))
        }
        (None, None) => {
            let message = format!("no test covers `{id}`, and nothing says why");
            let problem = Diagnostic::new(codes::MISSING_KEY, file, check.span, message);
            Some(problem.help(format!("say `gap`, `by` or `outside`, or give a test `covers: [{tool}/{id}]`")))
        }
        _ => None,
    }
}

fn list(cx: &mut Context<'_>, root: &Node, tools: &mut HashMap<String, Location>) -> Option<List> {
    if !schema(cx, root, SCHEMA) {
        return None;
    }
    let fields = cx.fields(root, &FILE)?;
    let tool = fields.get("tool").and_then(|node| cx.id(node, "tool"));
    let summary = line(cx, &fields, "summary");
    let source = fields.get("source").and_then(|node| cx.parsed(node, "source", link));
    let items = fields.get("checks").and_then(|node| cx.items(node, "checks"))?;
    if items.len() > MOST {
        let problem = cx.problem(codes::TOO_MANY, root.span, format!("the file has more than {MOST} checks"));
        cx.report(problem);
        return None;
    }
    let mut known = HashMap::new();
    let mut checks = Vec::with_capacity(items.len());
    for item in items {
        let Some(check) = check(cx, item) else { continue };
        if let Some(first) = known.insert(check.id.clone(), check.location.clone()) {
            let message = format!("there is a check `{}` already", muster_base::text::one_line(&check.id, 80));
            let problem = cx.problem(codes::DUPLICATE_ID, item.span, message).note(format!("first at {first}"));
            cx.report(problem);
            continue;
        }
        checks.push(check);
    }
    let tool = tool.filter(|tool| cx.is_first(tools, tool, "a list of"))?;
    Some(List { tool: tool.text, summary: summary?, source: source?, checks })
}

fn check(cx: &mut Context<'_>, node: &Node) -> Option<Check> {
    let fields = cx.fields(node, &CHECK)?;
    let id = fields.get("id").and_then(|node| cx.parsed(node, "id", name));
    let what = line(cx, &fields, "what");
    let link = fields.get("link").map(|node| cx.parsed(node, "link", link).ok_or(()));
    let reasons: Vec<_> = REASONS.into_iter().filter(|name| fields.get(name).is_some()).collect();
    let texts: Vec<_> = reasons.iter().map(|name| line(cx, &fields, name)).collect();
    let partly = fields.get("partly").map(|_| line(cx, &fields, "partly").ok_or(()));
    let written = REASONS.into_iter().chain(["partly"]).filter_map(|name| fields.entry(name)).map(|(key, _)| key.span);
    let written: Vec<Span> = written.collect();
    if let [_, second, ..] = written[..] {
        let message = "a check is missing, done by other means, outside or covered in part, and not two of these";
        let problem = cx.problem(codes::CONTRADICTION, second, message);
        cx.report(problem.help(format!("keep one of {} and partly", REASONS.join(", "))));
        return None;
    }
    let reason = match (reasons.first(), texts.into_iter().next()) {
        (Some(name), Some(text)) => Some(match *name {
            "gap" => Reason::Gap(text?),
            "by" => Reason::By(text?),
            _ => Reason::Outside(text?),
        }),
        _ => None,
    };
    Some(Check {
        id: id?,
        what: what?,
        link: link.transpose().ok()?,
        reason,
        partly: partly.transpose().ok()?,
        tests: Vec::new(),
        location: cx.location(node.span),
        span: node.span,
        written: written.first().copied(),
    })
}

fn line(cx: &mut Context<'_>, fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|node| cx.line(node, name)).map(|text| text.text)
}

/// The name of a check: names with `/` between them.
fn name(text: &str) -> Result<String, ValueError> {
    if text.len() <= 100 && text.split('/').all(is_id) {
        return Ok(text.to_owned());
    }
    let shown = muster_base::text::one_line(text, 80);
    Err(ValueError::Invalid(format!(
        "`{shown}` is no name of a check: lower-case letters, digits, `.`, `_`, `-`, and `/` between such names"
    )))
}

fn link(text: &str) -> Result<String, ValueError> {
    if is_link(text) {
        return Ok(text.to_owned());
    }
    Err(ValueError::Invalid("a link begins with `https://` or `http://`".to_owned()))
}

/// Whether a text is a link that a browser follows.
pub fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.contains('.') && !rest.contains(char::is_whitespace))
}
