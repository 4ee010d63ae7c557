#!/usr/bin/env python3
"""bench-trials.py MUSTER DIR: a process for each test, as nextest starts them, against one process for all.

Tests of one suite that only look, on the lab image, by `muster test`: listed, each in a process of its own that begins from a saved
machine (MUSTER_WARM), and all in one process. Then one process that boots, for what the saved machine saves. Whole processes from start to end.
Exits 1 when a process of its own takes more than the budget of one that boots.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

TESTS = 10
# Of a process that boots its machine.
BUDGET = 1 / 8
SUITE = """schema: suite/v1
suite: looking
tests:
"""
TEST = """  - id: number-{number}
    expect:
      kernel: {{release: ">= 5.10"}}
      file: {{/etc/passwd: {{type: file, owner: root}}}}
"""


def main():
    muster, place = sys.argv[1], pathlib.Path(sys.argv[2])
    suite = place / "suites" / "looking.yaml"
    suite.parent.mkdir()
    suite.write_text(SUITE + "".join(TEST.format(number=number) for number in range(TESTS)))
    environment = {**os.environ, "MUSTER_IMAGE": "lab", "MUSTER_SUITES": str(suite)}

    def seconds(warm, *words):
        begun = time.perf_counter()
        done = subprocess.run(
            [muster, "test", *words], cwd=place, env={**environment, "MUSTER_WARM": warm}, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise SystemExit(f"muster test {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return time.perf_counter() - begun, done.stdout

    listed, out = seconds("false", "--list", "--format", "terse")
    names = [line.removesuffix(": test") for line in out.splitlines() if line.startswith("looking/")]
    assert len(names) == TESTS, out
    # The first saves the machine, where an earlier measurement has not.
    seconds("true", "--exact", names[0])
    each = []
    for name in names:
        took, out = seconds("true", "--exact", name, "--nocapture")
        assert "1 passed" in out, out
        each.append(took)
    one, out = seconds("true", "looking/")
    assert f"{TESTS} passed" in out, out
    booted, _ = seconds("false", "--exact", names[0])
    own, shared = statistics.median(each), one / TESTS
    print(f"list {listed * 1000:.0f} ms; a test in a process of its own {own * 1000:.0f} ms, in one process for {TESTS} {shared * 1000:.0f} ms: {own / shared:.1f} x")
    print(f"a process that boots {booted:.1f} s: one that begins from a saved machine takes 1/{booted / own:.0f} of it (budget 1/{1 / BUDGET:.0f})")
    sys.exit(own > booted * BUDGET)


main()
