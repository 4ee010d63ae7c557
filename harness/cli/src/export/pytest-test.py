"""Each test of muster as a test of pytest. `muster export pytest` wrote this."""

import pytest

# The worst of several records of one test is what it came to.
ORDER = ["error", "not-run", "fail", "known", "flaky", "pass", "skip"]


def test_muster(muster_test, muster_run):
    records = muster_run.get(muster_test)
    assert records, f"the run has no record of {muster_test}"
    record = min(records, key=lambda record: ORDER.index(record["outcome"]))
    outcome = record["outcome"]
    reasons = record["failures"] + ([record["skipped"]] if record.get("skipped") else [])
    why = "\n".join(f"{reason['message']} ({reason['id']})" for reason in reasons)
    if outcome == "skip":
        pytest.skip(why)
    if outcome == "known":
        pytest.xfail(why)
    if outcome in ("error", "not-run", "fail"):
        pytest.fail(f"{outcome}: {record['summary']}\n{why}\nrun it again: {record['rerun']}", pytrace=False)
