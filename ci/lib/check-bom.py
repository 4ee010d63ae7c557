#!/usr/bin/env python3
"""Whether a bill of materials is valid CycloneDX, and names what is built in: check-bom.py BOM LICENCES CARGO_LOCK

Its crates must be those whose licences ship (which were found another way), each with the version that Cargo.lock pins.
"""

import json
import pathlib
import re
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main():
    bom_file, licences_file, lock_file = map(pathlib.Path, sys.argv[1:])
    text = bom_file.read_text()
    bom = json.loads(text)
    version = SchemaVersion.from_version(bom["specVersion"])
    error = JsonStrictValidator(version).validate_str(text)
    if error:
        sys.exit(f"{bom_file}: not valid CycloneDX {bom['specVersion']}: {error}")

    components = bom["components"]
    crates = {(part["name"], part["version"]) for part in components if "path+file" not in part["bom-ref"]}
    shipped = set(re.findall(r"^  ([\w-]+) (\d[^ :]*): ", licences_file.read_text().split("=" * 20)[0], re.M))
    locked = set(re.findall(r'^name = "([^"]+)"\nversion = "([^"]+)"', lock_file.read_text(), re.M))
    assert len(shipped) > 100, len(shipped)
    missing, unknown = shipped - crates, crates - locked
    assert not missing, f"built in, and not in the bill of materials: {sorted(missing)}"
    assert not unknown, f"not in Cargo.lock: {sorted(unknown)}"
    unlicensed = [part["name"] for part in components if not part.get("licenses")]
    assert not unlicensed, f"without a licence: {unlicensed}"
    references = {part["bom-ref"] for part in components} | {bom["metadata"]["component"]["bom-ref"]}
    dangling = [key for part in bom["dependencies"] for key in [part["ref"], *part.get("dependsOn", [])] if key not in references]
    assert not dangling, f"dependencies of what is not listed: {dangling}"
    assert "timestamp" not in bom["metadata"] or bom["metadata"]["timestamp"], bom["metadata"]
    for word in ("/root/", "/home/", "/tmp/"):
        assert word not in text, f"it names {word} of the host that built it"
    print(f"CycloneDX {bom['specVersion']}: {len(components)} components, {len(crates)} crates, {len(shipped)} of them built in")


main()
