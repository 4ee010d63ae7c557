//! Names of packages as dnf and rpm take them.

use muster_base::Relation;

use crate::need::Want;

/// Architectures that a name may end in, as rpm names them.
const ARCHES: &[&str] =
    &["x86_64", "aarch64", "noarch", "i686", "i586", "i386", "ppc64le", "s390x", "riscv64", "armv7hl", "src"];

/// What an argument of `dnf install`, or an entry of a list that is handed to it, names.
///
/// # Errors
/// Why it is not understood: a pattern, characters that no name has.
pub(crate) fn argument(text: &str) -> Result<Want, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an empty name".to_owned());
    }
    if let Some(group) = text.strip_prefix('@') {
        return Ok(match group.split_once(':') {
            Some((name, stream)) => module(name, stream),
            None => Want::Group(group.to_owned()),
        });
    }
    if text.contains("://") {
        return Ok(address(text));
    }
    if text.ends_with(".rpm") {
        return Ok(Want::LocalPackage(text.to_owned()));
    }
    if text.contains(['*', '?', '[']) {
        return Err("a pattern, not a name".to_owned());
    }
    if text.starts_with('/') {
        return Ok(Want::Path(text.to_owned()));
    }
    if text.contains('(') {
        return Ok(Want::Capability(text.to_owned()));
    }
    let mut parts = text.split_whitespace();
    let name = parts.next().unwrap_or_default();
    let version = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => None,
        (Some(sign), Some(version), None) => Some((relation(sign).ok_or("not a name")?, version.to_owned())),
        _ => return Err("several names in one".to_owned()),
    };
    if !is_name(name) {
        return Err("not a name of a package".to_owned());
    }
    let (name, arch) = without_arch(name);
    Ok(Want::Package { name: name.to_owned(), version, arch: arch.map(str::to_owned) })
}

/// What a requirement of a package is: rpm's own way to write it.
pub(crate) fn requirement(name: &str, version: Option<(Relation, String)>) -> Want {
    match version {
        None if name.starts_with('/') => Want::Path(name.to_owned()),
        Some((sign, version)) if name.contains('(') => Want::Capability(format!("{name} {} {version}", sign.sign())),
        None if name.contains('(') => Want::Capability(name.to_owned()),
        version => Want::Package { name: name.to_owned(), version, arch: None },
    }
}

/// A module stream: `20/minimal` has its profile behind it.
pub(crate) fn module(name: &str, stream: &str) -> Want {
    let stream = stream.split('/').next().filter(|stream| !stream.is_empty()).map(str::to_owned);
    Want::Module { name: name.to_owned(), stream }
}

/// A package by its address: one that brings a repository, or one that is installed from there.
pub(crate) fn address(text: &str) -> Want {
    let file = text.rsplit('/').next().unwrap_or_default();
    if file.contains("-release") || file.contains("-repo") || !file.ends_with(".rpm") {
        Want::Repository(text.to_owned())
    } else {
        Want::LocalPackage(text.to_owned())
    }
}

/// Whether it consists of what names of packages do.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-~^:".contains(c))
}

/// `glibc.x86_64` without its architecture, and that.
pub(crate) fn without_arch(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((rest, arch)) if ARCHES.contains(&arch) => (rest, Some(arch)),
        _ => (name, None),
    }
}

/// A sign of comparison.
pub(crate) fn relation(sign: &str) -> Option<Relation> {
    Some(match sign {
        "<" => Relation::Less,
        "<=" => Relation::AtMost,
        "=" | "==" => Relation::Equal,
        ">=" => Relation::AtLeast,
        ">" => Relation::Greater,
        _ => return None,
    })
}

/// A unit's name with its suffix.
pub(crate) fn unit(name: &str) -> String {
    const SUFFIXES: &[&str] = &[
        ".service", ".socket", ".timer", ".target", ".mount", ".path", ".slice", ".automount", ".swap", ".device",
        ".scope",
    ];
    if SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) { name.to_owned() } else { format!("{name}.service") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, arch: Option<&str>) -> Result<Want, String> {
        Ok(Want::Package { name: name.to_owned(), version: None, arch: arch.map(str::to_owned) })
    }

    #[test]
    fn arguments_are_what_dnf_takes_them_for() {
        assert_eq!(argument("gcc-c++"), package("gcc-c++", None));
        assert_eq!(argument("glibc.i686"), package("glibc", Some("i686")));
        assert_eq!(argument("java-1.8.0-openjdk"), package("java-1.8.0-openjdk", None));
        assert_eq!(argument("python3.12"), package("python3.12", None));
        assert_eq!(argument("@^server-product-environment"), Ok(Want::Group("^server-product-environment".into())));
        assert_eq!(argument("@nodejs:20/minimal"), Ok(module("nodejs", "20/minimal")));
        assert_eq!(argument("/usr/bin/dig"), Ok(Want::Path("/usr/bin/dig".into())));
        assert_eq!(argument("pkgconfig(zlib)"), Ok(Want::Capability("pkgconfig(zlib)".into())));
        assert_eq!(argument("./app.rpm"), Ok(Want::LocalPackage("./app.rpm".into())));
        let release = "https://example.com/epel-release-latest-10.noarch.rpm";
        assert_eq!(argument(release), Ok(Want::Repository(release.into())));
        let app = "https://example.com/app-1.0.x86_64.rpm";
        assert_eq!(argument(app), Ok(Want::LocalPackage(app.into())));
        let version = Some((Relation::AtLeast, "1.2".to_owned()));
        assert_eq!(argument("nginx >= 1.2"), Ok(Want::Package { name: "nginx".into(), version, arch: None }));
        for not_a_name in ["", "php-*", "a b", "a b c d", "$x", "-y", "a;b", "ä"] {
            assert!(argument(not_a_name).is_err(), "{not_a_name}");
        }
    }
}
