//! Paths and what is named by parts of them.

use super::form::{Grammar, LONGEST_PATH, Reading, Refusal, meant, refuse};

/// Absolute, one spelling: no empty parts, no `.` and `..`, no pattern.
const ABSOLUTE: &str = r"/[^*?]*";

/// A path of which a slash at the end says nothing: the mount point, the directory.
pub const PATH: Grammar = Grammar {
    what: "an absolute path",
    form: "beginning with `/`; no pattern, no `.` or `..`; slashes at its end and doubled ones are dropped",
    pattern: ABSOLUTE,
    reading: Reading::Form(path),
    good: &[
        ("/", "/"),
        ("/boot/efi", "/boot/efi"),
        ("/boot/efi/", "/boot/efi"),
        ("//proc", "/proc"),
        ("/usr/bin/[", "/usr/bin/["),
        ("/a b/c", "/a b/c"),
    ],
    bad: &[
        ("boot/efi", "/boot/efi"),
        ("/etc/ssh/ssh_host_*", ""),
        ("/etc/ssh/ssh_host_?_key", ""),
        ("/etc/[ab].conf", ""),
        ("/etc/../usr", "/usr"),
        ("/etc/./ssh", "/etc/ssh"),
        ("~/x", ""),
        ("$HOME/x", ""),
        ("/etc/fstab ", "/etc/fstab"),
    ],
};

/// The SHA-256 of a content.
pub const SHA256: Grammar = Grammar {
    what: "a SHA-256",
    form: "64 lower-case hex digits",
    pattern: r"[0-9a-f]{64}",
    reading: Reading::Form(sha256),
    good: &[(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )],
    bad: &[
        (
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("sha256:e3b0", ""),
        ("abc", ""),
    ],
};

fn sha256(text: &str) -> Result<String, Refusal> {
    let lower = text.to_lowercase();
    let fits = muster_base::text::is_sha256(&lower);
    match (fits, lower == text) {
        (true, true) => Ok(lower),
        (true, false) => meant("it is written in lower case", lower),
        (false, _) => refuse(format!("it is 64 hex digits, not {}", text.chars().count())),
    }
}

/// A mount point.
pub const MOUNT_POINT: Grammar = Grammar {
    what: "a mount point",
    form: "an absolute path; no pattern, no `.` or `..`, no device; slashes at its end and doubled ones are dropped",
    pattern: ABSOLUTE,
    reading: Reading::Form(mount_point),
    good: &[("/", "/"), ("/boot/efi/", "/boot/efi"), ("//proc", "/proc")],
    bad: &[("proc", "/proc"), ("/mnt/*", ""), ("/mnt/..", "/"), ("/dev/vda1", "")],
};

/// The path of a file, where a slash at the end would follow a symbolic link and refuse a plain file.
pub const FILE: Grammar = Grammar {
    what: "an absolute path",
    form: "beginning with `/`; no pattern, no `.` or `..`, no slash at its end; doubled slashes are one",
    pattern: ABSOLUTE,
    reading: Reading::Form(file),
    good: &[("/", "/"), ("/etc/passwd", "/etc/passwd"), ("//etc//passwd", "/etc/passwd"), ("/usr/bin/[", "/usr/bin/[")],
    bad: &[
        ("/etc/passwd/", "/etc/passwd"),
        ("etc/passwd", "/etc/passwd"),
        ("/etc/ssh/ssh_host_*", ""),
        ("/var/log/../lib", "/var/lib"),
        ("~root", ""),
    ],
};

/// A block device, what it is mounted on, or the disk below the root file system.
pub const BLOCK: Grammar = Grammar {
    what: "a device (`/dev/vda`), a mount point, or `root-disk`",
    form: "an absolute path without a pattern, or `root-disk`",
    pattern: r"/[^*?]*|root-disk",
    reading: Reading::Form(block),
    good: &[("/dev/vda", "/dev/vda"), ("/boot/efi/", "/boot/efi"), ("root-disk", "root-disk"), ("/", "/")],
    bad: &[("vda", "/dev/vda"), ("root", "root-disk"), ("rootdisk", "root-disk"), ("/dev/vd*", ""), ("LABEL=root", "")],
};

/// A name in a directory.
pub const FILE_NAME: Grammar = Grammar {
    what: "a name in a directory",
    form: "without a slash and without a pattern",
    pattern: r"[^/*?]+",
    reading: Reading::Form(file_name),
    good: &[("fstab", "fstab"), (".bashrc", ".bashrc"), ("a b", "a b"), ("[", "[")],
    bad: &[("/etc/fstab", "fstab"), ("conf.d/", "conf.d"), ("*.conf", ""), (".", ""), ("..", "")],
};

/// A file below a directory, as the kernel asks for firmware.
pub const RELATIVE: Grammar = Grammar {
    what: "a path below the firmware directory",
    form: "without a slash at its beginning or end, without a pattern",
    pattern: r"[^/*?][^*?]*",
    reading: Reading::Form(firmware),
    good: &[("iwlwifi-8000C-36.ucode", "iwlwifi-8000C-36.ucode"), ("rtl_nic/rtl8168g-3.fw", "rtl_nic/rtl8168g-3.fw")],
    bad: &[("/lib/firmware/a.bin", "a.bin"), ("a/", ""), ("*.fw", ""), ("../a.bin", "")],
};

/// An option of a mount.
pub const MOUNT_OPTION: Grammar = Grammar {
    what: "a mount option",
    form: "one option as /proc/self/mountinfo has it (`ro`, `errors=remount-ro`); no comma, no blank",
    pattern: r"[^\s,]+",
    reading: Reading::Form(mount_option),
    good: &[
        ("ro", "ro"),
        ("nosuid", "nosuid"),
        ("errors=remount-ro", "errors=remount-ro"),
        ("size=1024k", "size=1024k"),
    ],
    bad: &[
        ("ro,nosuid", ""),
        ("ro ", "ro"),
        ("no suid", ""),
        ("RO", "ro"),
        ("read-only", "ro"),
        ("defaults", ""),
        ("noauto", ""),
        ("nofail", ""),
        ("size=", ""),
    ],
};

/// A partition's name.
pub const LABEL: Grammar = Grammar {
    what: "the name of a partition",
    form: "at most 72 bytes, no control characters",
    pattern: r".+",
    reading: Reading::Form(label),
    good: &[("USR-A", "USR-A"), ("EFI System Partition", "EFI System Partition")],
    bad: &[("/dev/disk/by-partlabel/USR-A", "USR-A"), ("PARTLABEL=USR-A", "USR-A"), (" USR-A", "USR-A")],
};

/// A device of the device mapper.
pub const MAPPED: Grammar = Grammar {
    what: "the name of a mapped device",
    form: "as below /dev/mapper, without the directory",
    pattern: r"[^/\s*]+",
    reading: Reading::Form(mapped),
    good: &[("usr", "usr"), ("vg-root", "vg-root")],
    bad: &[("/dev/mapper/usr", "usr"), ("a b", ""), ("usr*", "")],
};

fn no_pattern(text: &str) -> Result<(), Refusal> {
    let bracket = text.split('/').any(|part| part.find('[').is_some_and(|open| part[open..].contains(']')));
    match text.find(['*', '?']) {
        Some(at) => refuse(format!("patterns are not expanded here, and no file has a `{}`", &text[at..=at])),
        None if bracket => refuse("patterns are not expanded here, and no file has `[` and `]`"),
        None if text.len() > LONGEST_PATH => refuse(format!("a path has at most {LONGEST_PATH} bytes")),
        None => Ok(()),
    }
}

fn absolute(text: &str) -> Result<String, Refusal> {
    if text.starts_with(['~', '$']) {
        return refuse("nothing is expanded here: write the path from `/`");
    }
    no_pattern(text)?;
    if !text.starts_with('/') {
        return meant("a path begins with `/`", format!("/{text}"));
    }
    let mut parts: Vec<&str> = Vec::new();
    let mut dots = false;
    for part in text.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." => dots = true,
            ".." => {
                dots = true;
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let plain = format!("/{}", parts.join("/"));
    if dots {
        return meant("a path has no `.` and `..`", plain);
    }
    Ok(plain)
}

fn path(text: &str) -> Result<String, Refusal> {
    absolute(text)
}

fn mount_point(text: &str) -> Result<String, Refusal> {
    // Other directories of /dev, such as /dev/shm, are mount points.
    const DEVICES: &[&str] = &["sd", "vd", "xvd", "hd", "nvme", "dm-", "md", "loop", "sr", "disk/", "mapper/"];
    let plain = absolute(text)?;
    match plain.strip_prefix("/dev/") {
        Some(rest) if DEVICES.iter().any(|device| rest.starts_with(device)) => {
            refuse("a device is no mount point: `block` looks at devices, `source` says what is mounted")
        }
        _ => Ok(plain),
    }
}

fn file(text: &str) -> Result<String, Refusal> {
    let plain = absolute(text)?;
    if text.ends_with('/') && plain != "/" {
        return meant(
            "a slash at the end follows symbolic links and says that it is a directory: state `type: directory`",
            plain,
        );
    }
    Ok(plain)
}

fn block(text: &str) -> Result<String, Refusal> {
    if text == "root-disk" || text.starts_with('/') {
        return if text == "root-disk" { Ok(text.to_owned()) } else { absolute(text) };
    }
    if matches!(text, "root" | "rootdisk" | "root_disk" | "disk") {
        return meant("the disk below the root file system has this name", "root-disk");
    }
    no_pattern(text)?;
    let device = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    meant("a device is named by its path", if device { format!("/dev/{text}") } else { String::new() })
}

fn file_name(text: &str) -> Result<String, Refusal> {
    no_pattern(text)?;
    if matches!(text, "." | "..") {
        return refuse("every directory has it, and it is not listed");
    }
    if text.contains('/') {
        let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        return meant("a name in a directory has no slash", last);
    }
    Ok(text.to_owned())
}

fn firmware(text: &str) -> Result<String, Refusal> {
    no_pattern(text)?;
    if let Some(rest) = text.strip_prefix("/lib/firmware/").or_else(|| text.strip_prefix("/usr/lib/firmware/")) {
        return meant("firmware is named below its directory", rest);
    }
    if text.starts_with('/') || text.ends_with('/') || text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse("it is a path below the firmware directory, without `.` and `..`");
    }
    Ok(text.to_owned())
}

/// Options that fstab may have and that no mounted file system shows: mount(8), systemd.mount(5).
const OF_FSTAB: &[&str] = &["defaults", "auto", "noauto", "nofail", "_netdev", "user", "users", "nouser", "loop"];

fn mount_option(text: &str) -> Result<String, Refusal> {
    if text.contains(',') {
        return refuse("an option has no comma: write one after the other, each an element of the list");
    }
    if text.contains(char::is_whitespace) {
        return refuse("an option has no blank");
    }
    if OF_FSTAB.contains(&text) || text.starts_with("x-") {
        return refuse("it is for /etc/fstab alone, and no mounted file system shows it");
    }
    match text {
        "read-only" | "readonly" => return meant("the kernel writes it `ro`", "ro"),
        "read-write" => return meant("the kernel writes it `rw`", "rw"),
        _ => {}
    }
    if text.ends_with('=') {
        return refuse("the set has whole options, with their values");
    }
    // Names of options are lower case; values are not.
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        let lower = name.to_lowercase();
        return meant("options are lower case", value.map_or(lower.clone(), |value| format!("{lower}={value}")));
    }
    Ok(text.to_owned())
}

fn label(text: &str) -> Result<String, Refusal> {
    if let Some(rest) = text.strip_prefix("/dev/disk/by-partlabel/").or_else(|| text.strip_prefix("PARTLABEL=")) {
        return meant("only the name counts", rest);
    }
    // 36 units of UTF-16, of which each is at most 3 bytes here.
    if text.encode_utf16().count() > 36 {
        return refuse("a GPT has at most 36 characters for it");
    }
    Ok(text.to_owned())
}

fn mapped(text: &str) -> Result<String, Refusal> {
    if let Some(rest) = text.strip_prefix("/dev/mapper/") {
        return meant("only the name counts", rest);
    }
    no_pattern(text)?;
    if text.contains('/') || text.contains(char::is_whitespace) {
        return refuse("the name of a mapped device has no slash and no blank");
    }
    Ok(text.to_owned())
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] =
    &[&PATH, &MOUNT_POINT, &FILE, &BLOCK, &FILE_NAME, &RELATIVE, &MOUNT_OPTION, &LABEL, &MAPPED, &SHA256];
