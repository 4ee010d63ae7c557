//! The packages that are installed in a guest, and those in files of it, with all that others may need of them.

use crate::error::CliError;
use crate::guest;
use muster_base::text::{escape_bytes, last_words, one_line, shell_word};
use muster_engine::driver::Live;
use muster_repodata::{Dependency, PackageRecord};

/// Bytes of rpm's answer: a large system's files are some 30 MiB.
const LIMIT: usize = 128 << 20;

/// One line for each thing, behind a line for the package. Every array has a form of its own, since rpm pads none.
const FORMAT: &str = r#"'= %{NAME}\t%{EPOCHNUM}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{LONGSIZE}\t%{SOURCERPM}\n[p %{PROVIDENAME}\t%{PROVIDEFLAGS:depflags}\t%{PROVIDEVERSION}\n][r %{REQUIRENAME}\t%{REQUIREFLAGS:depflags}\t%{REQUIREVERSION}\n][c %{CONFLICTNAME}\t%{CONFLICTFLAGS:depflags}\t%{CONFLICTVERSION}\n][o %{OBSOLETENAME}\t%{OBSOLETEFLAGS:depflags}\t%{OBSOLETEVERSION}\n][f %{FILENAMES}\n]'"#;

/// All that are installed.
///
/// # Errors
/// The guest is gone, or its package database cannot be read. An empty one is an error.
pub(crate) async fn read(live: &impl Live) -> Result<Vec<PackageRecord>, CliError> {
    query(live, "rpm -qa", "", "the packages of the image").await
}

/// Those in these package files of the guest, in the same order.
///
/// # Errors
/// The guest is gone, a file is no package, or it is the package of a source.
pub(crate) async fn of_files(live: &impl Live, paths: &[String]) -> Result<Vec<PackageRecord>, CliError> {
    let words: Vec<String> = paths.iter().map(|path| shell_word(path)).collect();
    let found = query(live, "rpm -qp --nosignature", &words.join(" "), "the package files").await?;
    if found.len() != paths.len() {
        let what = format!("rpm knows {} packages in {} files", found.len(), paths.len());
        return Err(CliError::infrastructure(what));
    }
    match found.iter().zip(paths).find(|(package, _)| package.source.is_none()) {
        None => Ok(found),
        Some((_, path)) => {
            let name = one_line(path.rsplit('/').next().unwrap_or(path), 120);
            Err(CliError::invalid(format!("{name} is the package of a source, which cannot be installed"))
                .hint("name packages that rpmbuild -bb has built"))
        }
    }
}

/// The answer of one rpm command about many packages.
async fn query(live: &impl Live, command: &str, words: &str, of_what: &str) -> Result<Vec<PackageRecord>, CliError> {
    let script = format!(
        "command -v rpm >/dev/null 2>&1 || {{ echo 'rpm: not found' >&2; exit 127; }}\nexport LC_ALL=C\n\
         {command} --qf {FORMAT} {words} || exit 1\necho '= end'"
    );
    let reply = guest::run(live, script, 120, LIMIT).await?;
    let unreadable = |why: &str| CliError::infrastructure(format!("{of_what} cannot be read: {}", one_line(why, 300)));
    if let Some(why) = guest::cut(&reply) {
        return Err(unreadable(why));
    }
    parse(&escape_bytes(&reply.stdout)).map_err(|why| match why {
        Some(line) => unreadable(&format!("rpm prints `{line}`")),
        None => unreadable(&last_words(&escape_bytes(&reply.stderr), 200)),
    })
}

/// The packages; the line that is not understood, or `None` when the answer is not whole.
fn parse(text: &str) -> Result<Vec<PackageRecord>, Option<String>> {
    let list = text.strip_suffix("= end\n").ok_or(None)?;
    let mut out: Vec<PackageRecord> = Vec::new();
    let mut is_key = false;
    for line in list.lines() {
        let strange = || Some(one_line(line, 120));
        if let Some(head) = line.strip_prefix("= ") {
            let fields: Vec<&str> = head.split('\t').collect();
            let [name, epoch, version, release, arch, size, source] = fields[..] else { return Err(strange()) };
            is_key = name == "gpg-pubkey";
            if is_key {
                continue;
            }
            out.push(PackageRecord {
                epoch: epoch.parse().map_err(|_| strange())?,
                installed_size: size.parse().unwrap_or_default(),
                source: (source != "(none)").then(|| source.to_owned()),
                ..PackageRecord::new(name, version, release, arch)
            });
            continue;
        }
        if is_key {
            continue;
        }
        let package = out.last_mut().ok_or_else(strange)?;
        let (kind, rest) = line.split_once(' ').ok_or_else(strange)?;
        if kind == "f" {
            // A package without files has an array of one that says so.
            if rest.starts_with('/') {
                package.files.push(rest.to_owned());
            }
            continue;
        }
        let list = match kind {
            "p" => &mut package.provides,
            "r" => &mut package.requires,
            "c" => &mut package.conflicts,
            "o" => &mut package.obsoletes,
            _ => return Err(strange()),
        };
        let mut fields = rest.split('\t');
        let name = fields.next().unwrap_or_default();
        // What rpm itself can do is no other package's affair.
        if name.is_empty() || name == "(none)" || name.starts_with("rpmlib(") {
            continue;
        }
        let (sign, version) = (fields.next().unwrap_or_default().trim(), fields.next().unwrap_or_default().trim());
        let text = match (sign, version) {
            ("", _) | (_, "") => name.to_owned(),
            (sign, version) => format!("{name} {sign} {version}"),
        };
        // A requirement that cannot be read cannot be missing either: the system has it.
        if let Ok(dependency) = Dependency::parse(&text) {
            list.push(dependency);
        }
    }
    match out.is_empty() {
        true => Err(None),
        false => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "= gpg-pubkey\t0\t1\t2\t(none)\t0\t(none)\np gpg(x)\t=\t1\n\
        = bash\t0\t5.2\t1.fc43\tx86_64\t100\tbash-5.2-1.src.rpm\np bash\t = \t5.2-1.fc43\np /bin/sh\t\t\n\
        r libc.so.6()(64bit)\t\t\nr rpmlib(X)\t<=\t1\nr filesystem\t>=\t3\no bash-old\t<\t5\nf /usr/bin/bash\n\
        = empty\t2\t1\t1\tnoarch\t0\t(none)\n= end\n";

    #[test]
    fn packages_come_with_what_they_provide_and_own() {
        let found = parse(TEXT).unwrap();
        assert_eq!(found.iter().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["bash", "empty"]);
        let texts = |list: &[Dependency]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&found[0].provides), ["bash = 5.2-1.fc43", "/bin/sh"]);
        assert_eq!(texts(&found[0].requires), ["libc.so.6()(64bit)", "filesystem >= 3"]);
        assert_eq!(texts(&found[0].obsoletes), ["bash-old < 5"]);
        assert_eq!((found[0].files.as_slice(), found[1].epoch), (&["/usr/bin/bash".to_owned()][..], 2));
    }

    #[test]
    fn an_empty_or_cut_answer_is_no_system_without_packages() {
        assert_eq!(parse(""), Err(None));
        assert_eq!(parse("= end\n"), Err(None));
        assert_eq!(parse(&TEXT.replace("= end\n", "")), Err(None));
        assert!(parse("= bash\t0\n= end\n").unwrap_err().is_some());
        assert!(parse("f /x\n= end\n").unwrap_err().is_some());
    }
}
