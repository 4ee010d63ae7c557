//! What dnf5, dnf4, microdnf and tdnf print. Exit statuses of package managers are not believed:
//! `--assumeno` ends with 1 when all is well, and broken dependencies can end with 0.

use super::value;

use crate::unreadable::{Read, Unreadable};

/// Begins a script: finds the package manager of the guest into `$dnf`; status 127 when there is none.
pub const MANAGER: &str = "export LC_ALL=C COLUMNS=400\ndnf=\nfor name in dnf5 dnf tdnf microdnf; do command -v $name >/dev/null 2>&1 && { dnf=$name; break; }; done\n[ -n \"$dnf\" ] || { echo 'dnf5, dnf, tdnf, microdnf: not found' >&2; exit 127; }\n# dnf5 can stand behind the name of its ancestors.\n[ \"$dnf\" = dnf5 ] || ! command -v dnf5 >/dev/null 2>&1 || dnf=dnf5\n";

/// What a package manager would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transaction {
    /// Packages that would be installed.
    pub adds: Vec<Change>,
    /// Names of those of them that are only weak dependencies.
    pub weak: Vec<String>,
    /// Names of installed packages of which a newer version would come.
    pub upgrades: Vec<String>,
    /// Names of installed packages of which an older version would come.
    pub downgrades: Vec<String>,
    /// Names of installed packages that would go, or be replaced.
    pub removes: Vec<String>,
    /// Bytes on the disk, as it says.
    pub install_size: Option<f64>,
    /// Bytes that would be fetched, as it says.
    pub download_size: Option<f64>,
    /// The resolver's words when it does not resolve.
    pub problem: Option<String>,
}

/// A package that would be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// The repository it would come from.
    pub repo: String,
}

/// Words that say that the metadata could not be had: nothing is known then.
const UNREACHABLE: &[&str] = &[
    "Failed to download metadata",
    "Cannot download repomd",
    "Failed to synchronize cache",
    "Errors during downloading metadata",
    "Could not resolve host",
    "Curl error",
    "Error(1207)",
    "Error(1603)",
    "Error(1622)",
    "Cache-only enabled but no cache",
    "There are no enabled repositories",
    "There are no enabled repos",
    "no repository is enabled",
    "This command has to be run with superuser privileges",
    "Failed to obtain",
    "error: rpmdb",
    "cannot open Packages database",
];

/// Words that say that no mirror gave a file.
const NO_MIRROR_LEFT: &[&str] = &["All mirrors were tried", "mirrors were already tried"];

/// Words that say that a mirror answered, and that the file is not there or is another: that is no fault of the way to it.
const ANSWERED: &[&str] = &["Status code: 4", "checksum doesn't match"];

/// Words that say that the resolver refused.
const REFUSED: &[&str] = &[
    "Failed to resolve the transaction",
    "No match for argument",
    "Unable to find a match",
    "Module or Group '",
    "No package ",
    "Problem:",
    "Problem 1:",
    "nothing provides",
    "conflicting requests",
    "Error(1011)",
    "Error(1301)",
    "Solv general runtime error",
    "problem(s) while resolving",
];

/// Reads what an install or upgrade with `--assumeno` printed and how it ended, as a shell says it (128 and the
/// number of the signal that killed it). `Err` when it can be taken neither for a transaction nor for a refusal.
///
/// # Errors
/// It was killed, what it cannot be taken for, or that the repositories could not be reached.
pub fn planned(status: i32, text: &str) -> Read<Transaction> {
    killed(status, text).map_or_else(|| transaction(text), Err)
}

/// That it did not end by itself, so that what it printed may be a part. tdnf ends with the lower eight bits of its
/// own errors, which can look like a signal: 1011, that it has no such package, is 243.
pub(super) fn killed(status: i32, text: &str) -> Option<Unreadable> {
    let number = |line: &str| line.strip_prefix("Error(")?.split_once(')')?.0.parse::<i32>().ok();
    let own = || text.lines().filter_map(number).any(|number| number & 0xff == status);
    if status < 128 || own() {
        return None;
    }
    let what = if (129..=192).contains(&status) { "was killed" } else { "ended in no way of its own" };
    Some(Unreadable::new(format!("the package manager {what} (status {status}): {}", last_line(text))))
}

/// The last line that says something.
fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it printed nothing")
}

/// Reads what it printed when it ended by itself.
fn transaction(text: &str) -> Read<Transaction> {
    if let Some(line) = unreachable(text) {
        return Err(Unreadable::new(format!("the package manager says: {line}")));
    }
    let mut found = Transaction::default();
    let mut section = Section::None;
    let mut has_table = false;
    let mut pending = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(next) = Section::of(line) {
            // dnf5 says that it loads the repositories in a line that looks like a heading, whatever comes then.
            has_table |= !matches!(next, Section::None | Section::Other);
            section = next;
            pending.clear();
            continue;
        }
        sizes(trimmed, &mut found);
        if trimmed.is_empty()
            || trimmed.starts_with("==")
            || trimmed == "Transaction Summary"
            || trimmed == "Transaction Summary:"
        {
            if trimmed.is_empty() || trimmed.starts_with("Transaction Summary") {
                section = Section::None;
            }
            continue;
        }
        if section == Section::None {
            continue;
        }
        // dnf4 breaks a row after a long name.
        let row = if pending.is_empty() { trimmed.to_owned() } else { format!("{pending} {trimmed}") };
        pending.clear();
        let words: Vec<&str> = row.split_whitespace().collect();
        if let ["replacing", package, ..] = words.as_slice() {
            // Below an upgrade this is the package itself in its old version.
            let name = name_of(package);
            if !found.upgrades.contains(&name) && !found.downgrades.contains(&name) && !found.removes.contains(&name) {
                found.removes.push(name);
            }
            continue;
        }
        if words.len() < 4 {
            pending = row;
            continue;
        }
        let name = words[0].to_owned();
        match section {
            Section::None => {}
            Section::Install | Section::Weak => {
                if section == Section::Weak {
                    found.weak.push(name.clone());
                }
                found.adds.push(Change { name, repo: words[3].to_owned() });
            }
            Section::Upgrade => found.upgrades.push(name),
            Section::Downgrade => found.downgrades.push(name),
            Section::Remove => found.removes.push(name),
            Section::Other => {}
        }
    }
    if let Some(start) = refusal(text, &found) {
        let problem = text.lines().skip(start).collect::<Vec<_>>().join("\n");
        return Ok(Transaction { problem: Some(problem), ..Transaction::default() });
    }
    let nothing =
        ["Nothing to do", "is already installed", "Package already installed"].iter().any(|words| text.contains(words));
    // Groups, module streams and reasons may change without a package.
    let has_summary = text.lines().any(|line| line.starts_with("Transaction Summary"));
    if has_table || has_summary || nothing {
        return Ok(found);
    }
    Err(Unreadable::new(format!("the package manager printed no transaction; its last output: {}", last_line(text))))
}

/// The line at which the resolver begins to refuse. With `best=False` it also has words for the newest
/// version that it passed over, and then a transaction with an older one: that resolves.
fn refusal(text: &str, found: &Transaction) -> Option<usize> {
    let does_something = !(found.adds.is_empty() && found.upgrades.is_empty() && found.downgrades.is_empty());
    if does_something && text.lines().any(|line| line.starts_with("Transaction Summary")) {
        return None;
    }
    let refused = |line: &str| REFUSED.iter().any(|words| line.contains(words));
    let first = text.lines().position(refused)?;
    // tdnf numbers its reasons, and says behind them how many there are.
    let numbered = |line: &str| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < line.len() && rest.starts_with(". ")
    };
    let reasons = text.contains("problem(s) while resolving").then(|| text.lines().position(numbered)).flatten();
    Some(reasons.map_or(first, |at| at.min(first)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Install,
    Weak,
    Upgrade,
    Downgrade,
    Remove,
    Other,
}

impl Section {
    /// The section that a heading begins, which stands in the first column.
    fn of(line: &str) -> Option<Self> {
        let heading = line.trim_end().strip_suffix(':').filter(|heading| !heading.starts_with(char::is_whitespace))?;
        Some(match heading {
            "Installing" | "Installing dependencies" | "Installing group/module packages" => Section::Install,
            "Installing weak dependencies" => Section::Weak,
            "Upgrading" => Section::Upgrade,
            "Downgrading" => Section::Downgrade,
            "Removing" | "Removing dependent packages" | "Removing unused dependencies" | "Obsoleting" => {
                Section::Remove
            }
            "Transaction Summary" => Section::None,
            // Groups, environments, module streams, reasons, what is passed over: no packages that come or go.
            other if other.split(' ').next().is_some_and(|word| word.ends_with("ing")) => Section::Other,
            _ => return None,
        })
    }
}

/// `openssl-libs.x86_64` and `openssl-libs` are openssl-libs.
pub(super) fn name_of(package: &str) -> String {
    const ARCHES: [&str; 7] = ["x86_64", "aarch64", "noarch", "i686", "ppc64le", "s390x", "riscv64"];
    match package.rsplit_once('.') {
        Some((name, arch)) if ARCHES.contains(&arch) => name.to_owned(),
        _ => package.to_owned(),
    }
}

fn sizes(line: &str, found: &mut Transaction) {
    let after = |prefix: &str| line.strip_prefix(prefix).and_then(size);
    if let Some(bytes) = after("Installed size:").or_else(|| after("Total installed size:")) {
        found.install_size = Some(bytes);
    }
    if let Some(bytes) = after("Total download size:") {
        found.download_size = Some(bytes);
    }
    // dnf4 says so when every package lies on this machine.
    if found.download_size.is_none() && line.starts_with("Total size:") {
        found.download_size = Some(0.0);
    }
    // dnf5: `Total size of inbound packages is 2 MiB. Need to download 1 MiB.` and
    // `After this operation, 6 MiB extra will be used (install 6 MiB, remove 0 B).`
    if let Some((_, rest)) = line.split_once("Need to download ") {
        found.download_size = size(rest.trim_end_matches('.'));
    }
    if let Some((_, rest)) = line.split_once("(install ") {
        found.install_size = rest.split(',').next().and_then(size);
    }
}

/// `60 k`, `1.2 M`, `6 MiB`, `117.27k`: without a unit of its own, a letter is a power of 1024.
fn size(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (amount, unit) = (text[..split].trim(), text[split..].trim());
    let unit = match unit {
        "" | "b" | "B" => "B",
        "k" | "K" => "KiB",
        "M" => "MiB",
        "G" => "GiB",
        other => other,
    };
    value::size(&format!("{amount} {unit}"))
}

/// A package that `repoquery` lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) evr: String,
    pub(super) arch: String,
}

impl Listed {
    /// Whether a label is its name, alone or with its architecture.
    pub(super) fn is_called(&self, label: &str) -> bool {
        let with_arch = || label.rsplit_once('.').is_some_and(|(name, arch)| name == self.name && arch == self.arch);
        self.name == label || with_arch()
    }
}

/// A package as `repoquery` lists it: `name-[epoch:]version-release.arch`, or with the epoch first.
pub(super) fn nevra(line: &str) -> Option<Listed> {
    let line = line.trim();
    if line.is_empty() || line.contains(' ') {
        return None;
    }
    let (line, epoch) = match line.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (rest, Some(epoch)),
        _ => (line, None),
    };
    let (without_arch, arch) = line.rsplit_once('.')?;
    let (name_version, release) = without_arch.rsplit_once('-')?;
    let (name, version) = name_version.rsplit_once('-')?;
    let version = version.strip_prefix("0:").unwrap_or(version);
    let evr = match epoch {
        Some(epoch) if epoch != "0" => format!("{epoch}:{version}-{release}"),
        _ => format!("{version}-{release}"),
    };
    (!name.is_empty() && !version.is_empty()).then(|| Listed { name: name.to_owned(), evr, arch: arch.to_owned() })
}

/// The line in which it says that the repositories could not be reached. A mirror that failed while others are left
/// (`[MIRROR] …` of dnf4, `>>> Curl error (28): …` of dnf5) says nothing of that.
pub fn unreachable(text: &str) -> Option<Unreadable> {
    let of_a_mirror = |line: &str| line.starts_with("[MIRROR]") || line.trim_start().starts_with(">>> Curl error");
    let answered = ANSWERED.iter().any(|words| text.contains(words));
    let is_said = |line: &&str| {
        UNREACHABLE.iter().any(|words| line.contains(words))
            || (!answered && NO_MIRROR_LEFT.iter().any(|words| line.contains(words)))
    };
    let mut said = text.lines().filter(|line| !of_a_mirror(line)).filter(is_said);
    said.next().map(|line| Unreadable::new(line.trim()))
}

/// The lines in which rpm or a package manager tells of failed scriptlets; both carry on after most of them.
pub fn scriptlet_errors(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter(|line| {
        let lower = line.to_ascii_lowercase();
        lower.contains("scriptlet") && (lower.contains("failed") || lower.contains("error in"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scriptlets_that_fail_are_found_in_the_words_of_every_rpm() {
        // rpm 4.18 and dnf4, then dnf5.
        let old = "warning: %post(x-1-1.noarch) scriptlet failed, exit status 1";
        let said = format!("Installed: x\n{old}\nError in POSTIN scriptlet in rpm package x\n");
        assert_eq!(scriptlet_errors(&said).collect::<Vec<_>>(), [old, "Error in POSTIN scriptlet in rpm package x"]);
        let well = ">>> Running %post scriptlet: x-0:1-1.noarch\n>>> Finished %post scriptlet: x\n";
        assert_eq!(scriptlet_errors(well).count(), 0);
    }

    fn names(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.name.as_str()).collect()
    }

    #[test]
    fn a_table_of_dnf5_is_a_transaction() {
        let text = "Updating and loading repositories:\nRepositories loaded.\nPackage                 Arch   Version             Repository      Size\nInstalling:\n nginx                  x86_64 2:1.28.0-4.fc43     fedora     175.6 KiB\nInstalling dependencies:\n nginx-core             x86_64 2:1.28.0-4.fc43     updates      1.8 MiB\nInstalling weak dependencies:\n fedora-logos-httpd     noarch 42.0.1-2.fc43       fedora      12.1 KiB\nUpgrading:\n openssl-libs           x86_64 1:3.5.4-1.fc43      updates      8.9 MiB\n   replacing openssl-libs x86_64 1:3.5.1-2.fc43    anaconda     8.9 MiB\nRemoving dependent packages:\n old                    noarch 1-1                 anaconda     1.0 KiB\n\nTransaction Summary:\n Installing:         3 packages\n Upgrading:          1 package\n Replacing:          1 package\n\nTotal size of inbound packages is 2 MiB. Need to download 1 MiB.\nAfter this operation, 6 MiB extra will be used (install 15 MiB, remove 9 MiB).\nOperation aborted by the user.\n";
        let found = transaction(text).unwrap();
        assert_eq!(names(&found.adds), ["nginx", "nginx-core", "fedora-logos-httpd"]);
        assert_eq!(found.adds[1].repo, "updates");
        assert_eq!(
            (found.weak.as_slice(), found.upgrades.as_slice(), found.removes.as_slice()),
            (&["fedora-logos-httpd".to_owned()][..], &["openssl-libs".to_owned()][..], &["old".to_owned()][..])
        );
        assert_eq!((found.install_size, found.download_size), (Some(15.0 * 1_048_576.0), Some(1_048_576.0)));
    }

    #[test]
    fn a_table_of_dnf4_is_read_with_broken_rows() {
        let text = "Last metadata expiration check: 0:00:05 ago on Sun Nov 22 2026.\nDependencies resolved.\n================================================================================\n Package                    Arch      Version               Repository     Size\n================================================================================\nInstalling:\n tree                       x86_64    2.1.0-1.fc40          fedora         60 k\nInstalling dependencies:\n a-very-long-package-name-that-does-not-fit\n                            noarch    1.0-1                 updates       1.2 M\nUpgrading:\n other                      x86_64    2-1                   updates        10 k\n     replacing  gone.x86_64 1.0-1\n\nTransaction Summary\n================================================================================\nInstall  2 Packages\n\nTotal download size: 60 k\nInstalled size: 116 k\nOperation aborted.\n";
        let found = transaction(text).unwrap();
        assert_eq!(names(&found.adds), ["tree", "a-very-long-package-name-that-does-not-fit"]);
        assert_eq!(found.adds[1].repo, "updates");
        assert_eq!(found.removes, ["gone"]);
        assert_eq!((found.install_size, found.download_size), (Some(118_784.0), Some(61_440.0)));
        let local = transaction(&text.replace("Total download size", "Total size")).unwrap();
        assert_eq!(local.download_size, Some(0.0));
    }

    #[test]
    fn a_table_of_tdnf_is_a_transaction() {
        let text = "\nInstalling:\ntree      x86_64   2.1.1-1.azl3    azurelinux-official-base  117.27k   60.10k\n\nTotal installed size: 117.27k\nTotal download size:  60.10k\nError(1032) : Operation aborted.\n";
        let found = transaction(text).unwrap();
        assert_eq!((found.adds[0].name.as_str(), found.adds[0].repo.as_str()), ("tree", "azurelinux-official-base"));
        // 117.27 KiB, in whole bytes.
        assert_eq!(found.install_size, Some(120_084.0));
    }

    /// A file of what a package manager printed: its name and its text.
    macro_rules! printed {
        ($name:literal) => {
            ($name, include_str!(concat!("../testdata/package-managers/", $name, ".txt")))
        };
    }

    /// What resolves, and the packages that come.
    const RESOLVES: &[((&str, &str), &[&str])] = &[
        (printed!("dnf4-good"), &["port-good", "port-good-data"]),
        (printed!("dnf4-provided"), &["port-mta"]),
        (printed!("dnf4-installed"), &[]),
        (printed!("dnf4-group"), &["port-good", "port-mta", "port-good-data"]),
        (printed!("dnf5-group"), &["port-good", "port-mta", "port-good-data"]),
        (printed!("tdnf-good"), &["port-good", "port-good-data"]),
        (printed!("tdnf-installed"), &[]),
    ];

    /// What does not, and words of the reason.
    const REFUSES: &[((&str, &str), &str)] = &[
        (printed!("dnf4-soname"), "libport.so.1"),
        (printed!("dnf4-conflict"), "port-left-2-1.noarch conflicts with port-right"),
        (printed!("dnf4-needy"), "nothing provides port-nowhere"),
        (printed!("dnf4-absent"), "port-nothing"),
        (printed!("dnf4-half"), "port-nothing"),
        (printed!("dnf4-arch"), "compatible architecture"),
        (printed!("dnf4-no-group"), "port-group"),
        (printed!("dnf4-group-among-others"), "'nope' is not available"),
        (printed!("tdnf-conflict"), "port-left-2-1.noarch conflicts with port-right"),
        (printed!("tdnf-soname"), "libport.so.1"),
        (printed!("tdnf-absent"), "port-nothing"),
        (printed!("tdnf-half"), "port-nothing"),
    ];

    #[test]
    fn what_package_managers_print_is_a_transaction_or_a_refusal_with_its_reason() {
        for ((name, text), adds) in RESOLVES {
            let found = transaction(text).unwrap_or_else(|why| panic!("{name}: {why}"));
            assert_eq!((names(&found.adds).as_slice(), &found.problem), (*adds, &None), "{name}");
        }
        for ((name, text), words) in REFUSES {
            let problem = transaction(text).unwrap_or_else(|why| panic!("{name}: {why}")).problem;
            assert!(problem.as_ref().is_some_and(|problem| problem.contains(words)), "{name}: {problem:?}");
        }
        let scriptlet = include_str!("../testdata/package-managers/dnf4-scriptlet.txt");
        assert_eq!(scriptlet_errors(scriptlet).count(), 3, "two lines of rpm and one of dnf");
    }

    #[test]
    fn words_decide_and_not_the_exit_status() {
        let refused = "Failed to resolve the transaction:\nProblem: conflicting requests\n  - nothing provides libfoo.so.1\nYou can try to add to command line:\n  --skip-broken\n";
        assert!(transaction(refused).unwrap().problem.unwrap().contains("nothing provides libfoo.so.1"));
        assert!(
            transaction("No match for argument: nope\nError: Unable to find a match: nope\n")
                .unwrap()
                .problem
                .is_some()
        );
        assert_eq!(
            transaction("Package \"bash-5-1.x86_64\" is already installed.\n\nNothing to do.\n").unwrap(),
            Transaction::default()
        );
        assert!(
            transaction("Error: Failed to download metadata for repo 'fedora': Cannot download repomd.xml\n")
                .unwrap_err()
                .to_string()
                .contains("repo 'fedora'")
        );
        assert!(transaction("Segmentation fault\n").unwrap_err().to_string().contains("Segmentation fault"));
        assert!(transaction("").is_err());
    }

    #[test]
    fn dnf5_that_dies_after_its_first_line_has_no_answer() {
        const LOADED: &str = "Updating and loading repositories:\nRepositories loaded.\n";
        let why = |status, words: &str| planned(status, &format!("{LOADED}{words}")).unwrap_err().to_string();
        for words in ["", "corrupted double-linked list\nAborted\n", "filesystem error: cannot write: No space left\n"]
        {
            assert!(why(1, words).contains("no transaction"), "{words}");
        }
        assert_eq!(why(137, ""), "the package manager was killed (status 137): Repositories loaded.");
        let half = "Package Arch Version Repository Size\nInstalling:\n nginx x86_64 1-1 base 10 k\n";
        assert!(why(134, half).contains("killed (status 134)"));
        let group = format!("{LOADED}Installing groups:\n tools\n\nTransaction Summary:\n Installing: 1 group\n");
        assert_eq!(planned(1, &group), Ok(Transaction::default()));
        // tdnf has no room for its errors in a status.
        let absent = include_str!("../testdata/package-managers/tdnf-absent.txt");
        assert!(planned(1011 & 0xff, absent).unwrap().problem.is_some() && planned(137, absent).is_err());
        assert!(killed(200, "waiting for a lock").unwrap().to_string().contains("(status 200)"));
    }

    #[test]
    fn a_mirror_that_failed_is_no_failure_of_its_repository() {
        let dnf5 = ">>> Curl error (28): Timeout was reached for https://a.example/repodata/repomd.xml [Could not resolve host: a.example] - https://a.example/repodata/repomd.xml\n";
        let dnf4 = "[MIRROR] nginx-1-1.x86_64.rpm: Curl error (6): Could not resolve host: a.example\n";
        let table = "Updating and loading repositories:\nRepositories loaded.\nInstalling:\n nginx x86_64 1-1 base 10 k\n\nTransaction Summary:\n Installing: 1 package\n";
        assert_eq!(names(&transaction(&format!("{dnf5}{dnf4}{table}")).unwrap().adds), ["nginx"]);
        for last in [
            ">>> Librepo error: Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors were tried",
            "Failed to download metadata (metalink: \"https://a.example\") for repository \"base\"",
            ">>> No more mirrors to try - All mirrors were already tried without success: base",
            "Error: Error downloading packages:\n  Cannot download nginx.rpm: All mirrors were tried",
        ] {
            assert!(transaction(&format!("{dnf5}{last}\n{table}")).is_err(), "{last}");
        }
        // A repository that lists what it does not have was reached.
        for answered in
            ["Status code: 404 for https://a.example/x.rpm", "Downloading successful, but checksum doesn't match."]
        {
            let said = format!(
                "[MIRROR] x.rpm: {answered}\n[FAILED] x.rpm: No more mirrors to try - All mirrors were already tried without success\n\
                 Error: Error downloading packages:\n  Cannot download x.rpm: All mirrors were tried\n"
            );
            assert!(unreachable(&said).is_none(), "{said}");
        }
        assert!(
            unreachable("[MIRROR] repomd.xml: Status code: 404\nCannot download repomd.xml: All mirrors were tried")
                .is_some()
        );
    }

    #[test]
    fn names_and_versions_come_out_of_nevra() {
        let parts = |text| nevra(text).map(|one| format!("{} {}", one.name, one.evr));
        assert_eq!(parts("bash-0:5.2.37-3.fc43.x86_64").as_deref(), Some("bash 5.2.37-3.fc43"));
        assert_eq!(parts("nginx-core-2:1.28.0-4.fc43.x86_64").as_deref(), Some("nginx-core 2:1.28.0-4.fc43"));
        assert_eq!(parts("python3-pip-24.2-1.azl3.noarch").as_deref(), Some("python3-pip 24.2-1.azl3"));
        assert_eq!(parts("Last metadata expiration"), None);
        assert_eq!(parts("x"), None);
        let called = |text: &str, label| nevra(text).unwrap().is_called(label);
        assert!(called("lab-hello-1.0-1.noarch", "lab-hello") && called("lab-hello-1.0-1.noarch", "lab-hello.noarch"));
        assert!(!called("lab-hello-1.0-1.noarch", "lab-hello.x86_64") && !called("a-1-1.noarch", "noarch"));
        assert!(called("python3.12-3.12.1-1.x86_64", "python3.12") && !called("python3-3.12.1-1.x86_64", "python3.12"));
    }
}
