#!/usr/bin/env python3
"""Writes the licences of everything that is built into muster, as text: third-party-licences.py METADATA SOURCE

METADATA is what `cargo metadata --filter-platform TARGET` printed. A crate is built in when the program is reached from it by
dependencies that are neither for tests nor for a build. Each text is printed once, with the crates that it is for; sources in
other languages that a crate brings (libssh2, the assembler of ring) lie in the crate and have their own.

Ends with 1 when a crate has no licence text, and none is known for it here: what cannot be shown must not be shipped.
"""

import json
import os
import pathlib
import re
import sys

# Crates that name a licence by its SPDX id and have no text in what the registry has of them. Of those that offer a choice, the
# text of muster's own LICENSE-MIT serves with the authors of the crate, as the licence asks for its notice to be kept.
TEXT = re.compile(r"^(licen[sc]e|copying|copyright|notice|unlicense)", re.I)
# Where a crate keeps what it brings of others, and how deep their licences lie.
DEPTH = 3


def built_in(metadata, program):
    """Ids of the packages that the program is made of."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    start = next(key for key, package in packages.items() if package["name"] == program)
    seen, queue = {start}, [start]
    while queue:
        for dependency in nodes[queue.pop()]["deps"]:
            # `null` is a dependency of the program itself; the others are `dev` and `build`.
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]) and dependency["pkg"] not in seen:
                if not is_macro(packages[dependency["pkg"]]):
                    seen.add(dependency["pkg"])
                    queue.append(dependency["pkg"])
    return [packages[key] for key in seen]


def is_macro(package):
    """Whether it runs in the compiler, so that nothing of it is in the program but what it writes."""
    return any("proc-macro" in target["kind"] for target in package["targets"])


def texts(directory):
    """The licence files below a directory, as (path, text)."""
    found = []
    for here, below, files in os.walk(directory):
        place = pathlib.Path(here).relative_to(directory)
        below[:] = sorted(name for name in below if len(place.parts) + 1 < DEPTH and not name.startswith("."))
        for name in sorted(files):
            path = pathlib.Path(here, name)
            if TEXT.match(name) and path.suffix not in {".rs", ".html", ".tmpl"} and path.stat().st_size < 1 << 20:
                found.append((str(place / name), path.read_text(encoding="utf-8", errors="replace").strip()))
    return found


def main():
    metadata_file, source = sys.argv[1:]
    metadata = json.loads(pathlib.Path(metadata_file).read_text())
    own = pathlib.Path(source).resolve()
    crates = [package for package in built_in(metadata, "muster") if package["source"] is not None]
    crates.sort(key=lambda package: (package["name"], package["version"]))
    by_text, without = {}, []
    for package in crates:
        directory = pathlib.Path(package["manifest_path"]).parent
        found = texts(directory)
        if not found:
            without.append(package)
        for path, text in found:
            label = f"{package['name']} {package['version']}" + ("" if "/" not in path else f" ({path})")
            # The same words with other line breaks are the same text.
            by_text.setdefault(" ".join(text.split()), (text, []))[1].append(label)
    nothing = [package for package in without if "MIT" not in (package["license"] or "")]
    if nothing:
        names = ", ".join(f"{package['name']} ({package['license']})" for package in nothing)
        sys.exit(f"third-party-licences: no licence text in {names}\n  next: add the text of its repository, or leave the crate")

    out = ["What is built into muster, and under which licence", ""]
    out += [f"  {package['name']} {package['version']}: {package['license'] or 'see its text'}" for package in crates]
    if without:
        mit = (own / "LICENSE-MIT").read_text().split("\n\n", 2)[2].strip()
        out += ["", "=" * 100, "These state the MIT licence, or offer it, and bring no text of it:", ""]
        for package in without:
            authors = ", ".join(package["authors"]) or f"the {package['name']} contributors"
            out.append(f"  {package['name']} {package['version']}: Copyright (c) {authors}")
        out += ["", mit]
    for text, labels in sorted(by_text.values(), key=lambda entry: entry[1]):
        out += ["", "=" * 100, *(f"  {label}" for label in labels), "", text]
    print("\n".join(out))


main()
