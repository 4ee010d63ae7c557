//! How packages are spelled where people name them for dnf, apt or rpm.

use crate::need::Want;
use crate::why::Why;
use muster_base::Relation;

/// Architectures that a name can end in.
const ARCHES: [&str; 14] = [
    "x86_64", "noarch", "i686", "i586", "i486", "i386", "aarch64", "armv7hl", "ppc64le", "ppc64", "s390x", "riscv64",
    "src", "nosrc",
];

/// What dnf makes of an argument of `install`: a package, a group, a module, a file, an address, a path, what something
/// provides. A name that ends in what may be a version (`dotnet-sdk-8.0`) stays as it is written, since dnf looks it up
/// as a name first; with a release (`nginx-1.26.1-1.fc43`), or two dots, it is a version.
///
/// # Errors
/// It is no name, in a sentence.
pub(crate) fn package(text: &str) -> Result<Want, Why> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an empty name".into());
    }
    if let Some(group) = text.strip_prefix('@') {
        return match group.strip_prefix("module:").or(group.contains(':').then_some(group)) {
            Some(spec) => module(spec),
            None => self::group(group),
        };
    }
    if text.contains("://") {
        return Ok(address(text));
    }
    if text.ends_with(".rpm") {
        return Ok(Want::LocalPackage(text.to_owned()));
    }
    if text.starts_with('/') {
        return path(text);
    }
    if text.contains('(') {
        return capability(text);
    }
    if let Some((name, relation, version)) = related(text) {
        let (name, arch) = arch(name);
        return named(name, Some((relation, version.to_owned())), arch);
    }
    let (rest, arch) = arch(text);
    match version(rest) {
        Some((name, version)) => named(name, Some((Relation::Equal, version.to_owned())), arch),
        None => named(rest, None, arch),
    }
}

/// A group, without its `@`: `core`, `^server-product-environment`, `Development Tools`.
///
/// # Errors
/// It is none.
pub(crate) fn group(text: &str) -> Result<Want, Why> {
    let plain = |c: char| c.is_alphanumeric() || " ^-_.+&/".contains(c);
    match !text.trim().is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        true => Ok(Want::Group(format!("@{text}"))),
        false => Err(format!("`{text}` is no name of a group").into()),
    }
}

/// `nodejs:20/minimal`: the profile does not matter.
///
/// # Errors
/// It is no module.
pub(crate) fn module(text: &str) -> Result<Want, Why> {
    let (spec, _) = text.split_once('/').unwrap_or((text, ""));
    let (name, stream) = spec.split_once(':').map_or((spec, None), |(name, stream)| (name, Some(stream)));
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+*".contains(c));
    if name.is_empty() || !plain(name) || !stream.is_none_or(plain) {
        return Err(format!("`{text}` is no name of a module").into());
    }
    let stream = stream.filter(|stream| !stream.is_empty()).map(str::to_owned);
    Ok(Want::Module { name: name.to_owned(), stream })
}

/// A package at an address. One that brings a repository is named after it: `epel-release-latest-9.noarch.rpm`.
fn address(text: &str) -> Want {
    let file = text.rsplit('/').next().unwrap_or(text);
    let repository = !file.ends_with(".rpm") || file.contains("-release") || file.contains("-repo");
    match repository {
        true => Want::Repository(text.to_owned()),
        false => Want::LocalPackage(text.to_owned()),
    }
}

fn path(text: &str) -> Result<Want, Why> {
    match text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        true => Err(format!("`{text}` is no path").into()),
        false => Ok(Want::Path(text.to_owned())),
    }
}

fn capability(text: &str) -> Result<Want, Why> {
    let open = text.matches('(').count() == text.matches(')').count();
    let plain = |c: char| c.is_ascii_graphic() || c == ' ';
    match open && text.chars().all(plain) && !text.contains(['$', '`', '"', '\'', ';', '|', '&']) {
        true => Ok(Want::Capability(text.to_owned())),
        false => Err(format!("`{text}` is nothing that a package provides").into()),
    }
}

/// `name >= 1.0`, `name=1.0`
pub(crate) fn related(text: &str) -> Option<(&str, Relation, &str)> {
    let at = text.find(['<', '>', '='])?;
    let name = text[..at].trim_end();
    let rest = &text[at..];
    let (relation, length) = [
        ("<=", Relation::AtMost),
        (">=", Relation::AtLeast),
        ("==", Relation::Equal),
        ("<", Relation::Less),
        (">", Relation::Greater),
        ("=", Relation::Equal),
    ]
    .into_iter()
    .find(|(mark, _)| rest.starts_with(mark))
    .map(|(mark, relation)| (relation, mark.len()))?;
    let version = rest[length..].trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+~:^-*".contains(c);
    (!name.is_empty() && !version.is_empty() && version.chars().all(plain)).then_some((name, relation, version))
}

/// `glibc.x86_64`
fn arch(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('.') {
        Some((name, arch)) if !name.is_empty() && ARCHES.contains(&arch) => (name, Some(arch)),
        _ => (text, None),
    }
}

/// The version of a name that surely has one: `1.26.1`, `1:1.26-1.fc43`.
fn version(text: &str) -> Option<(&str, &str)> {
    let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if text.contains(['*', '?', '[']) {
        return None;
    }
    let (rest, last) = text.rsplit_once('-')?;
    if !number(last) {
        return None;
    }
    if let Some((name, before)) = rest.rsplit_once('-')
        && number(before)
        && before.contains(['.', ':'])
        && !name.is_empty()
    {
        return Some((name, &text[name.len() + 1..]));
    }
    (last.matches('.').count() > 1 && !rest.is_empty()).then_some((rest, last))
}

/// An entry of `rpm -qa`: name, version and release (the epoch with them) and architecture. `None` where it is not one.
pub(crate) fn nevra(text: &str) -> Option<(&str, String, Option<&str>)> {
    let (rest, arch) = arch(text);
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+~^:".contains(c));
    // `1:bash-5.2-1.x86_64`, as dnf and `%{NEVRA}` of old have it.
    let (before, name) = match name.split_once(':') {
        Some((epoch, name)) if !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
            (Some(epoch), name)
        }
        _ => (None, name),
    };
    let epoch = before.filter(|epoch| *epoch != "0").map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let looks = plain(version) && plain(release) && is_name(name) && release.contains(|c: char| c.is_ascii_digit());
    looks.then(|| (name, format!("{epoch}{version}-{release}"), arch))
}

/// Whether it can be the name of a package, or a pattern of names.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-*?[]!~^:".contains(c);
    let begins = |c: char| c.is_ascii_alphanumeric() || "*?[_".contains(c);
    text.len() <= 256
        && text.starts_with(begins)
        && text.chars().all(plain)
        && text.contains(|c: char| c.is_ascii_alphanumeric() || c == '*')
}

fn named(name: &str, version: Option<(Relation, String)>, arch: Option<&str>) -> Result<Want, Why> {
    match is_name(name) {
        true => Ok(Want::Package { name: name.to_owned(), version, arch: arch.map(str::to_owned) }),
        false => Err(format!("`{name}` is no name of a package").into()),
    }
}

/// A unit with its suffix.
pub(crate) fn unit(text: &str) -> Option<String> {
    const SUFFIXES: [&str; 11] = [
        ".service",
        ".socket",
        ".target",
        ".timer",
        ".mount",
        ".automount",
        ".path",
        ".slice",
        ".scope",
        ".device",
        ".swap",
    ];
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-@:\\".contains(c);
    if text.is_empty() || text.len() > 255 || !text.chars().all(plain) || text.starts_with('-') {
        return None;
    }
    let has = SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
    Some(if has { text.to_owned() } else { format!("{text}.service") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str) -> Want {
        Want::Package { name: name.to_owned(), version: None, arch: None }
    }

    fn version(name: &str, version: &str, arch: Option<&str>) -> Want {
        let version = Some((Relation::Equal, version.to_owned()));
        Want::Package { name: name.to_owned(), version, arch: arch.map(str::to_owned) }
    }

    #[test]
    fn a_name_is_what_dnf_looks_up_first() {
        for name in ["httpd", "dotnet-sdk-8.0", "gcc-toolset-12", "webkit2gtk-4.1", "php-*", "nginx-1.20*", "gcc-c++"] {
            assert_eq!(package(name), Ok(plain(name)));
        }
        assert_eq!(package("nginx-1.26.1-1.fc43"), Ok(version("nginx", "1.26.1-1.fc43", None)));
        assert_eq!(package("bind-32:9.18.1-2.x86_64"), Ok(version("bind", "32:9.18.1-2", Some("x86_64"))));
        assert_eq!(package("kubelet-1.30.2"), Ok(version("kubelet", "1.30.2", None)));
        assert_eq!(package("nginx=1.2"), Ok(version("nginx", "1.2", None)));
        let arch = Want::Package { name: "glibc".to_owned(), version: None, arch: Some("i686".to_owned()) };
        assert_eq!(package("glibc.i686"), Ok(arch));
    }

    #[test]
    fn what_is_no_package_is_what_it_is() {
        assert_eq!(package("@^minimal-environment"), Ok(Want::Group("@^minimal-environment".to_owned())));
        let stream = Some("20".to_owned());
        assert_eq!(package("@nodejs:20/minimal"), Ok(Want::Module { name: "nodejs".to_owned(), stream }));
        assert_eq!(package("perl(JSON::XS)"), Ok(Want::Capability("perl(JSON::XS)".to_owned())));
        assert_eq!(package("/usr/bin/jq"), Ok(Want::Path("/usr/bin/jq".to_owned())));
        assert_eq!(package("./app.rpm"), Ok(Want::LocalPackage("./app.rpm".to_owned())));
        let epel = "https://dl.example.org/epel-release-latest-9.noarch.rpm";
        assert_eq!(package(epel), Ok(Want::Repository(epel.to_owned())));
        for wrong in ["", "a;b", "$x", "-y", "a b", "perl(", "é", "..", "@", "@$x"] {
            assert!(package(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn entries_of_an_installed_system_have_all_their_parts() {
        assert_eq!(nevra("bash-5.2.37-1.fc43.x86_64"), Some(("bash", "5.2.37-1.fc43".to_owned(), Some("x86_64"))));
        assert_eq!(nevra("2:vim-9.1-1.noarch"), Some(("vim", "2:9.1-1".to_owned(), Some("noarch"))));
        assert_eq!(nevra("vim-2:9.1-1.noarch"), Some(("vim", "2:9.1-1".to_owned(), Some("noarch"))));
        assert_eq!(nevra("bash"), None);
        assert_eq!(nevra("NetworkManager-libnm"), None);
    }

    #[test]
    fn units_have_a_suffix() {
        assert_eq!(unit("nginx").as_deref(), Some("nginx.service"));
        assert_eq!(unit("podman.socket").as_deref(), Some("podman.socket"));
        assert_eq!(unit("getty@tty1").as_deref(), Some("getty@tty1.service"));
        assert_eq!(unit("a b"), None);
    }
}
