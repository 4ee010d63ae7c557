# Where this host gets Debian from, read from its own apt configuration, so that no mirror is named in this repository.
# shellcheck shell=bash

# debian_mirror: prints the archive's base address, or nothing when this host is not set up for Debian (Ubuntu, Fedora).
debian_mirror() {
  command -v apt-get >/dev/null || return 0
  local id codename
  # shellcheck disable=SC1091
  id=$(. /etc/os-release && printf '%s' "${ID:-}")
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  [ "$id" = debian ] || return 0
  # The entry for the plain release is the archive itself; the ones for -updates and -security may live elsewhere.
  # shellcheck disable=SC2016  # apt fills these in, not the shell
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$codename" '$2 == release && $3 == "main" { print $1; exit }'
}

# debian_keyring: prints the keyring that signs the Debian archive.
debian_keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
    if [ -r "$file" ]; then printf '%s\n' "$file"; return; fi
  done
}
