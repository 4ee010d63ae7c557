#!/usr/bin/env python3
"""bench-port.py MUSTER DIR: five thousand needs answered from two repositories of 70,000 packages, without a machine.

The metadata is made by generate-repodata.py, the same on every host. The same names are then looked up by `dnf repoquery`, where this
host has dnf. Exits 1 when muster takes more time or memory than the budget, or answers wrongly.
"""

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

REPOSITORIES = 2
PACKAGES = 70_000
NEEDS = 5_000
ABSENT = 50
SECONDS = 5.0
MEGABYTES = 500
# Seconds that dnf may take.
PATIENCE = 120


def repository(place, seed):
    """The names of its packages."""
    subprocess.run([sys.executable, pathlib.Path(__file__).with_name("generate-repodata.py"), place, str(PACKAGES), str(seed)], check=True)
    primary = next((place / "repodata").glob("*primary.xml.zst"))
    # Line by line: a process begins with the peak memory of the one that started it.
    with subprocess.Popen(["zstd", "-dcq", primary], stdout=subprocess.PIPE, text=True) as unpacked:
        names = {found[1] for found in map(re.compile(r"<name>([^<]+)</name>").search, unpacked.stdout) if found}
    if unpacked.returncode != 0:
        sys.exit(f"{primary} cannot be unpacked")
    return names


def measured(command, stdout):
    """Seconds and peak MiB of the process, as the kernel counted them; the peak is at least this program's own."""
    begun = time.perf_counter()
    with open(stdout, "wb") as out:
        process = subprocess.Popen(["/usr/bin/env", "MUSTER_CONFIG=", *command], stdout=out, stderr=subprocess.PIPE)
        said = process.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - begun, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status), said


def main():
    muster, place = sys.argv[1], pathlib.Path(sys.argv[2])
    repositories = [place / f"repository-{at}" for at in range(REPOSITORIES)]
    known = set().union(*(repository(path, seed) for seed, path in enumerate(repositories, 1)))
    names = random.Random(7).sample(sorted(known), NEEDS - ABSENT)
    absent = [f"Nothing-Of-This-Name-{at}" for at in range(ABSENT)]
    chain = place / "chain.list"
    chain.write_text("\n".join(names + absent) + "\n")
    on = [word for path in repositories for word in ("--on", str(path))]
    seconds, mib, status, said = measured(
        [muster, "port", str(chain), "--offline", *on, "--format", "json"], place / "port.json"
    )
    if status != 1:
        sys.exit(f"muster ended with {status}: {said}")
    found = json.loads((place / "port.json").read_text())
    answers = [need["answer"] for need in found["chains"][0]["needs"]]
    if (answers.count("exact"), answers.count("absent")) != (NEEDS - ABSENT, ABSENT):
        sys.exit(f"wrong answers: {({answer: answers.count(answer) for answer in set(answers)})}")
    print(f"{NEEDS} needs, {REPOSITORIES} x {PACKAGES} packages: {seconds:.1f} s, {mib:.0f} MiB", flush=True)
    dnf = shutil.which("dnf5") or shutil.which("dnf")
    if dnf:
        options = [word for at, path in enumerate(repositories) for word in (f"--repofrompath=r{at},{path.absolute()}",)]
        cache = place / "cache"
        common = [dnf, "-q", f"--setopt=cachedir={cache}", "--repo", ",".join(f"r{at}" for at in range(REPOSITORIES))]
        query = [*common, *options, "repoquery", "--latest-limit=1", "--qf", "%{name}\\n", *names, *absent]
        for what in ("with an empty cache", "again"):
            theirs, their_mib, status, said = measured(["timeout", str(PATIENCE), *query], place / "dnf.txt")
            ended = f"ended after {PATIENCE} s" if status == 124 else f"{theirs:.1f} s, {their_mib:.0f} MiB, status {status}"
            print(f"dnf repoquery of the names alone, {what}: {ended}", flush=True)
    else:
        print("dnf repoquery: this host has no dnf")
    sys.exit(seconds > SECONDS or mib > MEGABYTES)


if __name__ == "__main__":
    main()
