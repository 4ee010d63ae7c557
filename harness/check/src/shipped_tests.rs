//! Tests of the suites that ship which no image of the lab can show to be right: their files and programs are made here, and the
//! guest's paths in the suite are replaced by those of a scratch directory.

use std::path::{Path, PathBuf};

use muster_record::facts::{CAPABILITIES, Facts, TOOLS};
use muster_suite::Vocabulary;
use muster_suite::clause::{Clause, Join};
use muster_suite::model::{Expectation, Suite, Test};

use crate::check::{Observations, Verdict};
use crate::testing::with_tools;

/// A scratch directory that stands for the root directory of a guest, and what the guest's shell defines first.
struct Guest {
    root: tempfile::TempDir,
    defines: String,
}

impl Guest {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), defines: String::new() }
    }

    /// With programs in place of the guest's: POSIX sh that defines functions.
    fn with(mut self, defines: &str) -> Self {
        self.defines = format!("{defines}\n");
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, content: &str) -> &Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// A text of a suite with the guest's paths.
    fn here(&self, text: &str) -> String {
        let root = self.root.path().display().to_string();
        let of_guest =
            regex::Regex::new(r#"(^|[\s"=({<])(/(?:etc|home|root|usr/share|sys/firmware|lib/modules|efi|boot)\b)"#)
                .unwrap();
        // Two that stand next to each other share the white space between them.
        let once = of_guest.replace_all(text, format!("${{1}}{root}${{2}}")).into_owned();
        of_guest.replace_all(&once, format!("${{1}}{root}${{2}}")).into_owned()
    }

    fn verdicts(&self, expectation: &Expectation) -> Vec<Verdict> {
        let check = crate::registry().iter().find(|check| check.table().name == expectation.check).unwrap();
        let mut here = expectation.clone();
        here.subject = self.here(&expectation.subject);
        let probes = check.probes(&[&here], &Facts::default());
        let run = |script: &str| with_tools(&[], &format!("{}{script}", self.defines));
        let seen = Observations(probes.iter().map(|probe| (probe.key.clone(), run(&probe.script))).collect());
        check.evaluate(&here, &seen, &Facts::default())
    }

    /// Whether clauses are met, as far as they are of these check types and of subjects with this text.
    fn meets(&self, clauses: &[Clause], checks: &[&str], part: &str) -> bool {
        clauses.iter().all(|clause| match clause {
            Clause::Plain(one) if !checks.contains(&one.check) || !one.subject.contains(part) => true,
            Clause::Plain(one) => self.verdicts(one).iter().all(|verdict| *verdict == Verdict::MET),
            Clause::Joined(joined) => {
                let mut branches = joined.branches.iter().map(|branch| self.meets(&branch.clauses, checks, part));
                match joined.join {
                    Join::AnyOf => branches.any(|met| met),
                    Join::AllOf => branches.all(|met| met),
                }
            }
            Clause::On(_) => panic!("a test of several machines"),
        })
    }
}

fn suite(name: &str) -> Suite {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites").join(format!("{name}.yaml"));
    let vocabulary = Vocabulary { tables: crate::tables(), capabilities: CAPABILITIES, tools: TOOLS };
    let (suite, problems) = muster_suite::decode_source("s.yaml", &std::fs::read_to_string(file).unwrap(), &vocabulary);
    suite.unwrap_or_else(|| panic!("{}", problems.render(false)))
}

fn test<'s>(suite: &'s Suite, id: &str) -> &'s Test {
    suite.tests.iter().find(|test| test.id == id).unwrap_or_else(|| panic!("{}/{id} is no test", suite.name))
}

#[test]
fn every_key_of_an_image_is_counted_however_its_file_ends() {
    let suite = suite("azure-image");
    let keys = &test(&suite, "no-foreign-keys").expect;
    let (own, other) = ("ssh-ed25519 AAAAC3Nza+own= run", "ssh-ed25519 AAAAC3Nza+other= builder");
    let with = |first: &str, second: &str, defines: &str| {
        let guest = Guest::new().with(defines);
        let home = guest.path("/home/one").display().to_string();
        guest.put("/etc/passwd", &format!("root:x:0:0::/nowhere:/bin/sh\none:x:1:1::{home}:/bin/sh"));
        guest.put("/home/one/.ssh/authorized_keys", first).put("/home/one/.ssh/authorized_keys2", second);
        guest.meets(keys, &["command"], "")
    };
    assert!(with(&format!("{own}\n"), own, ""), "one key in two files");
    assert!(with("", "# none\n", ""));
    assert!(!with(&format!("{own}\n{other}\n"), "", ""));
    assert!(!with(own, other, ""), "a last line without an end");
    for blank in ["\t", "  ", " \t "] {
        assert!(!with(own, &other.replacen(' ', blank, 1), ""), "{blank:?}");
    }
    assert!(with(own, &own.replacen(' ', "\t", 1), ""), "one key, written in two ways");
    assert!(!with(own, "", "cat() { return 1; }"), "a file that cannot be read");
}

#[test]
fn the_clock_of_azure_may_be_configured_in_a_file_of_its_own() {
    let suite = suite("azure-image");
    let clock = &test(&suite, "clock-of-azurelinux").expect;
    let refclock = "refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2\n";
    let with = |main: &str, dropped: &str| {
        let guest = Guest::new();
        guest.put("/etc/chrony.conf", main).put("/etc/chrony.d/chrony-azure.conf", dropped);
        guest.meets(clock, &["file"], "")
    };
    assert!(with(&format!("driftfile /var/lib/chrony/drift\n{refclock}"), ""));
    assert!(with("confdir /etc/chrony.d\n", refclock));
    assert!(with("confdir /usr/lib/chrony /etc/chrony.d /run/chrony.d\n", refclock));
    assert!(!with("confdir /etc/chrony.d\n", "# refclock PHC /dev/ptp0\n"));
    assert!(with("confdir /etc/chrony.d/\n", refclock));
    // Of such a directory only other files are read.
    assert!(!with("confdir /run/chrony.d\nsourcedir /etc/chrony.d\n", refclock));
    assert!(!with("confdir /etc/chrony.dir\n", refclock) && !with("# confdir /etc/chrony.d\n", refclock));
}

#[test]
fn the_newest_kernel_is_known_only_with_sort() {
    let suite = suite("azure-image");
    let newest = &test(&suite, "uki-newest").expect;
    let (vendor, efi) = ("4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", "/sys/firmware/efi/efivars");
    let with = |modules: &[&str], defines: &str| {
        let guest = Guest::new().with(&format!("uname() {{ echo 6.9.1; }}\n{defines}"));
        let utf16: String = "\\EFI\\Linux\\one.efi".chars().flat_map(|c| [c, '\0']).collect();
        guest.put(&format!("{efi}/StubImageIdentifier-{vendor}"), &format!("\u{7}\0\0\0{utf16}"));
        guest.put(&format!("{efi}/LoaderInfo-{vendor}"), "");
        guest.put("/efi/EFI/Linux/one.efi", "").put("/efi/loader/loader.conf", "default ONE.efi\n");
        for release in modules {
            guest.put(&format!("/lib/modules/{release}/modules.dep"), "");
        }
        guest.meets(newest, &["command"], "")
    };
    assert!(with(&["6.9.1"], "") && with(&["6.9.1", "6.8.12"], "") && with(&[], ""));
    assert!(!with(&["6.9.1", "6.10.0"], ""));
    assert!(!with(&["6.9.1", "6.10.0"], "sort() { return 1; }"), "nothing is sorted");
    assert!(
        !with(&["6.9.1"], "sed() { case $1 in -n) return 1;; *) command sed \"$@\";; esac; }"),
        "no default is read"
    );
}

#[test]
fn macros_of_azure_linux_and_of_fedora_identify_them() {
    let suite = suite("fedora-compat");
    let with = |id: &str, macros: &str| {
        let rpm = format!(r#"rpm() {{ case $2 in {macros} '%{{?'*) echo;; *) printf '%s\n' "$2";; esac; }}"#);
        Guest::new().with(&rpm).meets(&test(&suite, id).expect, &["rpm-macro"], "")
    };
    let azure = r"'%{?azurelinux}'|'%{?azl4}') echo 4;; '%{?fedora}') echo 43;; '%{_vendor}') echo azurelinux;;";
    let fedora = r"'%{?fedora}') echo 43;; '%{_vendor}') echo redhat;;";
    assert!(with("identity-azure-linux", azure) && with("identity-azure-linux", "'%{?azurelinux}') echo 4.0;;"));
    assert!(!with("identity-azure-linux", fedora));
    assert!(with("identity-of-a-descendant", azure) && with("identity-of-a-descendant", fedora));
    let rhel = format!("'%{{?rhel}}') echo 9;; {fedora}");
    assert!(!with("identity-of-a-descendant", &rhel));
}

#[test]
fn the_one_repository_that_fedora_passes_over_is_no_finding() {
    let suite = suite("fedora-compat");
    let dead = &test(&suite, "dead-repositories-are-seen").expect;
    let with = |main: &str, other: &str| {
        let guest = Guest::new();
        let codec = "[fedora-cisco-openh264]\nenabled=1\nskip_if_unavailable=True\n";
        guest.put("/etc/dnf/dnf.conf", main).put("/etc/yum.repos.d/fedora-cisco-openh264.repo", codec);
        guest.put("/etc/yum.repos.d/other.repo", other);
        guest.meets(dead, &["command"], "")
    };
    assert!(with("[main]\n", "[fedora]\nskip_if_unavailable=False\n"));
    for yes in ["True", "yes", "on", "1", " = ON"] {
        let line = if yes.contains('=') {
            format!("skip_if_unavailable{yes}\n")
        } else {
            format!("skip_if_unavailable={yes}\n")
        };
        assert!(!with(&format!("[main]\n{line}"), "") && !with("[main]\n", &format!("[fedora]\n{line}")), "{line}");
    }
}

#[test]
fn of_several_lines_of_a_setting_the_last_counts() {
    let suite = suite("security");
    let with = |id: &str, text: &str| {
        let guest = Guest::new();
        guest.put("/etc/login.defs", text);
        guest.meets(&test(&suite, id).expect, &["file"], "/etc/login.defs")
    };
    for good in ["UMASK 027", "UMASK\t\t077", "UMASK 027\nUMASK 077", "UMASK 0027", "# UMASK 022\nUMASK 027"] {
        assert!(with("umask", &format!("MAIL_DIR x\n{good}\n")), "{good}");
    }
    for bad in ["022", "0022", "\"022\"", "007", "7", "22", "27", "77", "0", "026", "057"] {
        assert!(!with("umask", &format!("UMASK {bad}\n")), "{bad}");
        assert!(!with("umask", &format!("UMASK 027\n \tUMASK\t{bad}")), "{bad}");
    }
    let hash = |text: &str| with("account-files", text);
    assert!(hash("ENCRYPT_METHOD YESCRYPT\n") && hash("ENCRYPT_METHOD SHA512\nENCRYPT_METHOD YESCRYPT\n"));
    for bad in ["MD5", "DES", "SHA256", "BCRYPT", "\"MD5\"", "NONE"] {
        assert!(!hash(&format!("ENCRYPT_METHOD YESCRYPT\nENCRYPT_METHOD {bad}\n")), "{bad}");
    }
    let homes = |text: &str| with("private-homes", text);
    assert!(homes("UMASK 022\nHOME_MODE 0700\n") && homes("UMASK 077\n") && homes("UMASK 0077\nUMASK 077"));
    for bad in [
        "UMASK 022",
        "UMASK 077\nUMASK 027",
        "UMASK 077\nUMASK 7",
        "UMASK 77",
        "UMASK 077\nUMASK 0",
        "UMASK 077\nHOME_MODE 755",
    ] {
        assert!(!homes(bad), "{bad}");
    }
}

#[test]
fn a_setting_of_wsl_is_not_taken_back_further_down() {
    let suite = suite("wsl");
    let with = |text: &str| {
        let guest = Guest::new();
        guest.put("/etc/wsl.conf", text);
        guest.meets(&test(&suite, "settings").expect, &["command"], "/etc/wsl.conf")
    };
    assert!(with("[boot]\nsystemd=true\n") && with("[boot]\nsystemd = TRUE\n"));
    assert!(!with("[boot]\nsystemd=true\nsystemd=false\n") && !with("[boot]\nsystemd=true\nsystemd=\n"));
}

#[test]
fn tables_of_accounts_that_were_not_read_are_not_alike() {
    let suite = suite("immutable-host");
    let with = |shadow: &str, defines: &str| {
        let guest = Guest::new().with(defines);
        for (table, shadow_table) in [("/etc/group", "/etc/gshadow"), ("/etc/passwd", "/etc/shadow")] {
            guest.put(table, "root:x:0:\nusers:x:100:\n").put(shadow_table, shadow);
        }
        guest.meets(&test(&suite, "shadow-tables").expect, &["command"], "")
    };
    let whole = "root:*::\nusers:!::\n";
    assert!(with(whole, "") && !with("root:*::\n", ""));
    for broken in ["cut() { return 1; }", "cut() { :; }", "sort() { return 1; }", "uniq() { :; }"] {
        assert!(!with(whole, broken), "{broken}");
    }
}

#[test]
fn a_journal_that_was_not_read_shows_no_policy_without_faults() {
    let suite = suite("immutable-host");
    let expectations = suite.tests.iter().flat_map(|test| muster_suite::clause::expectations(&test.expect));
    let found: Vec<_> = expectations.filter(|one| one.subject.contains("acl-ipe-load")).collect();
    let [policy] = found[..] else { panic!("{} commands read the journal for the policy", found.len()) };
    let with = |journal: &str| {
        let verdicts = Guest::new().with(&format!("journalctl() {{ {journal}; }}")).verdicts(policy);
        verdicts.iter().all(|verdict| *verdict == Verdict::MET)
    };
    assert!(with("echo 'acl-ipe-load: the policy is active'"));
    for bad in ["echo 'acl-ipe-load: failed'", "echo x; return 1", ":", "return 1"] {
        assert!(!with(bad), "{bad}");
    }
}

#[test]
fn every_key_file_of_repositories_is_looked_for() {
    let suite = suite("parity");
    let signed = &test(&suite, "repositories-signed").expect;
    let with = |first: &str, second: &str, defines: &str| {
        let guest = Guest::new().with(defines);
        guest.put("/etc/os-release", "VERSION_ID=4.0\n").put("/etc/keys/4.0", "key").put("/etc/keys/b", "key");
        let keys = guest.path("/etc/keys").display().to_string();
        let text = |of: &str| of.replace("KEYS", &keys);
        guest.put("/etc/yum.repos.d/a.repo", &text(first)).put("/etc/yum.repos.d/b.repo", &text(second));
        guest.meets(signed, &["command"], "")
    };
    let good = "[a]\ngpgkey=file://KEYS/$releasever,file://KEYS/b";
    assert!(with(good, "[b]\ngpgkey = file://KEYS/b", ""), "a last line without an end");
    assert!(with("[a]\n", "[b]\n", ""));
    assert!(
        !with(good, "[b]\ngpgkey=file://KEYS/none\n", "") && !with(good, "[b]\ngpgkey=https://x.example/key\n", "")
    );
    for broken in ["sed() { return 1; }", "tr() { return 1; }"] {
        assert!(!with(good, "", broken), "{broken}");
    }
}
