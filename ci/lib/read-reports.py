"""read-reports.py DIR PROGRAMS: whether programs that are not ours read the reports of each run in DIR as run.json has them.

PROGRAMS holds node_modules, as ci/report-readers installs them. The schema of Jenkins' xunit plugin (MIT) is a copy.
"""

import base64
import collections
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import uuid

import jsonschema
import junitparser
import kcidb_io
import resultsdb_api
from google.protobuf import json_format
from lxml import etree
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from sarif import loader
from tap.parser import Parser

# Of npm's ctrf 0.3.0. The specification has version 0.0.0, so the file is what counts.
CTRF_SCHEMA = "742dee4cffda469902a9c30c4a87b0b7000d59d2ee502dcccb12ec471cea96a2"
# Of npm's @microsoft/jest-sarif 1.0.0-beta.0, which has the schema of OASIS (2.1.0 rtm.5).
SARIF_SCHEMA = "2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8"
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


def sarif(run, record):
    path = run / "results.sarif"
    for error in jsonschema.Draft4Validator(sarif_schema).iter_errors(json.loads(path.read_text())):
        wrong.append(f"{run.name}: sarif: {error.json_path}: {error.message[:200]}")
    red = [test for test in record["tests"] if test["outcome"] in ("fail", "error", "not-run")]
    documented = {("known", "known"), ("skip", "skipped")}
    known = sum((test["outcome"], (test.get("issue") or {}).get("ruled")) in documented for test in record["tests"])
    # One more for each image, or the run, that is no pass although none of its tests says why.
    unsaid = sum(result["ruleId"].startswith("run.") and "muster/run" in result["message"]["text"]
                 for result in json.loads(path.read_text())["runs"][0]["results"])
    file = loader.load_sarif_file(str(path))
    check(run, "sarif-tools", +collections.Counter(error=len(red) + unsaid, note=known),
          collections.Counter(row["Severity"] for row in file.get_records()))
    suppressed = sum(bool(result.get("suppressions")) for result in file.get_results())
    check(run, "sarif-tools, suppressions", collections.Counter(known=known), collections.Counter(known=suppressed))
    ids = collections.Counter(test["failures"][0]["id"] for test in red if test["failures"])
    check(run, "sarif-tools, rules", ids, collections.Counter(row["ruleId"] for row in file.get_results() if row["ruleId"] in ids))
    if file.get_distinct_tool_names() != ["muster"]:
        wrong.append(f"{run.name}: sarif-tools: the tool is {file.get_distinct_tool_names()}")


def otlp(run, record):
    """Parsed by OpenTelemetry's own definition: a name or a kind of value that it does not know is an error."""
    document = json.loads((run / "otlp-traces.json").read_text())
    # OTLP writes ids as hexadecimal digits where protobuf's JSON has base64; all else is protobuf's JSON.
    for span in (span for resource in document["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]):
        for key in {"traceId", "spanId", "parentSpanId"} & span.keys():
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    request = json_format.ParseDict(document, ExportTraceServiceRequest())
    spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    ids = {span.span_id for span in spans}
    if len(ids) != len(spans) or {len(one) for one in ids} != {8} or {len(span.trace_id) for span in spans} != {16}:
        wrong.append(f"{run.name}: otlp: {len(spans)} spans have {len(ids)} ids")
    if len({span.trace_id for span in spans}) != 1 or [span.name for span in spans if not span.parent_span_id] != ["run"]:
        wrong.append(f"{run.name}: otlp: not one trace with one root")
    for span in spans:
        if span.start_time_unix_nano > span.end_time_unix_nano or (span.parent_span_id and span.parent_span_id not in ids):
            wrong.append(f"{run.name}: otlp: {span.name} ends before it begins, or is below no span")
    attributes = [{one.key: one.value.string_value for one in span.attributes} for span in spans]
    cases = [(span, has) for span, has in zip(spans, attributes) if "test.case.name" in has]
    check(run, "opentelemetry-proto, outcomes", collections.Counter(test["outcome"] for test in record["tests"]),
          collections.Counter(has["muster.outcome"] for _, has in cases))
    results = {"pass": "pass", "flaky": "pass", "fail": "fail", "error": "fail", "known": "fail"}
    check(run, "opentelemetry-proto, results", collections.Counter(results.get(test["outcome"]) for test in record["tests"]),
          collections.Counter(has.get("test.case.result.status") for _, has in cases))
    red = sum(test["outcome"] in ("fail", "error", "not-run") for test in record["tests"])
    check(run, "opentelemetry-proto, errors", +collections.Counter(error=red),
          +collections.Counter(error=sum(span.status.code == Status.STATUS_CODE_ERROR for span, _ in cases)))
    attempts = sum(len(test["attempts"]) + 1 for test in record["tests"] if test.get("attempts") and test.get("started"))
    check(run, "opentelemetry-proto, attempts", +collections.Counter(attempts=attempts),
          +collections.Counter(attempts=sum(span.name.startswith("attempt ") for span in spans)))
    root = next(span for span in spans if span.name == "run")
    if (root.status.code == Status.STATUS_CODE_ERROR) == (record.get("exit-code") == 0 and "finished" in record):
        wrong.append(f"{run.name}: otlp: the run's status is {root.status.code}")


class Posted:
    """In place of the session that resultsdb_api posts with: keeps what would be sent."""

    def __init__(self):
        self.bodies = []

    def post(self, url, data, **_):
        self.bodies.append(json.loads(data))
        return self

    def json(self):
        return {}


def resultsdb(run, record):
    """What ResultsDB's own client makes of the same results, by the rules of resultsdb/parsers/api_v2.py: the server is in no registry."""
    results = [json.loads(line) for line in (run / "resultsdb.jsonl").read_text().split("\n") if line]
    client = resultsdb_api.ResultsDBapi("https://resultsdb.invalid/api/v2.0")
    client.session = posted = Posted()
    for result in results:
        client.create_result(result["outcome"], result["testcase"], groups=result["groups"], note=result.get("note"), **result["data"])
    for ours, theirs in zip(results, posted.bodies, strict=True):
        same = {key: value for key, value in ours.items() if key != "submit_time"}
        if same != {key: theirs[key] for key in same}:
            wrong.append(f"{run.name}: resultsdb_api posts {theirs} for {ours}")
    for result in results:
        if result["outcome"] not in ("PASSED", "FAILED", "NEEDS_INSPECTION") or not result["testcase"]["name"] or "," in result["testcase"]["name"]:
            wrong.append(f"{run.name}: resultsdb: {result}")
        if not all(isinstance(value, str) for value in result["data"].values()) or not {"item", "type"} <= result["data"].keys():
            wrong.append(f"{run.name}: resultsdb: {result['data']}")
        if "submit_time" in result:
            datetime.datetime.strptime(result["submit_time"], "%Y-%m-%dT%H:%M:%S.%f")
    if len({uuid.UUID(result["groups"][0]["uuid"]) for result in results}) != 1:
        wrong.append(f"{run.name}: resultsdb: the results are not one group")
    names = {"pass": "PASSED", "flaky": "PASSED", "fail": "FAILED"}
    expected = collections.Counter(names.get(test["outcome"], "NEEDS_INSPECTION") for test in record["tests"])
    # A run that is no pass although no test says why has one result more for each image.
    expected["NEEDS_INSPECTION"] += sum("muster_outcome" not in result["data"] for result in results)
    check(run, "resultsdb", +expected, collections.Counter(result["outcome"] for result in results))


def kcidb(run, record):
    document = json.loads((run / "kcidb.json").read_text())
    kcidb_io.schema.V5_3.validate(document)
    if not kcidb_io.schema.V5_3.is_compatible_exactly(document):
        wrong.append(f"{run.name}: kcidb: not of version 5.3")
    for plural, one in (("tests", "build_id"), ("builds", "checkout_id"), ("incidents", "issue_id"), ("incidents", "test_id")):
        named = {"build_id": "builds", "checkout_id": "checkouts", "issue_id": "issues", "test_id": "tests"}[one]
        missing = {item[one] for item in document.get(plural, [])} - {item["id"] for item in document.get(named, [])}
        if missing:
            wrong.append(f"{run.name}: kcidb: {plural} name {missing}, which are not in {named}")
    for plural in ("checkouts", "builds", "tests", "issues", "incidents"):
        ids = [item["id"] for item in document.get(plural, [])]
        if len(ids) != len(set(ids)):
            wrong.append(f"{run.name}: kcidb: two {plural} have one id")
    names = {"pass": "PASS", "flaky": "PASS", "fail": "FAIL", "known": "FAIL", "error": "ERROR", "not-run": "MISS", "skip": "SKIP"}
    expected = collections.Counter(names[test["outcome"]] for test in record["tests"])
    expected["MISS"] += len(document["tests"]) - len(record["tests"])
    check(run, "kcidb", +expected, collections.Counter(test["status"] for test in document["tests"]))


raw = (programs / "node_modules/ctrf/src/ctrf-schema-0.0.json").read_bytes()
assert hashlib.sha256(raw).hexdigest() == CTRF_SCHEMA, "npm's ctrf has another schema"
schema = json.loads(raw)
raw = (programs / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json").read_bytes()
assert hashlib.sha256(raw).hexdigest() == SARIF_SCHEMA, "npm's jest-sarif has another schema"
sarif_schema = json.loads(raw)
strict = etree.XMLSchema(etree.parse("harness/report/testdata/junit-10.xsd"))

seen = 0
for run in sorted(path for path in runs.iterdir() if path.is_dir()):
    record = json.loads((run / "run.json").read_text())
    ours = collections.Counter(KINDS[test["outcome"]] for test in record["tests"])
    # A run that is no pass although no test says why has one more case, and so has an image.
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
    sarif(run, record)
    otlp(run, record)
    resultsdb(run, record)
    kcidb(run, record)
    print(f"{run.name}: {sum(ours.values())} tests: {dict(sorted(ours.items()))}")
    seen += 1

print("\n".join(wrong))
sys.exit(1 if wrong or not seen else 0)
