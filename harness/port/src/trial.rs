//! What a machine of the target said when the chain was tried on it, and what a team's own command said. Filled by who
//! has the machine.

use crate::facts::SystemFacts;

/// The chain's packages installed in a clone of the image by its own package manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trial {
    /// Why it could not be tried at all: no machine, a lost connection. Nothing else counts then.
    pub failed: Option<String>,
    /// The command that installed, as it was run.
    pub command: String,
    /// Packages that the transaction installed, by name; dependencies included.
    pub installed: Vec<String>,
    /// Packages that it removed or replaced, by name.
    pub removed: Vec<String>,
    /// Whether the package manager ended well.
    pub succeeded: bool,
    /// The last lines of what it printed, when it did not.
    pub output: String,
    /// Scriptlets that failed, as rpm reported each.
    pub scriptlet_errors: Vec<String>,
    /// Lines of `rpm -V` of the packages that were installed, without configuration files and times.
    pub verify: Vec<String>,
    /// Units that the chain starts or the presets enable, and that run.
    pub started: Vec<String>,
    /// Units that were started and failed: `nginx.service: exit-code`.
    pub failed_units: Vec<String>,
    /// Programs with libraries that the loader does not find: `/usr/bin/x: libfoo.so.1`.
    pub missing_libraries: Vec<String>,
    /// Findings on the console while it was tried that count as failures.
    pub console: Vec<String>,
    /// What the system says once the chain is installed. Answers rest on it in place of the metadata.
    pub after: Option<SystemFacts>,
}

impl Trial {
    /// What speaks against the chain: of each kind its name and its lines.
    pub fn faults(&self) -> Vec<(&'static str, Vec<String>)> {
        if self.failed.is_some() {
            return Vec::new();
        }
        let mut faults = Vec::new();
        if !self.succeeded {
            let said = match self.output.trim() {
                "" => "it printed nothing".to_owned(),
                output => output.to_owned(),
            };
            faults.push(("the package manager failed", vec![said]));
        }
        let missing = |line: &&String| line.trim_start().starts_with("missing");
        let gone: Vec<String> = self.verify.iter().filter(missing).cloned().collect();
        for (name, lines) in [
            ("scriptlets failed", &self.scriptlet_errors),
            ("files of installed packages are missing", &gone),
            ("units failed", &self.failed_units),
            ("libraries are not found", &self.missing_libraries),
            ("the console shows faults", &self.console),
        ] {
            if !lines.is_empty() {
                faults.push((name, lines.clone()));
            }
        }
        faults
    }

    /// Lines of `rpm -V` that only say that a file is otherwise than its package has it.
    pub fn changed_files(&self) -> Vec<&String> {
        self.verify.iter().filter(|line| !line.trim_start().starts_with("missing")).collect()
    }
}

/// A command of the team, run once the chain was installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Smoke {
    /// As it was typed.
    pub command: String,
    /// On the target.
    pub target: Ran,
    /// On the system that the chain comes from, where that could be booted.
    pub from: Option<Ran>,
}

/// How a command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; `None` when it could not be run, or was killed: `why` says so.
    pub status: Option<i32>,
    /// Why there is no status.
    pub why: String,
    /// The end of its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub stderr: String,
    /// Findings on the console while it ran.
    pub console: Vec<String>,
}

/// What a team's command says about the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmokeResult {
    /// It ended well on the target.
    Works,
    /// It ended well on both, and printed something else.
    WorksOtherwise,
    /// It failed on the target, and not on the system that the chain comes from, or nothing is known of that.
    Fails,
    /// It could not be run on the target, or fails on both systems, so that it says nothing.
    Unknown,
}

impl SmokeResult {
    /// As it stands in documents for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::WorksOtherwise => "works-otherwise",
            Self::Fails => "fails",
            Self::Unknown => "unknown",
        }
    }
}

impl Smoke {
    /// What it says.
    pub fn result(&self) -> SmokeResult {
        let Some(here) = self.target.status else { return SmokeResult::Unknown };
        let there = self.from.as_ref().and_then(|from| from.status);
        match (here, there) {
            _ if self.has_console_of_its_own() => SmokeResult::Fails,
            // The same faults where the chain comes from.
            (0, _) if !self.target.console.is_empty() => SmokeResult::Unknown,
            (0, Some(0)) if self.differs() => SmokeResult::WorksOtherwise,
            (0, _) => SmokeResult::Works,
            // The command is at fault, or what it needs is nowhere.
            (here, Some(there)) if here == there => SmokeResult::Unknown,
            _ => SmokeResult::Fails,
        }
    }

    /// Whether it printed something else on the two systems.
    pub fn differs(&self) -> bool {
        self.from.as_ref().is_some_and(|from| from.stdout != self.target.stdout)
    }

    /// The first line of standard output that is not the same on both: on the target, where the chain comes from. A line
    /// that one of them does not have is `None`.
    pub fn first_difference(&self) -> Option<(Option<&str>, Option<&str>)> {
        let (mut here, mut there) = (self.target.stdout.lines(), self.from.as_ref()?.stdout.lines());
        loop {
            match (here.next(), there.next()) {
                (None, None) => return None,
                (one, other) if one != other => return Some((one, other)),
                _ => {}
            }
        }
    }

    /// Whether the console shows a kind of fault that it does not show where the chain comes from.
    fn has_console_of_its_own(&self) -> bool {
        let kind = |line: &String| line.split(':').next().unwrap_or_default().to_owned();
        let there: Vec<String> = self.from.iter().flat_map(|from| from.console.iter().map(kind)).collect();
        self.target.console.iter().any(|line| !there.contains(&kind(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_names_what_went_wrong() {
        let good = Trial { succeeded: true, ..Trial::default() };
        assert_eq!(good.faults(), []);
        let verify = vec!["missing     /usr/bin/x".to_owned(), "S.5......    /usr/share/y".to_owned()];
        let bad = Trial { verify, scriptlet_errors: vec!["%post(x) failed".into()], ..good };
        let faults = bad.faults();
        assert_eq!(
            faults.iter().map(|fault| fault.0).collect::<Vec<_>>(),
            ["scriptlets failed", "files of installed packages are missing"]
        );
        assert_eq!(bad.changed_files(), ["S.5......    /usr/share/y"]);
        assert_eq!(Trial::default().faults()[0].1, ["it printed nothing"]);
        let never = Trial { failed: Some("no boot".into()), ..Trial::default() };
        assert_eq!(never.faults(), []);
    }

    #[test]
    fn a_command_counts_only_where_it_says_something() {
        let ran = |status: i32, stdout: &str| Ran { status: Some(status), stdout: stdout.into(), ..Ran::default() };
        let result = |target: Ran, from: Option<Ran>| Smoke { command: "x".into(), target, from }.result();
        assert_eq!(result(ran(0, "a"), None), SmokeResult::Works);
        assert_eq!(result(ran(0, "a"), Some(ran(0, "a"))), SmokeResult::Works);
        assert_eq!(result(ran(0, "a"), Some(ran(0, "b"))), SmokeResult::WorksOtherwise);
        assert_eq!(result(ran(1, "a"), Some(ran(0, "a"))), SmokeResult::Fails);
        assert_eq!(result(ran(1, "a"), None), SmokeResult::Fails);
        // It fails as it does where the chain comes from.
        assert_eq!(result(ran(1, "a"), Some(ran(1, "a"))), SmokeResult::Unknown);
        assert_eq!(result(ran(2, "a"), Some(ran(1, "a"))), SmokeResult::Fails);
        assert_eq!(result(Ran::default(), Some(ran(0, "a"))), SmokeResult::Unknown);
        let oops = |status| Ran { console: vec!["kernel-oops: BUG at 1".into()], ..ran(status, "a") };
        assert_eq!(result(oops(0), None), SmokeResult::Fails);
        assert_eq!(result(oops(0), Some(ran(0, "a"))), SmokeResult::Fails);
        assert_eq!(result(oops(1), Some(ran(1, "a"))), SmokeResult::Fails);
        let there = Ran { console: vec!["kernel-oops: BUG at 2".into()], ..ran(0, "a") };
        assert_eq!(result(oops(0), Some(there)), SmokeResult::Unknown);
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        let ran = |stdout: &str| Ran { status: Some(0), stdout: stdout.into(), ..Ran::default() };
        let smoke =
            |here: &str, from: Option<&str>| Smoke { command: "x".into(), target: ran(here), from: from.map(ran) };
        assert_eq!(smoke("a\nb\n", Some("a\nc\n")).first_difference(), Some((Some("b"), Some("c"))));
        assert_eq!(smoke("a\n", Some("a\nc\n")).first_difference(), Some((None, Some("c"))));
        assert_eq!(smoke("a", Some("a")).first_difference(), None);
        assert_eq!(smoke("a", None).first_difference(), None);
    }
}
