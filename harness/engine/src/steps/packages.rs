//! The steps `install`, `remove` and `update`. Package managers report success with broken
//! dependencies and failure with nothing to do, so what the package database says afterwards is the
//! only proof.

use super::done::{Broken, Done};
use super::shell::{output_of, shell};
use crate::clock::Clock;
use crate::driver::Live;
use crate::plan::quote;
use muster_base::failure::{self, Failure, FailureId};
use muster_base::text;
use muster_guest::Reply;
use muster_suite::model::Step;

/// Exit status of `check-update` in every one of dnf5, dnf4 and tdnf: something is newer.
const SOMETHING_IS_NEWER: i32 = 100;

/// What is done with packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// They must be there afterwards.
    Install,
    /// They must have been there, and be gone afterwards.
    Remove,
    /// They, or all, must be the newest that the repositories have.
    Update,
}

impl Verb {
    /// As the package manager and messages call it.
    fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Remove => "remove",
            Self::Update => "update",
        }
    }

    fn id(self) -> FailureId {
        match self {
            Self::Install => failure::STEP_INSTALL,
            Self::Remove => failure::STEP_REMOVE,
            Self::Update => failure::STEP_UPDATE,
        }
    }
}

/// Runs the step; no packages are all of them.
pub(super) async fn run<L: Live>(
    live: &L,
    step: &Step,
    verb: Verb,
    packages: &[String],
    refuse_scriptlet_errors: bool,
    clock: &Clock,
) -> Result<Done, Broken> {
    let Some(manager) = &live.facts().package_manager else {
        let what = if packages.is_empty() { "packages".to_owned() } else { packages.join(", ") };
        let message = format!("cannot {} {what}: the guest has no package manager", verb.name());
        return Err(Broken::missed(Failure::new(verb.id(), message)));
    };
    if !matches!(manager.as_str(), "dnf5" | "dnf4" | "tdnf" | "microdnf") {
        let what = if packages.is_empty() { "packages".to_owned() } else { packages.join(", ") };
        let message = format!(
            "cannot {} {what}: the guest's package manager is {manager}; this step knows dnf5, dnf4, tdnf and microdnf",
            verb.name()
        );
        return Err(Broken::missed(Failure::new(verb.id(), message)));
    }
    let command = if manager == "dnf4" { "dnf".to_owned() } else { manager.clone() };
    let transaction = Transaction { live, step, clock, verb, command, names: packages, refuse_scriptlet_errors };
    match verb {
        Verb::Install => transaction.install().await,
        Verb::Remove => transaction.remove().await,
        Verb::Update => transaction.update().await,
    }
}

/// One step about packages.
struct Transaction<'a, L> {
    live: &'a L,
    step: &'a Step,
    clock: &'a Clock,
    verb: Verb,
    /// The package manager's command.
    command: String,
    names: &'a [String],
    refuse_scriptlet_errors: bool,
}

impl<L: Live> Transaction<'_, L> {
    fn quoted(&self) -> String {
        self.names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(" ")
    }

    fn broken(&self, message: String) -> Broken {
        Broken::missed(Failure::new(self.verb.id(), message))
    }

    fn broken_with(&self, message: String, reply: &Reply) -> Broken {
        let mut broken = self.broken(message);
        broken.failure.detail = Some(output_of(reply));
        broken
    }

    /// Runs the package manager with this command and the packages.
    async fn manage(&self, command: &str) -> Result<Reply, Broken> {
        let names = if self.names.is_empty() { String::new() } else { format!(" -- {}", self.quoted()) };
        shell(self.live, self.step, format!("{} -y {command}{names}", self.command), self.clock).await
    }

    /// Those of the packages that are not installed, by name or by what they provide.
    async fn not_installed(&self) -> Result<Vec<String>, Broken> {
        // A file is installed when the package in it is.
        self.filter(
            "case $p in /*.rpm) [ ! -f \"$p\" ] || { n=$(rpm -qp --qf '%{NVRA}' \"$p\" 2>/dev/null) && rpm -q \"$n\" >/dev/null 2>&1 || echo \"$p\"; continue; } ;; esac; \
             rpm -q --whatprovides \"$p\" >/dev/null 2>&1 || rpm -q \"$p\" >/dev/null 2>&1 || echo \"$p\"")
            .await
    }

    /// The packages for which the command prints a line.
    async fn filter(&self, each: &str) -> Result<Vec<String>, Broken> {
        // A database that cannot be read would make everything look absent.
        let script = format!("rpm -q rpm >/dev/null || exit 3\nfor p in {}; do {each}; done", self.quoted());
        let reply = shell(self.live, self.step, script, self.clock).await?;
        if reply.status == 3 {
            let text = "the package database cannot be read, so that nothing is known of the packages";
            let failure = Failure::new(failure::PROBE_FAILED, text).with_detail(output_of(&reply));
            return Err(Broken { assertions: 0, ..Broken::missed(failure) });
        }
        Ok(text::escape_bytes(&reply.stdout).lines().map(str::to_owned).collect())
    }

    /// What is left to say when the packages are as they should be.
    fn evaluate(&self, reply: &Reply, state: &str) -> Result<(), Broken> {
        if reply.status != 0 {
            let message = format!("{} ended with status {}, although {state}", self.command, reply.status);
            return Err(self.broken_with(message, reply));
        }
        if self.refuse_scriptlet_errors
            && let Some(line) = scriptlet_error(reply)
        {
            return Err(self.broken_with(format!("a scriptlet failed during the {}: {line}", self.verb.name()), reply));
        }
        Ok(())
    }

    fn done(&self) -> Done {
        Done::asserting(self.names.len().max(1) + usize::from(self.refuse_scriptlet_errors))
    }

    /// Installs packages; each must be there afterwards.
    async fn install(&self) -> Result<Done, Broken> {
        let reply = self.manage("install").await?;
        let missing = self.not_installed().await?;
        if !missing.is_empty() {
            let message = format!("{} did not install {}", self.command, list(&missing));
            return Err(self.broken_with(message, &reply));
        }
        self.evaluate(&reply, "the packages are there")?;
        Ok(self.done())
    }

    /// Removes packages, each of which must have been there.
    async fn remove(&self) -> Result<Done, Broken> {
        let missing = self.filter("rpm -q \"$p\" >/dev/null 2>&1 || echo \"$p\"").await?;
        if !missing.is_empty() {
            return Err(self.broken(format!("cannot remove {}: not installed", list(&missing))));
        }
        let reply = self.manage("remove").await?;
        let left = self.filter("rpm -q \"$p\" >/dev/null 2>&1 && echo \"$p\"").await?;
        if !left.is_empty() {
            let message = format!("{} did not remove {}", self.command, list(&left));
            return Err(self.broken_with(message, &reply));
        }
        self.evaluate(&reply, "the packages are gone")?;
        Ok(self.done())
    }

    /// Updates packages, or all; afterwards the repositories must have nothing newer for them.
    async fn update(&self) -> Result<Done, Broken> {
        if !self.names.is_empty() {
            let missing = self.not_installed().await?;
            if !missing.is_empty() {
                return Err(self.broken(format!("cannot update {}: not installed", list(&missing))));
            }
        }
        let reply = self.manage("update").await?;
        if reply.status != 0 {
            let message = format!("{} update ended with status {}", self.command, reply.status);
            return Err(self.broken_with(message, &reply));
        }
        let newer = self.manage("-q check-update").await?;
        match newer.status {
            0 => {}
            SOMETHING_IS_NEWER => {
                let message = format!("{} left packages behind although newer ones are offered", self.command);
                return Err(self.broken_with(message, &newer));
            }
            status => {
                let text = format!(
                    "`{} check-update` ended with status {status}, so that it is not known whether everything is updated",
                    self.command
                );
                let failure = Failure::new(failure::PROBE_FAILED, text).with_detail(output_of(&newer));
                return Err(Broken { assertions: 0, ..Broken::missed(failure) });
            }
        }
        self.evaluate(&reply, "nothing is newer")?;
        Ok(self.done())
    }
}

fn list(names: &[String]) -> String {
    text::one_line(&names.join(", "), 160)
}

/// The line in which rpm or dnf tells of a failed scriptlet; both carry on after most of them.
fn scriptlet_error(reply: &Reply) -> Option<String> {
    let said = text::escape_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat());
    muster_check::dnf::scriptlet_errors(&said).next().map(|line| text::one_line(line, 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scriptlets_that_fail_are_found_in_the_words_of_every_rpm() {
        let said = |text: &str| scriptlet_error(&Reply { stdout: text.into(), ..Reply::default() });
        // rpm 4.18 and dnf4, then dnf5.
        let old = "warning: %post(x-1-1.noarch) scriptlet failed, exit status 1";
        assert_eq!(said(&format!("Installed: x\n{old}\n")).as_deref(), Some(old));
        assert!(said("Error in POSTIN scriptlet in rpm package x").is_some());
        assert_eq!(said(">>> Running %post scriptlet: x-0:1-1.noarch\n>>> Finished %post scriptlet: x\n"), None);
    }
}
