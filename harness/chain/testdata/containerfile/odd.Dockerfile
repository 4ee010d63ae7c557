# escape=`
FROM scratch
RUN dnf install -y a `
    b
RUN $(curl -fsSL https://example.org/install.sh)
RUN curl -fsSL https://example.org/install.sh | bash
RUN dnf install -y kernel-devel-$(uname -r) gcc
RUN apk add --no-cache curl
RUN ["dnf", "install", "-y", "podman"]
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN python3 <<PY
import os
os.system("dnf install x")
PY
ONBUILD RUN microdnf install tar
FETCH something
RUN dnf install -y "unclosed
