#!/usr/bin/env python3
"""Compares the verdicts of a run with those that somebody has read and accepted.

usage: verdicts.py RUN.JSON ACCEPTED.TXT [--accept]

One line a test: its image and name, its outcome, and the failure ids or the reason of the skip. Neither times nor values that
change with every build are in it. --accept writes the file anew; read every changed line before.
"""

import difflib
import json
import pathlib
import sys


def line(test):
    said = sorted({failure["id"] for failure in test.get("failures", [])}) or [test.get("skipped", {}).get("message", "")]
    return f"{test['image']} {test['suite']}/{test['test']}: {test['outcome']} {'; '.join(said)}".rstrip()


def main():
    run, accepted, *rest = sys.argv[1:]
    accepted = pathlib.Path(accepted)
    record = json.loads(pathlib.Path(run).read_text())
    found = [line(test) for test in record["tests"]]
    if not found or record["interrupted"]:
        sys.exit(f"{run} has no tests, or was interrupted")
    if rest == ["--accept"]:
        accepted.write_text("\n".join(found) + "\n")
        return
    wanted = accepted.read_text().splitlines()
    difference = list(difflib.unified_diff(wanted, found, str(accepted), run, lineterm="", n=0))
    if difference:
        print("\n".join(difference))
        sys.exit(f"verdicts differ from {accepted}: read each by hand; what is true is accepted with --accept")


main()
