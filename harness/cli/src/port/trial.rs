//! What becomes of a chain on a machine: resolved without being done, installed, looked at afterwards.

use super::libraries;
use super::units::{self, UnitPlan};
use crate::error::CliError;
use crate::guest;
use muster_base::text::{escape_bytes, last_words, one_line, shell_word, tail};
use muster_check::dnf::{self, Transaction};
use muster_engine::driver::Live;
use muster_port::{Ran, Trial};
use muster_record::finding::{Finding, Severity};

/// Bytes of what a package manager says that are kept.
const SHOWN: usize = 8 << 10;
/// Packages, lines of rpm and of scriptlets that are kept.
const KEPT: usize = 200;
/// Bytes of each stream of the team's own command.
const PRINTED: usize = 1 << 20;

/// What a trial is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is installed, as the package manager takes it: names, groups, paths of files in the guest.
    pub(super) install: Vec<String>,
    /// Module streams that are enabled before: `nodejs:20`.
    pub(super) modules: Vec<String>,
    /// Units that are enabled, started, or both.
    pub(super) units: Vec<UnitPlan>,
}

/// Whether a plan resolves.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolution {
    /// Nothing is installed.
    Nothing,
    /// It does, and this is what it would do.
    Resolves(Transaction),
    /// It does not: what the package manager says, the end of it.
    Refused(String),
    /// This package manager cannot resolve without installing.
    OnlyByInstalling,
}

/// What is there after an installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct After {
    /// Names of packages that are there now and were not before.
    added: Vec<String>,
    /// Names of packages that were there before and are not now.
    removed: Vec<String>,
    /// What was to be installed and is not there.
    absent: Vec<String>,
    /// What `rpm -V` says of the new packages.
    verify: Vec<String>,
}

/// Resolves, without doing anything. Begins with the package manager in `$dnf`, arguments in `"$@"`.
const RESOLVE: &str = r#"case $dnf in
tdnf) tdnf --assumeno install "$@";;
microdnf) echo 'microdnf cannot resolve without installing' >&2; exit 125;;
*) "$dnf" --assumeno --setopt='*.skip_if_unavailable=0' install "$@";;
esac </dev/null 2>&1"#;
/// microdnf has no `--assumeno`.
const CANNOT_RESOLVE: i32 = 125;

/// Writes which packages are there to a file, in the order that `comm` wants. A list of which rpm wrote a part is none.
const LIST: &str = r#"export LC_ALL=C
list() {
    rpm -qa --qf '%{NAME}.%{ARCH}\n' >"$1.all" && sort -u "$1.all" >"$1" && [ -s "$1" ] || exit 124
}
"#;
const INSTALL: &str = r#"list /var/tmp/muster-port/before
"$dnf" -y install "$@" </dev/null 2>&1"#;
/// The package database cannot be read.
const NO_DATABASE: i32 = 124;

/// What is there afterwards. Each part begins with a line of its own, and the last ends the list.
const AFTER: &str = r#"list /var/tmp/muster-port/after
new=$(comm -13 /var/tmp/muster-port/before /var/tmp/muster-port/after) || exit 124
gone=$(comm -23 /var/tmp/muster-port/before /var/tmp/muster-port/after) || exit 124
echo '= added'
for package in $new; do printf '%s\n' "${package%.*}"; done
echo '= removed'
for package in $gone; do printf '%s\n' "${package%.*}"; done
echo '= absent'
for name do
    case $name in
    @*|*[*?[]*) continue;;
    *' '*) name=${name%% *};;
    /*.rpm) name=$(rpm -qp --qf '%{NAME}' --nosignature "$name" 2>/dev/null);;
    esac
    rpm -q --whatprovides "$name" >/dev/null 2>&1 || rpm -q "$name" >/dev/null 2>&1 || rpm -qf "$name" >/dev/null 2>&1 ||
        printf '%s\n' "$name"
done
echo '= verify'
[ -z "$new" ] || rpm -V $new 2>&1
echo '= end'"#;

impl Plan {
    /// What a person would type, with the options of the verb: `install --assumeno`.
    fn command(&self, manager: &str, verb: &str) -> String {
        let manager = if manager == "dnf4" { "dnf" } else { manager };
        let names: Vec<String> = self.install.iter().map(|name| shell_word(name)).collect();
        format!("{manager} {verb} {}", names.join(" "))
    }

    fn arguments(&self) -> String {
        let names: Vec<String> = self.install.iter().map(|name| shell_word(name)).collect();
        format!("set -- {}\nmkdir -p /var/tmp/muster-port || exit 1\n", names.join(" "))
    }
}

/// Tries the plan: resolves it, installs it, looks at what came of it. Where it does not resolve nothing is installed.
///
/// # Errors
/// The guest is gone, or what it says of its packages cannot be read.
pub(super) async fn try_plan(live: &mut impl Live, plan: &Plan) -> Result<Trial, CliError> {
    // What was shown before is nobody's fault here.
    drop(live.findings());
    let manager = live.facts().package_manager.clone().unwrap_or_default();
    let mut trial = Trial { succeeded: true, ..Trial::default() };
    if manager.is_empty() && !plan.install.is_empty() {
        let output = format!("the image has no package manager, and the chain installs {}", plan.install.join(", "));
        return Ok(Trial { succeeded: false, output: one_line(&output, 400), ..Trial::default() });
    }
    match resolve(live, plan).await? {
        Resolution::Nothing => {}
        Resolution::Refused(said) => {
            let command = plan.command(&manager, "install --assumeno");
            return Ok(Trial { command, succeeded: false, output: said, ..Trial::default() });
        }
        Resolution::Resolves(_) | Resolution::OnlyByInstalling => install(live, plan, &manager, &mut trial).await?,
    }
    let planned = units::try_all(live, &plan.units).await?;
    for unit in planned {
        let why: Vec<String> = [unit.not_enabled, unit.not_active].into_iter().flatten().collect();
        match why.is_empty() {
            true => trial.started.push(unit.name),
            false => trial.failed_units.push(format!("{}: {}", unit.name, why.join("; "))),
        }
    }
    trial.console = faults(live.findings());
    Ok(trial)
}

/// Those findings that count as failures, a line each.
fn faults(findings: Vec<Finding>) -> Vec<String> {
    let counts = findings.into_iter().filter(|finding| finding.severity >= Severity::Fail);
    counts.map(|finding| format!("{}: {}", finding.category, finding.line)).take(KEPT).collect()
}

/// Whether the plan resolves. Changes nothing but the module streams that are enabled.
async fn resolve(live: &impl Live, plan: &Plan) -> Result<Resolution, CliError> {
    if plan.install.is_empty() {
        return Ok(Resolution::Nothing);
    }
    if !plan.modules.is_empty() {
        let streams: Vec<String> = plan.modules.iter().map(|stream| shell_word(stream)).collect();
        let script = format!("{}\"$dnf\" -y module enable {} </dev/null 2>&1", dnf::MANAGER, streams.join(" "));
        let reply = guest::run_foreign(live, script, 300, guest::OUTPUT).await?;
        if reply.status != 0 || guest::cut(&reply).is_some() {
            let said = last_words(&guest::both(&reply), 300);
            return Ok(Resolution::Refused(format!("module enable {}: {said}", streams.join(" "))));
        }
    }
    let script = format!("{}{}{RESOLVE}", dnf::MANAGER, plan.arguments());
    let reply = guest::run_foreign(live, script, 600, guest::OUTPUT).await?;
    let said = guest::both(&reply);
    let not_read = |why: &str| {
        let command = plan.command("dnf", "install --assumeno");
        CliError::infrastructure(format!("it is not known whether `{}` resolves: {why}", one_line(&command, 300)))
    };
    if let Some(why) = guest::cut(&reply) {
        return Err(not_read(&format!("{why}; its last output: {}", last_words(&said, 300))));
    }
    if reply.status == CANNOT_RESOLVE && said.contains("microdnf cannot resolve") {
        return Ok(Resolution::OnlyByInstalling);
    }
    let found = dnf::planned(reply.status, &said).map_err(|why| {
        not_read(&one_line(&why.to_string(), 400)).hint("where the repositories are on the internet, add --internet")
    })?;
    Ok(match found.problem {
        Some(problem) => Resolution::Refused(tail(problem.trim(), SHOWN)),
        None => Resolution::Resolves(found),
    })
}

async fn install(live: &impl Live, plan: &Plan, manager: &str, trial: &mut Trial) -> Result<(), CliError> {
    let script = format!("{}{}{LIST}{INSTALL}", dnf::MANAGER, plan.arguments());
    let reply = guest::run_foreign(live, script, 1800, guest::OUTPUT).await?;
    let said = guest::both(&reply);
    let no_database =
        || CliError::infrastructure("the package database of the image cannot be read, so that nothing is known of it");
    if reply.status == NO_DATABASE {
        return Err(no_database());
    }
    trial.command = plan.command(manager, "install -y");
    let failed = match (guest::cut(&reply), reply.status) {
        (Some(why), _) => Some(why.to_owned()),
        (None, 0) => None,
        (None, status) => Some(format!("exit status {status}")),
    };
    if let Some(why) = failed {
        trial.succeeded = false;
        trial.output = format!("{why}\n{}", tail(said.trim(), SHOWN));
    }
    trial.scriptlet_errors = dnf::scriptlet_errors(&said).map(|line| one_line(line, 300)).take(KEPT).collect();
    let script = format!("{}{LIST}{AFTER}", plan.arguments());
    let reply = guest::run(live, script, 600, guest::OUTPUT).await?;
    let After { added, removed, absent, verify } = after(&escape_bytes(&reply.stdout)).ok_or_else(no_database)?;
    if trial.succeeded && !absent.is_empty() {
        // Package managers report success without having done what was wanted.
        trial.succeeded = false;
        trial.output = format!("it ended well, and is not installed: {}", one_line(&absent.join(", "), 300));
    }
    trial.verify = verify.iter().filter(|line| is_amiss(line)).map(|line| one_line(line, 300)).take(KEPT).collect();
    match libraries::missing(live, &added).await? {
        Ok(missing) => {
            let line = |one: &libraries::Missing| format!("{}: {}", one.path, one.soname);
            trial.missing_libraries = missing.iter().map(line).take(KEPT).collect();
        }
        Err(why) => trial.failed = Some(why.0),
    }
    (trial.installed, trial.removed) = (added, removed);
    Ok(())
}

/// The lists; `None` when the answer is not whole.
fn after(text: &str) -> Option<After> {
    let (added, rest) = text.strip_prefix("= added\n")?.split_once("= removed\n")?;
    let (removed, rest) = rest.split_once("= absent\n")?;
    let (absent, rest) = rest.split_once("= verify\n")?;
    let verify = rest.strip_suffix("= end\n")?;
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    Some(After { added: lines(added), removed: lines(removed), absent: lines(absent), verify: lines(verify) })
}

/// Whether a line of `rpm -V` speaks of a fault: `S.5....T.  c /etc/nginx.conf` is a configuration file that a
/// scriptlet has edited, `missing   d /usr/share/doc/x` documentation that the image leaves out.
fn is_amiss(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return !line.trim().is_empty() };
    match (first, second) {
        ("missing", "d") => false,
        ("missing", _) => true,
        (flags, "c" | "g" | "d" | "l" | "r") if is_flags(flags) => false,
        // A directory's or a file's time alone.
        (flags, _) if is_flags(flags) => flags.chars().any(|c| !".T?".contains(c)),
        _ => true,
    }
}

fn is_flags(word: &str) -> bool {
    word.len() >= 8 && word.chars().all(|c| ".SM5DLUGTPC?".contains(c))
}

/// Runs the team's own command; `seconds` are those of a fast machine.
///
/// # Errors
/// The guest is gone.
pub(super) async fn run(live: &mut impl Live, command: &str, seconds: u64) -> Result<Ran, CliError> {
    drop(live.findings());
    let reply = guest::run_foreign(live, command.to_owned(), seconds, PRINTED).await?;
    let why = guest::cut(&reply);
    Ok(Ran {
        status: why.is_none().then_some(reply.status),
        why: why.unwrap_or_default().to_owned(),
        stdout: escape_bytes(&reply.stdout),
        stderr: escape_bytes(&reply.stderr),
        console: faults(live.findings()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_the_shell() {
        let plan = Plan { install: vec!["nginx".into(), "@core".into(), "a b;c".into()], ..Plan::default() };
        assert_eq!(plan.command("dnf4", "install --assumeno"), "dnf install --assumeno nginx @core 'a b;c'");
        assert!(plan.arguments().starts_with("set -- nginx @core 'a b;c'\n"));
    }

    /// How `sh` ends when it lists the packages of an rpm that does this, and the list.
    fn listed(rpm: &str) -> (Option<i32>, String) {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("list");
        let script = format!("rpm() {{ {rpm}; }}\n{LIST}list '{}'", to.display());
        let ended = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        (ended.status.code(), std::fs::read_to_string(to).unwrap_or_default())
    }

    #[test]
    fn a_list_of_which_rpm_wrote_a_part_is_none() {
        assert_eq!(listed("printf 'b.noarch\\na.noarch\\nb.noarch\\n'"), (Some(0), "a.noarch\nb.noarch\n".to_owned()));
        assert_eq!(listed("echo a.noarch; return 137").0, Some(NO_DATABASE));
        assert_eq!(listed("true").0, Some(NO_DATABASE));
    }

    #[test]
    fn an_answer_that_is_cut_is_no_answer() {
        let whole = "= added\nnginx\n= removed\nold\n= absent\nnope\n= verify\nmissing     /usr/bin/x\n= end\n";
        let found = after(whole).unwrap();
        let lists = [found.added, found.removed, found.absent, found.verify];
        assert_eq!(lists, [["nginx"], ["old"], ["nope"], ["missing     /usr/bin/x"]]);
        let cuts = ["", "= added\n", "= added\nx\n= removed\n= absent\n= verify\n", "= absent\n= verify\n= end\n"];
        for cut in cuts {
            assert_eq!(after(cut), None, "{cut}");
        }
    }

    #[test]
    fn rpm_speaks_of_faults_and_of_what_scriptlets_edit() {
        for amiss in [
            "missing     /usr/bin/x",
            "missing   c /etc/x.conf",
            "S.5....T.    /usr/bin/x",
            ".M.......    /usr/bin/x",
            "Unsatisfied dependencies for x-1-1.noarch:",
            "error: rpmdb: BDB0113",
        ] {
            assert!(is_amiss(amiss), "{amiss}");
        }
        for fine in ["S.5....T.  c /etc/x.conf", ".......T.    /usr/share/x", "missing   d /usr/share/doc/x", "", "  "]
        {
            assert!(!is_amiss(fine), "{fine}");
        }
    }
}
