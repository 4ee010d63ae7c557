//! Which package owns a file, of rpm or of dpkg.

use std::collections::BTreeSet;

use super::rpm;
use super::shell::Answer;
use crate::check::Probe;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_base::glob;
use muster_base::text::one_line;
use muster_record::facts::Facts;

/// Asks for the owner of the file that `path` is in the shell, for each name.
pub(super) fn probe(key: &str, names: &BTreeSet<&str>, facts: &Facts, before: &str, path: &str) -> Option<Probe> {
    let (tool, command) = match facts.dpkg {
        None => (
            "rpm",
            format!(
                "{before}rpm -qf --qf '%{{NAME}}\\n' -- {path} && return 0\ncode=$?\n{}return $code",
                rpm::need_packages!()
            ),
        ),
        // Packages may still name a file by the place that the merge of /bin, /sbin and /lib into /usr moved.
        Some(_) => (
            "dpkg-query",
            format!(
                "{before}path={path}\n\
                 dpkg-query -S \"$path\" && return 0\n\
                 case $path in /usr/*) path=${{path#/usr}};; *) path=/usr$path;; esac\n\
                 dpkg-query -S \"$path\" && return 0\n\
                 code=$?\n\
                 [ -n \"$(dpkg-query -W -f x)\" ] || echo 'dpkg-query: the database is empty'\n\
                 return $code"
            ),
        ),
    };
    Probe::batch_with(key, 60, tool, names, &command)
}

/// What was said of one of them.
pub(super) fn read(answer: &Answer, facts: &Facts) -> Read<Value> {
    match (&facts.dpkg, answer.status) {
        (None, 0) => Ok(Value::each(answer.output.lines().map(Value::text))),
        (None, _) if answer.output.contains("is not owned by any package") && !rpm::complains(&answer.output) => {
            Ok(Value::absent("no package owns it"))
        }
        (Some(_), 0) => of_dpkg(&answer.output),
        (Some(_), 1)
            if !answer.output.is_empty()
                && answer.output.lines().all(|line| line.starts_with("dpkg-query: no path found matching")) =>
        {
            Ok(Value::absent("no package owns it"))
        }
        _ => Err(Unreadable::new(format!("whose file it is: {}", one_line(&answer.output, 200)))),
    }
}

/// `libc6:amd64, libc6:i386: /lib/x`; a line on a diversion names no owner, and the first name was not found
/// when the second was.
fn of_dpkg(text: &str) -> Read<Value> {
    let mut owners = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with("dpkg-query: no path found")
            || glob::matches("*diversion by * *: /*", line)
            || line.starts_with("local diversion ")
        {
            continue;
        }
        let (names, _) = line
            .rsplit_once(": /")
            .ok_or_else(|| Unreadable::new(format!("dpkg-query prints `{}`", one_line(line, 120))))?;
        owners.extend(names.split(", ").map(|name| name.split(':').next().unwrap_or(name).to_owned()));
    }
    if owners.is_empty() {
        Err(Unreadable::new(format!("dpkg-query -S names nobody: {}", one_line(text, 120))))
    } else {
        Ok(Value::each(owners.into_iter().map(Value::Text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_this_host;

    fn on_dpkg() -> Facts {
        Facts { dpkg: Some("1.21.22".into()), ..Facts::default() }
    }

    #[test]
    fn owners_of_dpkg_are_read_with_diversions_and_architectures() {
        let of = |status, output: &str| read(&Answer { status, output: output.to_owned() }, &on_dpkg());
        let sh = "diversion by dash from: /bin/sh\ndiversion by dash to: /bin/sh.distrib\ndash: /bin/sh";
        assert_eq!(of(0, sh), Ok(Value::text("dash")));
        assert_eq!(of(0, "libc6:amd64, libc6:i386: /lib/x"), Ok(Value::text("libc6")));
        assert_eq!(of(0, "a, b: /etc"), Ok(Value::Each(vec![Value::text("a"), Value::text("b")])));
        assert_eq!(
            of(0, "dpkg-query: no path found matching pattern /usr/bin/bash\nbash: /bin/bash"),
            Ok(Value::text("bash"))
        );
        let nobody = "dpkg-query: no path found matching pattern /x\ndpkg-query: no path found matching pattern /usr/x";
        assert_eq!(of(1, nobody), Ok(Value::absent("no package owns it")));
        assert!(
            of(2, "dpkg-query: error: the database is locked").is_err() && of(1, "").is_err() && of(0, "").is_err()
        );
    }

    #[test]
    fn in_an_empty_database_no_file_is_without_an_owner() {
        let host = tempfile::tempdir().unwrap();
        let names = BTreeSet::from(["/etc/planted"]);
        let of = |packages: &[&str]| {
            let tools = crate::testing::rpm_with(packages, host.path());
            let script = probe("owner", &names, &Facts::default(), "", "\"$1\"").unwrap().script;
            let reply = crate::testing::with_tools(&[&tools], &script);
            read(&crate::shell::answers(&reply).unwrap()["/etc/planted"], &Facts::default())
        };
        assert_eq!(of(&["gpg-pubkey", "bash"]), Ok(Value::absent("no package owns it")));
        for empty in [&[][..], &["gpg-pubkey"]] {
            assert!(of(empty).unwrap_err().to_string().contains("the RPM database is empty"), "{empty:?}");
        }
        // dpkg-query with an administrative directory of its own.
        if crate::testing::this_host_lacks("/usr/bin/dpkg-query") {
            return;
        }
        std::fs::create_dir_all(host.path().join("dpkg/info")).unwrap();
        std::fs::write(host.path().join("dpkg/status"), "").unwrap();
        let script = probe("owner", &names, &on_dpkg(), "", "\"$1\"").unwrap().script;
        let of = |root: &str| {
            let reply = crate::testing::with_tools(&[], &format!("{root}{script}"));
            read(&crate::shell::answers(&reply).unwrap()["/etc/planted"], &on_dpkg())
        };
        assert_eq!(of(""), Ok(Value::absent("no package owns it")));
        let empty = of(&format!("export DPKG_ADMINDIR={}\n", host.path().join("dpkg").display()));
        assert!(empty.as_ref().is_err_and(|why| why.to_string().contains("database is empty")), "{empty:?}");
    }

    #[test]
    fn a_path_with_the_words_of_an_error_is_a_path() {
        let of = |output: &str| read(&Answer { status: 1, output: output.to_owned() }, &Facts::default());
        assert_eq!(of("file /srv/error: x is not owned by any package"), Ok(Value::absent("no package owns it")));
        assert!(of("error: cannot open Packages\nfile /x is not owned by any package").is_err());
    }

    #[test]
    fn this_host_s_bash_is_bash_s_by_both_of_its_paths() {
        if crate::testing::this_host_lacks("/usr/bin/dpkg-query") {
            return;
        }
        let names = BTreeSet::from(["/bin/bash", "/usr/bin/bash", "/no/such/file"]);
        let seen = on_this_host(&[probe("owner", &names, &on_dpkg(), "", "\"$1\"").unwrap()]);
        let of = |path| read(&seen.answer("owner", path).unwrap(), &on_dpkg());
        assert_eq!((of("/bin/bash"), of("/usr/bin/bash")), (Ok(Value::text("bash")), Ok(Value::text("bash"))));
        assert_eq!(of("/no/such/file"), Ok(Value::absent("no package owns it")));
    }
}
