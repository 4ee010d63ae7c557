//! Which package owns which path.

use std::collections::HashMap;

use super::rpmdb;
use crate::check::shell::need;
use crate::check::{Observations, Probe};

const KEY: &str = "compare/owners";

/// Package and path of every file of every package. Nothing on a system without rpm.
pub(super) fn probes() -> Vec<Probe> {
    let script = format!("{}export LC_ALL=C\nrpm -qa --qf '[%{{=NAME}}\\t%{{FILENAMES}}\\n]'", need("rpm"));
    vec![rpmdb::probe(), Probe::new(KEY, 180, script)]
}

/// Owners by path.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<String, Vec<String>>);

impl Owners {
    /// Without an RPM database nobody owns anything.
    pub(super) fn read(seen: &Observations) -> Result<Self, String> {
        if rpmdb::missing(seen)?.is_some() {
            return Ok(Self::default());
        }
        let mut owners: HashMap<String, Vec<String>> = HashMap::new();
        for line in crate::text::harmless(&seen.output(KEY)?).lines() {
            let (name, path) = line.split_once('\t').ok_or_else(|| super::strange(line))?;
            owners.entry(path.to_owned()).or_default().push(name.to_owned());
        }
        if owners.is_empty() {
            return Err("rpm names no file of any package".to_owned());
        }
        for names in owners.values_mut() {
            names.sort();
            names.dedup();
        }
        Ok(Self(owners))
    }

    /// The names of a path's packages, joined by commas; empty when it has none. Packages may still name
    /// files by the places that the merge of /bin, /sbin and /lib into /usr, and of sbin into bin, moved.
    pub(super) fn of(&self, path: &str) -> String {
        let mut names = vec![path.to_owned()];
        if let Some(rest) = path.strip_prefix("/usr/") {
            names.push(format!("/{rest}"));
        }
        for (index, name) in names.clone().into_iter().enumerate() {
            let (from, to) = if name.contains("/sbin/") { ("/sbin/", "/bin/") } else { ("/bin/", "/sbin/") };
            if name.contains(from) && index < 2 {
                names.push(name.replacen(from, to, 1));
            }
        }
        names.iter().find_map(|name| self.0.get(name)).map(|owners| owners.join(", ")).unwrap_or_default()
    }
}

/// Answers of a system where these packages own these paths, for tests.
#[cfg(test)]
pub(super) fn answers(text: &str) -> [(&str, &str); 2] {
    [rpmdb::THERE, (KEY, text)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::seen;

    #[test]
    fn a_path_is_found_where_its_package_says_and_where_it_was_moved_to() {
        let owners =
            Owners::read(&seen(&answers("which\t/usr/bin/which\nkmod\t/sbin/modprobe\na\t/etc\nb\t/etc\n"))).unwrap();
        for (path, package) in [
            ("/usr/bin/which", "which"),
            ("/usr/sbin/modprobe", "kmod"),
            ("/usr/bin/modprobe", "kmod"),
            ("/etc", "a, b"),
            ("/x", ""),
        ] {
            assert_eq!(owners.of(path), package, "{path}");
        }
        assert!(Owners::read(&seen(&answers(""))).is_err());
        assert!(Owners::read(&seen(&answers("torn"))).is_err());
    }
}
