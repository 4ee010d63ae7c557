//! What a `distro` value is made of.

/// The `id` that a `distro` value speaks of: `fedora` of `fedora-43`.
pub fn id_of_distro(value: &str) -> &str {
    distro(value, None).0
}

/// Name and version of a `distro` value: `fedora-43`, `azurelinux-4.0`, `fedora-rawhide`. Rawhide is newer than every
/// number. Where the system's ID is known, what begins with it is cut there; else at the first `-` before a digit, since a
/// version may hold a `-` as well as an ID may: `opensuse-leap-15.6`, `poky-5.0-snapshot`.
pub(super) fn distro<'v>(value: &'v str, id: Option<&str>) -> (&'v str, Option<&'v str>) {
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) || text == "rawhide";
    if let Some(rest) = id.filter(|id| !id.is_empty()).and_then(|id| value.strip_prefix(id)) {
        let version = rest.strip_prefix('-').filter(|version| is_version(version));
        if rest.is_empty() || version.is_some() {
            return (&value[..value.len() - rest.len()], version);
        }
    }
    let cuts = value.match_indices('-').map(|(at, _)| (&value[..at], &value[at + 1..]));
    match cuts.into_iter().find(|(name, version)| !name.is_empty() && is_version(version)) {
        Some((name, version)) => (name, Some(version)),
        None => (value, None),
    }
}
