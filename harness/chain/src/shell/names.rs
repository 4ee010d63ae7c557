//! Names that shell text uses, and what is known of them.

/// Commands of the shell itself (bash), which no package has.
#[rustfmt::skip]
const BUILTINS: &[&str] = &[
    ".", ":", "[", "[[", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "command", "compgen", "complete",
    "compopt", "continue", "declare", "dirs", "disown", "echo", "enable", "eval", "exec", "exit", "export", "false",
    "fc", "fg", "getopts", "hash", "help", "history", "jobs", "kill", "let", "local", "logout", "mapfile", "popd",
    "printf", "pushd", "pwd", "read", "readarray", "readonly", "return", "set", "shift", "shopt", "source", "suspend",
    "test", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
];

/// Commands that a system has, whatever else a chain brings: what stands behind an installer that nobody can look into
/// is searched for only if it is one of them.
#[rustfmt::skip]
const USUAL: &[&str] = &[
    "alternatives", "ar", "as", "authselect", "awk", "base64", "basename", "bash", "bootc", "bzip2", "cat", "chcon",
    "chgrp", "chmod", "chown", "chpasswd", "chroot", "cmp", "cp", "cpio", "crontab", "curl", "cut", "date", "dd",
    "depmod", "df", "diff", "dirname", "dmesg", "dracut", "du", "env", "expr", "file", "find", "findmnt",
    "firewall-cmd", "flock", "free", "gcc", "getent", "git", "gpg", "grep", "egrep", "fgrep", "groupadd", "groups",
    "grub2-mkconfig", "grubby", "gunzip", "gzip", "head", "hostname", "hostnamectl", "id", "install", "ip",
    "journalctl", "ldconfig", "ldd", "less", "ln", "localectl", "localedef", "logger", "ls", "lsblk", "lsof", "make",
    "md5sum", "mkdir", "mkfs.ext4", "mkfs.xfs", "mknod", "mkswap", "mktemp", "modprobe", "mount", "mv", "nice",
    "nohup", "nproc", "openssl", "passwd", "patch", "perl", "ps", "python3", "readlink", "realpath", "restorecon",
    "rm", "rmdir", "rpm", "rsync", "sed", "semanage", "seq", "setcap", "setsebool", "sh", "sha256sum", "sleep",
    "sort", "ss", "ssh", "ssh-keygen", "stat", "su", "sudo", "sysctl", "systemctl", "systemd-tmpfiles", "tail", "tar",
    "tee", "timedatectl", "touch", "tr", "umount", "uname", "unzip", "useradd", "usermod", "xargs",
];

/// Package managers of other families. Where a branch is for them, an RPM distribution does not take it.
#[rustfmt::skip]
const FOREIGN: &[&str] = &[
    "apt-get", "apt", "aptitude", "dpkg", "dpkg-query", "apk", "pacman", "emerge", "brew", "nix-env", "xbps-install",
    "eopkg", "pkg", "opkg", "swupd", "add-apt-repository", "apt-cache", "lsb_release",
];

/// Package managers of RPM distributions.
#[rustfmt::skip]
const MANAGERS: &[&str] = &[
    "dnf", "dnf5", "dnf-3", "microdnf", "yum", "tdnf", "rpm-ostree", "zypper",
];

/// `ID` of os-release of distributions without RPM.
#[rustfmt::skip]
const FOREIGN_IDS: &[&str] = &[
    "debian", "ubuntu", "linuxmint", "mint", "pop", "raspbian", "kali", "devuan", "elementary", "neon", "zorin",
    "deepin", "alpine", "wolfi", "chainguard", "arch", "archlinux", "archarm", "manjaro", "endeavouros", "gentoo",
    "void", "nixos", "darwin",
];

/// `ID` of os-release of distributions with RPM.
#[rustfmt::skip]
const RPM_IDS: &[&str] = &[
    "fedora", "rhel", "centos", "rocky", "almalinux", "ol", "oracle", "oraclelinux", "amzn", "amazon", "azurelinux",
    "mariner", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "suse", "sles", "sle", "sled", "openeuler",
    "anolis", "scientific", "virtuozzo", "cloudlinux", "photon", "mageia", "eurolinux", "redhat", "nobara",
];

pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(&name)
}

/// Commands that mkosi gives to its scripts.
pub(super) fn is_of_mkosi(name: &str) -> bool {
    name.strip_prefix("mkosi-")
        .is_some_and(|rest| matches!(rest, "as-caller" | "chroot" | "install" | "reinstall" | "remove" | "upgrade"))
}

pub(super) fn is_usual(name: &str) -> bool {
    USUAL.contains(&name)
}

pub(super) fn is_foreign(command: &str) -> bool {
    FOREIGN.contains(&command)
}

pub(super) fn is_manager(command: &str) -> bool {
    MANAGERS.contains(&command)
}

pub(super) fn is_foreign_id(id: &str) -> bool {
    FOREIGN_IDS.contains(&id.to_ascii_lowercase().as_str())
}

pub(super) fn is_distribution(id: &str) -> bool {
    is_foreign_id(id) || RPM_IDS.contains(&id.to_ascii_lowercase().as_str())
}

/// Whether a path is the system's, not of what people put on it: `/usr/local`, `/opt`, `/home` are theirs.
pub(crate) fn is_system_path(path: &str) -> bool {
    const OURS: &[&str] = &["/usr/bin/", "/usr/sbin/", "/usr/lib", "/usr/share/", "/bin/", "/sbin/", "/lib", "/etc/"];
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"*?[]".contains(c);
    path.chars().all(plain) && (OURS.iter().any(|ours| path.starts_with(ours)) || path.starts_with("/usr/libexec/"))
}

/// Whether it can be the name of a command.
pub(crate) fn is_command(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-@[".contains(c);
    !name.is_empty() && name.len() <= 128 && name.chars().all(plain) && !name.starts_with(['-', '.'])
}

/// Whether it can be the name of a user or a group.
pub(super) fn is_user(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-$".contains(c);
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.len() <= 64 && name.starts_with(begins) && name.chars().all(plain)
}

/// Commands that a package of a language brings, where their names differ.
pub(super) fn of_language_package(name: &str) -> &'static [&'static str] {
    match name {
        "awscli" => &["aws"],
        "ansible" | "ansible-core" => &["ansible", "ansible-playbook", "ansible-galaxy", "ansible-lint"],
        "httpie" => &["http", "https"],
        "typescript" => &["tsc"],
        "@angular/cli" => &["ng"],
        "@vue/cli" => &["vue"],
        "bundler" => &["bundle", "bundler"],
        "pip" => &["pip", "pip3"],
        "cargo-edit" => &["cargo-add"],
        "python-openstackclient" => &["openstack"],
        "azure-cli" => &["az"],
        "docker-compose" => &["docker-compose"],
        "robotframework" => &["robot"],
        "pytest" => &["pytest", "py.test"],
        "npm" => &["npm", "npx"],
        _ => &[],
    }
}
