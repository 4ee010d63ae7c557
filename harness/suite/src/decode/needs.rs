//! `needs:` across the tests of a suite: they exist, do not go in circles, and share a machine.

use std::collections::{HashMap, HashSet};

use super::super::diagnostic::{Diagnostic, codes};
use super::super::model::GuestMode;
use super::context::Context;
use super::test::Draft;

/// Checks the needs of all tests, and gives tests that state no `guest` the one of their chain.
pub(super) fn check(cx: &mut Context<'_>, drafts: &mut [Draft], usual: Option<GuestMode>) {
    // Needs name tests as written; of a test that is repeated they mean every repetition.
    let mut index: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        index.entry(draft.test.base_id().to_owned()).or_default().push(at);
    }
    let edges = edges(cx, drafts, &index);
    cycles(cx, drafts, &edges);
    guests(cx, drafts, &edges, usual);
    for (at, needs) in edges.iter().enumerate() {
        drafts[at].test.needs = needs.iter().map(|need| drafts[*need].test.id.clone()).collect();
    }
}

/// For each test the tests it needs; unknown ones are reported.
fn edges(cx: &mut Context<'_>, drafts: &[Draft], index: &HashMap<String, Vec<usize>>) -> Vec<Vec<usize>> {
    let mut out = Vec::with_capacity(drafts.len());
    let mut said = HashSet::new();
    for draft in drafts {
        let mut needs = Vec::new();
        for (need, span) in &draft.needs {
            let Some(at) = index.get(need) else {
                // Of a file that is included twice, or a test that is repeated, once is enough.
                if !said.insert((draft.file.clone(), *span)) {
                    continue;
                }
                let mut problem = cx
                    .problem(codes::UNKNOWN_NEED, *span, format!("the suite has no test `{need}`"))
                    .note("`needs` names tests of the same suite by their id");
                let near = cx.near(need, drafts.iter().map(|draft| draft.test.base_id()));
                if let Some(near) = near.filter(|near| *near != draft.test.base_id()) {
                    problem = problem.label(format!("did you mean `{near}`?"));
                }
                cx.report(in_file(problem, draft));
                continue;
            };
            // What is repeated may need what is repeated: that multiplies.
            if at.len() > 1 && !cx.may_repeat(at.len(), *span) {
                continue;
            }
            needs.extend(at);
        }
        out.push(needs);
    }
    out
}

/// Reports each circle once, at the need that closes it. Without recursion: a chain of tests can be
/// as long as a file.
fn cycles(cx: &mut Context<'_>, drafts: &[Draft], edges: &[Vec<usize>]) {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        OnPath,
        Done,
    }
    let mut seen = vec![Seen::No; drafts.len()];
    for start in 0..drafts.len() {
        if seen[start] != Seen::No {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        seen[start] = Seen::OnPath;
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let Some(need) = edges[at].get(*next).copied() else {
                seen[at] = Seen::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match seen[need] {
                Seen::Done => {}
                Seen::No => {
                    seen[need] = Seen::OnPath;
                    path.push((need, 0));
                }
                Seen::OnPath => {
                    let from = path.iter().position(|(on, _)| *on == need).unwrap_or(0);
                    // A circle can be as long as a file, and there can be as many; the line has room for these.
                    let circle = path[from..].iter().map(|(on, _)| *on).chain([need]);
                    let circle: Vec<&str> = circle.take(210).map(|on| drafts[on].test.base_id()).collect();
                    let span = drafts[at]
                        .needs
                        .iter()
                        .find(|(name, _)| *name == drafts[need].test.base_id())
                        .map_or(drafts[at].id_span, |(_, span)| *span);
                    let problem = cx.problem(codes::CYCLIC_NEED, span, "tests need each other in a circle");
                    let shown = muster_base::text::one_line(&circle.join(" needs "), 400);
                    cx.report(in_file(problem, &drafts[at]).note(shown));
                }
            }
        }
    }
}

/// Tests that are connected through needs share one machine, so they must agree on which. Where none
/// of them states it, it is the suite's usual one, else a clone when one of them has steps.
fn guests(cx: &mut Context<'_>, drafts: &mut [Draft], edges: &[Vec<usize>], usual: Option<GuestMode>) {
    let mut chain: Vec<usize> = (0..drafts.len()).collect();
    fn root(chain: &mut [usize], mut at: usize) -> usize {
        while chain[at] != at {
            chain[at] = chain[chain[at]];
            at = chain[at];
        }
        at
    }
    for (at, needs) in edges.iter().enumerate() {
        for need in needs {
            let (a, b) = (root(&mut chain, at), root(&mut chain, *need));
            chain[a.max(b)] = a.min(b);
        }
    }
    let mut stated: HashMap<usize, usize> = HashMap::new();
    for at in 0..drafts.len() {
        if let Some((mode, span)) = drafts[at].guest {
            let root = root(&mut chain, at);
            let first = *stated.entry(root).or_insert(at);
            let other = drafts[first].test.guest;
            if other != mode {
                let problem = cx
                    .problem(
                        codes::NEED_ACROSS_GUESTS,
                        span,
                        format!(
                            "`{}` shares its machine with `{}` through `needs`",
                            drafts[at].test.base_id(),
                            drafts[first].test.base_id()
                        ),
                    )
                    .label(format!("that one is `{}`, this one `{}`", other.name(), mode.name()))
                    .note(format!("`{}` is at {}", drafts[first].test.base_id(), drafts[first].test.location))
                    .help("state `guest` only once in a chain of needs");
                cx.report(in_file(problem, &drafts[at]));
            }
        }
    }
    let roots: Vec<usize> = (0..drafts.len()).map(|at| root(&mut chain, at)).collect();
    same_machines(cx, drafts, &roots);
    let (mut steps, mut internet) = (HashSet::new(), HashSet::new());
    for (draft, root) in drafts.iter().zip(&roots) {
        if !draft.test.steps.is_empty() {
            steps.insert(*root);
        }
        if draft.test.internet {
            internet.insert(*root);
        }
    }
    for (at, root) in roots.iter().enumerate() {
        let by_steps = if steps.contains(root) { GuestMode::Clone } else { GuestMode::Shared };
        let mode = stated.get(root).map_or(usual.unwrap_or(by_steps), |first| drafts[*first].test.guest);
        // No other test gets machines that are connected.
        let mode =
            if drafts[at].test.machines.is_empty() || mode == GuestMode::Fresh { mode } else { GuestMode::Clone };
        drafts[at].test.guest = mode;
        drafts[at].test.internet = internet.contains(root);
        if let Some(span) = drafts[at].needs_fresh.filter(|_| mode != GuestMode::Fresh) {
            let message = format!("`boot-samples` needs a fresh machine, and this test's is `{}`", mode.name());
            let problem = cx.problem(codes::NEEDS_FRESH, span, message);
            cx.report(in_file(problem, &drafts[at]).help("give the test `guest: fresh`"));
        }
    }
}

/// Reports a test that has other machines than the first of those that it is connected with.
fn same_machines(cx: &mut Context<'_>, drafts: &[Draft], roots: &[usize]) {
    let mut first: HashMap<usize, usize> = HashMap::new();
    for (at, root) in roots.iter().enumerate() {
        let other = &drafts[*first.entry(*root).or_insert(at)];
        let draft = &drafts[at];
        let (mine, theirs) = (draft.test.machine_names(), other.test.machine_names());
        if mine == theirs {
            continue;
        }
        let shown = |names: &[&str]| if names.is_empty() { "one machine".to_owned() } else { names.join(", ") };
        let (id, with) = (draft.test.base_id(), other.test.base_id());
        let message = format!("`{id}` shares its machines with `{with}` through `needs`, and they are not the same");
        let problem = cx
            .problem(codes::NEED_ACROSS_GUESTS, draft.id_span, message)
            .label(format!("that one has {}, this one {}", shown(&theirs), shown(&mine)))
            .note(format!("`{with}` is at {}", other.test.location))
            .help("give all tests of a chain of needs the same `machines`, in the same order");
        cx.report(in_file(problem, draft));
    }
}

/// The diagnostic, in the file of the test: needs are looked at when all files have been read.
fn in_file(problem: Diagnostic, draft: &Draft) -> Diagnostic {
    Diagnostic { file: draft.file.clone(), ..problem }
}
