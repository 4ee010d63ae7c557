"""read-boot-formats.py DIR: whether the programs that the formats are for read the files of the example `formats`.

DIR has a series of 40 builds of which userspace takes 8 % longer from the 25th on, and in hostile/* boots with names that break files.
Run by ci/boot-formats in an environment that has the programs.
"""

import json
import os
import pathlib
import subprocess
import sys

import jsonschema
from otava.config import load_config_from_file
from otava.data_selector import DataSelector
from otava.importer import CsvImporter
from otava.util import parse_datetime
from prometheus_client.openmetrics.parser import text_string_to_metric_families

STEP, PERCENT = 24, 8.0
TEST = "boot-lab-later"
# Otava leaves out rows of more than a year ago, and later ones than now.
WINDOW = ["--since", "2026-01-01", "--until", "2026-12-31"]
# Userspace, and what contains it.
PLANTED = {f"{name}-{kind}" for name in ("userspace", "total") for kind in ("micros", "instructions")}
PLANTED |= {"until-sshd-answers-micros", "until-boot-finished-micros"}
SCHEMAS = {
    "boot-time.json": "reports/schema/boot-time-v1.json",
    "boot-time-bencher.json": "harness/boot-time/testdata/bencher-metric-format.json",
}


def otava(place, *arguments):
    environment = {**os.environ, "OTAVA_CONFIG": "boot-time-otava.yaml"}
    command = [pathlib.Path(sys.executable).parent / "otava", *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"otava {arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def otava_finds_the_step(place):
    found = json.loads(otava(place, "analyze", TEST, *WINDOW, "--output", "json"))[TEST]
    changes = [(change["metric"], change["index"], change["forward_change_percent"]) for point in found for change in point["changes"]]
    for metric, index, percent in changes:
        print(f"  otava: {metric} changes at build {int(index) + 1} by {float(percent):+.1f} %")
    assert {metric for metric, _, _ in changes} == PLANTED, f"other metrics than {sorted(PLANTED)}"
    assert {int(index) for _, index, _ in changes} == {STEP}, "another build"
    of = {metric: float(percent) for metric, _, percent in changes}
    assert all(abs(of[f"userspace-{kind}"] - PERCENT) < 1 for kind in ("micros", "instructions")), of
    # Less is better: the step is a regression.
    report = otava(place, "analyze", TEST, *WINDOW, "--output", "regressions_only")
    assert "userspace-micros" in report, report


def otava_reads(place):
    """Rows of its importer, without a process for each of many places."""
    here = os.getcwd()
    os.chdir(place)
    try:
        tests = load_config_from_file("boot-time-otava.yaml").tests
        (test,) = tests.values()
        selector = DataSelector()
        selector.since_time, selector.until_time = map(parse_datetime, WINDOW[1::2])
        return len(CsvImporter().fetch_data(test, selector).time)
    finally:
        os.chdir(here)


def prometheus_reads(place):
    families = list(text_string_to_metric_families((place / "boot-time-openmetrics.txt").read_text()))
    names = {family.name for family in families}
    kinds = {f"muster_boot_{name}_seconds" for name in ("total", "phase", "mark", "unit")}
    assert kinds | {"muster_boot"} <= names, names
    for family in families:
        assert not family.name.endswith("_seconds") or family.unit == "seconds", family.name
    return sum(len(family.samples) for family in families)


def json_has_its_schema(place):
    for name, schema in SCHEMAS.items():
        schema = json.loads(pathlib.Path(schema).read_text())
        validator = jsonschema.validators.validator_for(schema)
        validator.check_schema(schema)
        errors = [error.message for error in validator(schema).iter_errors(json.loads((place / name).read_text()))]
        assert not errors, f"{place / name}: {errors[:3]}"


def acl_merges(place):
    """What the merge of Azure Container Linux is documented to refuse (acl/tests/PERF-RESULTS.md)."""
    document = json.loads((place / "perf-results.json").read_text())
    assert document["schemaVersion"] == 1 and document["metrics"], document
    for row in document["metrics"]:
        missing = {"suite", "operation", "unit", "n", "p50Ms", "samplesMs"} - row.keys()
        assert not missing and row["n"] == len(row["samplesMs"]), row
        ordered = sorted(row["samplesMs"])
        assert row["p50Ms"] == ordered[round((len(ordered) - 1) / 2)], row
        assert (row["minMs"], row["maxMs"]) == (ordered[0], ordered[-1]), row
    return len(document["metrics"])


def trace_is_one(place):
    events = json.loads((place / "boot-time-trace.json").read_text())["traceEvents"]
    assert {event["ph"] for event in events} == {"X", "i", "M"}
    return len(events)


def main():
    place = pathlib.Path(sys.argv[1])
    otava_finds_the_step(place)
    print(f"  prometheus-client: {prometheus_reads(place)} samples")
    json_has_its_schema(place)
    print(f"  jsonschema: {', '.join(SCHEMAS)}")
    print(f"  the contract of Azure Container Linux: {acl_merges(place)} rows; trace: {trace_is_one(place)} events")

    hostile = sorted((place / "hostile").iterdir(), key=lambda path: int(path.name))
    assert len(hostile) >= 40, len(hostile)
    plain = None
    for path in hostile:
        try:
            assert otava_reads(path) == 1
            counts = prometheus_reads(path), acl_merges(path), trace_is_one(path)
            json_has_its_schema(path)
        except Exception as error:
            raise SystemExit(f"{path.name}: {type(error).__name__}: {error}") from error
        plain = plain or counts
        assert counts == plain, f"{path.name}: {counts} samples, rows and events, not {plain}"
    print(f"  all of them: {len(hostile)} hostile names, {plain} samples, rows and events each")


main()
