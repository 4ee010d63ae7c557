//! Hostile files at two sizes, held against each other by what they make the decoder compare
//! ([`super::effort`]), not by a clock. `cargo bench --bench decode` has more of them, by the clock.

use super::testing::VOCABULARY;
use super::{decode_source, effort};

const HEAD: &str = "schema: suite/v1\nsuite: s\n";

fn repeated(n: usize, one: impl Fn(usize) -> String) -> String {
    (0..n).map(one).collect()
}

fn tests(n: usize, body: impl Fn(usize) -> String) -> String {
    format!("{HEAD}tests:\n{}", repeated(n, |n| format!("- {{id: t{n}, {}}}\n", body(n))))
}

/// Asserts that four times the file is at most six times the work, and that there is some.
fn grows_with_the_file(name: &str, size: usize, make: impl Fn(usize) -> String) {
    let work = |n: usize| {
        let text = make(n);
        effort::of(|| drop(decode_source("h.yaml", &text, &VOCABULARY)))
    };
    let (small, large) = (work(size), work(4 * size));
    assert!(large > 0, "{name}: nothing was counted");
    assert!(large <= 6 * small, "{name}: {small} became {large}");
}

#[test]
fn names_that_were_meant_are_not_looked_for_without_end() {
    grows_with_the_file("unknown keys", 500, |n| format!("{HEAD}{}", repeated(n, |n| format!("test{n}: 1\n"))));
    grows_with_the_file("unknown variables", 500, |n| {
        let vars = repeated(n, |n| format!("variable{n}: x, "));
        let uses = repeated(n, |n| format!("{{run: '${{variabel{n}}} ${{variable{n}}}'}}, "));
        format!("{HEAD}vars: {{{vars}}}\ntests: [{{id: t, steps: [{uses}]}}]\n")
    });
    grows_with_the_file("needs of no test", 500, |n| tests(n, |n| format!("needs: [tset{n}], steps: [run: x]")));
}

#[test]
fn comparisons_and_conditions_are_held_against_themselves_within_bounds() {
    let wide = |n: usize| format!("expect: {{kernel: {{taint: '{}>= 1'}}}}", repeated(n, |n| format!("!= {n}, ")));
    grows_with_the_file("comparisons", 50, |n| tests(n, |_| wide(10)));
    let (suite, problems) = decode_source("h.yaml", &tests(1, |_| wide(10_000)), &VOCABULARY);
    assert!(suite.is_none());
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["bad-value"]);
    let facts = repeated(180, |n| format!(" and id-like == c{n}"));
    let when = |long: &str| format!("when: id == b{long}, steps: [run: x]");
    grows_with_the_file("conditions", 5, |n| tests(n, |_| when(&facts[..1500])));
    // As many alternatives of as many facts are not looked at.
    let many = when(&(" and (id-like == a or id-like == b)".repeat(7) + &facts));
    let most = effort::of(|| drop(decode_source("h.yaml", &tests(1, |_| many.clone()), &VOCABULARY)));
    assert!(most <= 20_000, "{most}");
}
