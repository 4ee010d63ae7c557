//! The pages of `docs/reference/`, as Markdown.

use std::fmt::Write;

use super::words::{KINDS, kind, matchers, shape, shorthand, subject};
use muster_suite::clause::{Join, MOST_BRANCHES, MOST_NESTED};
use muster_suite::condition::{DIMENSIONS, words};
use muster_suite::diagnostic::codes;
use muster_suite::grammar;
use muster_suite::images::keys::CATALOGUE;
use muster_suite::keys::{
    BASE_CHECKS, FRAGMENT, KERNEL, KNOWN_ISSUES, KeyTable, MATRIX, MOST_ADJUSTMENTS, MOST_EXCLUDED, MOST_TAGS, SOURCES,
    STEPS, SUITE, Shape,
};
use muster_suite::matcher::{MATCHERS, MOST_PARTS};
use muster_suite::model::TAGS;
use muster_suite::table::{CheckTable, STATISTICS};
use muster_suite::{console_rules, policy, waivers, yaml};

/// `checks.md`.
pub(crate) fn checks() -> String {
    let mut out = head(
        "Check types",
        "checks",
        "What can stand under `expect:`. Values, matchers and operators are explained in the\n\
         [language](language.md); how the shipped suites use them, in [suites](../suites.md). In addition to its attributes\n\
         every subject takes `eventually: DURATION`: check again until it is so, at most so long.",
    );
    let _ = writeln!(out, "\n| type | what it checks |\n|---|---|");
    for table in muster_check::tables() {
        let _ = writeln!(out, "| [`{0}`](#{0}) | {1} |", table.name, cell(table.summary));
    }
    muster_check::tables().iter().for_each(|table| check(&mut out, table));
    names(&mut out);
    out
}

/// The forms of names, each that a table uses once.
fn names(out: &mut String) {
    out.push_str(
        "\n## Names\n\nWhat does not have the form of its name is an error when the suite is read. Names of a closed list have no others;\n\
         of an open list an unknown name is read too, unless it is a known one with one letter wrong.\n\n\
         | name | form | examples | list |\n|---|---|---|---|\n",
    );
    for grammar in grammar::all().into_iter().filter(|grammar| !grammar.is_free()) {
        let examples: Vec<String> = grammar.good.iter().take(3).map(|(text, _)| format!("`{text}`")).collect();
        let list = match (grammar.words().len(), grammar.is_closed()) {
            (0, _) => String::new(),
            (count, true) => format!("closed, {count} names"),
            (count, false) => format!("open, {count} known"),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {list} |",
            cell(grammar.what),
            cell(grammar.form),
            cell(&examples.join(", "))
        );
    }
}

fn check(out: &mut String, table: &CheckTable) {
    let _ = writeln!(out, "\n## {}\n\n{} {}", table.name, sentence(table.summary), subject(table));
    if let Some(short) = shorthand(table) {
        let _ = writeln!(out, "{short}");
    }
    let _ = writeln!(out, "\n| attribute | value | matchers | meaning |\n|---|---|---|---|");
    for row in table.attributes {
        let (kind, matchers) = (kind(&row.kind), matchers(&row.kind));
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", row.name, cell(&kind), cell(&matchers), cell(row.doc));
    }
    let _ = writeln!(out, "\nRead in the guest: {}", sentence(table.reads));
    let _ = writeln!(out, "\n```yaml\n{}\n```", table.example.trim_end());
}

/// `language.md`.
pub(crate) fn language() -> String {
    let mut out = head(
        "The language",
        "language",
        "Every key of every file that muster reads, what values and matchers are, what conditions speak of, and the codes\n\
         of diagnostics. What stands under `expect:` has [a page of its own](checks.md); [writing suites](../writing-suites.md)\n\
         is the guide.",
    );
    let console = &console_rules::FILE;
    for (title, table) in [
        ("Suites", &SUITE),
        ("Files of tests", &FRAGMENT),
        ("Known issues", &KNOWN_ISSUES),
        ("Image catalogues", &CATALOGUE),
        ("Console rules", console),
        ("Policies", &policy::FILE),
        ("Waivers", &waivers::FILE),
    ] {
        let _ = writeln!(out, "\n## {title}");
        for table in below(table).into_iter().filter(|table| title == "Suites" || !is_of_suites(table)) {
            keys(&mut out, table);
        }
        if title == "Suites" {
            let _ = writeln!(out, "\n### A matrix\n\n{MATRIX_TEXT}\n");
            rows(&mut out, &MATRIX);
            keys(&mut out, &KERNEL);
            list(&mut out, "### Checks that are always on", ("check", "it fails when"), BASE_CHECKS);
            list(&mut out, "### What a snapshot is of", ("source", "columns"), SOURCES);
            let _ = writeln!(out, "\n## Steps\n\nThe first key says what is done.");
            STEPS.iter().copied().for_each(|table| keys(&mut out, table));
            alternatives(&mut out);
        }
    }
    values(&mut out);
    conditions(&mut out);
    limits(&mut out);
    list(&mut out, "## Diagnostic codes", ("code", "meaning"), codes::TABLE);
    out
}

const MATRIX_TEXT: &str = "These dimensions shape the machine. Any other name is a dimension whose values only stand for\n\
                           `${matrix.name}`. `exclude` lists combinations that are left out.";

fn head(title: &str, page: &str, text: &str) -> String {
    format!("# {title}\n\n<!-- Made by `muster reference --markdown {page}`; a test keeps it current. -->\n\n{text}\n")
}

/// A table of keys and those that its keys hold, each once, in the order they are met.
pub(crate) fn below(table: &'static KeyTable) -> Vec<&'static KeyTable> {
    fn walk(table: &'static KeyTable, out: &mut Vec<&'static KeyTable>) {
        if out.iter().any(|known| known.what == table.what) {
            return;
        }
        out.push(table);
        for key in table.keys {
            match key.shape {
                Shape::Mapping(inner)
                | Shape::List(inner)
                | Shape::OneOf(inner)
                | Shape::LineOr(inner)
                | Shape::Source(_, inner) => walk(inner, out),
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    walk(table, &mut out);
    out
}

/// Whether a table was listed with the suites: files of tests hold the same tests.
fn is_of_suites(table: &KeyTable) -> bool {
    below(&SUITE).iter().any(|known| known.what == table.what)
}

fn keys(out: &mut String, table: &KeyTable) {
    let mut what = table.what.to_owned();
    if let Some(first) = what.get(..1).map(str::to_uppercase) {
        what.replace_range(..1, &first);
    }
    let _ = writeln!(out, "\n### {what}\n");
    rows(out, table);
}

fn rows(out: &mut String, table: &KeyTable) {
    let _ = writeln!(out, "| key | value | meaning |\n|---|---|---|");
    for key in table.keys {
        let needed = if key.required { ", required" } else { "" };
        let _ = writeln!(out, "| `{}`{needed} | {} | {} |", key.name, cell(&shape(&key.shape)), cell(key.doc));
    }
}

fn list(out: &mut String, title: &str, (name, meaning): (&str, &str), rows: &[(&str, &str)]) {
    let _ = writeln!(out, "\n{title}\n\n| {name} | {meaning} |\n|---|---|");
    for (name, meaning) in rows {
        let _ = writeln!(out, "| `{name}` | {} |", cell(meaning));
    }
}

fn alternatives(out: &mut String) {
    let _ = writeln!(
        out,
        "\n## Alternatives between expectations\n\nNext to check types, `expect` takes these two keys, each with a list of 2 to {MOST_BRANCHES} mappings. They may\n\
         stand in each other, {MOST_NESTED} deep. A branch that is the same as another one, or that holds all of a shorter one,\n\
         is an error.\n\n| key | meaning |\n|---|---|"
    );
    for join in Join::ALL {
        let _ = writeln!(out, "| `{}` | {} |", join.name(), cell(join.doc()));
    }
    out.push_str(
        "\nWhen no branch of an `any-of` is met as a whole, the test has one failure, `expect.any-of`, which shows what each\n\
         branch misses. When something in a branch could not be read, and no branch is met, the test is an error.\n\
         `adjust` replaces or removes an `any-of` or `all-of` as a whole; the check types that it names are those that\n\
         stand directly below `expect`.\n",
    );
}

fn values(out: &mut String) {
    out.push_str(
        "\n## Values\n\nA scalar is read from its source text by the kind that its key takes: `1.10`, `0644` and `no` are never\n\
         re-interpreted. Where `none` is not a text or a listed value it means that there is no value, and `absent` that the\n\
         subject itself is not there. `${name}` stands for a variable; `$${` is a literal `${`.\n\n| kind | written | in addition to equality |\n|---|---|---|\n",
    );
    for (row, written) in KINDS {
        let _ = writeln!(out, "| {} | {} | {} |", kind(row), cell(written), cell(&matchers(row)));
    }
    out.push_str(
        "\n## Matchers\n\nA scalar is equality. An operator (`==`, `!=`, `<`, `<=`, `>`, `>=`) before it compares, and several are\n\
         joined by commas: `\">= 1:1.26, < 2:0\"`. Everything else is a key; of several in one mapping all must hold.\n",
    );
    list(out, "### Keys of matchers", ("matcher", "it holds when"), MATCHERS);
    list(out, "### Statistics over boots", ("key", "meaning"), STATISTICS);
}

fn conditions(out: &mut String) {
    out.push_str(
        "\n## Conditions\n\n`when` and `where` hold conditions: `distro >= fedora-43 and arch == x86_64`. `and`, `or`, `not` and parentheses\n\
         join comparisons; `==` and `!=` take several values, separated by commas; `NAME is defined` and `NAME is not\n\
         defined` check whether there is a value. What is not known of a system decides nothing.\n\n\
         | dimension | what it is | ordered | values |\n|---|---|---|---|\n",
    );
    let vocabulary = crate::load::vocabulary();
    for (name, meaning, ordered) in DIMENSIONS {
        let listed = match *name {
            "tool" => vocabulary.tools.to_vec(),
            "capability" => vocabulary.capabilities.iter().map(|(word, _)| *word).collect(),
            other => words(other).map_or(Vec::new(), <[_]>::to_vec),
        };
        let listed: Vec<String> = listed.iter().map(|word| format!("`{word}`")).collect();
        let order = if *ordered { "yes" } else { "no" };
        let _ = writeln!(out, "| `{name}` | {} | {order} | {} |", cell(meaning), listed.join(", "));
    }
    list(out, "### Capabilities", ("capability", "meaning"), vocabulary.capabilities);
    list(out, "### Tags that change what is done", ("tag", "meaning"), TAGS);
}

fn limits(out: &mut String) {
    let yaml::Limits { bytes, depth, nodes, anchors, aliases } = yaml::Limits::default();
    let _ = writeln!(
        out,
        "\n## Limits\n\nA file has at most {} KiB, {nodes} values (what aliases repeat included), {anchors} anchors and {aliases} aliases,\n\
         and lists and mappings are at most {depth} deep. A test and a suite have at most {MOST_TAGS} tags each, a test\n\
         {MOST_ADJUSTMENTS} adjustments, `exclude` {MOST_EXCLUDED} entries, a comparison {MOST_PARTS} parts. Of one file the first hundred diagnostics are\n\
         reported.",
        bytes >> 10
    );
}

/// Text in one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Text that ends as a sentence does.
fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_have_everything_and_their_links_lead_somewhere() {
        let (checks, language) = (checks(), language());
        for table in muster_check::tables() {
            assert!(checks.contains(&format!("\n## {}\n", table.name)), "{}", table.name);
        }
        for (code, _) in codes::TABLE {
            assert!(language.contains(&format!("| `{code}` |")), "{code}");
        }
        for step in STEPS {
            assert!(language.contains(&format!("| `{}`, required |", step.keys[0].name)), "{}", step.what);
        }
        for page in [&checks, &language] {
            for (at, _) in page.match_indices("\n| ") {
                let line = page[at + 1..].lines().next().unwrap();
                let cells = line.matches('|').count() - line.matches("\\|").count();
                assert!((3..=5).contains(&cells), "{line}");
            }
            assert!(!page.contains("For tests"));
        }
    }

    #[test]
    fn tables_below_a_table_are_met_once() {
        let all = below(&SUITE);
        let whats: std::collections::BTreeSet<_> = all.iter().map(|table| table.what).collect();
        assert_eq!(whats.len(), all.len());
        assert!(whats.contains("a filter") && whats.contains("an entry of `adjust`"), "{whats:?}");
    }
}
