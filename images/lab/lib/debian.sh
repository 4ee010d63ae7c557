# Fetching from the Debian archive, through the mirror this host already uses.
# shellcheck shell=bash

DEBIAN_RELEASE=trixie

# debian_root FOLDER VARIANT PACKAGES [MMDEBSTRAP-OPTION...]: unpacks (and, unless VARIANT is extract, installs) packages.
debian_root() {
  local folder=$1 kind=$2 packages=$3 mirror keyring from=() option value
  shift 3
  mirror=$(debian_mirror)
  keyring=$(debian_keyring)
  # Without a Debian host, mmdebstrap's own default archive is used.
  [ -z "$mirror" ] || from=("deb $mirror $DEBIAN_RELEASE main")
  [ -z "$keyring" ] || set -- --keyring="$keyring" "$@"
  # The proxy is part of how the host reaches its mirror; mmdebstrap does not read it from the host by itself.
  if command -v apt-config >/dev/null; then
    for option in Acquire::http::Proxy Acquire::https::Proxy; do
      value=$(apt-config dump --format '%v%n' --no-empty "$option" 2>/dev/null | head -n1)
      [ -z "$value" ] || set -- --aptopt="$option \"$value\"" "$@"
    done
  fi
  mmdebstrap --mode=root --variant="$kind" --include="$packages" \
    --aptopt='Acquire::Languages "none"' "$@" "$DEBIAN_RELEASE" "$folder" "${from[@]}" >"$WORK/mmdebstrap.log" 2>&1 || {
    tail -n 30 "$WORK/mmdebstrap.log" >&2
    die "could not fetch $DEBIAN_RELEASE packages from the Debian archive" \
      "see the lines above; check that 'apt-get update' works and that $DEBIAN_RELEASE is on your mirror"
  }
}

# kernel_release ROOT: the one kernel in a root.
kernel_release() {
  local found=("$1"/usr/lib/modules/*)
  [ ${#found[@]} -eq 1 ] && [ -d "${found[0]}/kernel" ] || die "expected one kernel in $1/usr/lib/modules, found: ${found[*]}"
  basename "${found[0]}"
}
