//! Names of repositories, of their keys and of their options.

use super::form::{Grammar, Reading, Refusal, meant, only, refuse};

/// A repository. The characters are libdnf's `REPOID_CHARS`. apt has no ids: there it is an archive and a suite
/// of it.
pub const REPOSITORY: Grammar = Grammar {
    what: "a repository id",
    form: "letters, digits and `-_.:`; of apt `URI SUITE`, without the last slash of the URI; no pattern",
    pattern: r"[A-Za-z0-9_.:-]+|[a-z][a-z0-9+.-]*:[^\s*]+ [^\s*]+",
    reading: Reading::Form(repository),
    good: &[
        ("http://mirror.example/debian trixie", "http://mirror.example/debian trixie"),
        ("file:/srv/repo ./", "file:/srv/repo ./"),
        ("updates", "updates"),
        ("copr:copr.fedorainfracloud.org:a:b", "copr:copr.fedorainfracloud.org:a:b"),
        ("rhel-9.4", "rhel-9.4"),
    ],
    bad: &[
        ("*", ""),
        ("updates*", "updates"),
        ("up dates", ""),
        ("[updates]", "updates"),
        ("/etc/yum.repos.d/a.repo", ""),
        ("fedora.repo", ""),
        ("http://mirror.example/debian/ trixie", "http://mirror.example/debian trixie"),
        ("http://mirror.example/debian", ""),
        ("http://mirror.example/debian trixie main", ""),
        ("@System", ""),
    ],
};

/// A repository that a product adds, with its URL.
pub const ADDED: Grammar = Grammar {
    what: "a repository id and its URL",
    form: "`id URL`, the URL as the file of the repository states it (`acme https://rpm.acme.example/el9/$basearch`)",
    pattern: r"[A-Za-z0-9_.:-]+ \S+",
    reading: Reading::Form(added),
    good: &[("acme https://rpm.acme.example/el9/$basearch", "acme https://rpm.acme.example/el9/$basearch")],
    bad: &[("acme", ""), ("acme  https://rpm.acme.example/", ""), ("ac*e https://rpm.acme.example/", "")],
};

/// Where a key of a repository is.
pub const KEY_FILE: Grammar = Grammar {
    what: "the place of a key",
    form: "a URL as the repository states it (`file:///etc/pki/…`)",
    pattern: r"\S+",
    reading: Reading::Form(key_file),
    good: &[
        (
            "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-$releasever-$basearch",
            "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-$releasever-$basearch",
        ),
        ("https://packages.microsoft.com/keys/microsoft.asc", "https://packages.microsoft.com/keys/microsoft.asc"),
    ],
    bad: &[("RPM-GPG-KEY-fedora", ""), ("a b", ""), ("file:///a,file:///b", "")],
};

/// An option of dnf.conf or of a repository's section.
pub const OPTION: Grammar = Grammar {
    what: "an option of dnf",
    form: "lower-case letters, digits and `_`, as dnf.conf(5) names them",
    pattern: r"[a-z][a-z0-9_]*",
    reading: Reading::Known(option, OPTIONS),
    good: &[("skip_if_unavailable", "skip_if_unavailable"), ("best", "best"), ("some_new_one", "some_new_one")],
    bad: &[
        ("skip-if-unavailable", "skip_if_unavailable"),
        ("Best", "best"),
        ("gpgcheck=1", "gpgcheck"),
        ("skip_if_unavailible", "skip_if_unavailable"),
        ("a b", ""),
    ],
};

const OPTIONS: &[&str] = &[
    "allow_downgrade",
    "allow_vendor_change",
    "assumeno",
    "assumeyes",
    "autocheck_running_kernel",
    "bandwidth",
    "basecachedir",
    "baseurl",
    "best",
    "bugtracker_url",
    "cacheonly",
    "cachedir",
    "check_config_file_age",
    "clean_requirements_on_remove",
    "color",
    "countme",
    "cost",
    "debuglevel",
    "debug_solver",
    "defaultyes",
    "deltarpm",
    "diskspacecheck",
    "enabled",
    "enabled_metadata",
    "enablegroups",
    "errorlevel",
    "exclude",
    "excludepkgs",
    "excludeenv",
    "excludegroups",
    "failovermethod",
    "fastestmirror",
    "gpgcheck",
    "gpgkey",
    "gpgkey_dns_verification",
    "group_package_types",
    "history_record",
    "ignorearch",
    "includepkgs",
    "installonly_limit",
    "installonlypkgs",
    "installroot",
    "install_weak_deps",
    "ip_resolve",
    "keepcache",
    "localpkg_gpgcheck",
    "log_compress",
    "log_rotate",
    "log_size",
    "logdir",
    "max_parallel_downloads",
    "mediaid",
    "metadata_expire",
    "metadata_timer_sync",
    "metalink",
    "minrate",
    "mirrorlist",
    "mirrorlist_expire",
    "module_hotfixes",
    "module_obsoletes",
    "module_platform_id",
    "module_stream_switch",
    "multilib_policy",
    "name",
    "obsoletes",
    "optional_metadata_types",
    "password",
    "persistdir",
    "pkg_gpgcheck",
    "pluginconfpath",
    "pluginpath",
    "plugins",
    "priority",
    "protect_running_kernel",
    "protected_packages",
    "proxy",
    "proxy_auth_method",
    "proxy_password",
    "proxy_sslcacert",
    "proxy_sslclientcert",
    "proxy_sslclientkey",
    "proxy_sslverify",
    "proxy_username",
    "recent",
    "releasever",
    "repo_gpgcheck",
    "reposdir",
    "retries",
    "rpmverbosity",
    "skip_broken",
    "skip_if_unavailable",
    "skip_unavailable",
    "sslcacert",
    "sslclientcert",
    "sslclientkey",
    "sslverify",
    "sslverifystatus",
    "strict",
    "system_cachedir",
    "throttle",
    "timeout",
    "tsflags",
    "type",
    "upgrade_group_objects_upgrade",
    "usercache",
    "user_agent",
    "username",
    "varsdir",
    "zchunk",
];

fn repository(text: &str) -> Result<String, Refusal> {
    if let Some((scheme, rest)) = text.split_once(":/")
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b))
    {
        return match rest.split(' ').collect::<Vec<_>>()[..] {
            _ if text.contains('*') => refuse("patterns are not expanded here"),
            [place, suite] if !suite.is_empty() && place.ends_with('/') => meant(
                "it is written without the last slash of the URI",
                format!("{scheme}:/{} {suite}", place.trim_end_matches('/')),
            ),
            [_, suite] if !suite.is_empty() => Ok(text.to_owned()),
            _ => refuse("a repository of apt is an archive and one suite of it: `URI SUITE`"),
        };
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return meant("the brackets are the file's", inner);
    }
    if text.starts_with('/') || text.ends_with(".repo") {
        return refuse("a file of repositories is no repository: name a section of it");
    }
    if text == "@System" {
        return refuse("what is installed is no repository: `package` and `rpmdb` look at it");
    }
    if let Err(mut refusal) = only(text, "a repository id", |c| c.is_ascii_alphanumeric() || "-_.:".contains(c)) {
        let bare = text.trim_end_matches('*');
        refusal.suggestion =
            Some(bare.to_owned()).filter(|near| near != text && !near.is_empty() && repository(near).is_ok());
        return Err(refusal);
    }
    Ok(text.to_owned())
}

fn added(text: &str) -> Result<String, Refusal> {
    match text.split_once(' ') {
        Some((id, url)) if !url.is_empty() && !url.contains(char::is_whitespace) => {
            only(id, "a repository id", |c| c.is_ascii_alphanumeric() || "-_.:".contains(c)).map(|_| text.to_owned())
        }
        _ => refuse("a repository that a product adds is its id, a space and its URL"),
    }
}

fn key_file(text: &str) -> Result<String, Refusal> {
    if text.contains(char::is_whitespace) || text.contains(',') {
        return refuse("one URL in each element, without blanks and commas");
    }
    if !text.contains("://") && !text.starts_with(['/', '$']) {
        return refuse("a key is named by its whole URL, as the repository states it");
    }
    Ok(text.to_owned())
}

fn option(text: &str) -> Result<String, Refusal> {
    if text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        return Ok(text.to_owned());
    }
    let near = text.split('=').next().unwrap_or_default().trim().to_lowercase().replace('-', "_");
    let fits = near.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    meant("an option is lower-case letters, digits and `_`", if fits { near } else { String::new() })
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&REPOSITORY, &ADDED, &KEY_FILE, &OPTION];
