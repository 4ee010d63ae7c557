//! Names of Debian's packages in RPM distributions.
//!
//! Candidates only: well-known correspondences and rules of naming. Whether a distribution has one, its repositories say.

/// Packages whose names have nothing in common, or that are several.
#[rustfmt::skip]
const KNOWN: &[(&str, &[&str])] = &[
    ("apache2", &["httpd"]),
    ("apache2-dev", &["httpd-devel"]),
    ("apache2-utils", &["httpd-tools"]),
    ("apt-transport-https", &[]),
    ("bind9", &["bind"]),
    ("bind9-dnsutils", &["bind-utils"]),
    ("bind9-host", &["bind-utils"]),
    ("bind9-utils", &["bind-utils"]),
    ("bsdextrautils", &["util-linux"]),
    ("bsdmainutils", &["util-linux"]),
    ("build-essential", &["gcc", "gcc-c++", "make"]),
    ("cron", &["cronie"]),
    ("default-jdk", &["java-devel"]),
    ("default-jdk-headless", &["java-devel"]),
    ("default-jre", &["java"]),
    ("default-jre-headless", &["java-headless"]),
    ("default-libmysqlclient-dev", &["mariadb-connector-c-devel", "mysql-devel"]),
    ("default-mysql-client", &["mariadb", "mysql"]),
    ("dirmngr", &["gnupg2"]),
    ("dnsutils", &["bind-utils"]),
    ("docker.io", &["moby-engine", "docker"]),
    ("exuberant-ctags", &["ctags"]),
    ("fd-find", &["fd-find"]),
    ("fonts-dejavu-core", &["dejavu-sans-fonts"]),
    ("fonts-liberation", &["liberation-fonts"]),
    ("fuse", &["fuse"]),
    ("g++", &["gcc-c++"]),
    ("gettext-base", &["gettext"]),
    ("gnupg", &["gnupg2"]),
    ("gnupg-agent", &["gnupg2"]),
    ("gnupg1", &["gnupg2"]),
    ("golang-go", &["golang"]),
    ("gpg", &["gnupg2"]),
    ("gpg-agent", &["gnupg2"]),
    ("imagemagick", &["ImageMagick"]),
    ("inetutils-ping", &["iputils"]),
    ("iproute2", &["iproute"]),
    ("iptables-persistent", &["iptables-services"]),
    ("iputils-ping", &["iputils"]),
    ("libapr1-dev", &["apr-devel"]),
    ("libasound2-dev", &["alsa-lib-devel"]),
    ("libblas-dev", &["blas-devel"]),
    ("libbz2-dev", &["bzip2-devel"]),
    ("libc6", &["glibc"]),
    ("libc6-dev", &["glibc-devel"]),
    ("libcap2-bin", &["libcap"]),
    ("libcurl4", &["libcurl"]),
    ("libcurl4-gnutls-dev", &["libcurl-devel", "pkgconfig(libcurl)"]),
    ("libcurl4-openssl-dev", &["libcurl-devel", "pkgconfig(libcurl)"]),
    ("libdb-dev", &["libdb-devel"]),
    ("libdbus-1-dev", &["dbus-devel", "pkgconfig(dbus-1)"]),
    ("libegl1", &["libglvnd-egl"]),
    ("libelf-dev", &["elfutils-libelf-devel", "pkgconfig(libelf)"]),
    ("libevent-dev", &["libevent-devel"]),
    ("libexpat1-dev", &["expat-devel", "pkgconfig(expat)"]),
    ("libffi-dev", &["libffi-devel", "pkgconfig(libffi)"]),
    ("libfontconfig1", &["fontconfig"]),
    ("libfreetype6", &["freetype"]),
    ("libfreetype6-dev", &["freetype-devel", "pkgconfig(freetype2)"]),
    ("libfuse-dev", &["fuse-devel", "pkgconfig(fuse)"]),
    ("libfuse2", &["fuse-libs"]),
    ("libfuse3-dev", &["fuse3-devel", "pkgconfig(fuse3)"]),
    ("libgcc-s1", &["libgcc"]),
    ("libgcrypt20-dev", &["libgcrypt-devel"]),
    ("libgdbm-dev", &["gdbm-devel"]),
    ("libgl1", &["libglvnd-glx"]),
    ("libgl1-mesa-dev", &["mesa-libGL-devel", "pkgconfig(gl)"]),
    ("libgl1-mesa-glx", &["mesa-libGL", "libglvnd-glx"]),
    ("libglib2.0-0", &["glib2"]),
    ("libglib2.0-dev", &["glib2-devel", "pkgconfig(glib-2.0)"]),
    ("libgmp-dev", &["gmp-devel"]),
    ("libgnutls28-dev", &["gnutls-devel", "pkgconfig(gnutls)"]),
    ("libgomp1", &["libgomp"]),
    ("libgtk-3-0", &["gtk3"]),
    ("libgtk-3-dev", &["gtk3-devel", "pkgconfig(gtk+-3.0)"]),
    ("libicu-dev", &["libicu-devel", "pkgconfig(icu-uc)"]),
    ("libjpeg-dev", &["libjpeg-turbo-devel", "pkgconfig(libjpeg)"]),
    ("libjpeg62-turbo-dev", &["libjpeg-turbo-devel", "pkgconfig(libjpeg)"]),
    ("libkrb5-dev", &["krb5-devel"]),
    ("libldap2-dev", &["openldap-devel"]),
    ("libltdl-dev", &["libtool-ltdl-devel"]),
    ("liblz4-dev", &["lz4-devel", "pkgconfig(liblz4)"]),
    ("liblz4-tool", &["lz4"]),
    ("liblzma-dev", &["xz-devel", "pkgconfig(liblzma)"]),
    ("libmagic1", &["file-libs"]),
    ("libmagickwand-dev", &["ImageMagick-devel"]),
    ("libmariadb-dev", &["mariadb-connector-c-devel"]),
    ("libmysqlclient-dev", &["mysql-devel", "mariadb-connector-c-devel"]),
    ("libncurses-dev", &["ncurses-devel", "pkgconfig(ncurses)"]),
    ("libncurses5-dev", &["ncurses-devel", "pkgconfig(ncurses)"]),
    ("libncursesw5-dev", &["ncurses-devel", "pkgconfig(ncursesw)"]),
    ("libnss3", &["nss"]),
    ("libnss3-dev", &["nss-devel"]),
    ("libnuma-dev", &["numactl-devel", "pkgconfig(numa)"]),
    ("libonig-dev", &["oniguruma-devel"]),
    ("libpam0g-dev", &["pam-devel"]),
    ("libpcap-dev", &["libpcap-devel"]),
    ("libpcre2-dev", &["pcre2-devel", "pkgconfig(libpcre2-8)"]),
    ("libpcre3-dev", &["pcre-devel", "pkgconfig(libpcre)"]),
    ("libpng-dev", &["libpng-devel", "pkgconfig(libpng)"]),
    ("libpq-dev", &["libpq-devel", "postgresql-devel", "pkgconfig(libpq)"]),
    ("libpq5", &["libpq"]),
    ("libprotobuf-dev", &["protobuf-devel"]),
    ("libpython3-dev", &["python3-devel"]),
    ("libreadline-dev", &["readline-devel", "pkgconfig(readline)"]),
    ("libsasl2-dev", &["cyrus-sasl-devel"]),
    ("libseccomp-dev", &["libseccomp-devel", "pkgconfig(libseccomp)"]),
    ("libselinux1-dev", &["libselinux-devel"]),
    ("libsm6", &["libSM"]),
    ("libsnappy-dev", &["snappy-devel"]),
    ("libsodium-dev", &["libsodium-devel", "pkgconfig(libsodium)"]),
    ("libsqlite3-dev", &["sqlite-devel", "pkgconfig(sqlite3)"]),
    ("libssh2-1-dev", &["libssh2-devel"]),
    ("libssl-dev", &["openssl-devel", "pkgconfig(openssl)"]),
    ("libssl1.1", &["openssl1.1"]),
    ("libssl3", &["openssl-libs"]),
    ("libstdc++6", &["libstdc++"]),
    ("libsystemd-dev", &["systemd-devel", "pkgconfig(libsystemd)"]),
    ("libtinfo5", &["ncurses-compat-libs"]),
    ("libtinfo6", &["ncurses-libs"]),
    ("libudev-dev", &["systemd-devel", "pkgconfig(libudev)"]),
    ("libusb-1.0-0-dev", &["libusb1-devel", "pkgconfig(libusb-1.0)"]),
    ("libuuid1", &["libuuid"]),
    ("libvirt-daemon-system", &["libvirt-daemon-kvm"]),
    ("libwebp-dev", &["libwebp-devel"]),
    ("libx11-6", &["libX11"]),
    ("libx11-dev", &["libX11-devel", "pkgconfig(x11)"]),
    ("libxext6", &["libXext"]),
    ("libxml2", &["libxml2"]),
    ("libxml2-dev", &["libxml2-devel", "pkgconfig(libxml-2.0)"]),
    ("libxml2-utils", &["libxml2"]),
    ("libxmlsec1-dev", &["xmlsec1-devel"]),
    ("libxrender1", &["libXrender"]),
    ("libxslt1-dev", &["libxslt-devel", "pkgconfig(libxslt)"]),
    ("libyaml-dev", &["libyaml-devel", "pkgconfig(yaml-0.1)"]),
    ("libzip-dev", &["libzip-devel", "pkgconfig(libzip)"]),
    ("libzmq3-dev", &["zeromq-devel", "pkgconfig(libzmq)"]),
    ("libzstd-dev", &["libzstd-devel", "pkgconfig(libzstd)"]),
    ("linux-headers-generic", &["kernel-devel"]),
    ("linux-image-generic", &["kernel"]),
    ("linux-libc-dev", &["kernel-headers"]),
    ("linux-perf", &["perf"]),
    ("linux-tools-generic", &["perf"]),
    ("locales", &["glibc-langpack-en", "glibc-locale-source"]),
    ("lsb-release", &["lsb_release"]),
    ("mariadb-client", &["mariadb"]),
    ("mysql-client", &["mysql", "mariadb"]),
    ("mysql-server", &["mysql-server", "mariadb-server"]),
    ("netbase", &["setup"]),
    ("netcat", &["nmap-ncat", "netcat"]),
    ("netcat-openbsd", &["nmap-ncat", "netcat"]),
    ("netcat-traditional", &["nmap-ncat", "netcat"]),
    ("network-manager", &["NetworkManager"]),
    ("nfs-common", &["nfs-utils"]),
    ("nfs-kernel-server", &["nfs-utils"]),
    ("ninja-build", &["ninja-build"]),
    ("openssh-client", &["openssh-clients"]),
    ("p7zip-full", &["p7zip", "p7zip-plugins"]),
    ("php-cli", &["php-cli"]),
    ("pkg-config", &["pkgconf-pkg-config"]),
    ("pkgconf", &["pkgconf-pkg-config"]),
    ("postgresql-client", &["postgresql"]),
    ("procps", &["procps-ng"]),
    ("protobuf-compiler", &["protobuf-compiler"]),
    ("python-is-python3", &["python-unversioned-command"]),
    ("python3-dev", &["python3-devel"]),
    ("python3-distutils", &["python3-setuptools"]),
    ("python3-opencv", &["python3-opencv"]),
    ("python3-venv", &["python3"]),
    ("python3-yaml", &["python3-pyyaml"]),
    ("qemu-kvm", &["qemu-kvm"]),
    ("qemu-utils", &["qemu-img"]),
    ("redis-server", &["redis", "valkey"]),
    ("redis-tools", &["redis", "valkey"]),
    ("ruby-dev", &["ruby-devel"]),
    ("rustc", &["rust"]),
    ("shellcheck", &["ShellCheck"]),
    ("silversearcher-ag", &["the_silver_searcher"]),
    ("software-properties-common", &[]),
    ("sqlite3", &["sqlite"]),
    ("ssh", &["openssh-clients", "openssh-server"]),
    ("uuid-dev", &["libuuid-devel", "pkgconfig(uuid)"]),
    ("uuid-runtime", &["util-linux"]),
    ("vim", &["vim-enhanced"]),
    ("vim-nox", &["vim-enhanced"]),
    ("vim-tiny", &["vim-minimal"]),
    ("xauth", &["xorg-x11-xauth"]),
    ("xvfb", &["xorg-x11-server-Xvfb"]),
    ("xz-utils", &["xz"]),
    ("zlib1g", &["zlib"]),
    ("zlib1g-dev", &["zlib-devel", "pkgconfig(zlib)"]),
];

/// Names of packages and capabilities under which an RPM distribution may have a package of Debian's, the likeliest
/// first; a package that is several there has all of them. The name itself is the last one, since most are the same.
/// Empty for what has no meaning outside of Debian.
pub fn candidates(name: &str) -> Vec<String> {
    if let Ok(at) = KNOWN.binary_search_by(|(known, _)| known.cmp(&name)) {
        return KNOWN[at].1.iter().map(|name| (*name).to_owned()).collect();
    }
    let mut found = Vec::new();
    let mut add = |name: String| {
        if !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
    };
    if let Some(rest) = name.strip_prefix("openjdk-") {
        // openjdk-17-jdk-headless
        let (version, kind) = rest.split_once('-').unwrap_or((rest, "jdk"));
        let suffix = match kind {
            "jdk" | "jdk-headless" => "-devel",
            "jre-headless" => "-headless",
            _ => "",
        };
        add(format!("java-{version}-openjdk{suffix}"));
        return found;
    }
    if let Some(stem) = name.strip_suffix("-dev") {
        if let Some(python) = stem.strip_prefix("python3.") {
            add(format!("python3.{python}-devel"));
        }
        let bare = stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-');
        add(format!("{stem}-devel"));
        add(format!("{bare}-devel"));
        for stem in [stem, bare] {
            if let Some(library) = stem.strip_prefix("lib") {
                add(format!("{library}-devel"));
                add(format!("pkgconfig({stem})"));
                add(format!("pkgconfig({library})"));
            }
        }
        return found;
    }
    if let Some(stem) = name.strip_suffix("-dbg").or(name.strip_suffix("-dbgsym")) {
        add(format!("{stem}-debuginfo"));
    }
    if let Some(stem) = name.strip_suffix("-doc") {
        add(format!("{stem}-doc"));
        add(format!("{stem}-docs"));
    }
    // libjson-perl, libapache2-mod-php
    if let Some(module) = name.strip_prefix("lib").and_then(|rest| rest.strip_suffix("-perl")) {
        let words: Vec<String> = module.split('-').map(capital).collect();
        add(format!("perl-{}", words.join("-")));
        add(format!("perl({})", words.join("::")));
        add(format!("perl({})", module.to_ascii_uppercase().replace('-', "::")));
        return found;
    }
    if let Some(module) = name.strip_prefix("libapache2-mod-") {
        add(format!("mod_{}", module.replace('-', "_")));
    }
    if let Some(module) = name.strip_prefix("python3-") {
        add(format!("python3-{module}"));
        add(format!("python3dist({})", module.replace('_', "-")));
        return found;
    }
    if let Some(rest) = name.strip_prefix("linux-headers-") {
        // Of a flavour or a release: its own name says nothing here.
        let _ = rest;
        add("kernel-devel".to_owned());
        return found;
    }
    if name.starts_with("fonts-") {
        add(format!("{}-fonts", &name["fonts-".len()..]));
    }
    // libfoo2, libfoo-1.0-0: the library without the number of its soname.
    if name.starts_with("lib") {
        let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
        if bare.len() > 3 && bare != name {
            add(name.to_owned());
            add(bare.to_owned());
            add(format!("{bare}-libs"));
            add(bare["lib".len()..].to_owned());
            add(format!("{}-libs", &bare["lib".len()..]));
            return found;
        }
    }
    add(name.to_owned());
    found
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_for_its_search() {
        for pair in KNOWN.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} stands before {}", pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn what_is_known_is_named() {
        assert_eq!(candidates("build-essential"), ["gcc", "gcc-c++", "make"]);
        assert_eq!(candidates("libssl-dev"), ["openssl-devel", "pkgconfig(openssl)"]);
        assert_eq!(candidates("netcat-openbsd")[0], "nmap-ncat");
        assert!(candidates("apt-transport-https").is_empty());
    }

    #[test]
    fn rules_give_what_may_be() {
        assert_eq!(candidates("curl"), ["curl"]);
        assert_eq!(candidates("openjdk-17-jre-headless"), ["java-17-openjdk-headless"]);
        assert_eq!(candidates("libfoo2-dev")[..3], ["libfoo2-devel", "libfoo-devel", "foo2-devel"]);
        assert_eq!(candidates("libjson-perl")[..2], ["perl-Json", "perl(Json)"]);
        assert_eq!(candidates("python3-requests"), ["python3-requests", "python3dist(requests)"]);
        assert_eq!(candidates("libaio1"), ["libaio1", "libaio", "libaio-libs", "aio", "aio-libs"]);
        for odd in ["", "lib", "-dev", "lib-dev", "-", "python3-", "openjdk-"] {
            assert!(candidates(odd).iter().all(|name| !name.is_empty()), "{odd}");
        }
    }
}
