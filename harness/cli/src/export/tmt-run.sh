#!/bin/sh
# Runs tests of muster for tmt, which reads results.yaml. `muster export tmt` wrote this.
set -u
image=${MUSTER_IMAGE:?set MUSTER_IMAGE to an image of the catalogue or a file: tmt run --environment MUSTER_IMAGE=lab}
run=$TMT_TEST_DATA/run
# tmt leaves no HOME to tests on this host; images are cached below it.
[ -n "${HOME:-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
export HOME
# MUSTER_OPTIONS are several arguments.
# shellcheck disable=SC2086
"${MUSTER:-muster}" run --image "$image" ${MUSTER_OPTIONS:-} --out "$run" "$@"
status=$?
# tmt's result is that of its results file alone: a run that never began must not be a pass.
if [ ! -d "$run" ]; then
  printf '[{"name": "/", "result": "error", "note": ["muster run ended with %s before it began"]}]\n' "$status" >"$TMT_TEST_DATA/results.yaml"
  exit "$status"
fi
"${MUSTER:-muster}" report "$run" --format tmt --stdout >"$TMT_TEST_DATA/results.yaml" || exit 3
exit "$status"
