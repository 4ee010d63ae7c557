//! Facts become tests. What is asked is what a person would have asked: that a package is there, not
//! which release it is; the settings of a kernel, not what it counts or what this machine's memory and
//! network cards made of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::again::Wrong;
use super::collect::Fact;
use super::draft::Recorded;
use super::sources::RecordSource;
use muster_base::evr::Evr;
use muster_base::glob;
use muster_base::text::one_line;
use muster_suite::write::{self, Drafted, Entry, Stated};

/// Kernel parameters that the machine decides and not the image: how much memory and how many
/// processors it has, how its network cards are called, what it is called, which kernel was installed
/// last; and what is read of hardware. Names and meanings: the kernel's Documentation/admin-guide/sysctl
/// and Documentation/networking/ip-sysctl.
const OF_THE_MACHINE: &[&str] = &[
    "crypto.fips_version",
    "dev.*",
    "fs.binfmt_misc.*",
    "fs.file-max",
    "kernel.domainname",
    "kernel.hostname",
    "kernel.osrelease",
    "kernel.pid_max",
    "kernel.random.*",
    "kernel.sched_*",
    "kernel.tainted",
    "kernel.version",
    "kernel.watchdog_cpumask",
    "net.core.flow_limit_cpu_bitmap",
    "net.core.rps_default_mask",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.udp_mem",
    "net.netfilter.nf_conntrack_buckets",
    "net.netfilter.nf_conntrack_expect_max",
    "net.netfilter.nf_conntrack_max",
    "net.nf_conntrack_max",
    "user.*",
    "vm.admin_reserve_kbytes",
    "vm.lowmem_reserve_ratio",
    "vm.min_free_kbytes",
    "vm.nr_hugepages*",
    "vm.user_reserve_kbytes",
];

/// The branches of the network's parameters in which each interface has its own.
const OF_INTERFACES: &[&str] =
    &["net.ipv4.conf.", "net.ipv4.neigh.", "net.ipv6.conf.", "net.ipv6.neigh.", "net.mpls.conf."];

impl Recorded {
    /// Adds the tests of a source's facts. `versions` holds packages to a version.
    pub(super) fn add(&mut self, source: RecordSource, facts: Vec<Fact>, versions: bool) {
        match source {
            RecordSource::Packages => self.packages(&facts, versions),
            RecordSource::Units => self.units(&facts),
            RecordSource::Sysctl => self.sysctl(&facts),
            RecordSource::Kconfig => self.kconfig(&facts),
            RecordSource::Users => {
                let summary = "every user account is there, with its numbers, home and shell";
                self.test("users", summary, each("user", &facts, &["uid", "gid", "home", "shell"]));
            }
            RecordSource::Groups => self.groups(&facts),
            RecordSource::Ports => self.ports(&facts),
            RecordSource::Commands => {
                let entries = facts.iter().map(|fact| entry("tool", &fact.name, "exists", "true")).collect();
                self.test("commands", "every command is on the search path", entries);
            }
            RecordSource::Files => {
                let summary = "every file is there, of its kind, with its owner and permissions";
                let all = ["type", "target", "mode", "owner", "group"];
                self.test("files", summary, each("file", &facts, &all));
            }
        }
    }

    /// Adds a test, without what a suite cannot say; none without anything to ask.
    fn test(&mut self, id: &str, summary: &str, entries: Vec<Entry>) {
        let mut said = Vec::with_capacity(entries.len());
        for entry in entries {
            match write::cannot_be_said(&entry, muster_check::tables()) {
                None => said.push(entry),
                Some(why) => self.left_out.push(format!("{} {}: {why}", entry.check, one_line(&entry.subject, 120))),
            }
        }
        if !said.is_empty() {
            self.tests.push(Drafted {
                id: id.to_owned(),
                summary: summary.to_owned(),
                entries: said,
                ..Drafted::default()
            });
        }
    }

    fn packages(&mut self, facts: &[Fact], versions: bool) {
        let mut newest: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for fact in facts {
            let version = fact.get("version");
            // Keys are kept among packages, and what they have as a version has no order.
            let version = Evr::parse(version).filter(|_| fact.name != "gpg-pubkey").map(|_| version);
            let known = newest.entry(&fact.name).or_insert(version);
            if let (Some(old), Some(new)) = (known.and_then(Evr::parse), version.and_then(Evr::parse))
                && new.compare(&old).is_gt()
            {
                *known = version;
            }
        }
        let package = |(name, version): (&str, Option<&str>)| match version.filter(|_| versions) {
            Some(version) => {
                let version = version.strip_prefix("0:").unwrap_or(version).to_owned();
                Entry { check: "package", subject: name.to_owned(), asked: vec![("version", Stated::AtLeast(version))] }
            }
            None => entry("package", name, "installed", "true"),
        };
        let summary = if versions { "every package is installed, and not older" } else { "every package is installed" };
        self.test("packages", summary, newest.into_iter().map(package).collect());
    }

    fn units(&mut self, facts: &[Fact]) {
        for (id, word, summary) in [
            ("units-enabled", "enabled", "every unit that starts by itself still does"),
            ("units-disabled", "disabled", "no unit that waits for an administrator starts by itself"),
            ("units-masked", "masked", "no masked unit can be started"),
        ] {
            // Of a template systemd knows nothing until it has an instance.
            let meant = |fact: &&Fact| fact.get("enabled") == word && !fact.name.contains("@.");
            let unit = |fact: &Fact| match word {
                "masked" => entry("service", &fact.name, "loaded", "masked"),
                _ => entry("service", &fact.name, "enabled", word),
            };
            self.test(id, summary, facts.iter().filter(meant).map(unit).collect());
        }
    }

    fn sysctl(&mut self, facts: &[Fact]) {
        let mut branches: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for fact in facts.iter().filter(|fact| !of_the_machine(&fact.name)) {
            let branch = fact.name.split(['.', '/']).next().unwrap_or_default();
            branches.entry(branch).or_default().push(entry("sysctl", &fact.name, "value", fact.get("value")));
        }
        for (branch, entries) in branches {
            let plain = branch.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let id = if plain && !branch.is_empty() && branch.len() < 40 { branch } else { "other" };
            let summary = format!("every kernel parameter of {id} has its value");
            self.test(&format!("sysctl-{id}"), &summary, entries);
        }
    }

    fn kconfig(&mut self, facts: &[Fact]) {
        for (id, word, summary) in [
            ("kconfig-built-in", Some("y"), "everything that is built into the kernel still is"),
            ("kconfig-modules", Some("m"), "everything that the kernel has as a module is still one"),
            ("kconfig-values", None, "every option of the kernel with a value of its own has that value"),
        ] {
            let meant = |fact: &&Fact| match word {
                Some(word) => fact.get("value") == word,
                None => !matches!(fact.get("value"), "y" | "m"),
            };
            let symbols =
                facts.iter().filter(meant).map(|fact| entry("kconfig", &fact.name, "value", fact.get("value")));
            self.test(id, summary, symbols.collect());
        }
    }

    fn groups(&mut self, facts: &[Fact]) {
        let group = |fact: &Fact| {
            let members: BTreeSet<String> =
                fact.get("members").split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            let asked = vec![
                ("gid", Stated::Is(fact.get("gid").to_owned())),
                ("members", Stated::Only(members.into_iter().collect())),
            ];
            Entry { check: "group", subject: fact.name.clone(), asked }
        };
        let summary = "every group is there, with its number and just its members";
        self.test("groups", summary, facts.iter().map(group).collect());
    }

    fn ports(&mut self, facts: &[Fact]) {
        let port = |fact: &Fact| Entry {
            check: "port",
            subject: fact.name.clone(),
            asked: vec![
                ("listening", Stated::Is("true".to_owned())),
                ("exposed", Stated::Is(fact.get("exposed").to_owned())),
            ],
        };
        self.test(
            "ports",
            "everything that listened still does, and is reached from no further away",
            facts.iter().map(port).collect(),
        );
        let exposed = facts.iter().filter(|fact| fact.get("exposed") == "true");
        let tcp: Vec<String> = exposed.filter_map(|fact| fact.name.strip_prefix("tcp/").map(str::to_owned)).collect();
        let only =
            Entry { check: "listeners", subject: String::new(), asked: vec![("exposed-tcp", Stated::Only(tcp))] };
        self.test("no-other-ports", "nothing else can be reached over TCP from outside", vec![only]);
    }

    /// Takes away what the machine itself did not say again.
    pub(super) fn leave_out(&mut self, wrong: &[Wrong]) {
        for one in wrong {
            let test = self.tests.iter_mut().find(|test| test.id == one.test);
            let entry = test.and_then(|test| {
                test.entries.iter_mut().find(|entry| entry.check == one.check && entry.subject == one.subject)
            });
            if let Some(entry) = entry {
                entry.asked.retain(|(attribute, _)| *attribute != one.attribute);
                let subject = one_line(&one.subject, 120);
                self.left_out.push(format!("{} {subject}: {}", one.check, one_line(&one.why, 200)));
            }
        }
        for test in &mut self.tests {
            test.entries.retain(|entry| !entry.asked.is_empty());
        }
        self.tests.retain(|test| !test.entries.is_empty());
    }
}

fn of_the_machine(name: &str) -> bool {
    let of_an_interface = OF_INTERFACES.iter().any(|branch| {
        name.strip_prefix(branch).is_some_and(|rest| !rest.starts_with("all.") && !rest.starts_with("default."))
    });
    of_an_interface || OF_THE_MACHINE.iter().any(|pattern| glob::matches(pattern, name))
}

fn entry(check: &'static str, subject: &str, attribute: &'static str, value: &str) -> Entry {
    Entry { check, subject: subject.to_owned(), asked: vec![(attribute, Stated::Is(value.to_owned()))] }
}

/// An entry for each fact, with those of the attributes that were seen.
fn each(check: &'static str, facts: &[Fact], attributes: &[&'static str]) -> Vec<Entry> {
    let of = |fact: &Fact| {
        let seen = attributes.iter().filter(|name| fact.cells.iter().any(|(seen, _)| seen == *name));
        let asked = seen.map(|name| (*name, Stated::Is(fact.get(name).to_owned()))).collect();
        Entry { check, subject: fact.name.clone(), asked }
    };
    facts.iter().map(of).collect()
}
