//! The steps `install`, `remove` and `update`. Package managers report success with broken
//! dependencies and failure with nothing to do, so what the package database says afterwards is the
//! only proof.

use super::done::{Broken, Done};
use super::shell::{output_of, shell};
use crate::clock::Clock;
use crate::driver::Live;
use muster_base::failure::{self, Failure, FailureId};
use muster_base::text::{self, shell_word};
use muster_guest::Reply;
use muster_record::met::MetRecord;
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
    let transaction =
        Transaction { live, step, clock, verb, manager, command, names: packages, refuse_scriptlet_errors };
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
    /// Which package manager it is.
    manager: &'a str,
    /// The package manager's command.
    command: String,
    names: &'a [String],
    refuse_scriptlet_errors: bool,
}

impl<L: Live> Transaction<'_, L> {
    fn quoted(&self) -> String {
        self.names.iter().map(|name| shell_word(name)).collect::<Vec<_>>().join(" ")
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

    /// That the repositories could not be reached, so that what they have is not known.
    fn unknown(&self, line: &str, what: &str, reply: &Reply) -> Broken {
        let text = format!("{} could not reach the repositories, so that {what}: {line}", self.command);
        let failure = Failure::new(failure::PROBE_FAILED, text).with_detail(output_of(reply));
        Broken { assertions: 0, ..Broken::missed(failure) }
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

    /// Each package is as it should be: `state`.
    fn done(&self, state: &str) -> Done {
        let subject = format!("step {}", self.verb.name());
        let met = |what: &str, actual: &str| MetRecord::new(&subject, what, actual);
        let all = self.names.is_empty().then(|| met("all packages", state));
        let each = self.names.iter().map(|name| met(name, state));
        let scriptlets = self.refuse_scriptlet_errors.then(|| met("no scriptlet fails", "none failed"));
        Done::having(all.into_iter().chain(each).chain(scriptlets))
    }

    /// Installs packages; each must be there afterwards.
    async fn install(&self) -> Result<Done, Broken> {
        let reply = self.manage("install").await?;
        let missing = self.not_installed().await?;
        if !missing.is_empty() {
            // A machine without the internet, most often: what failed is the installation, and its hint says so.
            let why = unreachable(&reply).map(|line| format!(": it could not reach its repositories: {line}"));
            let message = format!("{} did not install {}{}", self.command, list(&missing), why.unwrap_or_default());
            return Err(self.broken_with(message, &reply));
        }
        self.evaluate(&reply, "the packages are there")?;
        Ok(self.done("installed"))
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
        Ok(self.done("not installed"))
    }

    /// Updates packages, or all; afterwards the repositories must have nothing newer for them.
    async fn update(&self) -> Result<Done, Broken> {
        if !self.names.is_empty() {
            let missing = self.not_installed().await?;
            if !missing.is_empty() {
                return Err(self.broken(format!("cannot update {}: not installed", list(&missing))));
            }
        }
        let what = "it is not known whether there is something newer";
        let repositories = format!("{} -q repolist {}", self.command, listing(self.manager));
        let listed = shell(self.live, self.step, repositories, self.clock).await?;
        if listed.status != 0 || !lists_a_repository(&listed) {
            let text = format!("{} lists no enabled repository, so that {what}", self.command);
            let failure = Failure::new(failure::PROBE_FAILED, text).with_detail(output_of(&listed));
            return Err(Broken { assertions: 0, ..Broken::missed(failure) });
        }
        let (refresh, every) = (refreshing(self.manager), every_repository(self.manager));
        let reply = self.manage(&format!("{refresh}{every}update")).await?;
        if let Some(line) = silenced(self.manager, &reply) {
            return Err(self.unknown(&line, what, &reply));
        }
        if reply.status != 0 {
            let message = format!("{} update ended with status {}", self.command, reply.status);
            return Err(self.broken_with(message, &reply));
        }
        let newer = self.manage(&format!("{every}-q check-update")).await?;
        if let Some(line) = silenced(self.manager, &newer) {
            return Err(self.unknown(&line, what, &newer));
        }
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
        Ok(self.done("nothing newer is offered"))
    }
}

/// The option with which a repository that cannot be reached is an error, and not passed over because its file says so.
/// tdnf and microdnf have none: they say which they pass over.
fn every_repository(manager: &str) -> &'static str {
    if passes_over(manager) { "" } else { "--setopt='*.skip_if_unavailable=0' " }
}

/// The option with which what was cached of the repositories earlier is no answer of theirs.
fn refreshing(manager: &str) -> &'static str {
    if manager == "microdnf" { "" } else { "--refresh " }
}

/// How the repositories that are enabled are listed.
fn listing(manager: &str) -> &'static str {
    if manager == "tdnf" { "enabled" } else { "--enabled" }
}

fn passes_over(manager: &str) -> bool {
    matches!(manager, "tdnf" | "microdnf")
}

/// Whether a list names a repository below its heading.
fn lists_a_repository(reply: &Reply) -> bool {
    let text = text::escape_bytes(&reply.stdout);
    text.lines().any(|line| !line.trim().is_empty() && !line.starts_with("repo id"))
}

/// The line in which the package manager says that it could not reach the repositories.
fn unreachable(reply: &Reply) -> Option<String> {
    let said = text::escape_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat());
    muster_check::dnf::unreachable(&said).map(|line| text::one_line(&line.to_string(), 200))
}

/// The same, where it means that their silence would be taken for an answer: dnf ends well only when all could be
/// reached, with [`every_repository`], and what it said of a mirror before it had another is no matter then.
fn silenced(manager: &str, reply: &Reply) -> Option<String> {
    let well = matches!(reply.status, 0 | SOMETHING_IS_NEWER);
    if well && !passes_over(manager) { None } else { unreachable(reply) }
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
    use crate::driver::Driver as _;
    use crate::fake::{self, FakeDriver};
    use muster_record::facts::Facts;
    use std::time::Duration;

    #[test]
    fn scriptlets_that_fail_are_found_in_the_words_of_every_rpm() {
        let said = |text: &str| scriptlet_error(&Reply { stdout: text.into(), ..Reply::default() });
        // rpm 4.18 and dnf4, then dnf5.
        let old = "warning: %post(x-1-1.noarch) scriptlet failed, exit status 1";
        assert_eq!(said(&format!("Installed: x\n{old}\n")).as_deref(), Some(old));
        assert!(said("Error in POSTIN scriptlet in rpm package x").is_some());
        assert_eq!(said(">>> Running %post scriptlet: x-0:1-1.noarch\n>>> Finished %post scriptlet: x\n"), None);
    }

    fn reply(status: i32, text: &str) -> Reply {
        Reply { status, stdout: text.into(), ..Reply::default() }
    }

    const LISTED: &str = "repo id  repo name\nbase     base\n";

    /// The step on a guest with this package manager: its failure, and the commands that ran there.
    async fn run_step(
        manager: &str,
        verb: Verb,
        answers: Vec<(&'static str, Reply)>,
    ) -> (Option<Failure>, Vec<String>) {
        let facts = Facts { package_manager: Some(manager.to_owned()), ..Facts::default() };
        let driver = FakeDriver { facts, answers, ..FakeDriver::default() };
        let Ok(live) = driver.boot("fake-1", false).await else { panic!("it does not boot") };
        let clock = Clock::new(Duration::from_secs(5), 1.0);
        let names = if verb == Verb::Install { vec!["x".to_owned()] } else { Vec::new() };
        let done = run(&live, &fake::step("x"), verb, &names, false, &clock).await;
        let heard = driver.said.lock().unwrap().clone();
        (done.err().map(|broken| broken.failure), heard)
    }

    // dnf 4.14 of a repository whose file says `skip_if_unavailable=1`, with the option that makes that an error.
    const REFUSED: &str = "gone                                            0.0  B/s |   0  B     00:00    \nErrors during downloading metadata for repository 'gone':\n  - Curl error (6): Couldn't resolve host name for http://gone.invalid/repodata/repomd.xml [Could not resolve host: gone.invalid]\nError: Failed to download metadata for repo 'gone': Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors were tried\n";
    const TDNF: &str = "Error: Failed to synchronize cache for repo 'gone' from 'http://gone.invalid/'\nDisabling Repo: 'gone'\nNothing to do.\n";

    #[tokio::test]
    async fn an_update_passes_only_when_the_repositories_answered() {
        let repolist = ("dnf -q repolist --enabled", reply(0, LISTED));
        let (failure, heard) = run_step("dnf4", Verb::Update, vec![repolist.clone()]).await;
        assert_eq!(failure, None);
        assert_eq!(
            heard[1..],
            [
                "dnf -y --refresh --setopt='*.skip_if_unavailable=0' update",
                "dnf -y --setopt='*.skip_if_unavailable=0' -q check-update"
            ]
        );
        let silent = vec![repolist.clone(), ("dnf -y --refresh", reply(1, REFUSED))];
        let failure = run_step("dnf4", Verb::Update, silent).await.0.unwrap();
        assert_eq!(failure.id, failure::PROBE_FAILED);
        assert!(failure.message.contains("Curl error (6)") || failure.message.contains("downloading metadata"));
        // A mirror that failed before another answered is no matter.
        let mirror = "[MIRROR] x.rpm: Curl error (28): Timeout was reached\nComplete!\n";
        let well = vec![repolist.clone(), ("dnf -y --refresh", reply(0, mirror))];
        assert_eq!(run_step("dnf4", Verb::Update, well).await.0, None);
        let other = vec![repolist, ("dnf -y --refresh", reply(1, "Error: Transaction test error\n"))];
        assert_eq!(run_step("dnf4", Verb::Update, other).await.0.unwrap().id, failure::STEP_UPDATE);
    }

    #[tokio::test]
    async fn a_manager_that_passes_over_a_repository_says_so_and_no_repository_is_no_answer() {
        let repolist = ("tdnf -q repolist enabled", reply(0, LISTED));
        let failure =
            run_step("tdnf", Verb::Update, vec![repolist.clone(), ("tdnf -y", reply(0, TDNF))]).await.0.unwrap();
        assert_eq!(failure.id, failure::PROBE_FAILED);
        assert_eq!(run_step("tdnf", Verb::Update, vec![repolist]).await.0, None);
        for list in ["", "repo id  repo name\n"] {
            let (failure, heard) = run_step("dnf5", Verb::Update, vec![("dnf5 -q repolist", reply(0, list))]).await;
            assert_eq!(failure.unwrap().id, failure::PROBE_FAILED);
            assert_eq!(heard.len(), 1, "nothing is updated then");
        }
    }

    #[tokio::test]
    async fn a_package_that_no_repository_could_be_read_for_did_not_install_and_the_failure_says_why() {
        let absent = ("rpm -q rpm", reply(0, "x\n"));
        let silent = vec![("dnf5 -y install", reply(1, REFUSED)), absent.clone()];
        let failed = run_step("dnf5", Verb::Install, silent).await.0.unwrap();
        assert!(
            failed.id == failure::STEP_INSTALL && failed.message.contains("could not reach its repositories"),
            "{failed:?}"
        );
        let refused = vec![("dnf5 -y install", reply(1, "No match for argument: x\n")), absent];
        assert_eq!(run_step("dnf5", Verb::Install, refused).await.0.unwrap().id, failure::STEP_INSTALL);
    }
}
