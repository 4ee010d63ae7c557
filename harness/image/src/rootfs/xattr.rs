//! Extended attributes of an archive: under which keys of a pax header they come, which of them the disk keeps, and
//! one line on those that it does not.
//!
//! Facts: star(5), "SCHILY.acl.*" and "SCHILY.xattr.*"; GNU tar, src/xattrs.c and src/xheader.c (`RHT.security.selinux`);
//! libarchive, archive_write_set_format_pax.c (`LIBARCHIVE.xattr.*`: a name with %XX, a value in base64 without padding);
//! Linux, include/uapi/linux/posix_acl_xattr.h and `posix_acl_valid` in fs/posix_acl.c.

use std::collections::BTreeMap;

use base64::Engine;

use super::message::show;

/// The two attributes that hold an ACL. libext2fs, and so debugfs, turns the kernel's form of them into ext4's own.
const ACLS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];
/// Names of attributes: bytes, as the kernel has it (XATTR_NAME_MAX).
const MAX_NAME: usize = 255;
/// Kinds of attributes that the line names; the others are counted.
const NAMED: usize = 8;

/// The attribute that a record of a pax header states, if it states one. What cannot be read as such keeps the record's
/// key as its name, so that it is dropped under that name and not silently. The `bool` says that it is a second form,
/// which stands only where the first is not given.
pub(super) fn of_record(key: &[u8], value: &[u8]) -> Option<(Vec<u8>, Vec<u8>, bool)> {
    let second = |name: Vec<u8>, value: Vec<u8>| Some((name, value, true));
    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
        return Some((name.to_vec(), value.to_vec(), false));
    }
    if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
        let decoded = base64::engine::general_purpose::STANDARD_NO_PAD.decode(value.trim_ascii_end());
        return match (unescaped(name), decoded) {
            (Some(name), Ok(value)) => second(name, value),
            _ => second(key.to_vec(), value.to_vec()),
        };
    }
    let acl = match key {
        b"RHT.security.selinux" => return second(b"security.selinux".to_vec(), value.to_vec()),
        b"SCHILY.acl.access" => ACLS[0],
        b"SCHILY.acl.default" => ACLS[1],
        _ => return None,
    };
    match std::str::from_utf8(value).ok().and_then(acl_of_text) {
        Some(value) => second(acl.into(), value),
        None => second(key.to_vec(), value.to_vec()),
    }
}

/// A name in which some bytes are written `%XX`.
fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        out.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    Some(out)
}

/// An entry of an ACL: its tag, permissions, and whose it is.
type AclEntry = (u16, u16, u32);

const USER_OBJ: u16 = 1;
const USER: u16 = 2;
const GROUP_OBJ: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHER: u16 = 32;
/// The id of an entry that names nobody.
const NOBODY: u32 = u32::MAX;

/// The kernel's form of an ACL that is written as text: `user::rwx,user:1000:r-x,group::r-x,mask::r-x,other::r-x`, with
/// commas or line ends between, and with a number in a fourth field where the second is a name. `None` when it is no such
/// text, or names somebody without a number: whose number that is only the archive's own /etc/passwd could tell.
fn acl_of_text(text: &str) -> Option<Vec<u8>> {
    let mut entries: Vec<AclEntry> = Vec::new();
    let lines = text.split([',', '\n']).map(|entry| entry.split('#').next().unwrap_or_default().trim());
    for entry in lines.filter(|entry| !entry.is_empty()) {
        let fields: Vec<&str> = entry.split(':').collect();
        // `mask:r-x` and `other:r-x` come without an empty second field too.
        let (kind, whom, bits, number) = match fields[..] {
            [kind @ ("mask" | "m" | "other" | "o"), bits] => (kind, "", bits, None),
            [kind, whom, bits] => (kind, whom, bits, None),
            [kind, whom, bits, number] => (kind, whom, bits, Some(number)),
            _ => return None,
        };
        let tag = match (kind, whom.is_empty()) {
            ("user" | "u", true) => USER_OBJ,
            ("user" | "u", false) => USER,
            ("group" | "g", true) => GROUP_OBJ,
            ("group" | "g", false) => GROUP,
            ("mask" | "m", true) => MASK,
            ("other" | "o", true) => OTHER,
            _ => return None,
        };
        let bits = bits.chars().try_fold(0, |bits, letter| match letter {
            'r' => Some(bits | 4),
            'w' => Some(bits | 2),
            'x' => Some(bits | 1),
            '-' => Some(bits),
            _ => None,
        })?;
        let id = if whom.is_empty() { NOBODY } else { number.unwrap_or(whom).parse().ok()? };
        entries.push((tag, bits, id));
    }
    entries.sort_unstable_by_key(|(tag, _, id)| (*tag, *id));
    let mut out = 2u32.to_le_bytes().to_vec();
    for (tag, bits, id) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(bits.to_le_bytes());
        out.extend(id.to_le_bytes());
    }
    is_acl(&out).then_some(out)
}

/// Whether the bytes are an ACL in the kernel's form that the kernel would take: a version, then entries in the order of
/// their tags, one for owner, group and others each, and a mask where somebody is named.
fn is_acl(value: &[u8]) -> bool {
    let Some((version, entries)) = value.split_first_chunk::<4>() else { return false };
    if u32::from_le_bytes(*version) != 2 || entries.len() % 8 != 0 {
        return false;
    }
    let entries: Vec<AclEntry> = entries
        .chunks_exact(8)
        .map(|entry| {
            let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
            (half(0), half(2), u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]))
        })
        .collect();
    let count = |tag| entries.iter().filter(|entry| entry.0 == tag).count();
    let named = count(USER) + count(GROUP);
    entries.iter().all(|(tag, bits, id)| match *tag {
        USER | GROUP => *bits <= 7 && *id != NOBODY,
        USER_OBJ | GROUP_OBJ | MASK | OTHER => *bits <= 7,
        _ => false,
    }) && entries.is_sorted_by_key(|entry| entry.0)
        && [USER_OBJ, GROUP_OBJ, OTHER].into_iter().all(|tag| count(tag) == 1)
        && count(MASK) <= 1
        && (named == 0 || count(MASK) == 1)
}

/// Whether ext4 can hold the attribute and the script can write it.
pub(super) fn kept(name: &[u8], value: &[u8]) -> bool {
    if ACLS.iter().any(|acl| acl.as_bytes() == name) {
        return is_acl(value);
    }
    let space = [&b"user."[..], b"security.", b"trusted."].into_iter().find(|space| name.starts_with(space));
    space.is_some_and(|space| name.len() > space.len())
        && name.len() <= MAX_NAME
        && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"')
}

/// What the disk does not have of the archive's attributes.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    /// By attribute: of how many files, and the first of them.
    kinds: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
}

impl Dropped {
    /// Notes that the file of that path has lost the attribute.
    pub(super) fn note(&mut self, name: &[u8], path: &[u8]) {
        self.kinds.entry(name.to_vec()).or_insert_with(|| (0, path.to_vec())).0 += 1;
    }

    /// One line, bounded and without control characters; `None` when nothing was dropped.
    pub(super) fn line(&self) -> Option<String> {
        if self.kinds.is_empty() {
            return None;
        }
        let mut kinds: Vec<String> = self
            .kinds
            .iter()
            .take(NAMED)
            .map(|(name, (count, path))| match count - 1 {
                0 => format!("{} of {}", show(name), show(path)),
                more => format!("{} of {} and {more} more", show(name), show(path)),
            })
            .collect();
        if self.kinds.len() > NAMED {
            kinds.push(format!("and {} more attributes", self.kinds.len() - NAMED));
        }
        Some(format!("extended attributes that the disk does not keep: {}", kinds.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(entries: &[AclEntry]) -> Vec<u8> {
        let entry =
            |(tag, bits, id): &AclEntry| [&tag.to_le_bytes()[..], &bits.to_le_bytes(), &id.to_le_bytes()].concat();
        [2u32.to_le_bytes().to_vec(), entries.iter().flat_map(entry).collect()].concat()
    }

    /// What mmdebstrap packs of /var/log/journal.
    fn journal() -> Vec<u8> {
        acl(&[(1, 7, NOBODY), (4, 5, NOBODY), (8, 5, 4), (16, 5, NOBODY), (32, 5, NOBODY)])
    }

    #[test]
    fn an_acl_is_the_same_in_every_form() {
        let name = ACLS[0].as_bytes().to_vec();
        assert_eq!(
            of_record(b"SCHILY.xattr.system.posix_acl_access", &journal()),
            Some((name.clone(), journal(), false))
        );
        for text in [
            "user::rwx,group::r-x,group:4:r-x,mask::r-x,other::r-x",
            "user::rwx,group::r-x,group:adm:r-x:4,mask::r-x,other::r-x",
            "other::r-x\nmask:r-x\nu::rwx\ng:4:r-x #effective:r-x\ng::r-x\n",
        ] {
            assert_eq!(
                of_record(b"SCHILY.acl.access", text.as_bytes()),
                Some((name.clone(), journal(), true)),
                "{text}"
            );
        }
        let packed = base64::engine::general_purpose::STANDARD_NO_PAD.encode(journal());
        let record = of_record(b"LIBARCHIVE.xattr.system.posix%5Facl_access", packed.as_bytes());
        assert_eq!(record, Some((name, journal(), true)));
        assert_eq!(of_record(b"SCHILY.acl.default", b"u::7").unwrap().0, b"SCHILY.acl.default");
        assert_eq!(of_record(b"comment", b"x"), None);
    }

    #[test]
    fn what_the_kernel_would_not_take_is_no_acl() {
        assert!(kept(ACLS[1].as_bytes(), &journal()));
        for text in
            ["user::rwx", "user::rwx,group:adm:r-x,group::r-x,mask::r-x,other::---", "u::rwx,g:4:r,g::r,o::r", "x"]
        {
            assert_eq!(acl_of_text(text), None, "{text}");
        }
        let mut odd = journal();
        odd[0] = 1;
        for value in [&odd[..], &journal()[..20], &journal()[..12], b"", &acl(&[(4, 5, 1), (1, 5, 1), (32, 5, 1)])] {
            assert!(!kept(ACLS[0].as_bytes(), value), "{value:?}");
        }
    }

    #[test]
    fn what_is_dropped_is_named_on_one_bounded_line() {
        let mut dropped = Dropped::default();
        assert_eq!(dropped.line(), None);
        for name in ["user.", "com.apple.provenance", "system.nfs4_acl", "user.a\nb", "user.\"", "SCHILY.acl.access"] {
            assert!(!kept(name.as_bytes(), b"x"), "{name}");
        }
        assert!(kept(b"user.xdg:origin", b"") && kept(b"security.capability", b"x"));
        dropped.note(b"system.nfs4_acl", b"/a");
        dropped.note(b"system.nfs4_acl", b"/b");
        dropped.note(b"com.apple.\x1b", b"/c\n");
        let line = dropped.line().unwrap();
        assert!(line.contains("`system.nfs4_acl` of `/a` and 1 more") && !line.contains(['\u{1b}', '\n']), "{line}");
        (0..100u8).for_each(|number| dropped.note(&[b'x', number], b"/"));
        assert!(dropped.line().unwrap().ends_with("and 94 more attributes"), "{:?}", dropped.line());
    }
}
