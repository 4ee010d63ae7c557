//! What `rpm` prints, read by one rule: no answer is not "not installed".

use std::cmp::Ordering;

use super::shell;
use crate::unreadable::{Read, Unreadable};
use muster_base::evr::Evr;
use muster_base::text::{escape_bytes, one_line};
use muster_guest::Reply;
use muster_record::facts::Facts;

/// What signing keys are called in the database.
pub(super) const KEY: &str = "gpg-pubkey";

/// One installed package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Empty when it has none.
    pub epoch: String,
    /// Without release.
    pub version: String,
    /// The release.
    pub release: String,
    /// `x86_64`, `noarch`, ….
    pub arch: String,
    /// As the package states it; empty when it does not.
    pub vendor: String,
    /// As the package states it; empty when it does not.
    pub packager: String,
    /// The licence expression.
    pub license: String,
    /// The source package.
    pub source: String,
    /// Where it was built.
    pub build_host: String,
    /// Installed, in bytes.
    pub size: u128,
    /// Signatures as `pgpsig` shows them; empty when there is none.
    pub signature: String,
}

impl Package {
    /// `[epoch:]version-release`, without an epoch of 0.
    pub fn evr(&self) -> String {
        match self.epoch.as_str() {
            "" | "0" => format!("{}-{}", self.version, self.release),
            epoch => format!("{epoch}:{}-{}", self.version, self.release),
        }
    }

    /// Signing keys are in the database as packages; they are none.
    pub fn is_key(&self) -> bool {
        self.name == KEY
    }

    /// Key ids that signed it: last 16 hex digits, lower case.
    pub(super) fn signers(&self) -> Vec<String> {
        key_ids(&self.signature)
    }

    fn is_called(&self, label: &str) -> bool {
        let Self { name, version, release, arch, .. } = self;
        label == name
            || label == format!("{name}.{arch}")
            || label == format!("{name}-{version}")
            || label == format!("{name}-{version}-{release}")
            || label == format!("{name}-{version}-{release}.{arch}")
    }
}

/// Whether the system's own packages are rpm's; where they are dpkg's, an empty database of rpm that somebody
/// installed next to it says nothing of the system.
pub(super) fn counts(facts: &Facts, what: &str) -> Read<()> {
    match &facts.dpkg {
        None => Ok(()),
        Some(_) => {
            Err(Unreadable::new(format!("{what} is read from rpm, and the packages of this system are those of dpkg")))
        }
    }
}

/// Ids in texts like `RSA/SHA256, …, Key ID 199e2f91fd431d51` or `… Key Fingerprint: 4F50…`.
fn key_ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c == ',' || c == ':')
        .filter(|word| word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .map(|word| word[word.len() - 16..].to_lowercase())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Begins a script: rpm must be there, speak English, and know how its signatures are called (rpm 6
/// has one tag for all, earlier versions refuse a format that names it).
pub(super) fn prelude() -> String {
    format!(
        "{}export LC_ALL=C\n\
         sig='%|RSAHEADER?{{%{{RSAHEADER:pgpsig}}}}:{{%|DSAHEADER?{{%{{DSAHEADER:pgpsig}}}}:{{%|SIGPGP?{{%{{SIGPGP:pgpsig}}}}:{{%|SIGGPG?{{%{{SIGGPG:pgpsig}}}}:{{}}|}}|}}|}}|'\n\
         case \" $(rpm --querytags | tr '\\n' ' ') \" in *' OPENPGP '*) sig=\"$sig[ %{{OPENPGP:pgpsig}}]\";; esac\n\
         qf='package\\t%{{NAME}}\\t%{{EPOCHNUM}}\\t%{{VERSION}}\\t%{{RELEASE}}\\t%{{ARCH}}\\t%{{VENDOR}}\\t%{{PACKAGER}}\\t%{{LICENSE}}\\t%{{SOURCERPM}}\\t%{{BUILDHOST}}\\t%{{LONGSIZE}}\\t'\"$sig\"'\\n'\n",
        shell::need("rpm")
    )
}

/// Reads the lines of [`prelude`]'s format.
pub fn packages(text: &str) -> Read<Vec<Package>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("package\t"))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, epoch, version, release, arch, vendor, packager, license, source, build_host, size, signature] =
                fields.as_slice()
            else {
                return Err(Unreadable::new(format!("rpm prints `{}`", one_line(line, 120))));
            };
            let or_empty = |text: &str| if text == "(none)" { String::new() } else { text.to_owned() };
            Ok(Package {
                name: (*name).to_owned(),
                epoch: or_empty(epoch),
                version: (*version).to_owned(),
                release: (*release).to_owned(),
                arch: or_empty(arch),
                vendor: or_empty(vendor),
                packager: or_empty(packager),
                license: or_empty(license),
                source: or_empty(source),
                build_host: or_empty(build_host),
                size: size.parse().unwrap_or_default(),
                signature: or_empty(signature.trim()),
            })
        })
        .collect()
}

/// POSIX sh that prints the name of some installed package, and nothing when the database is empty or lost, of which rpm says
/// nothing: then no file has an owner, no name is provided and nothing is amiss. Keys are no packages.
macro_rules! some_package {
    () => {
        "rpm -qa --qf '%{NAME}\\n' 2>/dev/null | while IFS= read -r name; do case $name in ''|gpg-pubkey) ;; *) printf '%s\\n' \"$name\"; break;; esac; done"
    };
}
pub(crate) use some_package;

/// POSIX sh that ends a script which cannot be believed when the database is empty.
macro_rules! need_packages {
    () => {
        concat!(
            "[ -n \"$(",
            $crate::rpm::some_package!(),
            ")\" ] || { echo 'error: the RPM database is empty or cannot be read' >&2; exit 1; }\n"
        )
    };
}
pub(crate) use need_packages;

/// The script that asks for some packages. It ends with `sentinel` and the name of some installed
/// package when one was not found, because rpm calls every package "not installed" when its
/// database is empty or lost.
pub(super) fn query(names: &[&str]) -> String {
    format!(
        "{}rpm -q --qf \"$qf\" -- {}\nstatus=$?\n[ \"$status\" -eq 0 ] || printf 'sentinel\\t%s\\n' \"$({})\"\nexit 0",
        prelude(),
        shell::quote_all(names.iter().copied().chain(names.iter().filter_map(|name| stem(name)))),
        some_package!()
    )
}

/// What stands before the version in a label such as `bash-5.2`: a suite that writes one means that package, and
/// must not hear that there is none of this name.
fn stem(label: &str) -> Option<&str> {
    let at = label
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| label[at + 1..].starts_with(|c: char| c.is_ascii_digit()))?;
    Some(&label[..at]).filter(|stem| !stem.is_empty())
}

/// The instances of one package that [`query`] found, newest last. Empty means not installed, and
/// is only said when rpm said so of this name, without any error, from a database with content.
pub(super) fn instances(reply: &Reply, label: &str) -> Read<Vec<Package>> {
    let stderr = escape_bytes(&reply.stderr);
    if let Some(error) = stderr.lines().find(|line| line.contains("error:") || line.contains("fatal")) {
        return Err(Unreadable::new(format!("rpm -q: {}", one_line(error, 200))));
    }
    let stdout = String::from_utf8_lossy(&reply.stdout);
    let mut mine: Vec<Package> = packages(&stdout)?.into_iter().filter(|package| package.is_called(label)).collect();
    if mine.is_empty() {
        let versioned = packages(&stdout)?.into_iter().find(|package| {
            let whole = format!("{}-{}-{}", package.name, package.version, package.release);
            stem(label) == Some(package.name.as_str())
                && whole.strip_prefix(label).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        });
        if let Some(package) = versioned {
            return Err(Unreadable::new(format!(
                "`{}` is no package's name, and {} {} is installed: name `{1}`, and state its `version`",
                one_line(label, 80),
                package.name,
                package.evr()
            )));
        }
        let refused = format!("package {label} is not installed");
        if !stdout.lines().any(|line| line == refused) {
            return Err(Unreadable::new(format!(
                "rpm -q says nothing of `{}`: {}",
                one_line(label, 80),
                one_line(&stderr, 120)
            )));
        }
        if !stdout.lines().any(|line| line.starts_with("sentinel\t") && line.len() > 9) {
            return Err(Unreadable::new("the RPM database is empty, so that no package can be called absent"));
        }
    }
    mine.sort_by(|one, two| compare(&one.evr(), &two.evr()));
    Ok(mine)
}

/// The order of two versions as rpm sees it; as text when one of them is none.
pub fn compare(one: &str, two: &str) -> Ordering {
    match (Evr::parse(one), Evr::parse(two)) {
        (Some(one), Some(two)) => one.compare(&two),
        (one, two) => one.is_some().cmp(&two.is_some()),
    }
}

/// Whether rpm says in a line of its own that something went wrong. Names, paths and the bodies of scriptlets may have the
/// same words in the middle of a line.
pub(super) fn complains(said: &str) -> bool {
    said.lines().any(|line| line.starts_with("error:") || line.starts_with("fatal:"))
}

/// The capability without its version: `nginx = 1:1.2-3` is `nginx`; a rich dependency is itself.
pub(super) fn capability(line: &str) -> &str {
    if line.starts_with('(') { line } else { line.split(' ').next().unwrap_or(line) }
}

/// A line of `rpm -V`: nine result characters (or `missing`), an attribute letter, and the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verified<'a> {
    pub(super) missing: bool,
    /// `c` configuration, `d` documentation, `g` ghost, `l` licence, `r` readme; a space for none.
    pub(super) attribute: char,
    pub(super) path: &'a str,
}

/// Reads one line of `rpm -V`; `None` for lines of another shape.
pub(super) fn verified(line: &str) -> Option<Verified<'_>> {
    let path_at = line.find(" /")? + 1;
    let (before, path) = (&line[..path_at], &line[path_at..]);
    let missing = before.starts_with("missing");
    let flags = before.split_whitespace().next()?;
    let is_result = flags.len() >= 8 && flags.bytes().all(|byte| b".?SM5DLUGTP".contains(&byte));
    if !missing && !is_result {
        return None;
    }
    let attribute = before.split_whitespace().nth(1).and_then(|word| word.chars().next()).unwrap_or(' ');
    // rpm adds why it cannot see a missing file: `missing /x (Permission denied)`.
    let path = if missing { path.split(" (").next().unwrap_or(path) } else { path };
    Some(Verified { missing, attribute, path })
}

/// What `rpm -V` says of dependencies: pairs of a package and a problem of it.
pub(super) fn problems(text: &str) -> Vec<(String, String)> {
    let mut of = String::new();
    let mut problems = Vec::new();
    for line in text.lines() {
        if let Some(package) = line.strip_prefix("Unsatisfied dependencies for ") {
            of = package.trim_end_matches(':').to_owned();
        } else if !of.is_empty() && line.starts_with(['\t', ' ']) {
            problems.push((of.clone(), line.trim().to_owned()));
        } else {
            of.clear();
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASH: &str = "package\tbash\t0\t5.2.37\t3.fc43\tx86_64\tFedora Project\tFedora Project\tGPL-3.0-or-later\tbash-5.2.37-3.fc43.src.rpm\tbuild\t8453120\tRSA/SHA256, Fri 1 Aug 2025, Key ID 829B606631645531\n";

    fn reply(stdout: &str, stderr: &str) -> Reply {
        Reply { stdout: stdout.into(), stderr: stderr.into(), ..Reply::default() }
    }

    #[test]
    fn a_package_is_found_by_its_labels() {
        let reply = reply(BASH, "");
        for label in ["bash", "bash.x86_64", "bash-5.2.37", "bash-5.2.37-3.fc43.x86_64"] {
            let found = instances(&reply, label).unwrap();
            assert_eq!(
                (found.len(), found[0].evr().as_str(), found[0].size),
                (1, "5.2.37-3.fc43", 8_453_120),
                "{label}"
            );
            assert_eq!(found[0].signers(), ["829b606631645531"]);
        }
    }

    #[test]
    fn not_installed_is_only_believed_from_a_database_with_content() {
        let said = "package gone is not installed\n";
        assert_eq!(instances(&reply(&format!("{said}sentinel\tbash\n"), ""), "gone"), Ok(Vec::new()));
        assert!(instances(&reply(said, ""), "gone").unwrap_err().to_string().contains("database is empty"));
        let broken = "error: cannot open Packages database in /usr/lib/sysimage/rpm\n";
        assert!(
            instances(&reply(&format!("{said}sentinel\tbash\n"), broken), "gone")
                .unwrap_err()
                .to_string()
                .contains("cannot open Packages")
        );
        assert!(instances(&reply("sentinel\tbash\n", ""), "gone").unwrap_err().to_string().contains("says nothing"));
        assert!(
            instances(&reply("package\tbash\ttorn\n", ""), "bash").unwrap_err().to_string().starts_with("rpm prints")
        );
    }

    #[test]
    fn a_database_of_nothing_but_keys_is_empty() {
        let host = tempfile::tempdir().unwrap();
        let found = |packages: &[&str]| {
            let tools = crate::testing::rpm_with(packages, host.path());
            instances(&crate::testing::with_tools(&[&tools], &query(&["gone"])), "gone")
        };
        assert_eq!(found(&["gpg-pubkey", "bash"]), Ok(Vec::new()));
        for empty in [&[][..], &["gpg-pubkey"]] {
            assert!(found(empty).unwrap_err().to_string().contains("database is empty"), "{empty:?}");
        }
    }

    #[test]
    fn signatures_of_old_and_new_rpm_are_read() {
        assert_eq!(key_ids("RSA/SHA256, Mon 1 Jan 2026, Key ID 199e2f91fd431d51"), ["199e2f91fd431d51"]);
        assert_eq!(
            key_ids("RSA/SHA512, Mon 1 Jan 2026, Key Fingerprint: 36f612dcf27f7d1a48a835e4dbfcf71c6d9f90a6"),
            ["dbfcf71c6d9f90a6"]
        );
        assert_eq!(key_ids(""), Vec::<String>::new());
    }

    #[test]
    fn verification_lines_of_all_shapes_are_read() {
        let parts = |line| verified(line).map(|seen| (seen.missing, seen.attribute, seen.path.to_owned()));
        assert_eq!(parts("S.5....T.  c /etc/chrony.conf"), Some((false, 'c', "/etc/chrony.conf".into())));
        assert_eq!(parts("......G..    /usr/bin/wall"), Some((false, ' ', "/usr/bin/wall".into())));
        assert_eq!(
            parts("missing   d /usr/share/doc/x (Permission denied)"),
            Some((true, 'd', "/usr/share/doc/x".into()))
        );
        assert_eq!(parts("missing     /usr/lib/a b"), Some((true, ' ', "/usr/lib/a b".into())));
        assert_eq!(parts("error: rpmdb: /var/lib/rpm"), None);
        let text = "Unsatisfied dependencies for foo-1-1.noarch:\n\tbar >= 2 is needed by (installed) foo-1-1.noarch\n\t(a if b) is needed by foo-1-1.noarch\nS.5....T.    /x\n";
        assert_eq!(problems(text).len(), 2);
        assert_eq!(problems(text)[1], ("foo-1-1.noarch".to_owned(), "(a if b) is needed by foo-1-1.noarch".to_owned()));
        assert_eq!(
            (capability("nginx = 1:2-3"), capability("(a if b)"), capability("libc.so.6(GLIBC_2.2)(64bit)")),
            ("nginx", "(a if b)", "libc.so.6(GLIBC_2.2)(64bit)")
        );
    }
}
