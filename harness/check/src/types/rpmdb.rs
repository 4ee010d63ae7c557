//! `rpmdb`: the RPM database as a whole.

use muster_suite::grammar::{packages, paths, system, text};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{key, keys, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::{rpm, shell, value};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use std::collections::{BTreeMap, BTreeSet};

const ATTRIBUTES: &[Attribute] = &[
    attribute("count", AttributeKind::Integer, "Installed packages, signing keys excepted."),
    attribute("size", AttributeKind::Size, "Sum of the installed sizes of all packages."),
    attribute("path", AttributeKind::Text, "Where the database is (`rpm --eval %_dbpath`)."),
    attribute("backend", AttributeKind::Text, "Its format (`sqlite`, `ndb`, `bdb`)."),
    attribute("verify", AttributeKind::Keyword(&["ok", "broken"]), "`rpmdb --verifydb`."),
    attribute("packages", AttributeKind::Set(&packages::PACKAGE_NAME), "Names of all installed packages."),
    attribute(
        "vendors",
        AttributeKind::Set(&text::ANY),
        "Vendors of all packages; a package without one counts as `(none)`.",
    ),
    attribute("arches", AttributeKind::Set(&packages::ARCHITECTURE), "Architectures of all packages."),
    attribute(
        "dist-tags",
        AttributeKind::Set(&packages::DIST_TAG),
        "Last dot-separated part of every release (`fc43`, `azl4`): foreign packages stand out.",
    ),
    attribute("build-hosts", AttributeKind::Set(&system::BUILD_HOST), "Hosts the packages were built on."),
    attribute("unsigned", AttributeKind::Set(&packages::PACKAGE_NAME), "Packages without an OpenPGP signature."),
    attribute(
        "signers",
        AttributeKind::Set(&packages::KEY_ID),
        "Key ids of all signatures, last 16 hex digits, lower case.",
    ),
    attribute(
        "keys",
        AttributeKind::Set(&packages::KEY_ID),
        "Key ids of the imported signing keys, as rpm lists them, lower case.",
    ),
    attribute(
        "duplicates",
        AttributeKind::Set(&packages::DUPLICATE),
        "Packages installed in several versions, install-only kernels and keys excepted.",
    ),
    attribute(
        "unsatisfied",
        AttributeKind::Set(&text::PROBLEM),
        "Requirements of installed packages that nothing installed satisfies, as `package: requirement`.",
    ),
    attribute(
        "conflicts",
        AttributeKind::Set(&text::PROBLEM),
        "Installed packages that conflict with or obsolete each other, as `package: problem`.",
    ),
    attribute(
        "modified",
        AttributeKind::Set(&paths::PATH),
        "Files that differ from what their package shipped, configuration, documentation and ghosts excepted.",
    ),
    attribute(
        "missing",
        AttributeKind::Set(&paths::PATH),
        "Files that a package owns and that are not there, documentation and ghosts excepted.",
    ),
    attribute(
        "unowned",
        AttributeKind::Map(&paths::PATH, &AttributeKind::Set(&paths::PATH)),
        "By directory: files below it that no package owns.",
    ),
    attribute(
        "providers",
        AttributeKind::Map(&packages::CAPABILITY, &AttributeKind::Set(&packages::PACKAGE_NAME)),
        "By capability, path or soname: names of the installed packages that provide it.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "rpmdb",
    summary: "The RPM database as a whole.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`rpm -qa` with a query format, `rpm -Va`, `rpmdb --verifydb`, `rpm --eval`, `rpm -q --whatprovides`.",
    example: r#"rpmdb:
  duplicates: none
  unsatisfied: none
  dist-tags: {only: [azl4]}
  providers: {system-release: {count: 1}}
  unowned: {/usr/bin: none}
"#,
};

/// The check type.
pub struct Rpmdb;

impl Check for Rpmdb {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        if wants(
            asked,
            &[
                "count",
                "size",
                "packages",
                "vendors",
                "arches",
                "dist-tags",
                "build-hosts",
                "unsigned",
                "signers",
                "duplicates",
            ],
        ) {
            probes.push(Probe::new(ALL, 120, all_packages()));
        }
        let mut one = |attributes: &[&str], key: &str, seconds, script: &str| {
            if wants(asked, attributes) {
                // What is well makes rpm print nothing, so it shows first that it prints at all.
                let speaks = "[ -n \"$(rpm --version)\" ] || { echo 'rpm prints nothing' >&2; exit 1; }\n";
                let script = format!("{}export LC_ALL=C\n{speaks}{script}", shell::need("rpm"));
                probes.push(Probe::new(key, seconds, script));
            }
        };
        one(&["path"], "rpmdb/path", 10, "rpm --eval %_dbpath");
        one(&["backend"], "rpmdb/backend", 10, "rpm --eval %_db_backend");
        one(
            &["verify"],
            "rpmdb/verify",
            120,
            "if rpmdb --help >/dev/null 2>&1; then rpmdb --verifydb; else rpm --verifydb; fi 2>&1; echo \"status $?\"",
        );
        one(
            &["keys"],
            "rpmdb/keys",
            30,
            "rpm -q gpg-pubkey --qf '%{VERSION}-%{RELEASE}\\n' 2>&1; rpmkeys --list 2>&1; exit 0",
        );
        one(
            &["unsatisfied", "conflicts"],
            "rpmdb/dependencies",
            300,
            concat!(rpm::need_packages!(), "rpm -Va --nofiles --noscripts 2>&1; echo \"status $?\""),
        );
        one(
            &["modified", "missing"],
            "rpmdb/files",
            900,
            concat!(rpm::need_packages!(), "rpm -Va --nomtime --nodeps --noscripts 2>&1; echo \"status $?\""),
        );
        probes.extend(Probe::batch_with("rpmdb/unowned", 300, "xargs", &keys(asked, "unowned"), UNOWNED));
        probes.extend(Probe::batch_with(
            "rpmdb/providers",
            60,
            "rpm",
            &keys(asked, "providers"),
            concat!(
                r#"rpm -q --whatprovides --qf '%{NAME}\n' -- "$1" && return 0"#,
                "\ncode=$?\n",
                rpm::need_packages!(),
                "return $code"
            ),
        ));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            rpm::counts(facts, "the database")?;
            let all = || -> Read<Vec<rpm::Package>> {
                let packages = rpm::packages(&seen.output(ALL)?)?;
                let packages: Vec<_> = packages.into_iter().filter(|package| !package.is_key()).collect();
                if packages.is_empty() { Err(Unreadable::new("the RPM database is empty")) } else { Ok(packages) }
            };
            let set = |read: &dyn Fn(&rpm::Package) -> String| -> Read<Value> {
                Ok(Value::items(all()?.iter().map(read).collect::<BTreeSet<String>>()))
            };
            match assertion.attribute {
                "count" => Ok(Value::text(all()?.len().to_string())),
                "size" => Ok(Value::Text(value::of_bytes(all()?.iter().map(|package| package.size).sum()))),
                "packages" => set(&|package| package.name.clone()),
                "vendors" => {
                    set(&|package| if package.vendor.is_empty() { "(none)".to_owned() } else { package.vendor.clone() })
                }
                "arches" => set(&|package| package.arch.clone()),
                "build-hosts" => set(&|package| package.build_host.clone()),
                "dist-tags" => set(&|package| package.release.rsplit('.').next().unwrap_or_default().to_owned()),
                "unsigned" => {
                    let all = all()?;
                    Ok(Value::items(
                        all.iter().filter(|package| package.signature.is_empty()).map(|package| &package.name),
                    ))
                }
                "signers" => Ok(Value::items(all()?.iter().flat_map(rpm::Package::signers).collect::<BTreeSet<_>>())),
                "duplicates" => Ok(Value::items(duplicates(&all()?))),
                "path" => seen.line("rpmdb/path").map(Value::Text),
                "backend" => seen.line("rpmdb/backend").map(Value::Text),
                "verify" => {
                    let text = seen.output("rpmdb/verify")?;
                    match ended(&text)? {
                        ("0", said) if !said.contains("error:") => Ok(Value::text("ok")),
                        ("127", said) => Err(Unreadable::new(said)),
                        _ => Ok(Value::text("broken")),
                    }
                }
                "keys" => {
                    let text = seen.output("rpmdb/keys")?;
                    if let Some(error) = text.lines().find(|line| line.starts_with("error:")) {
                        return Err(Unreadable::new(error));
                    }
                    Ok(Value::items(keys_listed(&text)))
                }
                "unsatisfied" | "conflicts" => {
                    let text = seen.output("rpmdb/dependencies")?;
                    let (status, said) = ended(&text)?;
                    verification_ran(status, said)?;
                    let wanted = |problem: &str| {
                        let conflict = problem.contains(" conflicts with ")
                            || problem.contains(" is obsoleted by ")
                            || problem.contains(" obsoletes ");
                        conflict == (assertion.attribute == "conflicts")
                    };
                    let problems = rpm::problems(said).into_iter().filter(|(_, problem)| wanted(problem));
                    Ok(Value::items(problems.map(|(package, problem)| {
                        let problem = problem.split(" is needed by ").next().unwrap_or(&problem).to_owned();
                        format!("{package}: {problem}")
                    })))
                }
                "modified" | "missing" => {
                    let text = seen.output("rpmdb/files")?;
                    let (status, said) = ended(&text)?;
                    verification_ran(status, said)?;
                    let missing = assertion.attribute == "missing";
                    let files = said.lines().filter_map(rpm::verified).filter(|file| file.missing == missing);
                    let files = files.filter(|file| match file.attribute {
                        'd' | 'g' | 'l' | 'r' => false,
                        'c' => missing,
                        _ => true,
                    });
                    Ok(Value::items(files.map(|file| file.path)))
                }
                "unowned" => {
                    let answer = seen.answer("rpmdb/unowned", key(assertion)?)?;
                    if answer.status != 0 {
                        return Err(Unreadable::new(answer.output));
                    }
                    unowned(&answer.output).map(Value::items)
                }
                "providers" => {
                    let answer = seen.answer("rpmdb/providers", key(assertion)?)?;
                    let nobody = answer.output.contains("no package provides")
                        || answer.output.contains("is not owned by any package")
                        || answer.output.ends_with("No such file or directory");
                    match answer.status {
                        0 if !answer.output.contains("error:") || answer.output.is_empty() => {
                            Ok(Value::items(answer.output.lines().collect::<BTreeSet<_>>()))
                        }
                        1 if nobody && !answer.output.contains("database") => Ok(Value::Items(Vec::new())),
                        _ => Err(Unreadable::new(answer.output)),
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

/// Key of the probe that lists all packages.
pub const ALL: &str = "rpmdb/all";

/// The script that lists all packages.
pub fn all_packages() -> String {
    format!("{}rpm -qa --qf \"$qf\"", rpm::prelude())
}

/// Ends with success when the walk and rpm ran; rpm itself ends with the number of unowned files.
const UNOWNED: &str = r#"[ -d "$1" ] || { echo "$1 is not a directory"; return 1; }
command -v rpm >/dev/null 2>&1 || { echo 'rpm: not found'; return 127; }
command -v find >/dev/null 2>&1 || { echo 'find: not found'; return 127; }
# Where every file has an owner, nothing is printed; that find, xargs and rpm speak is seen before.
[ -n "$(find -H "$1" -prune)" ] || { echo "find does not list $1"; return 1; }
said=$(printf '%s\0' "$(command -v rpm)" | xargs -0 rpm -qf --qf 'owned\n' -- 2>&1)
case $said in *owned*) ;; *) echo "rpm, or xargs, says nothing of its own program: $said"; return 1;; esac
# The directory itself may be a link, as /bin is: it is what is in it that matters.
{ find -H "$1" -xdev \( -type f -o -type l \) -print0 || { code=$?; [ $code = 1 ] || echo "error: find ended with $code, so it did not list all" >&2; }; } | xargs -0 -r rpm -qf --qf '' --
status=$?
# xargs ends with 123 when rpm ended with a number, which is that of the files without an owner; with others when rpm was killed.
case $status in 0|123) ;; *) echo "error: xargs ended with $status, so not every file was looked up";; esac
echo 'every file was looked up'
return 0"#;

/// The files of which rpm says that no package owns them. A name with a line feed in it tears that line: rpm
/// found it, and which file it is cannot be said.
fn unowned(said: &str) -> Read<Vec<&str>> {
    let mut files = Vec::new();
    for line in said.lines() {
        if line.starts_with("error:") && !line.contains("No such file") {
            return Err(Unreadable::new(line));
        }
        // What vanished during the walk is no file of the image.
        if line.starts_with("find:") && !line.ends_with("No such file or directory") {
            return Err(Unreadable::new(line));
        }
        let Some(rest) = line.strip_prefix("file ") else { continue };
        match rest.strip_suffix(" is not owned by any package") {
            Some(file) => files.push(file),
            None if rest.ends_with("No such file or directory") => {}
            None => return Err(Unreadable::new(format!("rpm says `{line}`, which is not of one file"))),
        }
    }
    Ok(files)
}

/// Splits the last line `status N` off.
fn ended(text: &str) -> Read<(&str, &str)> {
    let text = text.trim_end();
    let (said, last) = text.rsplit_once('\n').unwrap_or(("", text));
    last.strip_prefix("status ").map(|status| (status, said)).ok_or_else(|| Unreadable::new("rpm was cut off"))
}

/// `rpm -V` ends with the number of packages in which it finds something, at most 254, and says at
/// least one line of each; it did not run when it says why, or ends otherwise. A number that could be
/// that of a signal shows nothing: what was said may then be a part.
fn verification_ran(status: &str, said: &str) -> Read<()> {
    let error = said
        .lines()
        .find(|line| line.starts_with("error:") || line.starts_with("fatal:") || line.contains("not found"));
    if let Some(error) = error {
        return Err(Unreadable::new(error));
    }
    match status.parse::<usize>() {
        Ok(0) => Ok(()),
        Ok(129..=192) => {
            Err(Unreadable::new(format!("rpm -Va ended with {status}: by a signal, or after as many packages")))
        }
        Ok(packages) if packages <= said.lines().count() => Ok(()),
        _ => Err(Unreadable::new(format!("rpm -Va ended with {status}"))),
    }
}

fn keys_listed(text: &str) -> Vec<String> {
    let ids = text.lines().filter_map(|line| {
        let word = line.split_whitespace().next()?.trim_end_matches(':').to_lowercase();
        let word = word.split('-').next().unwrap_or(&word).to_owned();
        (word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(word)
    });
    let mut keys: Vec<String> = ids.collect();
    // The package's version is the end of the fingerprint that rpm 6 lists in full.
    keys.sort_by_key(|id| std::cmp::Reverse(id.len()));
    let mut distinct: Vec<String> = Vec::new();
    for id in keys {
        if !distinct.iter().any(|longer| longer.ends_with(&id)) {
            distinct.push(id);
        }
    }
    distinct
}

/// Packages with several versions of one architecture. Kernels are kept side by side on purpose.
fn duplicates(packages: &[rpm::Package]) -> Vec<String> {
    let mut versions: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for package in packages.iter().filter(|package| !package.name.starts_with("kernel")) {
        versions.entry((&package.name, &package.arch)).or_default().insert(package.evr());
    }
    versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|((name, arch), versions)| {
            format!("{name}.{arch}: {}", versions.into_iter().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, records, reply, seen};
    use muster_suite::model::Matcher;

    fn evaluate(attribute: &'static str, matcher: Matcher, key: &str, text: &str) -> Verdict {
        Rpmdb
            .evaluate(&expectation("rpmdb", "", &[(attribute, matcher)]), &seen(key, reply(0, text)), &Facts::default())
            .remove(0)
    }

    #[test]
    fn packages_are_counted_without_keys_and_kernels_are_no_duplicates() {
        let row = |name: &str, version: &str| {
            format!("package\t{name}\t0\t{version}\t1.azl4\tx86_64\tMicrosoft\tm\tl\ts\th\t10\t\n")
        };
        let text = [
            row("bash", "5"),
            row("bash", "4"),
            row("kernel-core", "6.1"),
            row("kernel-core", "6.2"),
            row("gpg-pubkey", "1"),
        ]
        .concat();
        assert_eq!(evaluate("count", equals("4"), ALL, &text), Verdict::MET);
        assert_eq!(missed(&evaluate("duplicates", Matcher::None, ALL, &text)).1, "bash.x86_64: 4-1.azl4 5-1.azl4");
        assert_eq!(evaluate("dist-tags", Matcher::Only(vec!["azl4".into()]), ALL, &text), Verdict::MET);
        assert!(matches!(evaluate("duplicates", Matcher::None, ALL, ""), Verdict::Unknown { .. }));
    }

    #[test]
    fn verification_that_did_not_run_is_not_clean() {
        assert_eq!(evaluate("modified", Matcher::None, "rpmdb/files", "status 0\n"), Verdict::MET);
        assert_eq!(
            missed(&evaluate(
                "modified",
                Matcher::None,
                "rpmdb/files",
                "S.5......  c /etc/x\n..5......    /usr/bin/x\nmissing     /usr/y\nstatus 1\n"
            ))
            .1,
            "/usr/bin/x"
        );
        for broken in
            ["", "status 1\n", "error: cannot open Packages database\nstatus 1\n", "S.5......    /x\n", "status 139\n"]
        {
            assert!(
                matches!(evaluate("modified", Matcher::None, "rpmdb/files", broken), Verdict::Unknown { .. }),
                "{broken:?}"
            );
        }
        let text = "Unsatisfied dependencies for foo-1-1.noarch:\n\tbar >= 2 is needed by (installed) foo-1-1.noarch\nstatus 1\n";
        assert_eq!(
            missed(&evaluate("unsatisfied", Matcher::None, "rpmdb/dependencies", text)).1,
            "foo-1-1.noarch: bar >= 2"
        );
        assert_eq!(evaluate("conflicts", Matcher::None, "rpmdb/dependencies", text), Verdict::MET);
    }

    #[test]
    fn in_an_empty_database_nothing_is_as_it_should_be() {
        let host = tempfile::tempdir().unwrap();
        let all = ["unsatisfied", "conflicts", "modified", "missing", "providers.x"].map(|name| (name, Matcher::None));
        let wanted = expectation("rpmdb", "", &all);
        let verdicts = |packages: &[&str]| {
            let tools = crate::testing::rpm_with(packages, host.path());
            let probes = Rpmdb.probes(&[&wanted], &Facts::default());
            let replies =
                probes.into_iter().map(|probe| (probe.key, crate::testing::with_tools(&[&tools], &probe.script)));
            Rpmdb.evaluate(&wanted, &Observations(replies.collect()), &Facts::default())
        };
        assert_eq!(verdicts(&["bash"]), vec![Verdict::MET; 5]);
        for verdict in verdicts(&[]) {
            assert!(matches!(&verdict, Verdict::Unknown { why } if why.contains("database is empty")), "{verdict:?}");
        }
    }

    #[test]
    fn the_status_of_a_verification_is_the_number_of_packages_with_findings() {
        let listing =
            |lines: usize, status: u8| format!("{}status {status}\n", "..5......    /usr/bin/x\n".repeat(lines));
        let ran = |lines, status| {
            let text = listing(lines, status);
            let (status, said) = ended(&text).expect("a last line");
            verification_ran(status, said).is_ok()
        };
        assert!(ran(3, 1) && ran(3, 2) && ran(3, 3) && ran(300, 254), "each package says one line or more");
        assert!(!ran(1, 2), "more packages than lines");
        assert!(!ran(300, 139), "that may be a fault of memory, with half of the listing said");
    }

    #[test]
    fn unowned_files_are_named_and_a_torn_name_is_no_file() {
        let said = "file /usr/bin/foreign is not owned by any package\nevery file was looked up";
        assert_eq!(unowned(said), Ok(vec!["/usr/bin/foreign"]));
        assert_eq!(unowned("every file was looked up"), Ok(Vec::new()));
        let gone = "error: file /x: No such file or directory\nevery file was looked up";
        assert_eq!(unowned(gone), Ok(Vec::new()));
        let torn = "file /usr/bin/a\nb is not owned by any package\nevery file was looked up";
        assert!(unowned(torn).unwrap_err().to_string().contains("`file /usr/bin/a`"));
        assert!(unowned("error: cannot open the database").is_err());
    }

    #[test]
    fn a_directory_behind_a_link_is_entered_by_every_find() {
        let host = tempfile::tempdir().unwrap();
        let (bin, usr) = (host.path().join("tools"), host.path().join("usr"));
        for directory in [&bin, &usr] {
            std::fs::create_dir(directory).unwrap();
        }
        std::fs::write(usr.join("foreign"), "").unwrap();
        std::fs::write(usr.join("a\nb"), "").unwrap();
        std::os::unix::fs::symlink("usr", host.path().join("linked")).unwrap();
        // An rpm whose database has nothing but itself.
        let rpm = bin.join("rpm");
        let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nfor f; do case $f in */rpm) echo owned;; *) echo \"file $f is not owned by any package\";; esac; done\n";
        std::fs::write(&rpm, script).unwrap();
        std::fs::set_permissions(&rpm, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for program in crate::testing::makers_of(&["find"], host.path()) {
            let linked = host.path().join("linked");
            let script = shell::batch([linked.to_str().unwrap()], UNOWNED);
            let reply = crate::testing::with_tools(&[&bin, &program], &script);
            let said = shell::answers(&reply).unwrap().remove(linked.to_str().unwrap()).unwrap().output;
            assert!(said.contains("/linked/foreign is not owned by any package"), "{program:?}: {said}");
            assert!(unowned(&said).is_err(), "{program:?}: {said}");
        }
    }

    #[test]
    fn a_walk_or_an_rpm_that_was_killed_is_no_answer() {
        let host = tempfile::tempdir().unwrap();
        let (bin, usr) = (host.path().join("tools"), host.path().join("usr"));
        for directory in [&bin, &usr] {
            std::fs::create_dir(directory).unwrap();
        }
        std::fs::write(usr.join("owned"), "").unwrap();
        let put = |name: &str, script: &str| {
            std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(bin.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        };
        let of = |rpm: &str, find: &str| {
            put("rpm", &format!("case $* in *owned*/rpm*) echo owned;; *) {rpm};; esac"));
            put("find", &format!("case $* in *-prune) exec /usr/bin/find \"$@\";; *) {find};; esac"));
            let script = shell::batch([usr.to_str().unwrap()], UNOWNED);
            let reply = crate::testing::with_tools(&[&bin], &script);
            let said = shell::answers(&reply).unwrap().remove(usr.to_str().unwrap()).unwrap().output;
            unowned(&said).map(|files| files.len()).map_err(|why| format!("{why}; {said}"))
        };
        let walks = "exec /usr/bin/find \"$@\"";
        assert_eq!(of("exit 0", walks), Ok(0));
        assert_eq!(of("echo 'file /x is not owned by any package'; exit 1", walks), Ok(1));
        assert!(of("kill -9 $$", walks).is_err());
        assert!(of("exit 0", "kill -9 $$").is_err());
        let ends = |last: &str| of("exit 0", &format!("/usr/bin/find \"$@\"; {last}"));
        assert!(ends("echo \"find: '/x/y': Input/output error\" >&2; exit 1").is_err());
        assert!(ends("exit 2").is_err());
        // What vanishes meanwhile is no fault of the walk.
        assert!(ends("echo \"find: '/x/y': No such file or directory\" >&2; exit 1").is_ok());
    }

    #[test]
    fn providers_and_unowned_files_are_sets() {
        let asked = expectation("rpmdb", "", &[("providers.x", Matcher::None)]);
        let evaluate = |status, output| {
            Rpmdb
                .evaluate(&asked, &seen("rpmdb/providers", records(&[("x", status, output)])), &Facts::default())
                .remove(0)
        };
        assert_eq!(evaluate(1, "no package provides x"), Verdict::MET);
        assert_eq!(missed(&evaluate(0, "a\nb\na")).1, "a, b");
        assert!(matches!(evaluate(1, "error: cannot open database"), Verdict::Unknown { .. }));
        assert_eq!(
            keys_listed(
                "31645531-66b6dccf\n36f612dcf27f7d1a48a835e4dbfcf71c31645531: x\npackage gpg-pubkey is not installed\n"
            ),
            ["36f612dcf27f7d1a48a835e4dbfcf71c31645531"]
        );
    }
}
