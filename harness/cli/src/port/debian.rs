//! What packages of Debian may be called in RPM distributions. These are only candidates: a name counts once a
//! repository of the system has it.

/// Names that no rule makes of Debian's, the likeliest first. Sorted.
const NAMES: &[(&str, &[&str])] = &[
    ("apache2", &["httpd"]),
    ("apache2-utils", &["httpd-tools"]),
    ("bind9-dnsutils", &["bind-utils"]),
    ("bind9-host", &["bind-utils"]),
    ("bsdmainutils", &["util-linux"]),
    ("bsdutils", &["util-linux"]),
    ("cron", &["cronie"]),
    ("default-jdk", &["java-latest-openjdk-devel", "java-21-openjdk-devel"]),
    ("default-jre", &["java-latest-openjdk", "java-21-openjdk"]),
    ("default-libmysqlclient-dev", &["mariadb-connector-c-devel", "mysql-devel"]),
    ("default-mysql-client", &["mariadb", "mysql"]),
    ("dnsutils", &["bind-utils"]),
    ("fonts-dejavu", &["dejavu-fonts-all", "dejavu-sans-fonts"]),
    ("g++", &["gcc-c++"]),
    ("gnupg", &["gnupg2"]),
    ("golang-go", &["golang"]),
    ("inetutils-ping", &["iputils"]),
    ("iproute2", &["iproute"]),
    ("iputils-ping", &["iputils"]),
    ("libc-bin", &["glibc-common"]),
    ("libc6", &["glibc"]),
    ("libc6-dev", &["glibc-devel"]),
    ("libcurl4-openssl-dev", &["libcurl-devel", "curl-devel"]),
    ("libglib2.0-0", &["glib2"]),
    ("libglib2.0-dev", &["glib2-devel"]),
    ("libjpeg-dev", &["libjpeg-turbo-devel"]),
    ("libjpeg62-turbo-dev", &["libjpeg-turbo-devel"]),
    ("libncurses-dev", &["ncurses-devel"]),
    ("libncurses5-dev", &["ncurses-devel"]),
    ("libpam0g-dev", &["pam-devel"]),
    ("libpng-dev", &["libpng-devel"]),
    ("libpq-dev", &["libpq-devel", "postgresql-devel"]),
    ("libpq5", &["libpq"]),
    ("libsqlite3-0", &["sqlite-libs"]),
    ("libsqlite3-dev", &["sqlite-devel"]),
    ("libssl-dev", &["openssl-devel"]),
    ("libssl3", &["openssl-libs"]),
    ("libstdc++6", &["libstdc++"]),
    ("libudev-dev", &["systemd-devel"]),
    ("locales", &["glibc-langpack-en", "glibc-locale-source"]),
    ("lsb-release", &["redhat-lsb-core", "lsb_release"]),
    ("mawk", &["gawk"]),
    ("netbase", &["setup"]),
    ("netcat-openbsd", &["nmap-ncat", "netcat"]),
    ("netcat-traditional", &["nmap-ncat", "netcat"]),
    ("ninja-build", &["ninja-build", "ninja"]),
    ("openjdk-17-jdk", &["java-17-openjdk-devel"]),
    ("openjdk-21-jdk", &["java-21-openjdk-devel"]),
    ("openjdk-21-jre-headless", &["java-21-openjdk-headless"]),
    ("openssh-client", &["openssh-clients"]),
    ("p7zip-full", &["p7zip", "7zip"]),
    ("pkg-config", &["pkgconf-pkg-config"]),
    ("pkgconf", &["pkgconf-pkg-config"]),
    ("postgresql-client", &["postgresql"]),
    ("procps", &["procps-ng"]),
    ("python3-dev", &["python3-devel"]),
    ("python3-venv", &["python3-libs", "python3"]),
    ("redis-server", &["redis", "valkey"]),
    ("redis-tools", &["redis", "valkey"]),
    ("ruby-dev", &["ruby-devel"]),
    ("sqlite3", &["sqlite"]),
    ("systemd-sysv", &["systemd"]),
    ("uuid-dev", &["libuuid-devel"]),
    ("vim", &["vim-enhanced"]),
    ("vim-tiny", &["vim-minimal"]),
    ("xz-utils", &["xz"]),
    ("zlib1g", &["zlib", "zlib-ng-compat"]),
    ("zlib1g-dev", &["zlib-devel", "zlib-ng-compat-devel"]),
];

/// The names that a package of Debian's may have, the likeliest first; its own is among them.
pub(super) fn names(name: &str) -> Vec<String> {
    let mut out: Vec<String> = match NAMES.binary_search_by_key(&name, |row| row.0) {
        Ok(at) => NAMES[at].1.iter().map(|name| (*name).to_owned()).collect(),
        Err(_) => Vec::new(),
    };
    let mut add = |name: String| {
        if !name.is_empty() && !out.contains(&name) {
            out.push(name);
        }
    };
    add(name.to_owned());
    let (stem, devel) = match name.strip_suffix("-dev") {
        Some(stem) => (stem, "-devel"),
        None => (name, ""),
    };
    if let Some(library) = stem.strip_prefix("lib") {
        // `libxml2-dev` is libxml2-devel, `libexpat1-dev` is expat-devel, `libyaml-0-2` is libyaml.
        let bare = library.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
        add(format!("{stem}{devel}"));
        for stem in [format!("lib{bare}"), library.to_owned(), bare.to_owned()] {
            add(format!("{stem}{devel}"));
        }
        if devel.is_empty() {
            add(format!("{bare}-libs"));
        }
    } else if !devel.is_empty() {
        add(format!("{stem}-devel"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_each_once() {
        assert!(NAMES.is_sorted_by(|one, other| one.0 < other.0));
    }

    #[test]
    fn names_come_from_the_table_and_from_rules() {
        let has = |debian: &str, rpm: &str| names(debian).iter().any(|name| name == rpm);
        for (debian, rpm) in [
            ("libssl-dev", "openssl-devel"),
            ("apache2", "httpd"),
            ("libxml2-dev", "libxml2-devel"),
            ("libexpat1-dev", "expat-devel"),
            ("libyaml-0-2", "libyaml"),
            ("libexpat1", "expat"),
            ("nginx", "nginx"),
            ("python3-requests", "python3-requests"),
            ("flex-dev", "flex-devel"),
        ] {
            assert!(has(debian, rpm), "{debian}: {:?}", names(debian));
        }
        assert_eq!(names("curl"), ["curl"]);
        assert_eq!(names("libssl-dev")[0], "openssl-devel");
    }
}
