# What ci/stats-reference and ci/otava compare the statistics with, each in a fixed version.
# shellcheck shell=bash

# Apache Otava brings the SciPy and NumPy that it names itself; SciPy is named all the same, so that a change is noticed.
readonly STATISTICS=('apache-otava==0.8.0' 'scipy==1.16.3' 'otava-test-data==0.1.9')

# statistics_venv: prints the path of a Python that has them. Made once, in the cache.
statistics_venv() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/muster-ci name
  name=statistics-$(printf '%s\n' "${STATISTICS[@]}" | sha256sum | cut -c 1-12)
  if [ ! -e "$cache/$name/complete" ]; then
    say "installing ${STATISTICS[*]} into $cache/$name"
    rm -rf "${cache:?}/$name"
    mkdir -p "$cache"
    python3 -m venv "$cache/$name" || die 'python3 makes no virtual environment' "install python3 (3.10 or newer) and its module venv"
    "$cache/$name/bin/pip" install --quiet --disable-pip-version-check "${STATISTICS[@]}" >&2 ||
      die 'the packages cannot be installed' 'see what pip says above; it needs the network'
    touch "$cache/$name/complete"
  fi
  printf '%s\n' "$cache/$name/bin/python"
}
