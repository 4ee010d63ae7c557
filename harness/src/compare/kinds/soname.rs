//! Shared libraries and their symbol versions, as installed packages provide them: what programs that
//! were built elsewhere need.

use std::collections::BTreeSet;

use super::rpmdb;
use crate::check::soname::{PROVIDES, provides};
use crate::check::{Observations, Probe};
use crate::compare::difference::{self, Difference};
use crate::compare::kind::{FactKind, Field, Items, PACKAGE, Part, Scope};
use crate::text;

/// The kind.
pub(in crate::compare) struct Soname;

const FIELDS: &[Field] = &[PACKAGE];

impl FactKind for Soname {
    fn word(&self) -> &'static str {
        "soname"
    }

    fn what(&self) -> &'static str {
        "sonames and symbol versions"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        vec![rpmdb::probe(), provides()]
    }

    fn parse(&self, seen: &Observations) -> Result<Part, String> {
        if let Some(absent) = rpmdb::missing(seen)? {
            return Ok(absent);
        }
        let mut any = false;
        let mut packages: std::collections::BTreeMap<String, BTreeSet<String>> = std::collections::BTreeMap::new();
        for line in text::harmless(&seen.output(PROVIDES)?).lines() {
            let (package, capability) = line.split_once('\t').ok_or_else(|| super::strange(line))?;
            any = true;
            if is_library(capability) {
                packages.entry(capability.to_owned()).or_default().insert(package.to_owned());
            }
        }
        if !any {
            return Err("the RPM database lists no capability".to_owned());
        }
        let item = |(name, owners): (String, BTreeSet<String>)| {
            (name, super::item([("package", &owners.into_iter().collect::<Vec<_>>().join(", "))]))
        };
        Ok(Part::Known(packages.into_iter().map(item).collect::<Items>()))
    }

    /// Where a whole library has come or gone, its symbol versions have with it.
    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        let mut out = difference::of_items(self.word(), FIELDS, before, after);
        let whole: BTreeSet<String> = out.iter().map(|difference| difference.subject.clone()).collect();
        out.retain(|difference| match library_of(&difference.subject) {
            library if library == difference.subject => true,
            library => !whole.contains(&library),
        });
        out
    }
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
    use crate::compare::testing::{known, seen};

    #[test]
    fn libraries_are_told_from_other_capabilities() {
        let text = "glibc\tlibc.so.6()(64bit)\nglibc\tlibc.so.6(GLIBC_2.42)(64bit)\nglibc\tglibc(x86-64)\nx\tperl(so.x)\nx\tlibx.so\ny\tlibx.so\n";
        let items = known(Soname.parse(&seen(&[rpmdb::THERE, (PROVIDES, text)])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["libc.so.6()(64bit)", "libc.so.6(GLIBC_2.42)(64bit)", "libx.so"]);
        assert_eq!(items["libx.so"]["package"], "x, y");
        assert!(Soname.parse(&seen(&[rpmdb::THERE, (PROVIDES, "")])).is_err());
    }

    #[test]
    fn a_dropped_library_is_one_difference_and_a_dropped_symbol_version_is_one() {
        let of = |names: &[&str]| {
            crate::compare::testing::items(&names.iter().map(|name| (*name, &[][..])).collect::<Vec<_>>())
        };
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
