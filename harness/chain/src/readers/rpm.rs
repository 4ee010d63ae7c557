//! Packages of rpm, by rpm itself: what they require (requirements in rpm's own sense, also those of scripts), what they
//! recommend (optional), for which machine they are, and whose files they have.
//!
//! What a package requires of itself (its own provides and files, `config(…)`) is no need, nor are `rpmlib(…)`: rpm says
//! of itself what it can. Of a source package, the requirements are those of its build.

use std::collections::HashSet;

use crate::chain::ChainKind;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use muster_base::Relation;

/// The reader.
pub(crate) struct Rpm;

/// What rpm prints of a package: a letter, and fields between tabs. Scripts, which may have any line, are last.
pub(crate) const FORMAT: &str = concat!(
    "N\\t%{NAME}\\t%{EVR}\\t%{ARCH}\\t%{OS}\\t%{SOURCERPM}\\n",
    "[R\\t%{REQUIRENAME}\\t%{REQUIREFLAGS}\\t%{REQUIREVERSION}\\n]",
    "[W\\t%{RECOMMENDNAME}\\t%{RECOMMENDFLAGS}\\t%{RECOMMENDVERSION}\\n]",
    "[P\\t%{PROVIDENAME}\\n]",
    "[F\\t%{FILENAMES}\\t%{FILEUSERNAME}\\t%{FILEGROUPNAME}\\n]",
    "[I\\t%{PREINPROG}\\n][I\\t%{POSTINPROG}\\n][I\\t%{PREUNPROG}\\n][I\\t%{POSTUNPROG}\\n]",
    "[I\\t%{PRETRANSPROG}\\n][I\\t%{POSTTRANSPROG}\\n]",
    "S\\n%{PREIN}\\n%{POSTIN}\\n",
);

/// Bits of a requirement's flags, of rpm's `rpmds.h`.
const LESS: u64 = 1 << 1;
const GREATER: u64 = 1 << 2;
const EQUAL: u64 = 1 << 3;
const MISSING_OK: u64 = 1 << 19;
const RPMLIB: u64 = 1 << 24;
const CONFIG: u64 = 1 << 28;

impl Reader for Rpm {
    fn kind(&self) -> ChainKind {
        ChainKind::Rpm
    }

    /// The magic number of its lead.
    fn fits(&self, source: &Source<'_>) -> bool {
        source.bytes.starts_with(b"\xed\xab\xee\xdb")
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let broken = |why: String| ReadError::Broken { file: source.path.to_string(), why };
        let text = source.host.rpm(source.path, FORMAT).map_err(|why| broken(why.to_string()))?;
        let (listed, scripts) = text.split_once("\nS\n").unwrap_or((&text, ""));
        let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
        let of = |letter: &'static str| rows.iter().filter(move |row| row[0] == letter);
        let head = of("N").next().filter(|row| row.len() == 6);
        let head = head.ok_or_else(|| broken("rpm does not say what package it is".to_owned()))?;
        let is_source = head[5] == "(none)";
        let own: HashSet<&str> = of("P").chain(of("F")).filter_map(|row| row.get(1).copied()).collect();
        let place = Place::whole(into.file());
        let mut seen = HashSet::new();
        let mut add = |want: Want, verb: Verb, written: &str, optional: bool, into: &mut Reading| {
            into.line();
            if seen.insert(want.clone()) {
                into.need(Need::new(want, verb, place.clone(), written).optional(optional).within(Some(head[1])));
            }
        };
        if !is_source && head[3] != "noarch" {
            add(Want::Arch(head[3].to_owned()), Verb::Use, head[3], false, into);
        }
        for row in of("R").chain(of("W")) {
            let [kind, name, flags, version] = row[..] else { continue };
            let Ok(flags) = flags.parse::<u64>() else {
                into.line();
                into.not_understood(place.clone(), name, "flags that are no number");
                continue;
            };
            let is_own = flags & CONFIG != 0 || own.contains(name) && name != head[1];
            if flags & RPMLIB != 0 || name.starts_with("rpmlib(") || is_own {
                into.line();
                continue;
            }
            let version = relation(flags).filter(|_| !version.is_empty()).map(|sign| (sign, version.to_owned()));
            let written = match &version {
                Some((sign, version)) => format!("{name} {} {version}", sign.sign()),
                None => name.to_owned(),
            };
            let optional = kind == "W" || flags & MISSING_OK != 0;
            add(names::requirement(name, version), Verb::Install, &written, optional, into);
        }
        // `<lua>` is in rpm itself.
        for row in of("I") {
            let program = row.get(1).copied().unwrap_or_default();
            if program.starts_with('/') && !own.contains(program) {
                add(Want::Path(program.to_owned()), Verb::Use, program, false, into);
            }
        }
        for (column, kind, want) in [(2, "user", Want::User as fn(String) -> Want), (3, "group", Want::UserGroup)] {
            let names: HashSet<&str> = of("F").filter_map(|row| row.get(column).copied()).collect();
            let mut names: Vec<&str> =
                names.into_iter().filter(|name| !matches!(*name, "root" | "" | "(none)")).collect();
            names.sort_unstable();
            for name in names {
                // What the package makes itself: by sysusers, which rpm makes a provide of, or in its scripts.
                let made = own.contains(format!("{kind}({name})").as_str()) || makes(scripts, name);
                if !made && !is_source {
                    add(want(name.to_owned()), Verb::Use, name, false, into);
                }
            }
        }
        Ok(())
    }
}

fn relation(flags: u64) -> Option<Relation> {
    Some(match flags & (LESS | GREATER | EQUAL) {
        LESS => Relation::Less,
        GREATER => Relation::Greater,
        EQUAL => Relation::Equal,
        flags if flags == LESS | EQUAL => Relation::AtMost,
        flags if flags == GREATER | EQUAL => Relation::AtLeast,
        _ => return None,
    })
}

/// Whether a line of a script makes a user or group of this name.
fn makes(scripts: &str, name: &str) -> bool {
    let tools = ["useradd", "groupadd", "adduser", "addgroup", "sysusers"];
    let is_word = |line: &str| line.split(|c: char| c.is_whitespace() || "'\"".contains(c)).any(|word| word == name);
    scripts.lines().any(|line| tools.iter().any(|tool| line.contains(tool)) && is_word(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeHost, read_bytes, shown};

    const LEAD: &[u8] = b"\xed\xab\xee\xdb\x03\0";

    /// What rpm 4.18 printed of a package that was built for this.
    const PRINTED: &str = "\
N\tshop\t1:2.1-3\tx86_64\tlinux\tshop-2.1-3.src.rpm
R\t(postgresql or mariadb)\t0\t
R\t/bin/sh\t768\t
R\t/sbin/ldconfig\t4352\t
R\t/usr/bin/perl\t16384\t
R\t/usr/bin/python3\t0\t
R\tconfig(shop)\t268435464\t1:2.1-3
R\tlibc.so.6()(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.14)(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.2.5)(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.26)(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.3)(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.3.4)(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.34)(64bit)\t16384\t
R\tlibc.so.6(GLIBC_2.4)(64bit)\t16384\t
R\tnginx\t12\t1.24
R\trpmlib(BuiltinLuaScripts)\t16777226\t4.2.2-1
R\trpmlib(CompressedFileNames)\t16777226\t3.0.4-1
R\trpmlib(FileDigests)\t16777226\t4.6.0-1
R\trpmlib(PayloadFilesHavePrefix)\t16777226\t4.0-1
R\trpmlib(RichDependencies)\t16777226\t4.12.0-1
R\trtld(GNU_HASH)\t16384\t
R\tshop-libs\t8\t1:2.1
R\tsystemd\t1024\t
W\tchrony\t0\t
P\tconfig(shop)
P\tshop
P\tshop(x86-64)
P\tshop-libs
P\tuser(shopper)
F\t/etc/shop/shop.conf\troot\tapache
F\t/usr/bin/shop\troot\troot
F\t/usr/bin/shop-report\troot\troot
F\t/usr/lib/.build-id\troot\troot
F\t/usr/lib/.build-id/c8\troot\troot
F\t/usr/lib/.build-id/c8/9156ebdabf859f4ee70cb0c303004dccf1ae51\troot\troot
F\t/var/lib/shop\tshopper\tshop
I\t/bin/sh
I\t<lua>
I\t/sbin/ldconfig
S
getent group shop >/dev/null || groupadd -r shop
print(\"x\")
";

    fn read(printed: &str) -> Result<String, ReadError> {
        let host = FakeHost { rpm: Some(printed.to_owned()), ..FakeHost::default() };
        read_bytes("shop.rpm", LEAD, &host).map(|chain| shown(&chain))
    }

    #[test]
    fn requirements_of_a_package_are_needs_without_those_of_itself_and_of_rpm() {
        let expected = "\
0 use arch x86_64 [shop]
0 install capability (postgresql or mariadb) [shop]
0 install path /bin/sh [shop]
0 install path /sbin/ldconfig [shop]
0 install path /usr/bin/perl [shop]
0 install path /usr/bin/python3 [shop]
0 install capability libc.so.6()(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.14)(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.2.5)(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.26)(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.3)(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.3.4)(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.34)(64bit) [shop]
0 install capability libc.so.6(GLIBC_2.4)(64bit) [shop]
0 install package nginx >= 1.24 [shop]
0 install capability rtld(GNU_HASH) [shop]
0 install package systemd [shop]
0 install package chrony optional [shop]
0 use user-group apache [shop]
28 of 28 lines
";
        assert_eq!(read(PRINTED).unwrap(), expected);
    }

    #[test]
    fn another_architecture_is_a_need_and_noarch_and_sources_have_none() {
        let arch = |printed: &str| read(printed).unwrap().lines().next().unwrap_or_default().to_owned();
        assert_eq!(arch(&PRINTED.replace("x86_64\tlinux", "aarch64\tlinux")), "0 use arch aarch64 [shop]");
        assert!(!arch(&PRINTED.replace("x86_64\tlinux", "noarch\tlinux")).contains("arch "));
        assert!(!arch(&PRINTED.replace("shop-2.1-3.src.rpm", "(none)")).contains("arch "));
    }

    #[test]
    fn a_torn_package_is_unreadable_and_strange_rows_are_listed() {
        let host = FakeHost::default();
        assert!(read_bytes("a.rpm", LEAD, &host).unwrap_err().to_string().contains("not an rpm package"));
        assert!(read("").is_err() && read("N\tshop\n").is_err());
        let strange = read("N\ta\t1-1\tnoarch\tlinux\ta.src.rpm\nR\tx\tmany\t\nR\n").unwrap();
        assert_eq!(strange, "! 0 x: flags that are no number\n0 of 1 lines\n");
    }
}
