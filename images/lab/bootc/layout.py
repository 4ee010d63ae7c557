"""Writes an OCI image layout into a tar: layout.py OUT LAYER.tar..., the lowest layer first."""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

CHUNK = 1 << 20


def digest_of(path):
    """SHA-256 of a file, hex."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def packed(path):
    """The layer packed by gzip, the same each time."""
    out = path + ".gz"
    with open(path, "rb") as plain, open(out, "wb") as raw, gzip.GzipFile("", "wb", 1, raw, 0) as file:
        while chunk := plain.read(CHUNK):
            file.write(chunk)
    return out


def main(out, layers):
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as archive:

        def add(name, content):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

        def blob(content, kind):
            digest = hashlib.sha256(content).hexdigest()
            add(f"blobs/sha256/{digest}", content)
            return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

        add("oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        entries, plain = [], []
        for layer in layers:
            plain.append(f"sha256:{digest_of(layer)}")
            path = packed(layer)
            digest, size = digest_of(path), os.path.getsize(path)
            member = tarfile.TarInfo(f"blobs/sha256/{digest}")
            member.size = size
            with open(path, "rb") as file:
                archive.addfile(member, file)
            kind = "application/vnd.oci.image.layer.v1.tar+gzip"
            entries.append({"mediaType": kind, "digest": f"sha256:{digest}", "size": size})
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"containers.bootc": "1"}},
            "rootfs": {"type": "layers", "diff_ids": plain},
        }
        config = blob(json.dumps(config).encode(), "config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
        manifest = blob(json.dumps({**manifest, "config": config, "layers": entries}).encode(), "manifest.v1+json")
        manifest["platform"] = {"architecture": "amd64", "os": "linux"}
        add("index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())


main(sys.argv[1], sys.argv[2:])
