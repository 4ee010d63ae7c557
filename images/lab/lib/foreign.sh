# Images that other projects' tools make of Debian: nothing of the lab's own is in them but a network, so that what a suite says of
# them is what it says of a stranger's image.
# shellcheck shell=bash

# The packages that both have beyond what the tool itself takes.
FOREIGN_PACKAGES=(systemd-sysv systemd-resolved dbus udev openssh-server linux-image-cloud-amd64 libpam-systemd ca-certificates sudo zstd)

foreign_files() {
  echo lib/foreign.sh
  echo lib/debian.sh
  (cd "$LAB" && find foreign/extra -type f)
}

# foreign_manifest KERNEL FIRMWARE: what such a build says about itself; the list of firmware as it stands between brackets in JSON.
foreign_manifest() {
  cat <<J
{
  "schema": "muster-lab-image/v1",
  "variant": "$variant",
  "key": "$key",
  "built": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "kernel": "$1",
  "firmware": [$2],
  "seeds": ["systemd-credentials"],
  "verified": ["nothing: it is as the tool made it"]
}
J
}
