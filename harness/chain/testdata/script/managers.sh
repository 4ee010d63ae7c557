#!/bin/sh
install_packages() {
    if command -v apt-get >/dev/null 2>&1; then
        apt-get install -y "$@"
    elif command -v dnf >/dev/null 2>&1; then
        dnf install -y "$@"
    elif command -v yum >/dev/null 2>&1; then
        yum install -y "$@"
    elif command -v apk >/dev/null; then
        apk add "$@"
    else
        echo "no package manager" >&2; exit 1
    fi
}
PKGS="git make"
if [ -n "$WITH_DOCS" ]; then
    PKGS="$PKGS asciidoc"
fi
install_packages $PKGS
TOOLS=(tar unzip)
TOOLS+=(zstd)
install_packages "${TOOLS[@]}"
make -C src && make -C src install
mytool --version
