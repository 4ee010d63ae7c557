"""Whole runs against each other, from what their run.json says. Arguments: the muster binary, a scratch directory.

- 40 tests that change their guest, isolated by clones, against the same suite booting for each. Four of the
  latter are measured and the rest extrapolated, which is said.
- the time of a run that is spent neither in boots nor in waiting for guests.
- all tests of a tier, from a warm machine.
- in all of them: no answer of a guest that was found only by the look that ends a wait after a second.
"""
import datetime
import json
import pathlib
import statistics
import subprocess
import sys

MUTATING, MEASURED = 40, 4
FASTER, OVERHEAD = 20.0, 0.05
# Seconds, as docs/suites.md promises them for two emulated processors.
TIERS = {"tier0": 300, "tier1": 600, "tier2": 1200}


# By name of a run; each should be 0.
RESCUES = {}


def suite(count, guest):
    lines = ["schema: suite/v1", "suite: mutating", "tests:"]
    for number in range(count):
        lines += [
            f"  - id: t{number}",
            f"    guest: {guest}",
            "    steps:",
            "      - run: test ! -e /root/mark && touch /root/mark",
        ]
    return "\n".join(lines) + "\n"


def run(muster, directory, name, words):
    out = directory / name
    subprocess.run([muster, "run", "--out", str(out), "--quiet", *words], check=True, stdout=subprocess.DEVNULL)
    record = json.loads((out / "run.json").read_text())
    RESCUES[name] = sum(machine.get("rescues", 0) for machine in record["machines"])
    begun, ended = (datetime.datetime.fromisoformat(record[key]) for key in ("started", "finished"))
    return record, (ended - begun).total_seconds()


def main():
    muster, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    missed = False

    (directory / "clones.yaml").write_text(suite(MUTATING, "clone"))
    (directory / "fresh.yaml").write_text(suite(MEASURED, "fresh"))
    clones, clone_seconds = run(muster, directory, "clones", ["--suites", str(directory / "clones.yaml"), "--image", "lab"])
    _, fresh_seconds = run(muster, directory, "fresh", ["--suites", str(directory / "fresh.yaml"), "--image", "lab"])
    extrapolated = fresh_seconds / MEASURED * MUTATING
    ratio = extrapolated / clone_seconds
    ready = [machine["boot-seconds"] for machine in clones["machines"] if "forked-from" in machine]
    print(f"{MUTATING} mutating tests: {clone_seconds:.0f} s by clones ({len(ready)} of them, each ready after "
          f"{statistics.median(ready):.2f} s, median); {MEASURED} booting for each took {fresh_seconds:.0f} s, "
          f"so {MUTATING} would take {extrapolated:.0f} s (extrapolated): {ratio:.1f} x (budget {FASTER:.0f} x)")
    missed |= ratio < FASTER

    record, seconds = run(muster, directory, "whole", ["--image", "lab", "--tag", "not slow"])
    for what, record, seconds in [("shipped suites", record, seconds), ("mutating tests", clones, clone_seconds)]:
        guest = sum(machine.get("guest-seconds", 0) for machine in record["machines"])
        part = 1 - guest / seconds
        print(f"{what}: {seconds:.1f} s, {guest:.1f} s of it in boots and waiting for guests: "
              f"{part * 100:.1f} % muster's own (budget {OVERHEAD * 100:.0f} %)")
        missed |= part > OVERHEAD

    # The first of these leaves the warm machine behind that the others begin from.
    run(muster, directory, "warm", ["--image", "lab", "--warm", "--test", "base/os-release"])
    for tier, budget in TIERS.items():
        record, seconds = run(muster, directory, tier, ["--image", "lab", "--warm", "--tag", tier])
        print(f"{tier}: {len(record['tests'])} tests in {seconds:.0f} s from a warm machine (budget {budget:.0f} s)")
        missed |= seconds > budget
    late = {name: count for name, count in RESCUES.items() if count}
    print(f"answers found a second late: {late or 'none'} in {len(RESCUES)} runs (budget none)")
    sys.exit(missed or bool(late))


main()
