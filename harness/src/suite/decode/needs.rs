//! `needs:` across the tests of a suite: they exist, do not go in circles, and share a machine.

use std::collections::HashMap;

use super::super::diagnostic::codes;
use super::super::model::GuestMode;
use super::context::Context;
use super::suite::Draft;

/// Checks the needs of all tests, and gives tests that state no `guest` the one of their chain.
pub(super) fn check(cx: &mut Context<'_>, drafts: &mut [Draft]) {
    let index: HashMap<String, usize> =
        drafts.iter().enumerate().map(|(at, draft)| (draft.test.id.clone(), at)).collect();
    let edges = edges(cx, drafts, &index);
    cycles(cx, drafts, &edges);
    guests(cx, drafts, &edges);
}

/// For each test the tests it needs; unknown ones are reported.
fn edges(cx: &mut Context<'_>, drafts: &[Draft], index: &HashMap<String, usize>) -> Vec<Vec<usize>> {
    let mut out = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut needs = Vec::new();
        for (need, span) in &draft.needs {
            let Some(at) = index.get(need) else {
                let mut problem = cx
                    .problem(codes::UNKNOWN_NEED, *span, format!("the suite has no test `{need}`"))
                    .note("`needs` names tests of the same suite by their id");
                let near = super::super::diagnostic::did_you_mean(need, index.keys().map(String::as_str));
                if let Some(near) = near.filter(|near| *near != draft.test.id) {
                    problem = problem.label(format!("did you mean `{near}`?"));
                }
                cx.report(problem);
                continue;
            };
            needs.push(*at);
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
                    let circle: Vec<&str> = path[from..]
                        .iter()
                        .map(|(on, _)| *on)
                        .chain([need])
                        .map(|on| drafts[on].test.id.as_str())
                        .collect();
                    let span = drafts[at]
                        .needs
                        .iter()
                        .find(|(name, _)| *name == drafts[need].test.id)
                        .map_or(drafts[at].id_span, |(_, span)| *span);
                    let problem = cx.problem(codes::CYCLIC_NEED, span, "tests need each other in a circle");
                    let shown = crate::text::one_line(&circle.join(" needs "), 400);
                    cx.report(problem.note(shown));
                }
            }
        }
    }
}

/// Tests that are connected through needs share one machine, so they must agree on which.
fn guests(cx: &mut Context<'_>, drafts: &mut [Draft], edges: &[Vec<usize>]) {
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
    let mut mutating = std::collections::HashSet::new();
    for at in 0..drafts.len() {
        if let Some((mode, span)) = drafts[at].guest {
            let root = root(&mut chain, at);
            let first = *stated.entry(root).or_insert(at);
            let other = drafts[first].test.guest;
            if other != mode {
                let word = |mode| match mode {
                    GuestMode::Fresh => "fresh",
                    GuestMode::Clone => "clone",
                    GuestMode::Shared => "shared",
                };
                let problem = cx
                    .problem(
                        codes::NEED_ACROSS_GUESTS,
                        span,
                        format!(
                            "`{}` shares its machine with `{}` through `needs`",
                            drafts[at].test.id, drafts[first].test.id
                        ),
                    )
                    .label(format!("that one is `{}`, this one `{}`", word(other), word(mode)))
                    .note(format!("`{}` is at {}", drafts[first].test.id, drafts[first].test.location))
                    .help("state `guest` only once in a chain of needs");
                cx.report(problem);
            }
        }
    }
    for at in 0..drafts.len() {
        let root = root(&mut chain, at);
        if drafts[at].guest.is_some() {
            continue;
        }
        match stated.get(&root) {
            Some(first) => drafts[at].test.guest = drafts[*first].test.guest,
            // One test with steps makes a clone of the machine of its whole chain.
            None if drafts[at].test.guest == GuestMode::Clone => {
                mutating.insert(root);
            }
            None => {}
        }
    }
    for (at, draft) in drafts.iter_mut().enumerate() {
        if draft.guest.is_none() && mutating.contains(&root(&mut chain, at)) {
            draft.test.guest = GuestMode::Clone;
        }
    }
}
