//! Shorthands for the tests of this crate.

use std::sync::Arc;

use crate::check::{Check, Observations, Probe, Verdict};
use muster_base::failure::Location;
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation, Matcher};

/// A place in a file that does not exist.
pub fn here() -> Location {
    Location { file: Arc::from("suite.yaml"), line: 1, column: 1 }
}

/// An expectation; an attribute written `map.key` has a key.
pub fn expectation(check: &'static str, subject: &str, wanted: &[(&'static str, Matcher)]) -> Expectation {
    let assertions = wanted
        .iter()
        .map(|(attribute, matcher)| {
            let (attribute, key) = match attribute.split_once('.') {
                Some((attribute, key)) => (attribute, Some(key.to_owned())),
                None => (*attribute, None),
            };
            Assertion { attribute, key, matcher: matcher.clone(), location: here() }
        })
        .collect();
    Expectation { check, subject: subject.to_owned(), assertions, eventually: None, location: here() }
}

/// What was expected and what was seen of a missed assertion.
pub fn missed(verdict: &Verdict) -> (&str, &str) {
    match verdict {
        Verdict::Missed { expected, actual, .. } => (expected, actual),
        other => panic!("not missed: {other:?}"),
    }
}

/// A matcher of one value.
pub fn equals(text: &str) -> Matcher {
    Matcher::Equals(text.to_owned())
}

/// A reply with this status and output.
pub fn reply(status: i32, stdout: &str) -> Reply {
    Reply { status, stdout: stdout.into(), ..Reply::default() }
}

/// One reply under one key.
pub fn seen(key: &str, reply: Reply) -> Observations {
    Observations([(key.to_owned(), reply)].into())
}

/// Records as `shell::batch` prints them.
pub fn records(records: &[(&str, i32, &str)]) -> Reply {
    reply(0, &records.iter().map(|(name, status, output)| format!("{name}\0{status}\0{output}\0")).collect::<String>())
}

/// Whether this host lacks a program that a test compares with; says so, since the test then compares nothing.
#[expect(clippy::print_stderr, reason = "a test that compares nothing must be seen")]
pub fn this_host_lacks(program: &str) -> bool {
    let lacks = !std::path::Path::new(program).exists();
    if lacks {
        eprintln!("SKIPPED: this host has no {program} to compare with");
    }
    lacks
}

/// What a script prints with these directories in front of this host's search path.
pub fn with_tools(tools: &[&std::path::Path], script: &str) -> Reply {
    let mut path: Vec<String> = tools.iter().map(|directory| directory.display().to_string()).collect();
    path.extend(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(str::to_owned));
    let ended = std::process::Command::new("/bin/sh")
        .args(["-c", script])
        .env("PATH", path.join(":"))
        .stdin(std::process::Stdio::null())
        .output()
        .expect("this host has /bin/sh");
    Reply { status: ended.status.code().unwrap_or(-1), stdout: ended.stdout, stderr: ended.stderr, ..Reply::default() }
}

/// A directory for the front of a search path, with an rpm whose database has these packages and nothing that anybody looks
/// for.
pub fn rpm_with(packages: &[&str], scratch: &std::path::Path) -> std::path::PathBuf {
    let tools = scratch.join("tools of rpm");
    std::fs::create_dir_all(&tools).expect("a scratch directory");
    let list: String = packages.iter().map(|name| format!("echo {name}; ")).collect();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n-qa*) {list}exit 0;;\n-V*) exit 0;;\n--version) echo 'RPM version 4.20';;\n-q*) ;;\n*) exit 0;;\nesac\n\
         for last; do :; done\ncase \"$*\" in\n-qf*) echo \"file $last is not owned by any package\";;\n\
         *--whatprovides*system-release*) echo 'no package provides system-release';;\n\
         *--whatprovides*) echo \"no package provides $last\";;\n*) echo \"package $last is not installed\";;\nesac\nexit 1\n"
    );
    let rpm = tools.join("rpm");
    std::fs::write(&rpm, script).expect("a program in a scratch directory");
    std::fs::set_permissions(&rpm, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    tools
}

/// Directories for the front of a search path: one in which these programs are this host's own, and one with
/// busybox's, where this host has it.
pub fn makers_of(programs: &[&str], scratch: &std::path::Path) -> Vec<std::path::PathBuf> {
    let (own, busybox) = (scratch.join("tools of the host"), scratch.join("tools of busybox"));
    std::fs::create_dir_all(&own).expect("a scratch directory");
    if this_host_lacks("/usr/bin/busybox") {
        return vec![own];
    }
    std::fs::create_dir_all(&busybox).expect("a scratch directory");
    for program in programs {
        let link = busybox.join(program);
        if !link.exists() {
            std::os::unix::fs::symlink("/usr/bin/busybox", link).expect("a link in a scratch directory");
        }
    }
    vec![own, busybox]
}

/// Runs probes with this host's shell, as the guest's shell would.
pub fn on_this_host(probes: &[Probe]) -> Observations {
    Observations(
        probes
            .iter()
            .map(|probe| {
                let output = std::process::Command::new("/bin/sh")
                    .arg("-c")
                    .arg(&probe.script)
                    .stdin(std::process::Stdio::null())
                    .output()
                    .expect("this host has /bin/sh");
                let reply = Reply {
                    status: output.status.code().unwrap_or(-1),
                    stdout: output.stdout,
                    stderr: output.stderr,
                    ..Reply::default()
                };
                (probe.key.clone(), reply)
            })
            .collect(),
    )
}

/// Probes for one expectation, runs them on this host and evaluates it.
pub fn evaluate_on_this_host(check: &dyn Check, expectation: &Expectation) -> Vec<Verdict> {
    let facts = Facts::default();
    let seen = on_this_host(&check.probes(&[expectation], &facts));
    check.evaluate(expectation, &seen, &facts)
}
