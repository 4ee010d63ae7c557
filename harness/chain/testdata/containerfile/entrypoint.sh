#!/usr/bin/env bash
set -euo pipefail

if ! command -v envsubst >/dev/null 2>&1; then
    echo "gettext is missing" >&2
    exit 1
fi
envsubst < /etc/nginx/nginx.conf.in > /etc/nginx/nginx.conf
exec "$@"
