# The cache of built images: names, locks, a work folder that never outlives the build.
# shellcheck shell=bash

# Raise it when something outside the listed files changes what a build gives.
RECIPE_VERSION=1

# recipe_key: 16 hexadecimal digits over every file the variant is made from. Nothing of the host goes in.
recipe_key() {
  {
    printf 'muster lab recipe %s\n' "$RECIPE_VERSION"
    # As `sha256sum <FILE` of each would print it, with one process for all: every run asks for this key.
    recipe_files | LC_ALL=C sort | (cd "$LAB" && xargs -d '\n' sha256sum --) | sed 's/^\([0-9a-f]*\)  \(.*\)$/\2 \1  -/'
  } | sha256sum | cut -c1-16
}

# is_built RESULT KEY: whether the folder holds an image of that key. A manifest that is torn, or another recipe's, is none; the image
# is then built again.
is_built() {
  local manifest=$1/manifest.json file
  [ -e "$manifest" ] || return 1
  if ! grep -q "\"key\": *\"$2\"" "$manifest" || [ "$(tail -c 8 "$manifest" | tr -d '[:space:]' | tail -c 1)" != '}' ]; then
    say "$manifest is damaged: the image is built again"
    return 1
  fi
  for file in "$1"/*; do
    if [ "$file" != "$manifest" ] && [ -s "$file" ]; then return 0; fi
  done
  say "$1 holds no image: it is built again"
  return 1
}

# lock_variant CACHE VARIANT: waits while another builder makes the same variant.
lock_variant() {
  exec 9>"$1/images/.$2.lock"
  if ! flock --nonblock 9; then
    say "another build of $2 is running, waiting for it"
    flock 9
  fi
}

# make_workdir CACHE VARIANT: sets WORK, on the same file system as the result so that publishing is one rename.
make_workdir() {
  # Left by a builder that was killed outright; the lock is held, so nobody works there.
  rm -rf --one-file-system "$1/images/.building-$2."*
  WORK=$(mktemp -d "$1/images/.building-$2.XXXXXX")
  chmod 755 "$WORK"
  mkdir "$WORK/result"
  trap remove_workdir EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

remove_workdir() {
  local status=$?
  trap - EXIT
  # What a step still runs would write into the folder while it is being removed.
  pkill -P $$ 2>/dev/null || true
  wait
  # gpg starts an agent of its own that would live on.
  [ ! -d "$WORK/key" ] || gpgconf --homedir "$WORK/key" --kill all 2>/dev/null || true
  # --one-file-system: were something still mounted in a chroot, it must not be emptied.
  rm -rf --one-file-system "$WORK" || say "could not remove $WORK: remove it by hand"
  exit "$status"
}

# publish FOLDER RESULT: the result appears whole or not at all.
publish() {
  [ -z "${MUSTER_LAB_OWNER:-}" ] || chown -R "$MUSTER_LAB_OWNER" "$1"
  chmod 644 "$1"/*
  if [ -e "$2" ]; then mv -T "$2" "$WORK/replaced"; fi
  mv -T "$1" "$2"
}
