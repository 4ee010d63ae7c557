//! Names of packages and of what they provide.
//!
//! The characters of an RPM's name are those of `ALLOWED_CHARS_NAME` in rpm's build/parsePreamble.c: letters,
//! digits and `.-_+`. dpkg's are a part of these (deb-control(5)).

use super::super::diagnostic::did_you_mean;
use super::form::{Grammar, Reading, Refusal, meant, only, refuse};

/// A package, maybe with its architecture.
pub const PACKAGE: Grammar = Grammar {
    what: "a package name",
    form: "the name, or name.arch; letters, digits and `._+-`; no version, pattern, path or group",
    pattern: r"[A-Za-z0-9_][A-Za-z0-9._+-]*",
    reading: Reading::Form(package),
    good: &[
        ("bash", "bash"),
        ("glibc.i686", "glibc.i686"),
        ("python3.11", "python3.11"),
        ("libstdc++", "libstdc++"),
        ("java-21-openjdk", "java-21-openjdk"),
        ("linux-image-6.1.0-13-amd64", "linux-image-6.1.0-13-amd64"),
    ],
    bad: &[
        ("bash*", "bash"),
        ("bash = 5", "bash"),
        ("bash>=5", "bash"),
        ("bash ", "bash"),
        ("/bin/sh", ""),
        ("@core", ""),
        ("bash-0:5.2-1", ""),
        ("perl(Carp)", ""),
        ("bash,zsh", ""),
        ("bash.rpm", ""),
        ("libssl3:amd64", ""),
        ("!bash", "bash"),
    ],
};

/// The name of a package, as sets of names have it: without its architecture.
pub const PACKAGE_NAME: Grammar = Grammar {
    what: "a package name",
    form: "letters, digits and `._+-`; no architecture, version, pattern or path",
    pattern: r"[A-Za-z0-9_][A-Za-z0-9._+-]*",
    reading: Reading::Form(package_name),
    good: &[("bash", "bash"), ("python3.11", "python3.11"), ("libstdc++", "libstdc++")],
    bad: &[
        ("glibc.x86_64", "glibc"),
        ("bash*", "bash"),
        ("bash = 5", "bash"),
        ("/bin/sh", ""),
        ("@core", ""),
        ("foo.src.rpm", ""),
    ],
};

/// What a package manager installs: a name, a version of it, a capability, a path, or a group.
pub const REQUEST: Grammar = Grammar {
    what: "a package name or capability",
    form: "what the package manager installs: a name, name-version-release.arch, a capability, a path or `@group`; no pattern, no blank",
    pattern: r"\S+",
    reading: Reading::Form(request),
    good: &[
        ("nginx", "nginx"),
        ("bash-5.2.26-1.fc40.x86_64", "bash-5.2.26-1.fc40.x86_64"),
        ("perl(Carp)", "perl(Carp)"),
        ("/usr/bin/vim", "/usr/bin/vim"),
        ("@core", "@core"),
        ("libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"),
    ],
    bad: &[("nginx*", "nginx"), ("nginx, vim", ""), ("nginx vim", ""), ("-nginx", ""), ("nginx >= 1", "nginx")],
};

/// A capability without a version.
pub const CAPABILITY: Grammar = Grammar {
    what: "a capability of packages",
    form: "as `rpm -q --provides` prints it, without a version; a path or a soname too",
    pattern: r"[^\s*?<>][^\s*?<>]*|\(.+\)",
    reading: Reading::Form(capability),
    good: &[
        ("system-release", "system-release"),
        ("perl(Carp)", "perl(Carp)"),
        ("libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"),
        ("/usr/bin/python3", "/usr/bin/python3"),
        ("font(:lang=en)", "font(:lang=en)"),
        ("(gcc if make)", "(gcc if make)"),
    ],
    bad: &[
        ("system-release = 4", "system-release"),
        ("webserver*", "webserver"),
        ("a, b", ""),
        ("perl(Carp", ""),
        ("bash>=5", "bash"),
    ],
};

/// A shared library.
pub const SONAME: Grammar = Grammar {
    what: "a soname",
    form: "with `.so`, without a path and without `()(64bit)` (`libssl.so.3`)",
    pattern: r"[^\s/*?()]+",
    reading: Reading::Form(soname),
    good: &[
        ("libssl.so.3", "libssl.so.3"),
        ("ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2"),
        ("libbfd-2.41.so", "libbfd-2.41.so"),
    ],
    bad: &[
        ("/usr/lib64/libssl.so.3", "libssl.so.3"),
        ("libssl.so.3()(64bit)", "libssl.so.3"),
        ("libssl", "libssl.so"),
        ("libssl.so.*", ""),
        ("libssl.so. 3", ""),
        ("openssl-libs", ""),
    ],
};

/// A version of symbols of a library.
pub const SYMBOL_VERSION: Grammar = Grammar {
    what: "a version of symbols",
    form: "letters, digits, `_` and `.` (`GLIBC_2.42`)",
    pattern: r"[A-Za-z0-9_.+@-]+",
    reading: Reading::Form(symbol_version),
    good: &[("GLIBC_2.42", "GLIBC_2.42"), ("OPENSSL_3.0.0", "OPENSSL_3.0.0"), ("GLIBC_PRIVATE", "GLIBC_PRIVATE")],
    bad: &[("GLIBC 2.42", ""), ("2.42", ""), ("(GLIBC_2.42)", "GLIBC_2.42"), ("GLIBC_*", "")],
};

/// How wide the addresses of a library are.
pub const BITS: Grammar = Grammar {
    what: "the size of addresses",
    form: "64 or 32",
    pattern: r"64|32",
    reading: Reading::Closed(&["64", "32"]),
    good: &[("64", "64"), ("32", "32")],
    bad: &[("64bit", ""), ("x86_64", ""), ("16", "")],
};

/// An architecture of packages.
pub const ARCHITECTURE: Grammar = Grammar {
    what: "an architecture of packages",
    form: "as rpm names them (`x86_64`, `noarch`)",
    pattern: r"[a-z0-9_]+",
    reading: Reading::Known(architecture, ARCHITECTURES),
    good: &[("x86_64", "x86_64"), ("noarch", "noarch"), ("x86_64_v2", "x86_64_v2"), ("riscv64", "riscv64")],
    bad: &[
        ("x86-64", "x86_64"),
        ("X86_64", "x86_64"),
        ("norach", "noarch"),
        ("amd64", "x86_64"),
        ("arm64", "aarch64"),
        ("*", ""),
    ],
};

const ARCHITECTURES: &[&str] = &[
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
    "x86_64_v4",
    "noarch",
    "i386",
    "i486",
    "i586",
    "i686",
    "aarch64",
    "armv7hl",
    "armv6hl",
    "ppc64",
    "ppc64le",
    "s390x",
    "s390",
    "riscv64",
    "loongarch64",
    "mips64el",
    "sparcv9",
    "sparc64",
    "ia64",
    "src",
    "nosrc",
];

/// The last part of a release.
pub const DIST_TAG: Grammar = Grammar {
    what: "a dist tag",
    form: "the last part of a release, without its dot (`fc43`, `azl4`)",
    pattern: r"[A-Za-z0-9_+~^]+",
    reading: Reading::Form(dist_tag),
    good: &[("fc43", "fc43"), ("azl4", "azl4"), ("el9_4", "el9_4")],
    bad: &[(".fc43", "fc43"), ("1.fc43", "fc43"), ("fc*", ""), ("%{?dist}", "")],
};

/// The last 16 hex digits of a signing key.
pub const KEY_ID: Grammar = Grammar {
    what: "the id of a key",
    form: "its last 16 hex digits in lower case, or as rpm lists it",
    pattern: r"[0-9a-f]{8,64}",
    reading: Reading::Form(key_id),
    good: &[("3135c19d0f0ab6d4", "3135c19d0f0ab6d4"), ("829b606631645531", "829b606631645531")],
    bad: &[
        ("0x3135c19d0f0ab6d4", "3135c19d0f0ab6d4"),
        ("3135C19D0F0AB6D4", "3135c19d0f0ab6d4"),
        ("Microsoft", ""),
        ("3135c1", ""),
    ],
};

/// An expression of rpm's macros.
pub const MACRO: Grammar = Grammar {
    what: "a macro expression",
    form: "with `%` (`%{?dist}`, `%_vendor`): without one it is its own expansion",
    pattern: r"[\s\S]*%[\s\S]+",
    reading: Reading::Form(rpm_macro),
    good: &[("%{?dist}", "%{?dist}"), ("%optflags", "%optflags")],
    bad: &[("_vendor", "%{_vendor}"), ("dist", "%{dist}"), ("%", ""), ("%{?dist", ""), ("%%", "")],
};

/// A scriptlet of a package.
pub const SCRIPTLET: Grammar = Grammar {
    what: "a scriptlet",
    form: "as rpm names its phase, with `in` or `un`",
    pattern: r"[a-z]+",
    reading: Reading::Form(scriptlet),
    good: &[("prein", "prein"), ("posttrans", "posttrans"), ("triggerin", "triggerin")],
    bad: &[
        ("%post", "postin"),
        ("post", "postin"),
        ("%pre", "prein"),
        ("preinstall", "prein"),
        ("%postun", "postun"),
        ("postinst", "postin"),
        ("trigger", "triggerin"),
        ("triggers", "triggerin"),
        ("sh", ""),
    ],
};

/// Kinds of scriptlets that rpm runs.
pub const SCRIPTLETS: &[&str] = &[
    "pretrans",
    "prein",
    "postin",
    "preun",
    "postun",
    "posttrans",
    "preuntrans",
    "postuntrans",
    "verify",
    "triggerprein",
    "triggerin",
    "triggerun",
    "triggerpostun",
    "filetriggerin",
    "filetriggerun",
    "filetriggerpostun",
    "transfiletriggerin",
    "transfiletriggerun",
    "transfiletriggerpostun",
];

/// A package in several versions, as rpmdb lists it.
pub const DUPLICATE: Grammar = Grammar {
    what: "a package in several versions",
    form: "`name.arch: version version`",
    pattern: r"\S+\.\S+: .+",
    reading: Reading::Form(duplicate),
    good: &[("foo.x86_64: 1-1 2-1", "foo.x86_64: 1-1 2-1")],
    bad: &[("foo", ""), ("foo.x86_64", "")],
};

/// What follows a name in a comparison or a pattern.
fn bare(text: &str) -> String {
    let end = text.find(|c: char| c.is_whitespace() || "<>=*?".contains(c)).unwrap_or(text.len());
    let bare = text[..end].trim_start_matches(['!', '-', '+']);
    let fits = bare.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if fits { bare.to_owned() } else { String::new() }
}

fn name(text: &str) -> Result<String, Refusal> {
    if text.starts_with('/') {
        return refuse(
            "a path is no package name: `file: {…: {owned-by: …}}` or `rpmdb: {providers: …}` looks for what owns or provides it",
        );
    }
    if text.starts_with('@') {
        return refuse("a group is no package: name the packages of it");
    }
    if let Some(at) = text.find(['<', '>', '=']) {
        return Err(Refusal {
            why: format!("a package name has no `{}`: a version is stated by `version: \">= …\"`", &text[at..=at]),
            suggestion: Some(bare(text)).filter(|near| !near.is_empty()),
        });
    }
    if text.contains('(') {
        return refuse("a capability is no package name: `rpmdb: {providers: …}` and `closure` take it");
    }
    if let Err(mut refusal) = only(text, "a package name", |c| c.is_ascii_alphanumeric() || "._+-".contains(c)) {
        refusal.suggestion = Some(bare(text)).filter(|near| {
            !near.is_empty() && *near != text && !text.contains([',', ':']) && !text.contains(char::is_whitespace)
        });
        return Err(refusal);
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return refuse("a package name begins with a letter, a digit or `_`");
    }
    if text.ends_with(".rpm") || text.ends_with(".deb") {
        return refuse("the file of a package is no package name");
    }
    Ok(text.to_owned())
}

fn package(text: &str) -> Result<String, Refusal> {
    name(text)
}

fn package_name(text: &str) -> Result<String, Refusal> {
    let name = name(text)?;
    match name.rsplit_once('.') {
        Some((bare, arch)) if ARCHITECTURES.contains(&arch) => meant("the set has names without architectures", bare),
        _ => Ok(name),
    }
}

fn request(text: &str) -> Result<String, Refusal> {
    if text.contains(['*', '?']) {
        return meant("patterns are not expanded here", bare(text));
    }
    if text.contains(char::is_whitespace) {
        let near = if text.contains(['<', '>', '=']) { bare(text) } else { String::new() };
        return meant("one name at a time, and no comparison", near);
    }
    if text.starts_with('-') {
        return refuse("options of the package manager need a `run` step");
    }
    if text.contains(',') && !text.contains('(') {
        return refuse("one name at a time");
    }
    Ok(text.to_owned())
}

fn capability(text: &str) -> Result<String, Refusal> {
    // Rich dependencies are listed as they are.
    if text.starts_with('(') && text.ends_with(')') {
        return Ok(text.to_owned());
    }
    let depth = text.matches('(').count();
    if depth != text.matches(')').count() {
        return refuse("its parentheses do not match");
    }
    let outside = text.split('(').next().unwrap_or_default();
    if outside.contains(['<', '>', '=']) || text.contains(" = ") {
        return meant("the set has capabilities without versions", bare(text));
    }
    if text.contains(['*', '?']) {
        return meant("patterns are not expanded here", bare(text));
    }
    if text.contains(char::is_whitespace) {
        return refuse("a capability has no blank");
    }
    Ok(text.to_owned())
}

fn soname(text: &str) -> Result<String, Refusal> {
    if text.starts_with('/') {
        return meant("a soname has no path", text.rsplit('/').next().unwrap_or_default());
    }
    if let Some((bare, _)) = text.split_once('(') {
        return meant("symbol versions and widths are attributes", bare);
    }
    only(text, "a soname", |c| !c.is_whitespace() && !"/*?[]".contains(c))?;
    if !text.ends_with(".so") && !text.contains(".so.") {
        let near = if text.starts_with("lib") { format!("{text}.so") } else { String::new() };
        return meant("a soname has `.so` (`libssl.so.3`)", near);
    }
    Ok(text.to_owned())
}

fn symbol_version(text: &str) -> Result<String, Refusal> {
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return meant("the parentheses are rpm's", inner);
    }
    only(text, "a version of symbols", |c| c.is_ascii_alphanumeric() || "_.+@-".contains(c))?;
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return refuse("a version of symbols has its library's name before it (`GLIBC_2.42`)");
    }
    Ok(text.to_owned())
}

fn architecture(text: &str) -> Result<String, Refusal> {
    match text {
        "amd64" | "x86-64" | "x64" => return meant("rpm has another name for it", "x86_64"),
        "arm64" => return meant("rpm has another name for it", "aarch64"),
        "all" | "any" => return meant("rpm has another name for it", "noarch"),
        _ => {}
    }
    if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Ok(text.to_owned());
    }
    let near = did_you_mean(text, ARCHITECTURES.iter().copied()).unwrap_or_default();
    meant("an architecture is lower-case letters, digits and `_`", near)
}

fn dist_tag(text: &str) -> Result<String, Refusal> {
    if text.contains('.') {
        return meant("it is the part after the last dot", text.rsplit('.').next().unwrap_or_default());
    }
    only(text, "a dist tag", |c| c.is_ascii_alphanumeric() || "_+~^".contains(c))?;
    Ok(text.to_owned())
}

fn key_id(text: &str) -> Result<String, Refusal> {
    let lower = text.to_lowercase();
    let digits = lower.strip_prefix("0x").unwrap_or(&lower);
    let fits = (8..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match (fits, digits == text) {
        (true, true) => Ok(text.to_owned()),
        (true, false) => meant("it is written in lower case, without `0x`", digits),
        (false, _) => refuse("it is 8 to 64 hex digits"),
    }
}

fn rpm_macro(text: &str) -> Result<String, Refusal> {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !text.replace("%%", "").contains('%') {
        let near = if word(text) { format!("%{{{text}}}") } else { String::new() };
        return meant("a text without a macro is its own expansion", near);
    }
    if text.matches('{').count() != text.matches('}').count() {
        return refuse("its braces do not match");
    }
    if text.trim_end().ends_with('%') && !text.ends_with("%%") {
        return refuse("a `%` has a name after it");
    }
    Ok(text.to_owned())
}

fn scriptlet(text: &str) -> Result<String, Refusal> {
    if SCRIPTLETS.contains(&text) {
        return Ok(text.to_owned());
    }
    let bare = text.trim_start_matches('%');
    let near = match bare {
        "pre" | "preinst" | "preinstall" => "prein",
        "post" | "postinst" | "postinstall" => "postin",
        "prerm" | "preuninstall" => "preun",
        "postrm" | "postuninstall" => "postun",
        "verifyscript" => "verify",
        "trigger" | "triggers" => "triggerin",
        "filetriggers" => "filetriggerin",
        other => did_you_mean(other, SCRIPTLETS.iter().copied()).unwrap_or_default(),
    };
    meant(format!("it is one of {}", SCRIPTLETS.join(", ")), near)
}

fn duplicate(text: &str) -> Result<String, Refusal> {
    match text.split_once(": ") {
        Some((package, versions)) if package.contains('.') && !versions.trim().is_empty() => Ok(text.to_owned()),
        _ => refuse("it is listed as `name.arch: version version`"),
    }
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[
    &PACKAGE,
    &PACKAGE_NAME,
    &REQUEST,
    &CAPABILITY,
    &SONAME,
    &SYMBOL_VERSION,
    &BITS,
    &ARCHITECTURE,
    &DIST_TAG,
    &KEY_ID,
    &MACRO,
    &SCRIPTLET,
    &DUPLICATE,
];
