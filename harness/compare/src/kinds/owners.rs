//! Which package owns which path.

use std::collections::HashMap;

use super::answer;
use super::database::{self, Database};
use crate::error::KindError;
use muster_check::{Observations, Probe};

const RPM: &str = "compare/owners";
const DPKG: &str = "compare/owners-dpkg";

/// Package and path of every file of every package, from whichever of rpm and dpkg is there; the kind of
/// database says which of both counts. rpm's lines are `package<TAB>path`, dpkg's a package and then its
/// paths behind a space.
pub(super) fn probes() -> Vec<Probe> {
    let rpm = "export LC_ALL=C\ncommand -v rpm >/dev/null 2>&1 || { echo '= nothing'; exit 0; }\nrpm -qa --qf '[%{=NAME}\\t%{FILENAMES}\\n]'";
    let dpkg = "export LC_ALL=C\ncommand -v dpkg-query >/dev/null 2>&1 || { echo '= nothing'; exit 0; }\ndpkg-query -W -f '${Package}\\n${db-fsys:Files}\\n' && echo '= end'";
    vec![database::probe(), Probe::new(RPM, 180, rpm), Probe::new(DPKG, 180, dpkg)]
}

/// Owners by path.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<String, Vec<String>>);

impl Owners {
    /// Where no package database is read nobody owns anything.
    pub(super) fn read(seen: &Observations) -> Result<Self, KindError> {
        let mut owners: HashMap<String, Vec<String>> = HashMap::new();
        match database::of(seen)? {
            Err(_) | Ok(Database::Foreign(_)) => return Ok(Self::default()),
            Ok(Database::Rpm) => {
                for line in muster_base::text::escape(&answer::output(seen, RPM)?).lines() {
                    let (name, path) = line.split_once('\t').ok_or_else(|| answer::strange(line))?;
                    owners.entry(path.to_owned()).or_default().push(name.to_owned());
                }
            }
            Ok(Database::Dpkg) => {
                let text = muster_base::text::escape(&answer::output(seen, DPKG)?);
                let list = text.strip_suffix("= end\n").ok_or(KindError::NoEnd("list of dpkg's files"))?;
                let mut package = "";
                for line in list.lines().filter(|line| !line.is_empty()) {
                    match line.strip_prefix(' ') {
                        Some(path) if path.starts_with('/') && !package.is_empty() => {
                            owners.entry(path.to_owned()).or_default().push(package.to_owned());
                        }
                        Some(_) => return Err(answer::strange(line)),
                        None => package = line,
                    }
                }
            }
        }
        if owners.is_empty() {
            return Err(KindError::NoFiles);
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
    [database::RPM, (RPM, text)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seen;

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

    #[test]
    fn files_of_dpkg_have_owners_and_those_of_others_none() {
        let said = "bash\n /.\n /bin\n /bin/bash\n\nempty\n\ncoreutils\n /bin\n /bin/ls\n= end\n";
        let owners = Owners::read(&seen(&[database::DPKG, (DPKG, said)])).unwrap();
        assert_eq!(
            (owners.of("/usr/bin/bash"), owners.of("/bin"), owners.of("/x")),
            ("bash".into(), "bash, coreutils".into(), String::new())
        );
        for torn in ["bash\n /bin/bash\n", " /bin\n= end\n", "= end\n", "bash\n x\n= end\n"] {
            assert!(Owners::read(&seen(&[database::DPKG, (DPKG, torn)])).is_err(), "{torn:?}");
        }
        assert_eq!(Owners::read(&seen(&[database::PACMAN])).unwrap().of("/bin/bash"), "");
    }
}
