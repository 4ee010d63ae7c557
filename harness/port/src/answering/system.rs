//! What is not a package: units, users, kernel, os-release, processors.

use std::collections::BTreeMap;

use muster_chain::need::UnitWant;
use muster_chain::{ChainKind, Need};

use super::context::Context;
use super::found::Found;
use super::presence::Seen;
use crate::answer::{Answer, Difference};
use crate::facts::{Known, template};
use crate::metadata::NotLookedUp;

/// Levels of x86's machine code, each with all of those before it.
const X86_LEVELS: [&str; 4] = ["x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"];
/// Architectures of 32-bit programs that a 64-bit kernel of x86 runs where it is built so.
const X86_32: [&str; 4] = ["i686", "i586", "i486", "i386"];
/// Directories of unit files that packages own.
const UNIT_DIRS: [&str; 3] = ["/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"];

/// The paths at which packages have a unit.
pub(crate) fn unit_paths(name: &str) -> Vec<String> {
    let names = std::iter::once(name.to_owned()).chain(template(name));
    names.map(|name| format!("{}/{name}", UNIT_DIRS[0])).collect()
}

impl<'a> Context<'a> {
    pub(super) fn unit(&mut self, need: &'a Need, name: &str, state: UnitWant) -> Found {
        let unit = self.facts.unit(name);
        let seen = Seen::of(unit.map(|unit| unit.is_some()));
        let masked =
            matches!(unit, Ok(Some(unit)) if unit.state.as_deref().is_some_and(|state| state.starts_with("masked")));
        if masked && matches!(state, UnitWant::Enabled | UnitWant::Started) {
            return Found::new(Answer::Refused(format!("{name} is masked on {}", self.target())));
        }
        let mut owners: Result<Vec<_>, NotLookedUp> = Err(NotLookedUp::FileLists);
        for path in unit_paths(name) {
            match (self.index().owners(&path), &mut owners) {
                (Ok(more), Ok(all)) => all.extend(more),
                (Ok(more), none) => *none = Ok(more),
                (Err(_), _) => {}
            }
        }
        let mut found = self.presence(need, name, seen, owners);
        let missing = matches!(found.answer, Answer::Absent(_) | Answer::NotInstalled(_) | Answer::OtherRepository(_));
        // Installers pass over what they are to disable and is not there; systemctl does not.
        let installer =
            matches!(self.kind, ChainKind::Kickstart | ChainKind::Kiwi | ChainKind::Blueprint | ChainKind::Mkosi);
        if state == UnitWant::Disabled && missing && installer {
            return Found::new(Answer::NothingToRemove).because(format!("{name} is not there to be disabled"));
        }
        if matches!(found.answer, Answer::Present(_) | Answer::Brought(_)) && state != UnitWant::Disabled {
            let enables = state == UnitWant::Enabled;
            found.differences.extend(self.preset(name, enables));
        }
        found
    }

    /// How the preset of a unit is otherwise than where the chain comes from. A unit that is enabled there and not here does
    /// not run after the next boot, unless the chain itself enables it.
    pub(super) fn preset(&self, unit: &str, enables: bool) -> Option<Difference> {
        let there = self.question.from?.facts.unit(unit).ok()??.preset.clone()?;
        let here = self.facts.unit(unit).ok().flatten().and_then(|unit| unit.preset.clone());
        let handled = enables || self.handled.contains(unit);
        match here {
            Some(here) if here == there => None,
            Some(here) => Some(Difference {
                what: format!("preset of {unit}"),
                blocks: there == "enabled" && !handled,
                there,
                here,
            }),
            None if there == "enabled" && !handled => Some(Difference {
                what: format!("preset of {unit}"),
                there,
                here: "not known before it is installed".to_owned(),
                blocks: false,
            }),
            None => None,
        }
    }

    pub(super) fn user(&mut self, need: &'a Need, name: &str) -> Found {
        let users = self.facts.users.known();
        let seen = Seen::of(users.map(|users| users.contains_key(name)));
        let mut found = self.account(need, "user", name, seen);
        let there = self.question.from.and_then(|from| from.facts.users.value()?.get(name));
        let here = self.facts.users.value().and_then(|users| users.get(name));
        if let (Some(there), Some(here)) = (there, here) {
            for (what, there, here) in [("home", &there.home, &here.home), ("shell", &there.shell, &here.shell)] {
                if there != here {
                    found.differences.push(Difference {
                        what: format!("{what} of user {name}"),
                        there: there.clone(),
                        here: here.clone(),
                        blocks: false,
                    });
                }
            }
        }
        found
    }

    pub(super) fn user_group(&mut self, need: &'a Need, name: &str) -> Found {
        let seen = Seen::of(self.facts.groups.known().map(|groups| groups.contains(name)));
        self.account(need, "group", name, seen)
    }

    fn account(&mut self, need: &'a Need, what: &str, name: &str, seen: Seen) -> Found {
        let owners = self.index().providers(&format!("{what}({name})"));
        let found = self.presence(need, &format!("{what} {name}"), seen, owners);
        match found.answer {
            // Packages that make it in a scriptlet do not say so.
            Answer::Absent(_) if !self.closure.is_empty() && !self.is_after => Found::unknown(format!(
                "no package says that it makes {what} {name}; whether a scriptlet does is seen when it is installed"
            )),
            _ => found,
        }
    }

    pub(super) fn sysctl(&self, name: &str, value: Option<&str>) -> Found {
        let known = match self.facts.sysctls.known() {
            Ok(known) => known,
            Err(why) => return Found::unknown(format!("kernel parameters: {why}")),
        };
        let Some(here) = known.get(name) else {
            let mut found = self.absent(Vec::new());
            found.evidence.push("a kernel module that is not loaded may bring it".to_owned());
            return found;
        };
        let mut found = Found::new(Answer::Present(None));
        let there = self.question.from.and_then(|from| from.facts.sysctls.value()?.get(name));
        if let (None, Some(there)) = (value, there)
            && squeezed(there) != squeezed(here)
        {
            found.differences.push(Difference {
                what: format!("value of {name}"),
                there: there.clone(),
                here: here.clone(),
                blocks: false,
            });
        }
        found
    }

    pub(super) fn kernel_module(&self, name: &str) -> Found {
        let name = name.replace('-', "_");
        match self.facts.modules.known() {
            Err(why) => Found::unknown(format!("kernel modules: {why}")),
            Ok(modules) if modules.contains(&name) => Found::new(Answer::Present(None)),
            // Modules come in packages, whose metadata names only their files.
            Ok(_) if !self.is_after && self.installs_modules() => {
                Found::unknown("the kernel has it not, and the chain installs packages of kernel modules")
            }
            Ok(_) => self.absent(Vec::new()),
        }
    }

    fn installs_modules(&self) -> bool {
        let is_one = |name: String| name.starts_with("kernel-modules") || name.starts_with("kmod-");
        self.closure.iter().any(|id| is_one(self.index().package(*id).name))
    }

    pub(super) fn kernel_option(&self, name: &str) -> Found {
        let options = match self.facts.kernel_options.known() {
            Ok(options) => options,
            Err(why) => return Found::unknown(format!("options of the kernel: {why}")),
        };
        let built = |value: Option<&String>| value.map(String::as_str).filter(|value| *value != "n").map(str::to_owned);
        let Some(here) = built(options.get(name)) else { return self.absent(Vec::new()) };
        let mut found = Found::new(Answer::Present(None));
        let there = self.question.from.and_then(|from| built(from.facts.kernel_options.value()?.get(name)));
        if let Some(there) = there.filter(|there| *there != here) {
            found.differences.push(Difference { what: name.to_owned(), there, here, blocks: false });
        }
        found
    }

    pub(super) fn os_release(&self, key: &str, known: &[String], otherwise: bool) -> Found {
        let here = match self.facts.os_release.known() {
            Ok(release) => values(release, key),
            Err(why) => return Found::unknown(format!("os-release: {why}")),
        };
        let knows = |values: &[String]| values.iter().find(|value| known.contains(value)).cloned();
        let there =
            self.question.from.and_then(|from| from.facts.os_release.value()).map(|release| values(release, key));
        let branch_there = there.as_deref().and_then(knows);
        let shown = |values: &[String]| match values {
            [] => "nothing".to_owned(),
            some => some.join(" "),
        };
        match (knows(&here), branch_there) {
            (Some(here), Some(there)) if here != there => {
                let mut found = Found::new(Answer::Present(None));
                found.differences.push(Difference { what: format!("branch on {key}"), there, here, blocks: false });
                found
            }
            (Some(_), _) => Found::new(Answer::Present(None)),
            // It took a branch of its own there, and takes the one for all others here: nobody has seen that work.
            (None, Some(there)) if otherwise => Found::new(Answer::Refused(format!(
                "{key} is {} here: the branch for {there} is not taken, but the one for all others",
                shown(&here)
            ))),
            (None, _) if otherwise => {
                let mut found = Found::new(Answer::Present(None));
                // Where it takes the same branch, nothing is otherwise.
                if there.is_none() {
                    found.differences.push(Difference {
                        what: format!("branch on {key}"),
                        there: format!("one of {}", known.join(", ")),
                        here: format!("{}: the branch for all others", shown(&here)),
                        blocks: false,
                    });
                }
                found
            }
            (None, _) => Found::new(Answer::Refused(format!(
                "{key} is {} here, and there is no branch for it: only for {}",
                shown(&here),
                known.join(", ")
            ))),
        }
    }

    pub(super) fn isa_level(&self, level: &str) -> Found {
        let place =
            |level: &str| X86_LEVELS.iter().position(|known| *known == level || *known == format!("{level}-v1"));
        let needed = place(level);
        if needed == Some(0) {
            return Found::new(Answer::Present(None));
        }
        match &self.facts.isa_level {
            Known::No(why) => Found::unknown(format!("processors of the target: {why}")),
            Known::Yes(here) => match (needed, place(here)) {
                (Some(needed), Some(has)) if needed <= has => Found::new(Answer::Present(None)),
                (Some(_), Some(_)) => Found::new(Answer::Refused(format!(
                    "it needs processors of {level}, and {} is for {here}",
                    self.target()
                ))),
                _ if here == level => Found::new(Answer::Present(None)),
                _ => Found::unknown(format!("how {level} compares with {here} is not known")),
            },
        }
    }

    pub(super) fn arch(&self, arch: &str) -> Found {
        let here = match &self.facts.arch {
            Known::Yes(arch) => arch.as_str(),
            Known::No(_) => self.question.target.index.arch(),
        };
        if arch == "noarch" || arch == here {
            return Found::new(Answer::Present(None));
        }
        if here == "x86_64" && X86_32.contains(&arch) {
            return match self.facts.kernel_options.known() {
                Err(why) => Found::unknown(format!("whether the kernel runs 32-bit programs: {why}")),
                Ok(options) if options.get("CONFIG_IA32_EMULATION").is_some_and(|value| value == "y") => {
                    Found::new(Answer::Present(None)).because("CONFIG_IA32_EMULATION is y")
                }
                Ok(_) => Found::new(Answer::Refused("the kernel runs no 32-bit programs".to_owned())),
            };
        }
        Found::new(Answer::OtherArch(vec![here.to_owned()]))
    }
}

/// The values of a key of os-release: ID_LIKE is a list.
fn values(release: &BTreeMap<String, String>, key: &str) -> Vec<String> {
    let value = release.get(key).map(String::as_str).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}

/// Runs of blanks are one, as the kernel prints tabs.
fn squeezed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
