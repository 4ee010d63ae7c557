"""Runs tests of muster for pytest, once for all of them. `muster export pytest` wrote this."""

import json
import os
import shlex
import subprocess

import pytest

SELECTED = "SELECTS"
PROGRAM = os.environ.get("MUSTER", "muster")


def pytest_addoption(parser):
    group = parser.getgroup("muster")
    group.addoption("--image-path", default=os.environ.get("MUSTER_IMAGE"), help="the image: a file, or an id of the catalogue")
    group.addoption("--image-name", default=None, help="what the image is called; only shown")
    group.addoption("--capabilities", default=None, help="what the image is said to have, separated by commas; only shown")


def pytest_report_header(config):
    shown = [config.getoption("--image-name"), config.getoption("--image-path"), config.getoption("--capabilities")]
    return "muster: " + ", ".join(str(word) for word in shown if word)


def pytest_generate_tests(metafunc):
    if "muster_test" in metafunc.fixturenames:
        listed = subprocess.run([PROGRAM, "list", "--format", "json", *SELECTED], check=True, stdout=subprocess.PIPE)
        names = [row["name"].split("[")[0] for row in json.loads(listed.stdout)] + ["machine/health"]
        metafunc.parametrize("muster_test", list(dict.fromkeys(names)))


@pytest.fixture(scope="session")
def muster_run(request, tmp_path_factory):
    """The records of all tests, by name."""
    image = request.config.getoption("--image-path")
    if not image:
        pytest.exit("name the image: --image-path FILE, or MUSTER_IMAGE", returncode=4)
    out = tmp_path_factory.mktemp("muster") / "run"
    options = shlex.split(os.environ.get("MUSTER_OPTIONS", ""))
    ended = subprocess.run([PROGRAM, "run", "--image", image, *options, "--out", str(out), *SELECTED])
    try:
        record = json.loads((out / "run.json").read_text())
    except OSError as error:
        pytest.exit(f"muster run ended with {ended.returncode} before it began: {error}", returncode=3)
    tests = {}
    for test in record["tests"]:
        # A test of a matrix has one record for each machine.
        tests.setdefault(f"{test['suite']}/{test['test'].split('[')[0]}", []).append(test)
    return tests
