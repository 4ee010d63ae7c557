#!/usr/bin/env bash
# ci/lib/optional-lints.sh DIR: spelling (typos.toml), and bans, licences and sources of the dependencies (deny.toml). Their tools
# are in no distribution's packages; where one cannot be had that is said, and the rest goes on. DIR is for an environment of Python.
set -euo pipefail
cd "$(dirname "$0")/../.."

install_typos() {
  python3 -m venv "$1/typos" && "$1/typos/bin/pip" install --quiet --disable-pip-version-check 'typos==1.52.0'
}
if command -v typos >/dev/null; then
  typos
elif install_typos "$1" 2>"$1/typos.log"; then
  "$1/typos/bin/typos"
else
  printf 'typos could not be installed: spelling was not checked (%s)\n' "$(tail -n 1 "$1/typos.log")"
fi

if cargo deny --version >/dev/null 2>&1; then
  # Advisories need the network; what may change without a change of ours is no matter of this test.
  cargo deny check bans licenses sources
else
  printf 'cargo-deny is not installed: what the dependencies may be was not checked\n'
fi
