#!/bin/bash
# Installs the agent, after what vendors publish.
set -e
. /etc/os-release

SUDO=""
if [ "$(id -u)" -ne 0 ]; then
    SUDO=sudo
fi

case "$ID" in
    debian|ubuntu)
        $SUDO apt-get update
        $SUDO apt-get install -y curl gnupg
        ;;
    fedora|rhel|centos)
        $SUDO dnf install -y curl gnupg2 policycoreutils-python-utils
        ;;
    *)
        echo "unsupported: $ID" >&2
        exit 1
        ;;
esac

if [[ "$ID_LIKE" == *rhel* || "$ID_LIKE" == *fedora* ]]; then
    $SUDO dnf install -y epel-release
fi
if grep -qi '^ID=fedora' /etc/os-release; then
    echo Fedora
else
    echo other
fi
command -v jq >/dev/null || $SUDO dnf install -y jq
which python3
curl -fsSL https://example.org/agent -o /usr/local/bin/agent
chmod 755 /usr/local/bin/agent
agent --register
$SUDO systemctl enable --now agent.service
/usr/sbin/ldconfig
