//! Readers for what the kernel shows in /proc and /sys, shared by several types.

use crate::unreadable::{Read, Unreadable};
use muster_suite::grammar::kernel::TAINTS;

/// A line of mountinfo.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its number in this namespace, as `mnt_id` of fdinfo has it.
    pub(super) id: u64,
    pub(super) path: String,
    /// Options of the mount, then of the file system, each once.
    pub(super) options: Vec<String>,
    pub(super) propagation: &'static str,
    pub(super) fstype: String,
    pub(super) source: String,
}

impl Mount {
    pub(super) fn is_read_only(&self) -> bool {
        self.options.iter().any(|option| option == "ro")
    }
}

/// Reads /proc/self/mountinfo, in mount order.
pub(super) fn mounts(text: &str) -> Read<Vec<Mount>> {
    let mounts: Option<Vec<Mount>> = text.lines().map(mount).collect();
    match mounts {
        Some(mounts) if mounts.iter().any(|mount| mount.path == "/") => Ok(mounts),
        // What a process in another root sees says nothing of what is mounted.
        Some(mounts) if !mounts.is_empty() => {
            Err(Unreadable::new("the mount table has no /, as seen from inside a chroot"))
        }
        _ => Err(Unreadable::new("the mount table has lines of another shape")),
    }
}

fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let before: Vec<&str> = before.split(' ').collect();
    let mut after = after.splitn(3, ' ');
    let (fstype, source, of_filesystem) = (after.next()?, after.next()?, after.next()?);
    let mut options: Vec<String> = Vec::new();
    // A mount can be read-only or writable other than its file system; its own word counts.
    let own: Vec<&str> = before.get(5)?.split(',').collect();
    for option in own.iter().copied().chain(of_filesystem.split(',').filter(|option| !matches!(*option, "ro" | "rw"))) {
        if !options.iter().any(|known| known == option) {
            options.push(unescape(option));
        }
    }
    if of_filesystem.split(',').any(|option| option == "ro") {
        options.retain(|option| option != "rw");
        if !options.iter().any(|option| option == "ro") {
            options.insert(0, "ro".to_owned());
        }
    }
    let tagged = |tag: &str| before[6..].iter().any(|field| field.starts_with(tag));
    let propagation = match () {
        () if tagged("unbindable") => "unbindable",
        () if tagged("shared:") => "shared",
        () if tagged("master:") => "slave",
        () => "private",
    };
    Some(Mount {
        id: before[0].parse().ok()?,
        path: unescape(before[4]),
        options,
        propagation,
        fstype: unescape(fstype),
        source: unescape(source),
    })
}

/// Octal escapes such as `\040`.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes
            .get(at + 1..at + 4)
            .filter(|digits| bytes[at] == b'\\' && digits.iter().all(|digit| (b'0'..=b'7').contains(digit)))
            .map(|digits| digits.iter().fold(0u32, |code, digit| code * 8 + u32::from(digit - b'0')));
        match code.and_then(|code| u8::try_from(code).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The word in brackets: `always [madvise] never`.
pub(super) fn bracketed(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word)
}

/// Names of the taint bits, from the kernel's admin guide "Tainted kernels"; bits without a name
/// there are given by number.
pub fn taint_names(mask: u64) -> Vec<String> {
    (0..u64::BITS)
        .filter(|bit| mask >> bit & 1 == 1)
        .map(|bit| TAINTS.get(bit as usize).map_or_else(|| format!("bit-{bit}"), |(_, name)| (*name).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_is_read_with_escapes_and_optional_fields() {
        let text = "29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n\
                    40 29 0:35 / /mnt/a\\040b ro,nosuid - tmpfs tm\\134pfs rw,size=4k\n\
                    41 29 0:36 / /ro rw,nodev master:3 propagate_from:2 - erofs /dev/dm-0 ro\n";
        let mounts = mounts(text).unwrap();
        assert_eq!(mounts[0].options, ["rw", "relatime", "errors=remount-ro"]);
        assert_eq!(
            (mounts[0].propagation, mounts[0].fstype.as_str(), mounts[0].source.as_str()),
            ("shared", "ext4", "/dev/vda1")
        );
        assert_eq!((mounts[1].path.as_str(), mounts[1].source.as_str()), ("/mnt/a b", "tm\\pfs"));
        assert_eq!(mounts[1].options, ["ro", "nosuid", "size=4k"]);
        assert_eq!(mounts.iter().map(|mount| mount.id).collect::<Vec<_>>(), [29, 40, 41]);
        assert_eq!((mounts[2].propagation, mounts[2].options.join(",")), ("slave", "ro,nodev".to_owned()));
        assert!(super::mounts("").is_err());
        assert!(super::mounts("1 2 3 / - x y z").is_err());
        assert!(super::mounts(&text[text.find('\n').unwrap() + 1..]).unwrap_err().to_string().contains("no /"));
        assert!(super::mounts("nothing here").is_err());
    }

    #[test]
    fn taint_bits_have_names() {
        assert_eq!(taint_names(0), Vec::<String>::new());
        assert_eq!(taint_names(1 | 1 << 9 | 1 << 63), ["proprietary-module", "warn", "bit-63"]);
        assert_eq!(bracketed("none [integrity] confidentiality"), Some("integrity"));
        assert_eq!(bracketed("none"), None);
    }
}
