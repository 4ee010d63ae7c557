//! Loads 10,000 tests in 500 files, decoded and validated, and fails above one second of processor
//! time or 150 MB: the budget of the design. `cargo bench --bench decode`. Every test has a regular
//! expression, and every fifth one that no other test has: compiling them is the largest part.
//!
//! Then hostile files, each at two sizes: four times as large may take ten times as long, where what
//! grows with the square would take sixteen times.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use muster_suite::grammar::{kernel, packages};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};
use muster_suite::{Vocabulary, console_rules, decode_source, images, load};

const FILES: usize = 500;
const TESTS: usize = 20;
const BUDGET: Duration = Duration::from_secs(1);
const MEMORY_KIB: u64 = 150 * 1024;

const fn attribute(name: &'static str, kind: AttributeKind) -> Attribute {
    Attribute { name, kind, doc: "For the benchmark." }
}

static PACKAGE: CheckTable = CheckTable {
    name: "package",
    summary: "For the benchmark.",
    subject: Subject::Named(&packages::PACKAGE),
    shorthand: Shorthand::Keywords(&[("absent", "installed", "false")]),
    gone: &[],
    attributes: &[
        attribute("installed", AttributeKind::Bool),
        attribute("version", AttributeKind::Evr),
        attribute("verify", AttributeKind::Keyword(&["clean"])),
    ],
    reads: "",
    example: "",
};
static SYSCTL: CheckTable = CheckTable {
    name: "sysctl",
    summary: "For the benchmark.",
    subject: Subject::Named(&kernel::SYSCTL),
    shorthand: Shorthand::Attribute("value"),
    gone: &[],
    attributes: &[attribute("value", AttributeKind::Loose)],
    reads: "",
    example: "",
};

fn suite(file: usize) -> String {
    let mut out = format!(
        "schema: suite/v1\nsuite: generated-{file}\nsummary: one of many\ntags: [generated, tier1]\nvars: {{port: 80, name: nginx}}\ntests:\n"
    );
    for test in 0..TESTS {
        let _ = write!(
            out,
            "  - id: test-{test}
    summary: what a test of ordinary size asks for
    tags: [web]
    when: distro >= fedora-43 and arch == x86_64
    needs: [{}]
    steps:
      - run: curl -fsS http://127.0.0.1:${{port}}/{test}
        stdout: {{matches: \"(?i){}\"}}
        eventually: 15s
    expect:
      package:
        ${{name}}: {{version: \">= 1:1.26, < 2:0\", verify: clean}}
        nginx-{test}: absent
        other-{test}: {{installed: true, eventually: 20s}}
      sysctl: {{kernel.kptr_restrict: \">= 1\", fs.protected_symlinks: 1, kernel.a{test}: {{any-of: [1, 2]}}}}
",
            if test == 0 { "test-1".to_owned() } else { "test-0".to_owned() },
            match test % 5 {
                0 => format!("welcome {file} {test}"),
                rest => ["nginx", "page", "forbidden", "index"][rest - 1].to_owned(),
            },
        );
    }
    out.replacen("    needs: [test-1]\n", "", 1)
}

/// Highest resident set of this process, in KiB; from /proc/self/status.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

/// Processor time of the main thread so far, which is all there is: wall time on a busy machine says
/// nothing. From /proc/self/schedstat, nanoseconds first.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// What a hostile file repeats, and how often in the smaller of its two sizes.
type Hostile = (&'static str, usize, fn(usize) -> String);

const HEAD: &str = "schema: suite/v1\nsuite: s\n";

fn repeated(n: usize, one: impl Fn(usize) -> String) -> String {
    (0..n).map(one).collect()
}

fn tests(n: usize, body: impl Fn(usize) -> String) -> String {
    format!("{HEAD}tests:\n{}", repeated(n, |n| format!("- {{id: t{n}, {}}}\n", body(n))))
}

fn one(body: &str) -> String {
    tests(1, |_| body.to_owned())
}

const HOSTILE: &[Hostile] = &[
    ("unknown keys", 12_000, |n| format!("{HEAD}{}", repeated(n, |n| format!("k{n}: 1\n")))),
    ("one key again and again", 12_000, |n| format!("{HEAD}{}", "again: 1\n".repeat(n))),
    ("unknown check types", 8_000, |n| one(&format!("expect: {{{}}}", repeated(n, |n| format!("pakage{n}: 1, "))))),
    ("subjects", 8_000, |n| one(&format!("expect: {{package: {{{}}}}}", repeated(n, |n| format!("p{n}: absent, "))))),
    ("unknown attributes", 8_000, |n| {
        one(&format!("expect: {{package: {{a: {{{}}}}}}}", repeated(n, |n| format!("versoin{n}: 1, "))))
    }),
    ("unknown variables beside as many that exist", 4_000, |n| {
        let vars = repeated(n, |n| format!("variable{n}: x, "));
        let uses = repeated(n, |n| format!("{{run: '${{variabel{n}}} ${{variable{n}}}'}}, "));
        format!("{HEAD}vars: {{{vars}}}\ntests: [{{id: t, steps: [{uses}]}}]\n")
    }),
    ("unused variables", 8_000, |n| {
        format!("{HEAD}vars: {{{}}}\ntests: []\n", repeated(n, |n| format!("variable{n}: x, ")))
    }),
    ("broken variables beside tests that repeat", 3_600, |n| {
        let vars = repeated(n, |n| format!("v{n}: [], "));
        let body = "for-each: {a: [1]}, steps: [{run: 'x ${a}'}]";
        format!("{HEAD}vars: {{{vars}}}\n{}", &tests(n, |_| body.to_owned())[HEAD.len()..])
    }),
    ("needs of no test", 4_000, |n| tests(n, |n| format!("needs: [test-{n}-{n}], steps: [run: x]"))),
    ("circles of needs as long as the file", 4_000, |n| {
        tests(n, |at| format!("needs: [t{}, t{}], steps: [run: x]", (at + 1) % n, at / 2))
    }),
    ("one test that needs all", 6_500, |n| {
        let all = repeated(n, |n| format!("t{n}, "));
        format!("{}- {{id: z, needs: [{all}], steps: [run: x]}}\n", tests(n, |_| "steps: [run: x]".to_owned()))
    }),
    ("one id again and again", 6_000, |n| format!("{HEAD}tests:\n{}", "- {id: t, steps: [run: x]}\n".repeat(n))),
    ("tags", 20_000, |n| one(&format!("tags: [{}], steps: [run: x]", repeated(n, |n| format!("t{n}, "))))),
    ("covered checks", 12_000, |n| one(&format!("covers: [{}], steps: [run: x]", repeated(n, |n| format!("c{n}, "))))),
    ("snapshots", 4_000, |n| one(&format!("snapshots: [{}]", repeated(n, |n| format!("{{name: s{n}, of: users}}, "))))),
    ("a comparison without end", 20_000, |n| {
        one(&format!("expect: {{kernel: {{taint: '{}>= 1'}}}}", repeated(n, |n| format!("!= {n}, "))))
    }),
    ("conditions as long as they may be", 12, |n| {
        let long = repeated(270, |n| format!(" or id == a{n}"));
        tests(n, |n| format!("when: id == b{n} and variant == c{long}, steps: [run: x]"))
    }),
    ("conditions of many alternatives", 12, |n| {
        let long = " and (id-like == a or id-like == b)".repeat(7);
        let more = repeated(180, |n| format!(" and id-like == c{n}"));
        tests(n, |_| format!("when: id == b{long}{more}, steps: [run: x]"))
    }),
    ("sets", 12_000, |n| {
        one(&format!(
            "expect: {{kernel: {{cmdline: {{has: [{0}], lacks: [{0}]}}}}}}",
            repeated(n, |n| format!("a{n}, "))
        ))
    }),
    ("paths into JSON", 8_000, |n| {
        one(&format!("steps: [{{run: x, stdout: {{json: {{{}}}}}}}]", repeated(n, |n| format!(".a{n}: 1, "))))
    }),
    ("substitutions in one scalar", 12_000, |n| {
        format!("{HEAD}vars: {{a: b}}\n{}", &one(&format!("steps: [{{run: '{}'}}]", "${a} ".repeat(n)))[HEAD.len()..])
    }),
    ("what a matrix leaves out", 8_000, |n| {
        let excluded = repeated(n, |n| format!("{{image: i{n}, cpus: 1}}, "));
        format!("{HEAD}matrix: {{cpus: [1, 2], exclude: [{excluded}]}}\ntests: [{{id: t, steps: [run: x]}}]\n")
    }),
    ("steps that do nothing known", 8_000, |n| one(&format!("steps: [{}]", "{runn: x}, ".repeat(n)))),
    ("anchors and aliases", 240, |n| {
        let body =
            repeated(n, |n| format!("- &a{n} {{run: x}}\n")) + &repeated(n * 8, |at| format!("- *a{}\n", at % n));
        format!("{HEAD}setup:\n{body}")
    }),
    ("a plain scalar", 60_000, |n| one(&format!("summary: {}, steps: [run: x]", "x ".repeat(n)))),
    ("a plain scalar of many lines", 60_000, |n| format!("{HEAD}summary: {}\n", "x\n  ".repeat(n))),
    ("a quoted scalar of many escapes", 60_000, |n| format!("{HEAD}summary: \"{}\"\n", "\\x41".repeat(n))),
    ("a block of many lines", 60_000, |n| format!("{HEAD}summary: |\n{}", "  x\n".repeat(n))),
    ("a folded block of blank lines", 60_000, |n| format!("{HEAD}summary: >\n  x\n{}  y\n", "\n".repeat(n))),
    ("comments", 60_000, |n| format!("{HEAD}{}tests: []\n", "# x\n".repeat(n))),
    ("characters of several bytes", 40_000, |n| one(&format!("tags: [{}]", "\u{e9}, ".repeat(n)))),
    ("errors on one line", 8_000, |n| format!("{HEAD}tests: [{}]\n", "{id: A}, ".repeat(n))),
    ("brackets", 60_000, |n| format!("{HEAD}tests: {}\n", "[".repeat(n))),
    ("braces after questions", 30_000, |n| format!("{HEAD}tests: {}\n", "{? ".repeat(n))),
    ("dashes", 60_000, |n| format!("{HEAD}tests:\n{}\n", "- ".repeat(n))),
    ("an open quote", 60_000, |n| format!("{HEAD}summary: '{}\n", "x\n".repeat(n))),
    ("keys without values", 20_000, |n| format!("{HEAD}{}", repeated(n, |n| format!("? k{n}\n")))),
    ("images", 3_000, |n| {
        let image = |n| format!("- {{id: i{n}, disk: {{lab: a}}, seed: none, user: root, quirks: [a, b]}}\n");
        format!("schema: images/v1\nimages:\n{}", repeated(n, image))
    }),
    ("console rules", 60, |n| {
        let rule = |n| {
            let line = format!("widget-{n}");
            format!(
                "- {{id: r{n}, category: c, severity: info, pattern: '^{line}$', sample: {line}, near-miss: x, because: y}}\n"
            )
        };
        format!("schema: console-rules/v1\nrules:\n{}", repeated(n, rule))
    }),
];

/// Processor time of decoding a text and of saying what is wrong with it; the best of three. Small
/// files are decoded again and again, because the kernel counts in ticks of some milliseconds.
fn cost(text: &str) -> Duration {
    assert!(text.len() <= 1 << 20, "a file of {} bytes is refused before it is read", text.len());
    let vocabulary = Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
    let decode = || {
        if text.starts_with("schema: images") {
            std::hint::black_box(images::decode_source("h.yaml", text, "".into(), &vocabulary).1.render(false));
        } else if text.starts_with("schema: console") {
            let mut sink = Default::default();
            console_rules::decode_source("h.yaml", text, &mut Default::default(), &mut sink);
            std::hint::black_box(sink.render(false));
        } else {
            std::hint::black_box(decode_source("h.yaml", text, &vocabulary).1.render(false));
        }
    };
    let once = |_| {
        let (clock, used) = (Instant::now(), processor_time());
        for count in 1.. {
            decode();
            let spent = match (used, processor_time()) {
                (Some(before), Some(after)) => after - before,
                _ => clock.elapsed(),
            };
            if spent > LONG_ENOUGH {
                return spent / count;
            }
        }
        Duration::MAX
    };
    (0..3).map(once).min().unwrap_or_default()
}

/// Four times the file may cost so many times as much: more than four, because caches are small.
const MOST_GROWTH: f64 = 10.0;
/// So much is measured at once: ten ticks of the kernel's clock.
const LONG_ENOUGH: Duration = Duration::from_millis(40);

fn hostile() -> bool {
    let mut fine = true;
    for (name, size, make) in HOSTILE {
        let (small, large) = (make(*size), make(4 * size));
        let (before, after) = (cost(&small), cost(&large));
        let growth = after.as_secs_f64() / before.as_secs_f64().max(1e-6);
        let held = growth <= MOST_GROWTH;
        println!(
            "{:44} {:4} KiB {:7.2} ms, x 4: {:7.2} ms, {growth:4.1} x{}",
            name,
            small.len() >> 10,
            before.as_secs_f64() * 1e3,
            after.as_secs_f64() * 1e3,
            if held { "" } else { "  TOO MUCH" }
        );
        fine &= held;
    }
    fine
}

fn main() -> ExitCode {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).expect("a UTF-8 path");
    for file in 0..FILES {
        std::fs::write(path.join(format!("{file:03}.yaml")), suite(file)).expect("a suite file");
    }
    let vocabulary = Vocabulary { tables: &[&PACKAGE, &SYSCTL], capabilities: &[], tools: &[] };
    let (started, used) = (Instant::now(), processor_time());
    let (suites, problems) = load(&[path], &vocabulary);
    let wall = started.elapsed();
    let elapsed = match (used, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => wall,
    };
    let tests: usize = suites.iter().map(|suite| suite.tests.len()).sum();
    if !problems.is_empty() || tests != FILES * TESTS {
        eprintln!("{tests} tests were decoded\n{}", problems.render(false));
        return ExitCode::FAILURE;
    }
    let peak = peak_kib().unwrap_or(0);
    println!(
        "{tests} tests in {FILES} files: {:.0} ms, {:.4} ms a test, {} MB at most ({:.0} ms by the clock)",
        elapsed.as_secs_f64() * 1e3,
        elapsed.as_secs_f64() * 1e3 / tests as f64,
        peak / 1024,
        wall.as_secs_f64() * 1e3
    );
    if elapsed > BUDGET || peak > MEMORY_KIB {
        eprintln!("the budget is {} ms and {} MB", BUDGET.as_millis(), MEMORY_KIB / 1024);
        return ExitCode::FAILURE;
    }
    if !hostile() {
        eprintln!("a hostile file costs more than its size; see `suite::effort`");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
