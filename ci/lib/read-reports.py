"""read-reports.py DIR PROGRAMS: whether programs that are not ours read the reports of each run in DIR as run.json has them.

PROGRAMS holds node_modules, as ci/report-readers installs them. The schema of Jenkins' xunit plugin (MIT) is a copy.
"""

import collections
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
import junitparser
from lxml import etree
from tap.parser import Parser

# Of npm's ctrf 0.3.0. The specification has version 0.0.0, so the file is what counts.
CTRF_SCHEMA = "742dee4cffda469902a9c30c4a87b0b7000d59d2ee502dcccb12ec471cea96a2"
GREEN = {"pass": "passed", "flaky": "passed"}
KINDS = {**GREEN, "fail": "failed", "error": "failed", "skip": "skipped", "known": "skipped", "not-run": "skipped"}

runs, programs = (pathlib.Path(argument) for argument in sys.argv[1:3])
wrong = []


def check(run, what, ours, theirs):
    if ours != theirs:
        wrong.append(f"{run.name}: {what}: run.json has {dict(ours)}, and it reads {dict(theirs)}")


def node(script, *arguments):
    """What a script says as JSON, run where its packages are."""
    done = subprocess.run(["node", "--input-type=module", "-", *map(str, arguments)], input=script, cwd=programs,
                          capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(f"node: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def kinds_of_cases(cases):
    counts = collections.Counter()
    for case in cases:
        results = {type(result) for result in case.result}
        red = results & {junitparser.Failure, junitparser.Error}
        counts["failed" if red else "skipped" if junitparser.Skipped in results else "passed"] += 1
    return counts


def junit(run, ours, name):
    path = run / name
    suites = junitparser.JUnitXml.fromfile(str(path))
    check(run, f"junitparser, {name}", ours, kinds_of_cases(case for suite in suites for case in suite))
    names = [(case.classname, case.name) for suite in suites for case in suite]
    if len(names) != len(set(names)):
        wrong.append(f"{run.name}: {name}: two cases have one name")
    tree = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    for attribute, kinds in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        for suite in tree.iterfind(".//testsuite"):
            found = len(suite.findall("testcase") if kinds is None else suite.findall(f"testcase/{kinds}"))
            if int(suite.get(attribute, 0)) != found:
                wrong.append(f"{run.name}: {name}: {suite.get('name')}: {attribute} is {suite.get(attribute)}, not {found}")
    with tempfile.TemporaryDirectory() as temporary:
        page = pathlib.Path(temporary) / "page.html"
        subprocess.run([sys.executable, "-m", "junit2htmlreport", str(path), str(page)], check=True, capture_output=True, timeout=300)
        if not page.stat().st_size:
            wrong.append(f"{run.name}: {name}: junit2html writes nothing")


def junit_by_node(run, ours):
    path = run / "junit.xml"
    theirs = node("""
        import { parse } from 'junit2json';
        import { readFileSync } from 'node:fs';
        const counts = {};
        const add = (kind) => { counts[kind] = (counts[kind] ?? 0) + 1; };
        const read = await parse(readFileSync(process.argv[2], 'utf8'));
        for (const suite of read.testsuite ?? []) for (const test of suite.testcase ?? [])
          add(test.failure || test.error ? 'failed' : test.skipped ? 'skipped' : 'passed');
        console.log(JSON.stringify(counts));
    """, path)
    check(run, "junit2json", ours, collections.Counter(theirs))
    theirs = node("""
        import parser from 'test-results-parser';
        const read = parser.parse({ type: 'junit', files: [process.argv[2]] });
        console.log(JSON.stringify({ passed: read.passed, failed: read.failed + read.errors, skipped: read.skipped }));
    """, path)
    check(run, "test-results-parser", ours, +collections.Counter(theirs))
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary)
        subprocess.run([programs / "node_modules/.bin/junit-to-ctrf", str(path.resolve()), "-o", str(out / "ctrf.json")], check=True,
                       capture_output=True, timeout=300, cwd=programs)
        summary = json.loads((out / "ctrf.json").read_text())["results"]["summary"]
        theirs = collections.Counter({kind: summary[kind] for kind in ("passed", "failed", "skipped")})
        check(run, "junit-to-ctrf", ours, +theirs)
        subprocess.run([programs / "node_modules/.bin/xunit-viewer", "-r", str(path.resolve()), "-o", str(out / "page.html")],
                       check=True, capture_output=True, timeout=300, cwd=programs)
        if "<html" not in (out / "page.html").read_text().lower():
            wrong.append(f"{run.name}: xunit-viewer writes no page")


def ctrf(run, ours, record):
    report = json.loads((run / "ctrf-report.json").read_text())
    for error in jsonschema.Draft7Validator(schema).iter_errors(report):
        wrong.append(f"{run.name}: ctrf: {error.json_path}: {error.message[:200]}")
    summary = report["results"]["summary"]
    theirs = collections.Counter(passed=summary["passed"], failed=summary["failed"], skipped=summary["skipped"] + summary["pending"])
    check(run, "ctrf", ours, +theirs)
    by_state = collections.Counter(test["status"] for test in report["results"]["tests"])
    check(run, "ctrf's own summary", by_state, +collections.Counter({state: summary[state] for state in
                                                                    ("passed", "failed", "skipped", "pending", "other")}))


def tap(run, ours):
    lines = list(Parser().parse_file(str(run / "results.tap")))
    points = [line for line in lines if line.category == "test"]
    theirs = collections.Counter("skipped" if line.skip or line.todo else "passed" if line.ok else "failed" for line in points)
    # What did not run is red here, and a skip in JUnit.
    red = ours["failed"] + sum(test["outcome"] == "not-run" for test in record["tests"])
    expected = collections.Counter(passed=ours["passed"], failed=red, skipped=sum(ours.values()) - ours["passed"] - red)
    check(run, "tap.py", +expected, theirs)
    by_node = node("""
        import { Parser } from 'tap-parser';
        import { readFileSync } from 'node:fs';
        const parser = new Parser();
        let results;
        parser.on('complete', (all) => { results = all; });
        parser.end(readFileSync(process.argv[2]));
        const { count, pass, fail, skip, todo } = results;
        console.log(JSON.stringify({ count, pass, fail, skip, todo, broken: results.failures.filter((one) => one.tapError).length }));
    """, run / "results.tap")
    if by_node["broken"] or by_node["count"] != len(points):
        wrong.append(f"{run.name}: tap-parser: {by_node}, of {len(points)} tests")


raw = (programs / "node_modules/ctrf/src/ctrf-schema-0.0.json").read_bytes()
assert hashlib.sha256(raw).hexdigest() == CTRF_SCHEMA, "npm's ctrf has another schema"
schema = json.loads(raw)
strict = etree.XMLSchema(etree.parse("harness/report/testdata/junit-10.xsd"))

seen = 0
for run in sorted(path for path in runs.iterdir() if path.is_dir()):
    record = json.loads((run / "run.json").read_text())
    ours = collections.Counter(KINDS[test["outcome"]] for test in record["tests"])
    # A run that is no pass although no test says why has one more case.
    cases = sum(1 for _ in etree.parse(str(run / "junit.xml")).iter("testcase"))
    ours["failed"] += cases - len(record["tests"])
    ours = +ours
    for name in ("junit.xml", "junit-strict.xml"):
        junit(run, ours, name)
    junit_by_node(run, ours)
    if not strict.validate(etree.parse(str(run / "junit-strict.xml"))):
        wrong.append(f"{run.name}: junit-strict.xml: {strict.error_log.last_error}")
    ctrf(run, ours, record)
    tap(run, ours)
    size = (run / "summary.md").stat().st_size
    if size > 1000 << 10:
        wrong.append(f"{run.name}: summary.md has {size} bytes")
    json.loads((run / "results.sarif").read_text())
    print(f"{run.name}: {sum(ours.values())} tests: {dict(sorted(ours.items()))}")
    seen += 1

print("\n".join(wrong))
sys.exit(1 if wrong or not seen else 0)
