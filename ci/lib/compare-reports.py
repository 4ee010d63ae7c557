"""Reads junit.xml with a library that is not ours and holds its counts against run.json."""

import collections
import json
import pathlib
import sys

import junitparser

directory = pathlib.Path(sys.argv[1])
record = json.loads((directory / "run.json").read_text())
ours = collections.Counter(test["outcome"] for test in record["tests"])

theirs = collections.Counter()
for suite in junitparser.JUnitXml.fromfile(str(directory / "junit.xml")):
    for case in suite:
        kinds = {type(result) for result in case.result}
        if junitparser.Failure in kinds:
            theirs["fail"] += 1
        elif junitparser.Error in kinds:
            theirs["error"] += 1
        elif junitparser.Skipped in kinds:
            theirs["skip"] += 1
        else:
            theirs["pass"] += 1

# JUnit has no words for these three.
ours["skip"] += ours.pop("known", 0) + ours.pop("not-run", 0)
ours["pass"] += ours.pop("flaky", 0)

print(f"run.json:  {dict(sorted(ours.items()))}")
print(f"junit.xml: {dict(sorted(theirs.items()))}")
if +ours != +theirs:
    sys.exit("the two reports disagree")
if sum(ours.values()) < 80:
    sys.exit("fewer than 80 tests were reported")
