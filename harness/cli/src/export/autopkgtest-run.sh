#!/bin/sh
# Runs tests of muster for autopkgtest. `muster export autopkgtest` wrote this.
set -u
: "${MUSTER_IMAGE:?set MUSTER_IMAGE to an image of the catalogue or a file: autopkgtest --env MUSTER_IMAGE=lab}"
run=$AUTOPKGTEST_ARTIFACTS/run
# What is said there would be a failure.
# shellcheck disable=SC2086
"${MUSTER:-muster}" run --image "$MUSTER_IMAGE" ${MUSTER_OPTIONS:-} --out "$run" SELECTS 2>&1
status=$?
# 2: no test ran; or nothing began, and then there is no directory.
[ "$status" -eq 0 ] || { [ "$status" -eq 2 ] && [ -d "$run" ]; } || exit "$status"
# A run in which nothing was tested is skipped, and not passed. TAP says of each test what it came to.
points=$("${MUSTER:-muster}" report "$run" --format tap --stdout) || exit 3
# What is said of the machine and of the run as a whole is no test.
printf '%s\n' "$points" | grep -E '^(not )?ok ' | grep -v -e ' - machine/health ' -e ' - muster/run: ' | grep -qv ' # SKIP ' || exit 77
exit "$status"
