//! The lists that ship, and the suites that ship next to them.

use camino::{Utf8Path, Utf8PathBuf};

use super::*;

fn dir() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites")
}

fn shipped() -> Vec<Suite> {
    let (suites, problems) = muster_suite::load(&[dir()], &load::vocabulary());
    assert!(problems.is_empty(), "{}", problems.render(false));
    suites
}

#[test]
fn every_shipped_test_says_why_where_from_and_how_much_it_matters() {
    let tiers = ["tier0", "tier1", "tier2", "tier3"];
    let mut wrong = Vec::new();
    for suite in shipped() {
        for test in &suite.tests {
            let name = format!("{}/{}", suite.name, test.id);
            if test.summary.is_empty() {
                wrong.push(format!("{name} has no summary"));
            }
            if test.links.is_empty() || !test.links.iter().all(|link| foreign::is_link(link)) {
                wrong.push(format!("{name} has no link, or one that is none: {:?}", test.links));
            }
            let has: Vec<_> = test.tags.iter().filter(|tag| tiers.contains(&tag.as_str())).collect();
            if has.len() != 1 {
                wrong.push(format!("{name} needs one of {tiers:?}, and has {has:?}"));
            }
            for cover in &test.covers {
                if !cover.name.split_once('/').is_some_and(|(tool, check)| !tool.is_empty() && !check.is_empty()) {
                    wrong.push(format!("{name} covers `{}`, which is not written tool/check", cover.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_shipped_lists_hold_against_the_shipped_suites() {
    let (lists, problems) = foreign::load(&[dir().join("coverage")], &load::vocabulary(), &shipped());
    assert!(problems.is_empty(), "{}", problems.render(false));
    let tools: Vec<_> = lists.iter().map(|list| list.tool.as_str()).collect();
    assert_eq!(tools, ["azldev", "kola", "lisa", "tmt"]);
    for list in &lists {
        assert!(list.checks.len() >= 8, "{} has {} checks", list.tool, list.checks.len());
        assert!(list.checks.iter().all(|check| check.what.len() > 10), "{}: what a check asks is too short", list.tool);
    }
}

#[test]
fn every_check_is_on_the_page_once_and_every_suite_is_counted() {
    let suites = shipped();
    let (lists, _) = foreign::load(&[dir().join("coverage")], &load::vocabulary(), &suites);
    let account = Account { lists, ours: ours(&suites) };
    let page = account.markdown();
    for list in &account.lists {
        let total: usize = Standing::ALL.iter().map(|standing| count(list, *standing)).sum();
        assert_eq!(total, list.checks.len(), "{}", list.tool);
        for check in &list.checks {
            let row = format!("| {} | {} |", named(check), cell(&check.what));
            assert_eq!(page.matches(&row).count(), 1, "{row}");
        }
    }
    for suite in &suites {
        assert!(page.contains(&format!("\n| `{}` | ", suite.name)), "{}", suite.name);
    }
    assert!(account.ours.iter().all(|row| row.own <= row.tests));
}
