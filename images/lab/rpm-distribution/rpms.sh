# Packages the configured root, signs the packages, makes the repositories and the rpm database, and checks them.
# shellcheck shell=bash

# extract_offered ROOT DEBS FOLDER: unpacks packages that are offered and not installed, with the root's own dpkg.
extract_offered() {
  local root=$1 debs=$2 folder=$3 deb name
  mkdir -p "$folder" "$root/tmp/debs"
  cp "$debs"/*.deb "$root/tmp/debs/"
  for deb in "$root"/tmp/debs/*.deb; do
    deb=/tmp/debs/$(basename "$deb")
    name=$(chroot "$root" dpkg-deb -f "$deb" Package)
    mkdir -p "$folder/$name/root"
    chroot "$root" dpkg-deb -f "$deb" >"$folder/$name/control"
    chroot "$root" dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder/$name/root"
    # As in the image: no manuals, no translations, no scripts for another init system. `systemctl enable` would hand
    # those to a helper that is not here.
    rm -rf "$folder/$name"/root/etc/{init.d,rc?.d}
    rm -rf "$folder/$name"/root/usr/share/{man,info,locale,lintian,doc-base}
    find "$folder/$name/root/usr/share/doc" -type f ! -name copyright -delete 2>/dev/null || true
    (cd "$folder/$name/root" && find . -mindepth 1 | sed 's/^\.//' | sort) >"$folder/$name/list"
  done
  rm -rf "$root/tmp/debs"
  # nginx comes without an enabled site and without a page; Debian's maintainer script makes both.
  if [ -d "$folder/nginx-common" ]; then
    mkdir -p "$folder/nginx-common/root/etc/nginx/sites-enabled"
    ln -sfn ../sites-available/default "$folder/nginx-common/root/etc/nginx/sites-enabled/default"
    mkdir -p "$folder/nginx-common/root/var/www/html"
    ln -sfn /usr/share/nginx/html/index.html "$folder/nginx-common/root/var/www/html/index.html"
    printf '%s\n' /etc/nginx/sites-enabled/default /var/www/html/index.html >>"$folder/nginx-common/list"
  fi
}

# make_key FOLDER: a signing key for this build alone; the private half goes with the work folder.
make_key() {
  mkdir -m 700 "$1"
  gpg --homedir "$1" --batch --quiet --passphrase '' --quick-generate-key 'muster lab (build key) <lab@example.invalid>' rsa3072 sign never
  gpg --homedir "$1" --armor --export >"$1/public.asc"
}

# build_rpms ROOT EXTRA SPECS OUT
build_rpms() {
  local buildroot=$WORK/buildroot folder
  # Hard links: nothing is copied, and nothing here changes a file.
  mkdir -p "$buildroot"
  cp -al "$1"/{etc,usr,boot,var,bin,sbin,lib,lib64,home,root,srv,opt,media,mnt} "$buildroot/"
  for folder in "$2"/*/root; do cp -a "$folder/." "$buildroot/" 2>/dev/null || merge_aliases "$folder" "$buildroot"; done
  rpmbuild -bb --quiet --noprep --define "_topdir $WORK/rpmbuild" --define "_rpmdir $4" --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
    --define "vendor muster lab" --define "packager muster lab" --define '_buildhost lab' --define '_smp_build_ncpus 2' \
    --buildroot "$buildroot" --target x86_64 "$3/lab.spec" >"$WORK/rpmbuild.log" 2>&1 || {
    grep -vE '^warning:' "$WORK/rpmbuild.log" | tail -n 30 >&2
    die "rpmbuild failed" "the lines above are its last; the spec is made by images/lab/rpm-distribution/spec.py"
  }
}

# build_isv SOURCES OUT: third-party packages, in two versions, by the host's rpmbuild; their scripts run in the guest alone.
build_isv() {
  local version
  for version in 1 2; do
    mkdir -p "$2/$version"
    rpmbuild -bb --quiet --define "_topdir $WORK/rpmbuild-isv" --define "_sourcedir $1" --define "_rpmdir $2/$version" --define "isv_version $version" \
      --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define "vendor muster lab vendor" --define '_buildhost lab' \
      "$1/isv.spec" >"$WORK/rpmbuild-isv.log" 2>&1 || {
      tail -n 30 "$WORK/rpmbuild-isv.log" >&2
      die "rpmbuild failed for version $version of the third-party packages" "see images/lab/rpm-distribution/isv"
    }
  done
}

# build_variants SOURCES OS-RELEASE OUT: what a variant of the distribution has in the place of a package of lab.
build_variants() {
  rpmbuild -bb --quiet --define "_topdir $WORK/rpmbuild-wsl" --define "_sourcedir $1" --define "os_release $2" --define "_rpmdir $3" \
    --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' --define '_buildhost lab' "$1/wsl.spec" >"$WORK/rpmbuild-wsl.log" 2>&1 || {
    tail -n 20 "$WORK/rpmbuild-wsl.log" >&2
    die "rpmbuild failed for the identity of the WSL variant" "see $1"
  }
}

# A package that still lists /lib or /bin is unpacked under /usr.
merge_aliases() { tar -c -C "$1" . | tar -x --keep-directory-symlink -C "$2"; }

# sign_rpms KEYFOLDER FOLDER…
sign_rpms() {
  local folder
  for folder in "${@:2}"; do sign_folder "$1" "$folder"; done
  gpgconf --homedir "$1" --kill gpg-agent || true
}

sign_folder() {
  GNUPGHOME=$1 rpmsign --define "_gpg_name lab@example.invalid" --define "_gpg_path $1" --define "__gpg $(command -v gpg)" --define '_gpg_digest_algo sha256' \
    --addsign "$2"/*.rpm >"$WORK/rpmsign.log" 2>&1 || { tail -n 5 "$WORK/rpmsign.log" >&2; die "the packages could not be signed"; }
}

# make_repositories ROOT SPECS RPMS ISV VARIANTS
make_repositories() {
  local name kind
  for kind in installed offered; do
    mkdir -p "$WORK/repo/$kind"
    while read -r name; do mv "$3/$name"-[0-9]*.rpm "$WORK/repo/$kind/" ; done < <(sort -r "$2/$kind")
  done
  mkdir -p "$1/srv/repo"
  mv "$WORK/repo/installed" "$1/srv/repo/base"
  mv "$WORK/repo/offered" "$1/srv/repo/extra"
  mv "$4"/1/*.rpm "$5"/*.rpm "$1/srv/repo/extra/"
  mv "$4/2" "$1/srv/repo/updates"
  for kind in base extra updates; do createrepo_c --quiet --no-database "$1/srv/repo/$kind"; done
}

# fill_database ROOT: by the guest's own rpm, which refuses when a requirement is open.
fill_database() {
  rm -rf "$1/var/lib/rpm"
  mkdir "$1/var/lib/rpm"
  chroot "$1" rpm --import /etc/pki/rpm-gpg/RPM-GPG-KEY-muster-lab
  chroot "$1" sh -c 'rpm -i --justdb --noscripts --notriggers /srv/repo/base/*.rpm' >"$WORK/justdb.log" 2>&1 || {
    tail -n 40 "$WORK/justdb.log" >&2
    die "rpm refused the set of packages" "the lines above name what is not provided"
  }
}

# check_distribution ROOT: what the finished root must hold to, checked without booting it.
check_distribution() {
  local root=$1 found
  found=$(chroot "$root" rpm -Va --nomtime 2>&1 | grep -vE "$(cut -f1 "$LAB/rpm-distribution/expected-verify" | grep -v '^#' | paste -sd'|')" || true)
  [ -z "$found" ] || { printf '%s\n' "$found" | head -n 40 >&2; die "rpm -Va reports the files above" "fix them in configure.sh, or list them with a reason in expected-verify"; }
  chroot "$root" sh -c 'rpm -qal | sort -u' >"$WORK/owned"
  found=$(find "$root/usr" -printf '/usr/%P\n' | sed 's#/$##' | LC_ALL=C sort | LC_ALL=C comm -23 - <(LC_ALL=C sort "$WORK/owned"))
  [ -z "$found" ] || { printf '%s\n' "$found" | head -n 20 >&2; die "nothing owns the paths above" "see Owners in spec.py"; }
  chroot "$root" dnf -q --setopt=cachedir=/tmp/dnf repoclosure --repo lab-base --repo lab-extra --repo lab-updates >"$WORK/closure.log" 2>&1 || {
    tail -n 20 "$WORK/closure.log" >&2
    die "the repositories do not resolve" "the lines above name what is not provided"
  }
  rm -rf "$root/tmp/dnf" "$root"/var/log/dnf* "$root"/var/log/hawkey.log "$root"/var/cache/dnf/* "$root"/var/lib/dnf/*
}
