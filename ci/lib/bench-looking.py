#!/usr/bin/env python3
"""bench-looking.py MUSTER DIR: a hundred tests that only look, on a connected system, against the same commands in one ssh.

The system is this host behind an sshd of its own on loopback. Three ways, each whole processes from start to end, the median of
several runs in turn: `muster run --connect`, one `ssh … sh -s` that is given the same commands, and pytest-testinfra, where that can
be installed. Exits 1 when muster takes more than the budget.
"""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

TESTS = 100
ROUNDS = 5
BUDGET = 1.2


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Sshd:
    """An sshd with a key of its own; ended with the block."""

    def __init__(self, place):
        self.port = free_port()
        self.key = place / "key"
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / name], check=True)
        (place / "authorized").write_text((place / "key.pub").read_text())
        config = place / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {place}/host\nAuthorizedKeysFile {place}/authorized\n"
            "StrictModes no\nPasswordAuthentication no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
        )
        self.known = place / "known_hosts"
        host = (place / "host.pub").read_text().split()[:2]
        self.known.write_text(f"[127.0.0.1]:{self.port} {' '.join(host)}\n")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.process = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:/usr/bin"), "-D", "-e", "-f", config], stderr=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise SystemExit("sshd does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def timed(command, **options):
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    taken = time.perf_counter() - begun
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return taken


def ways(muster, place, sshd):
    parameters = sorted(
        path.relative_to("/proc/sys").as_posix().replace("/", ".")
        for path in pathlib.Path("/proc/sys/kernel").iterdir()
        if path.is_file() and os.access(path, os.R_OK) and path.name.replace("_", "").isalnum()
    )[: TESTS // 2]
    files = sorted(str(path) for path in pathlib.Path("/usr/bin").iterdir() if path.is_file() and not path.is_symlink() and path.name.isalnum())[: TESTS - len(parameters)]
    tests = [f"  - id: sysctl-{number}\n    expect: {{sysctl: {{{name}: {{exists: true}}}}}}" for number, name in enumerate(parameters)]
    tests += [f"  - id: file-{number}\n    expect: {{file: {{{name}: {{type: file, owner: root}}}}}}" for number, name in enumerate(files)]
    suite = place / "looking.yaml"
    suite.write_text("schema: suite/v1\nsuite: looking\ntests:\n" + "\n".join(tests) + "\n")
    lines = [f"cat /proc/sys/{name.replace('.', '/')}" for name in parameters]
    lines += [f"stat -c '%F %U' {name}" for name in files]
    script = "\n".join(lines) + "\n"
    where = ["-i", sshd.key, "-o", f"UserKnownHostsFile={sshd.known}", "-p", str(sshd.port)]
    number = 0

    def run_muster():
        nonlocal number
        number += 1
        target = f"root@127.0.0.1:{sshd.port}"
        options = ["--identity", sshd.key, "--host-key", place / "host.pub", "--out", place / f"run-{number}", "--quiet"]
        return timed([muster, "run", "--suites", suite, "--connect", target, *options], cwd=place)

    yield "muster", run_muster
    yield "one ssh", lambda: timed(["ssh", "-F", "none", *where, "root@127.0.0.1", "sh -s"], input=script)

    venv = place / "venv"
    install = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "pytest-testinfra==10.2.2", "paramiko"]
    if subprocess.run([sys.executable, "-m", "venv", venv]).returncode or subprocess.run(install).returncode:
        print("pytest-testinfra could not be installed: not compared")
        return
    code = ["def check(host, name): assert host.file(name).is_file and host.file(name).user == 'root'"]
    code += [f"def test_sysctl_{number}(host): assert host.file('/proc/sys/{name.replace('.', '/')}').exists" for number, name in enumerate(parameters)]
    code += [f"def test_file_{number}(host): check(host, {name!r})" for number, name in enumerate(files)]
    (place / "test_looking.py").write_text("\n".join(code) + "\n")
    (place / "ssh_config").write_text(
        f"Host here\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User root\n  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known}\n"
    )
    hosts = ["--hosts=ssh://here", f"--ssh-config={place}/ssh_config"]
    yield "testinfra", lambda: timed([venv / "bin/pytest", "-q", "-p", "no:cacheprovider", *hosts, place / "test_looking.py"], cwd=place)


def main():
    muster, place = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    with Sshd(place) as sshd:
        measured = {}
        commands = dict(ways(muster, place, sshd))
        for turn in range(ROUNDS):
            for name, command in commands.items():
                # The slow one is slow enough to be seen at once.
                if name != "testinfra" or turn == 0:
                    measured.setdefault(name, []).append(command())
    medians = {name: statistics.median(times) for name, times in measured.items()}
    ssh = medians["one ssh"]
    print(", ".join(f"{name} {seconds:.2f} s ({seconds / ssh:.2f} x)" for name, seconds in medians.items()))
    sys.exit(medians["muster"] > BUDGET * ssh)


main()
