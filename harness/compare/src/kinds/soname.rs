//! Shared libraries and their symbol versions, as installed packages provide them: what programs that
//! were built elsewhere need.

use std::collections::BTreeSet;

use super::answer;
use super::database::{self, Database};
use crate::difference::{self, Difference};
use crate::error::KindError;
use crate::item::{Field, Items, PACKAGE, Part};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::types::soname::{PROVIDES, provides};
use muster_check::{Observations, Probe};

/// The kind.
pub(crate) struct Soname;

const FIELDS: &[Field] = &[PACKAGE];

impl FactKind for Soname {
    fn name(&self) -> &'static str {
        "soname"
    }

    fn what(&self) -> &'static str {
        "sonames and symbol versions"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![database::probe(), provides(), Probe::new(DPKG, 60, LIBRARIES)]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        match database::of(seen)? {
            Err(absent) => return Ok(absent),
            Ok(Database::Foreign(name)) => return Err(KindError::Foreign(name)),
            Ok(Database::Dpkg) => return of_dpkg(&text::escape(&answer::output(seen, DPKG)?)),
            Ok(Database::Rpm) => {}
        }
        let mut any = false;
        let mut packages = Libraries::new();
        for line in text::escape(&answer::output(seen, PROVIDES)?).lines() {
            let (package, capability) = line.split_once('\t').ok_or_else(|| answer::strange(line))?;
            any = true;
            if is_library(capability) {
                packages.entry(capability.to_owned()).or_default().insert(package.to_owned());
            }
        }
        if !any {
            return Err(KindError::NoCapabilities);
        }
        Ok(known_of(packages))
    }

    /// Where a whole library has come or gone, its symbol versions have with it.
    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        let mut out = difference::of_items(self.name(), FIELDS, before, after);
        let whole: BTreeSet<String> = out.iter().map(|difference| difference.subject.clone()).collect();
        out.retain(|difference| match library_of(&difference.subject) {
            library if library == difference.subject => true,
            library => !whole.contains(&library),
        });
        out
    }
}

const DPKG: &str = "compare/sonames-dpkg";

/// What packages of dpkg say of their libraries (deb-symbols(5), deb-shlibs(5)), each file behind a line with
/// its package. Nothing where there is no dpkg.
const LIBRARIES: &str = r#"cd /var/lib/dpkg/info 2>/dev/null || { echo '= nothing'; exit 0; }
for f in *.symbols *.shlibs; do
  [ -f "$f" ] || continue
  echo "= $f"; cat "$f" || exit 1; echo
done
echo '= end'"#;

/// `libz.so.1 zlib1g #MINVER#` and, behind a space, its symbols, of which a version is one that is its own:
/// `ZLIB_1.2.9@ZLIB_1.2.9`. A shlibs file names libraries as `libz 1 zlib1g (>= 1.2)`.
fn of_dpkg(answer: &str) -> Result<Part, KindError> {
    let list = answer.strip_suffix("= end\n").ok_or(KindError::NoEnd("list of libraries"))?;
    let mut packages: Libraries = Libraries::new();
    let (mut package, mut symbols, mut library) = ("", false, "");
    for line in list.lines() {
        if let Some(file) = line.strip_prefix("= ") {
            let (stem, kind) = file.rsplit_once('.').ok_or_else(|| answer::strange(line))?;
            package = stem.split(':').next().unwrap_or(stem);
            (symbols, library) = (kind == "symbols", "");
            continue;
        }
        let mut add = |name: String| packages.entry(name).or_default().insert(package.to_owned());
        let words: Vec<&str> = line.split_whitespace().collect();
        match (symbols, words.as_slice()) {
            (true, [name, ..]) if !line.starts_with([' ', '*', '|', '#']) && name.contains(".so") => {
                library = name;
                add((*name).to_owned());
            }
            (true, [symbol, ..]) if line.starts_with(' ') && !library.is_empty() => {
                if let Some((_, version)) = symbol.split_once('@').filter(|(name, version)| name == version) {
                    add(format!("{library}({version})"));
                }
            }
            // `udeb:` lines are for the installer.
            (false, [name, version, ..]) if !name.ends_with(':') => {
                add(if version.starts_with(|c: char| c.is_ascii_digit()) {
                    format!("{name}.so.{version}")
                } else {
                    format!("{name}-{version}.so")
                });
            }
            _ => {}
        }
    }
    if packages.is_empty() { Err(KindError::NoLibraries) } else { Ok(known_of(packages)) }
}

/// Names of libraries and of their versions, with the packages that have them.
type Libraries = std::collections::BTreeMap<String, BTreeSet<String>>;

fn known_of(packages: Libraries) -> Part {
    let item = |(name, owners): (String, BTreeSet<String>)| {
        (name, answer::item([("package", &owners.into_iter().collect::<Vec<_>>().join(", "))]))
    };
    Part::Known(packages.into_iter().map(item).collect::<Items>())
}

/// `libssl.so.3()(64bit)`, `libc.so.6(GLIBC_2.42)(64bit)`, `libm.so.6`.
fn is_library(capability: &str) -> bool {
    let name = capability.split('(').next().unwrap_or_default();
    !name.contains(['/', ' ']) && (name.ends_with(".so") || name.contains(".so."))
}

/// The library itself, in the same word size, of one of its symbol versions.
fn library_of(capability: &str) -> String {
    let Some((name, rest)) = capability.split_once('(') else { return capability.to_owned() };
    if rest.ends_with("(64bit)") { format!("{name}()(64bit)") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    #[test]
    fn libraries_are_distinguished_from_other_capabilities() {
        let text = "glibc\tlibc.so.6()(64bit)\nglibc\tlibc.so.6(GLIBC_2.42)(64bit)\nglibc\tglibc(x86-64)\nx\tperl(so.x)\nx\tlibx.so\ny\tlibx.so\n";
        let items = known(Soname.parse(&seen(&[database::RPM, (PROVIDES, text)])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["libc.so.6()(64bit)", "libc.so.6(GLIBC_2.42)(64bit)", "libx.so"]);
        assert_eq!(items["libx.so"]["package"], "x, y");
        assert!(Soname.parse(&seen(&[database::RPM, (PROVIDES, "")])).is_err());
    }

    #[test]
    fn libraries_of_dpkg_are_read_from_its_symbols_and_shlibs() {
        let said = "= zlib1g:amd64.symbols\nlibz.so.1 zlib1g #MINVER#\n* Build-Depends-Package: zlib1g-dev\n ZLIB_1.2.9@ZLIB_1.2.9 1:1.2.9\n adler32@Base 1:1.1.4\n\n= zlib1g:amd64.shlibs\nlibz 1 zlib1g (>= 1:1.2.3)\nudeb: libz 1 zlib1g-udeb\n\n= end\n";
        let items = known(Soname.parse(&seen(&[database::DPKG, (DPKG, said)])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["libz.so.1", "libz.so.1(ZLIB_1.2.9)"]);
        assert_eq!(items["libz.so.1"]["package"], "zlib1g");
        assert!(Soname.parse(&seen(&[database::DPKG, (DPKG, "= nothing\n")])).is_err());
        assert!(
            Soname
                .parse(&seen(&[database::PACMAN]))
                .unwrap_err()
                .to_string()
                .contains("pacman, which muster does not read")
        );
    }

    #[test]
    fn a_dropped_library_is_one_difference_and_a_dropped_symbol_version_is_one() {
        let of = |names: &[&str]| crate::testing::items(&names.iter().map(|name| (*name, &[][..])).collect::<Vec<_>>());
        let before = of(&[
            "liba.so.1()(64bit)",
            "liba.so.1(A_1)(64bit)",
            "libc.so.6()(64bit)",
            "libc.so.6(G_9)(64bit)",
            "libm.so.6",
            "libm.so.6(M_1)",
        ]);
        let after = of(&["libc.so.6()(64bit)"]);
        let keys: Vec<_> = Soname.differences(&before, &after).iter().map(Difference::key).collect();
        assert_eq!(
            keys,
            ["soname/removed/liba.so.1()(64bit)", "soname/removed/libc.so.6(G_9)(64bit)", "soname/removed/libm.so.6"]
        );
    }
}
