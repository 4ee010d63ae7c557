//! Names of the system: processes, commands, SELinux, sshd, crypto policies, os-release, locales.

use super::form::{Grammar, Reading, Refusal, meant, only, refuse};

/// A type of SELinux.
pub const SELINUX_TYPE: Grammar = Grammar {
    what: "a type of SELinux",
    form: "letters, digits and `_` (`httpd_t`)",
    pattern: r"[A-Za-z0-9_.]+",
    reading: Reading::Form(selinux_type),
    good: &[("httpd_t", "httpd_t"), ("container_t", "container_t")],
    bad: &[("system_u:system_r:httpd_t:s0", "httpd_t"), ("httpd-t", ""), ("httpd*", ""), ("httpd t", "")],
};

/// A boolean of SELinux's policy.
pub const SELINUX_BOOLEAN: Grammar = Grammar {
    what: "a boolean of SELinux",
    form: "letters, digits and `_`, as `getsebool -a` lists it",
    pattern: r"[A-Za-z0-9_]+",
    reading: Reading::Form(selinux_boolean),
    good: &[("httpd_can_network_connect", "httpd_can_network_connect")],
    bad: &[
        ("httpd-can-network-connect", "httpd_can_network_connect"),
        ("httpd_can_network_connect=on", "httpd_can_network_connect"),
        ("httpd*", ""),
    ],
};

/// An option of sshd, as `sshd -T` prints it.
pub const SSHD_OPTION: Grammar = Grammar {
    what: "an option of sshd",
    form: "lower-case letters and digits, as `sshd -T` prints it",
    pattern: r"[A-Za-z0-9]+",
    reading: Reading::Known(sshd_option, SSHD_OPTIONS),
    good: &[
        ("permitrootlogin", "permitrootlogin"),
        ("PermitRootLogin", "permitrootlogin"),
        ("someoption", "someoption"),
    ],
    bad: &[
        ("permit-root-login", "permitrootlogin"),
        ("PermitRootLogin yes", "permitrootlogin"),
        ("permitrotlogin", "permitrootlogin"),
        ("ciphers,macs", ""),
        ("challengeresponseauthentication", "kbdinteractiveauthentication"),
    ],
};

/// servconf.c of OpenSSH, what `sshd -T` dumps.
#[rustfmt::skip]
const SSHD_OPTIONS: &[&str] = &[
    "acceptenv", "addressfamily", "allowagentforwarding", "allowgroups", "allowstreamlocalforwarding", "allowtcpforwarding",
    "allowusers", "authenticationmethods", "authorizedkeyscommand", "authorizedkeyscommanduser", "authorizedkeysfile",
    "authorizedprincipalscommand", "authorizedprincipalscommanduser", "authorizedprincipalsfile", "banner",
    "casignaturealgorithms", "channeltimeout", "chrootdirectory", "ciphers", "clientalivecountmax", "clientaliveinterval",
    "compression", "denygroups", "denyusers", "disableforwarding", "exposeauthinfo", "fingerprinthash", "forcecommand",
    "gatewayports", "gssapiauthentication", "gssapicleanupcredentials", "gssapikeyexchange", "gssapistrictacceptorcheck",
    "gssapistorecredentialsonrekey", "gssapikexalgorithms", "gssapienablek5users", "hostbasedacceptedalgorithms",
    "hostbasedauthentication", "hostbasedusesnamefrompacketonly", "hostcertificate", "hostkey", "hostkeyagent",
    "hostkeyalgorithms", "ignorerhosts", "ignoreuserknownhosts", "ipqos", "kbdinteractiveauthentication",
    "kerberosauthentication", "kerberosorlocalpasswd", "kerberosticketcleanup", "kerberosuniqueccache",
    "kerberosusekuserok", "kexalgorithms", "listenaddress", "logingracetime", "loglevel", "logverbose", "macs",
    "maxauthtries", "maxsessions", "maxstartups", "moduli", "modulifile", "passwordauthentication",
    "permitemptypasswords", "permitlisten", "permitopen", "permitrootlogin", "permittty", "permittunnel",
    "permituserenvironment", "permituserrc", "persourcemaxstartups", "persourcenetblocksize", "persourcepenalties",
    "pidfile", "port", "printlastlog", "printmotd", "pubkeyacceptedalgorithms", "pubkeyauthentication", "pubkeyauthoptions",
    "rdomain", "refuseconnection", "rekeylimit", "requiredrsasize", "revokedkeys", "securitykeyprovider",
    "sshdsessionpath", "sshdauthpath", "streamlocalbindmask", "streamlocalbindunlink", "strictmodes", "subsystem",
    "syslogfacility", "tcpkeepalive", "trustedusercakeys", "unusedconnectiontimeout", "usedns", "usepam",
    "versionaddendum", "x11displayoffset", "x11forwarding", "x11uselocalhost", "xauthlocation",
];

/// A back end of crypto-policies.
pub const CRYPTO_BACKEND: Grammar = Grammar {
    what: "a back end of crypto-policies",
    form: "the name of its file below /etc/crypto-policies/back-ends, without `.config`",
    pattern: r"[a-z0-9_-]+",
    reading: Reading::Known(
        crypto_backend,
        &[
            "bind",
            "gnutls",
            "java",
            "javasystem",
            "krb5",
            "libreswan",
            "libssh",
            "nss",
            "openssh",
            "opensshserver",
            "openssl",
            "openssl_fips",
            "opensslcnf",
            "rpm-sequoia",
            "sequoia",
        ],
    ),
    good: &[("opensshserver", "opensshserver"), ("rpm-sequoia", "rpm-sequoia"), ("nss", "nss")],
    bad: &[
        ("opensshserver.config", "opensshserver"),
        ("openshserver", "opensshserver"),
        ("OpenSSL", "openssl"),
        ("/etc/crypto-policies/back-ends/nss.config", "nss"),
        ("a b", ""),
    ],
};

/// A command on the search path.
pub const COMMAND: Grammar = Grammar {
    what: "a command name",
    form: "without a path, blanks and patterns",
    pattern: r"[^\s/*?$|;&<>]+",
    reading: Reading::Form(command),
    good: &[
        ("tar", "tar"),
        ("x86_64-linux-gnu-gcc", "x86_64-linux-gnu-gcc"),
        ("mkfs.ext4", "mkfs.ext4"),
        ("[", "["),
        ("g++", "g++"),
    ],
    bad: &[("/usr/bin/tar", "tar"), ("tar -x", "tar"), ("tar*", ""), ("$TAR", ""), ("tar;ls", ""), ("tar ", "tar")],
};

/// A process, by the name of its executable or its command name. The kernel cuts command names to 15 bytes
/// (TASK_COMM_LEN); executables are found by their whole names.
pub const PROCESS: Grammar = Grammar {
    what: "a process name",
    form: "the name of its executable without a path, or of a kernel thread; no arguments, no pattern, no unit",
    pattern: r"[^\s/*?](.*[^\s*?])?",
    reading: Reading::Form(process),
    good: &[
        ("sshd", "sshd"),
        ("systemd-journald", "systemd-journald"),
        ("kworker/0:1", "kworker/0:1"),
        ("(sd-pam)", "(sd-pam)"),
        ("tmux: server", "tmux: server"),
    ],
    bad: &[
        ("/usr/sbin/sshd", "sshd"),
        ("./sshd", "sshd"),
        ("usr/sbin/sshd", "sshd"),
        ("sshd.service", "sshd"),
        ("ssh.socket", ""),
        ("sshd -D", "sshd"),
        ("[kthreadd]", "kthreadd"),
        ("ssh*", ""),
        ("sshd ", "sshd"),
        ("1234", ""),
    ],
};

/// A variable of os-release(5).
pub const OS_RELEASE: Grammar = Grammar {
    what: "a variable of os-release",
    form: "capitals, digits and `_`",
    pattern: r"[A-Z][A-Z0-9_]*",
    reading: Reading::Known(
        os_release,
        &[
            "NAME",
            "ID",
            "ID_LIKE",
            "PRETTY_NAME",
            "CPE_NAME",
            "VARIANT",
            "VARIANT_ID",
            "VERSION",
            "VERSION_ID",
            "VERSION_CODENAME",
            "BUILD_ID",
            "IMAGE_ID",
            "IMAGE_VERSION",
            "RELEASE_TYPE",
            "HOME_URL",
            "DOCUMENTATION_URL",
            "SUPPORT_URL",
            "BUG_REPORT_URL",
            "PRIVACY_POLICY_URL",
            "SUPPORT_END",
            "LOGO",
            "ANSI_COLOR",
            "VENDOR_NAME",
            "VENDOR_URL",
            "EXPERIMENT",
            "EXPERIMENT_URL",
            "DEFAULT_HOSTNAME",
            "ARCHITECTURE",
            "SYSEXT_LEVEL",
            "CONFEXT_LEVEL",
            "SYSEXT_SCOPE",
            "CONFEXT_SCOPE",
            "PORTABLE_PREFIXES",
            "PLATFORM_ID",
            "REDHAT_BUGZILLA_PRODUCT",
            "REDHAT_SUPPORT_PRODUCT",
            "OSTREE_VERSION",
        ],
    ),
    good: &[("VARIANT_ID", "VARIANT_ID"), ("FLATCAR_BOARD", "FLATCAR_BOARD")],
    bad: &[
        ("variant_id", "VARIANT_ID"),
        ("VARIANT-ID", "VARIANT_ID"),
        ("VARAINT_ID", "VARIANT_ID"),
        ("ID=", "ID"),
        ("A B", ""),
    ],
};

/// A word of ID_LIKE.
pub const DISTRIBUTION: Grammar = Grammar {
    what: "an id of a distribution",
    form: "lower-case letters, digits and `._-` (os-release(5))",
    pattern: r"[a-z0-9._-]+",
    reading: Reading::Form(distribution),
    good: &[("fedora", "fedora"), ("opensuse-leap", "opensuse-leap")],
    bad: &[("Fedora", "fedora"), ("rhel fedora", ""), ("rhel,fedora", "")],
};

/// A locale, as `locale -a` of glibc prints it.
pub const LOCALE: Grammar = Grammar {
    what: "a locale",
    form: "`language_COUNTRY.codeset@modifier` (`en_US.UTF-8`); the codeset in any spelling",
    pattern: r"[A-Za-z]+(_[A-Z]{2,})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?",
    reading: Reading::Form(locale),
    good: &[
        ("C", "C"),
        ("POSIX", "POSIX"),
        ("C.utf8", "C.utf8"),
        ("en_US.UTF-8", "en_US.utf8"),
        ("en_US.utf8", "en_US.utf8"),
        ("de_DE@euro", "de_DE@euro"),
        ("eo", "eo"),
    ],
    bad: &[
        ("en-US.UTF-8", "en_US.utf8"),
        ("en_us.UTF-8", "en_US.utf8"),
        ("en_US.*", ""),
        ("en_US.UTF-8 UTF-8", "en_US.utf8"),
    ],
};

/// An extension of the system.
pub const EXTENSION: Grammar = Grammar {
    what: "the name of a system extension",
    form: "without a path and without `.raw`",
    pattern: r"[^\s/*?]+",
    reading: Reading::Form(extension),
    good: &[("docker-flatcar", "docker-flatcar"), ("kubernetes-v1.31", "kubernetes-v1.31")],
    bad: &[("docker.raw", "docker"), ("/var/lib/extensions/docker", "docker"), ("docker*", ""), ("a b", "")],
};

/// An entry of the Boot Loader Specification.
pub const BOOT_ENTRY: Grammar = Grammar {
    what: "the id of a boot entry",
    form: "the name of its file, without a path and without `.conf`",
    pattern: r"[^\s/*?]+",
    reading: Reading::Form(boot_entry),
    good: &[("ostree-1", "ostree-1"), ("0a1b-6.12.0-1.fc43.x86_64", "0a1b-6.12.0-1.fc43.x86_64")],
    bad: &[
        ("ostree-1.conf", "ostree-1"),
        ("/boot/loader/entries/ostree-1.conf", "ostree-1"),
        ("*.conf", ""),
        ("a b", ""),
    ],
};

/// A root hash of dm-verity.
pub const HASH: Grammar = Grammar {
    what: "a hash",
    form: "lower-case hex digits, an even number of them",
    pattern: r"([0-9a-f]{2})+",
    reading: Reading::Form(hash),
    good: &[("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef")],
    bad: &[
        ("0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdef"),
        ("sha256:00", ""),
        ("xyz", ""),
        ("0123", ""),
    ],
};

/// The host on which a package was built.
pub const BUILD_HOST: Grammar = Grammar {
    what: "the name of a host",
    form: "as the package states it, without blanks",
    pattern: r"\S+",
    reading: Reading::Form(build_host),
    good: &[
        ("buildvm-x86-01.iad2.fedoraproject.org", "buildvm-x86-01.iad2.fedoraproject.org"),
        ("reproducible", "reproducible"),
        ("(none)", "(none)"),
    ],
    bad: &[("a b", ""), ("*.fedoraproject.org", "")],
};

fn selinux_type(text: &str) -> Result<String, Refusal> {
    if let [_, _, domain, ..] = text.split(':').collect::<Vec<_>>()[..] {
        return meant("it is the third part of a label alone", domain);
    }
    only(text, "a type of SELinux", |c| c.is_ascii_alphanumeric() || "_.".contains(c))?;
    Ok(text.to_owned())
}

fn selinux_boolean(text: &str) -> Result<String, Refusal> {
    let fits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits(text) {
        return Ok(text.to_owned());
    }
    let near = text.split('=').next().unwrap_or_default().trim().replace('-', "_");
    meant("a boolean is letters, digits and `_`", if fits(&near) { near } else { String::new() })
}

fn sshd_option(text: &str) -> Result<String, Refusal> {
    // sshd(8) reads keywords in either case, and prints them in lower case.
    let lower = text.to_lowercase();
    if matches!(lower.as_str(), "challengeresponseauthentication" | "skeyauthentication") {
        return meant("sshd prints the newer name", "kbdinteractiveauthentication");
    }
    if lower.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(lower);
    }
    let near = lower.split_whitespace().next().unwrap_or_default().replace(['-', '_'], "");
    let fits = !near.is_empty() && near.bytes().all(|b| b.is_ascii_alphanumeric());
    meant(
        "an option is letters and digits, and its value is what the suite states of it",
        if fits { near } else { String::new() },
    )
}

fn crypto_backend(text: &str) -> Result<String, Refusal> {
    let last = text.rsplit('/').next().unwrap_or_default();
    let name = last.strip_suffix(".config").unwrap_or(last);
    if name != text {
        return meant("a back end is named without the path and the suffix of its file", name.to_lowercase());
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return meant("names of back ends are lower case", text.to_lowercase());
    }
    only(text, "a back end", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))?;
    Ok(text.to_owned())
}

fn command(text: &str) -> Result<String, Refusal> {
    if let Some((name, _)) = text.split_once(char::is_whitespace) {
        return meant("a command name has no arguments: `command` runs a command line", name);
    }
    if text.contains('/') {
        return meant(
            "a command is looked for on the search path: `file` looks at a path",
            text.rsplit('/').next().unwrap_or_default(),
        );
    }
    only(text, "a command name", |c| !"*?$|;&<>'\"`\\".contains(c))?;
    Ok(text.to_owned())
}

fn process(text: &str) -> Result<String, Refusal> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return refuse("a process is named, not numbered");
    }
    if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return meant("the brackets are those of ps", name);
    }
    // Kernel threads have slashes in their names: `kworker/0:1`, `irq/24-pciehp`.
    let is_path = text.starts_with(['/', '.']) && text.contains('/') || text.matches('/').count() > 1;
    if is_path {
        return meant(
            "a process is named without the path of its executable",
            text.rsplit('/').next().unwrap_or_default(),
        );
    }
    if let Some((name, suffix)) = text.rsplit_once('.')
        && super::systemd::SUFFIXES.contains(&suffix)
    {
        let near = if suffix == "service" { name } else { "" };
        return meant("a unit is no process: `service` looks at units", near);
    }
    if let Some((name, _)) = text.split_once(" -") {
        return meant("a process name has no arguments: `args` looks at them", name);
    }
    only(text, "a process name", |c| !"*?".contains(c))?;
    Ok(text.to_owned())
}

fn os_release(text: &str) -> Result<String, Refusal> {
    let fits = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if fits(text) {
        return Ok(text.to_owned());
    }
    let near = text.split('=').next().unwrap_or_default().to_uppercase().replace('-', "_");
    meant("a variable is capitals, digits and `_`", if fits(&near) { near } else { String::new() })
}

fn distribution(text: &str) -> Result<String, Refusal> {
    let fits = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
    if fits(text) {
        return Ok(text.to_owned());
    }
    let near = text.to_lowercase();
    meant("it is one name of lower-case letters, digits and `._-`", if fits(&near) { near } else { String::new() })
}

fn locale(text: &str) -> Result<String, Refusal> {
    if let Some((first, _)) = text.split_once(' ') {
        return meant("the codeset is part of the name", locale(first).unwrap_or_default());
    }
    only(text, "a locale", |c| c.is_ascii_alphanumeric() || "_.@-".contains(c))?;
    let (name, modifier) = text.split_once('@').map_or((text, None), |(name, modifier)| (name, Some(modifier)));
    let (place, codeset) = name.split_once('.').map_or((name, None), |(place, codeset)| (place, Some(codeset)));
    // glibc's _nl_normalize_codeset: letters and digits in lower case.
    let codeset =
        codeset.map(|codeset| codeset.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase());
    let whole = |place: &str| {
        let codeset = codeset.as_deref().map(|codeset| format!(".{codeset}")).unwrap_or_default();
        let modifier = modifier.map(|modifier| format!("@{modifier}")).unwrap_or_default();
        format!("{place}{codeset}{modifier}")
    };
    let (language, country) = place.split_once(['_', '-']).map_or((place, None), |(a, b)| (a, Some(b)));
    let usual =
        country.map_or(place.to_owned(), |country| format!("{}_{}", language.to_lowercase(), country.to_uppercase()));
    if usual != place {
        return meant("a locale is written `language_COUNTRY`", whole(&usual));
    }
    Ok(whole(place))
}

fn extension(text: &str) -> Result<String, Refusal> {
    if text.contains('/') || text.ends_with(".raw") {
        let last = text.rsplit('/').next().unwrap_or_default();
        return meant(
            "an extension is named without the path and the suffix of its file",
            last.trim_end_matches(".raw"),
        );
    }
    only(text, "an extension", |c| !c.is_whitespace() && !"*?[]".contains(c))?;
    Ok(text.to_owned())
}

fn boot_entry(text: &str) -> Result<String, Refusal> {
    only(text, "a boot entry", |c| !c.is_whitespace() && !"*?[]".contains(c))?;
    if text.contains('/') || text.ends_with(".conf") {
        let last = text.rsplit('/').next().unwrap_or_default();
        return meant("an entry is named without the path and the suffix of its file", last.trim_end_matches(".conf"));
    }
    Ok(text.to_owned())
}

fn hash(text: &str) -> Result<String, Refusal> {
    let lower = text.to_lowercase();
    let fits = lower.len() >= 16 && lower.len().is_multiple_of(2) && lower.bytes().all(|b| b.is_ascii_hexdigit());
    match (fits, lower == text) {
        (true, true) => Ok(lower),
        (true, false) => meant("it is written in lower case", lower),
        (false, _) => refuse("it is 16 and more hex digits, an even number of them, without the name of the algorithm"),
    }
}

fn build_host(text: &str) -> Result<String, Refusal> {
    only(text, "the name of a host", |c| !c.is_whitespace() && !"*?".contains(c))?;
    Ok(text.to_owned())
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[
    &SELINUX_TYPE,
    &SELINUX_BOOLEAN,
    &SSHD_OPTION,
    &CRYPTO_BACKEND,
    &COMMAND,
    &PROCESS,
    &OS_RELEASE,
    &DISTRIBUTION,
    &LOCALE,
    &EXTENSION,
    &BOOT_ENTRY,
    &HASH,
    &BUILD_HOST,
];
