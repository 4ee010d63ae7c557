//! Which packages a machine of an architecture can install.

/// The names that mean the same machine as these, best first. Those of an older generation are after it.
const FAMILIES: &[&[&str]] = &[
    &["x86_64_v4", "x86_64_v3", "x86_64_v2", "x86_64", "athlon", "i686", "i586", "i486", "i386"],
    &["i686", "i586", "i486", "i386"],
    &["aarch64"],
    &["riscv64"],
    &["ppc64le"],
    &["s390x"],
    &["loongarch64"],
    &["armv7hl"],
];

/// What a machine can install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arch {
    native: String,
}

/// How well a package's architecture fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// That of the machine, or any.
    Native,
    /// An older one of the same family, which the machine also runs: its place there.
    Older(u8),
    Foreign,
    /// A source package: never installed.
    Source,
}

impl Arch {
    pub(crate) fn new(native: &str) -> Self {
        Self { native: native.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.native
    }

    pub(crate) fn fit(&self, arch: &str) -> Fit {
        if arch == "noarch" || arch == self.native {
            return Fit::Native;
        }
        if arch == "src" || arch == "nosrc" {
            return Fit::Source;
        }
        for family in FAMILIES {
            let Some(at) = family.iter().position(|name| *name == self.native) else { continue };
            return match family[at..].iter().position(|name| *name == arch) {
                Some(later) => Fit::Older(later as u8),
                None => Fit::Foreign,
            };
        }
        Fit::Foreign
    }
}

/// Whether two packages of one name with these architectures can be installed together: one of 64 and one of 32 bits.
pub(crate) fn side_by_side(one: &str, other: &str) -> bool {
    let bits = |arch: &str| match arch {
        "noarch" => 0,
        "athlon" | "i686" | "i586" | "i486" | "i386" => 32,
        _ => 64,
    };
    bits(one) + bits(other) == 96
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_generations_fit_and_others_do_not() {
        let x86 = Arch::new("x86_64");
        assert_eq!((x86.fit("x86_64"), x86.fit("noarch")), (Fit::Native, Fit::Native));
        assert!(x86.fit("i686") < x86.fit("i386"));
        assert_eq!(
            (x86.fit("aarch64"), x86.fit("x86_64_v3"), x86.fit("src")),
            (Fit::Foreign, Fit::Foreign, Fit::Source)
        );
        assert_eq!(Arch::new("aarch64").fit("i686"), Fit::Foreign);
        assert!(side_by_side("x86_64", "i686") && !side_by_side("x86_64", "noarch") && !side_by_side("i686", "i386"));
    }
}
