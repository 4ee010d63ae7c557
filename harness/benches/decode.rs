//! Loads 10,000 tests in 500 files, decoded and validated, and fails above one second of processor
//! time or 150 MB: the budget of the design. `cargo bench --bench decode`. Every test has a regular
//! expression, and every fifth one that no other test has: compiling them is the largest part.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use muster::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};
use muster::suite::{Vocabulary, load};

const FILES: usize = 500;
const TESTS: usize = 20;
const BUDGET: Duration = Duration::from_secs(1);
const MEMORY_KIB: u64 = 150 * 1024;

const fn attribute(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind, doc: "For the benchmark." }
}

static PACKAGE: CheckTable = CheckTable {
    name: "package",
    summary: "For the benchmark.",
    subject: Subject::Named { what: "a package name" },
    shorthand: Shorthand::Words(&[("absent", "installed", "false")]),
    attributes: &[
        attribute("installed", Kind::Bool),
        attribute("version", Kind::Evr),
        attribute("verify", Kind::Word(&["clean"])),
    ],
    reads: "",
    example: "",
};
static SYSCTL: CheckTable = CheckTable {
    name: "sysctl",
    summary: "For the benchmark.",
    subject: Subject::Named { what: "a sysctl" },
    shorthand: Shorthand::Attribute("value"),
    attributes: &[attribute("value", Kind::Loose)],
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

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a UTF-8 path");
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
    ExitCode::SUCCESS
}
