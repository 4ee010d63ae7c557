//! The steps `install`, `remove` and `update`. Package managers report success with broken
//! dependencies and failure with nothing to do, so what the package database says afterwards is the
//! only proof.

use super::{Broken, Done, output_of, shell};
use crate::failure::{self, Failure, FailureId};
use crate::guest::Reply;
use crate::run::ask::Clock;
use crate::run::driver::Live;
use crate::run::plan::quote;
use crate::suite::model::Step;
use crate::text;

/// Exit status of `check-update` in every one of dnf5, dnf4 and tdnf: something is newer.
const SOMETHING_IS_NEWER: i32 = 100;

/// One step about packages.
struct Transaction<'a, L> {
    live: &'a L,
    step: &'a Step,
    clock: &'a Clock,
    /// As messages begin: `install`.
    verb: &'static str,
    id: FailureId,
    /// The package manager's command.
    command: String,
    names: Vec<String>,
    refuse_scriptlet_errors: bool,
}

impl<'a, L: Live> Transaction<'a, L> {
    fn new(
        live: &'a L,
        step: &'a Step,
        clock: &'a Clock,
        (verb, id): (&'static str, FailureId),
        names: &[String],
        refuse_scriptlet_errors: bool,
    ) -> Result<Self, Broken> {
        let Some(manager) = &live.facts().package_manager else {
            let what = if names.is_empty() { "packages".to_owned() } else { names.join(", ") };
            let message = format!("cannot {verb} {what}: the guest has no package manager");
            return Err(Broken::missed(Failure::new(id, message)));
        };
        let command = if manager == "dnf4" { "dnf".to_owned() } else { manager.clone() };
        Ok(Self { live, step, clock, verb, id, command, names: names.to_vec(), refuse_scriptlet_errors })
    }

    fn quoted(&self) -> String {
        self.names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(" ")
    }

    fn broken(&self, message: String) -> Broken {
        Broken::missed(Failure::new(self.id.clone(), message))
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
        self.filter("rpm -q --whatprovides \"$p\" >/dev/null 2>&1 || rpm -q \"$p\" >/dev/null 2>&1 || echo \"$p\"")
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
        Ok(text::harmless_bytes(&reply.stdout).lines().map(str::to_owned).collect())
    }

    /// What is left to say when the packages are as they should be.
    fn judge(&self, reply: &Reply, state: &str) -> Result<(), Broken> {
        if reply.status != 0 {
            let message = format!("{} ended with status {}, although {state}", self.command, reply.status);
            return Err(self.broken_with(message, reply));
        }
        if self.refuse_scriptlet_errors
            && let Some(line) = scriptlet_error(reply)
        {
            return Err(self.broken_with(format!("a scriptlet failed during the {}: {line}", self.verb), reply));
        }
        Ok(())
    }

    fn done(&self) -> Done {
        Done::asserting(self.names.len().max(1) + usize::from(self.refuse_scriptlet_errors))
    }
}

fn list(names: &[String]) -> String {
    text::one_line(&names.join(", "), 160)
}

/// Installs packages; each must be there afterwards.
pub(super) async fn install<L: Live>(
    live: &L,
    step: &Step,
    packages: &[String],
    refuse_scriptlet_errors: bool,
    clock: &Clock,
) -> Result<Done, Broken> {
    let kind = ("install", failure::STEP_INSTALL);
    let transaction = Transaction::new(live, step, clock, kind, packages, refuse_scriptlet_errors)?;
    let reply = transaction.manage("install").await?;
    let missing = transaction.not_installed().await?;
    if !missing.is_empty() {
        let message = format!("{} did not install {}", transaction.command, list(&missing));
        return Err(transaction.broken_with(message, &reply));
    }
    transaction.judge(&reply, "the packages are there")?;
    Ok(transaction.done())
}

/// Removes packages, each of which must have been there.
pub(super) async fn remove<L: Live>(
    live: &L,
    step: &Step,
    packages: &[String],
    refuse_scriptlet_errors: bool,
    clock: &Clock,
) -> Result<Done, Broken> {
    let kind = ("remove", failure::STEP_REMOVE);
    let transaction = Transaction::new(live, step, clock, kind, packages, refuse_scriptlet_errors)?;
    let missing = transaction.filter("rpm -q \"$p\" >/dev/null 2>&1 || echo \"$p\"").await?;
    if !missing.is_empty() {
        return Err(transaction.broken(format!("cannot remove {}: not installed", list(&missing))));
    }
    let reply = transaction.manage("remove").await?;
    let left = transaction.filter("rpm -q \"$p\" >/dev/null 2>&1 && echo \"$p\"").await?;
    if !left.is_empty() {
        let message = format!("{} did not remove {}", transaction.command, list(&left));
        return Err(transaction.broken_with(message, &reply));
    }
    transaction.judge(&reply, "the packages are gone")?;
    Ok(transaction.done())
}

/// Updates packages, or all; afterwards the repositories must have nothing newer for them.
pub(super) async fn update<L: Live>(
    live: &L,
    step: &Step,
    packages: &[String],
    refuse_scriptlet_errors: bool,
    clock: &Clock,
) -> Result<Done, Broken> {
    let kind = ("update", failure::STEP_UPDATE);
    let transaction = Transaction::new(live, step, clock, kind, packages, refuse_scriptlet_errors)?;
    if !packages.is_empty() {
        let missing = transaction.not_installed().await?;
        if !missing.is_empty() {
            return Err(transaction.broken(format!("cannot update {}: not installed", list(&missing))));
        }
    }
    let reply = transaction.manage("update").await?;
    if reply.status != 0 {
        let message = format!("{} update ended with status {}", transaction.command, reply.status);
        return Err(transaction.broken_with(message, &reply));
    }
    let newer = transaction.manage("-q check-update").await?;
    match newer.status {
        0 => {}
        SOMETHING_IS_NEWER => {
            let message = format!("{} left packages behind although newer ones are offered", transaction.command);
            return Err(transaction.broken_with(message, &newer));
        }
        status => {
            let text = format!(
                "`{} check-update` ended with status {status}, so that it is not known whether everything is updated",
                transaction.command
            );
            let failure = Failure::new(failure::PROBE_FAILED, text).with_detail(output_of(&newer));
            return Err(Broken { assertions: 0, ..Broken::missed(failure) });
        }
    }
    transaction.judge(&reply, "nothing is newer")?;
    Ok(transaction.done())
}

/// The line in which rpm or dnf tells of a failed scriptlet; both carry on after most of them.
fn scriptlet_error(reply: &Reply) -> Option<String> {
    let said = text::harmless_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat());
    said.lines()
        .find(|line| {
            let lower = line.to_ascii_lowercase();
            lower.contains("scriptlet") && (lower.contains("failed") || lower.contains("error in"))
        })
        .map(|line| text::one_line(line, 200))
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
