"""Compares the solver of harness/repodata with dnf on small random repositories.

    solver-reference.py VERDICTS [COUNT [SEED]]

VERDICTS is the example `verdicts` of muster-repodata. COUNT repositories (400) are generated from SEED (1): some forty
packages each with versions, provides, conflicts, obsoletes, weak, rich and file dependencies. For each, dnf's own Python
interface, which `dnf install` calls, resolves a request in an empty root; nothing is downloaded or installed. Both must
agree on whether it can be fulfilled. The sets of packages should agree: which of two equal choices is taken is a matter
of taste, so their share is printed and must not fall below 95 %.

Ends with 1 when a verdict differs, with 3 when dnf is not there.
"""

import hashlib
import os
import random
import subprocess
import sys
import tempfile
from xml.sax.saxutils import quoteattr

try:
    import dnf
    import dnf.exceptions
except ImportError:
    print("dnf's Python modules are not installed (python3-dnf)", file=sys.stderr)
    sys.exit(3)

NAMES = [f"p{n}" for n in range(14)]
CAPABILITIES = [f"cap{n}" for n in range(5)] + ["libx.so.1()(64bit)"]
PATHS = ["/usr/bin/tool", "/usr/bin/other", "/usr/share/data/file", "/opt/x/y"]
FLAGS = ["EQ", "GE", "LE", "GT", "LT"]
SIGNS = {"EQ": "=", "GE": ">=", "LE": "<=", "GT": ">", "LT": "<"}


def bound(rng):
    version = rng.choice(["1", "2", "3", "2.1", "1~rc1"])
    return rng.choice(FLAGS), version, rng.choice(["", "", "1"])


def atom(rng, missing=0.02):
    if rng.random() < missing:
        return "absent", None
    if rng.random() < 0.08:
        return rng.choice(PATHS), None
    name = rng.choice(NAMES if rng.random() < 0.7 else CAPABILITIES)
    return name, bound(rng) if rng.random() < 0.35 else None


def text(dependency):
    name, limit = dependency
    if limit is None:
        return name
    flag, version, release = limit
    return f"{name} {SIGNS[flag]} {version}{'-' + release if release else ''}"


def rich(rng, forms):
    form = rng.choice(forms)
    a, b, c = (text(atom(rng)) for _ in range(3))
    return (form.format(a=a, b=b, c=c), None)


REQUIRED = [
    "({a} or {b})", "({a} or {b} or {c})", "({a} and {b})", "({a} if {b})", "({a} if {b} else {c})",
    "({a} with {b})", "({a} without {b})", "(({a} and {b}) or {c})", "({a} if ({b} or {c}))", "({a} if ({b} and {c}))",
]
CONFLICTING = ["({a} and {b})", "({a} or {b})", "({a} unless {b})", "({a} with {b})"]


def package(rng, name, version, release):
    some = lambda chance, make, most=3: [make() for _ in range(rng.randint(1, most))] if rng.random() < chance else []
    return {
        "name": name, "version": version, "release": release, "arch": rng.choice(["x86_64", "x86_64", "noarch"]),
        "provides": some(0.4, lambda: (rng.choice(CAPABILITIES), rng.choice([None, ("EQ", rng.choice("123"), "")])), 2),
        "requires": some(0.6, lambda: rich(rng, REQUIRED) if rng.random() < 0.25 else atom(rng)),
        "conflicts": some(0.15, lambda: rich(rng, CONFLICTING) if rng.random() < 0.25 else atom(rng), 2),
        "obsoletes": some(0.08, lambda: (rng.choice(NAMES), bound(rng) if rng.random() < 0.7 else None), 1),
        "recommends": some(0.2, lambda: rich(rng, REQUIRED[:5]) if rng.random() < 0.2 else atom(rng), 2),
        "supplements": some(0.05, lambda: atom(rng), 1),
        "files": [rng.choice(PATHS)] if rng.random() < 0.1 else [],
    }


def repository(rng):
    packages = []
    for name in NAMES:
        for _ in range(rng.randint(0, 3)):
            one = package(rng, name, rng.choice(["1", "2", "3", "2.1", "1~rc1"]), rng.choice(["1", "2"]))
            if not any((o["name"], o["version"], o["release"]) == (name, one["version"], one["release"]) for o in packages):
                packages.append(one)
    return packages


def entries(kind, dependencies):
    if not dependencies:
        return ""
    lines = [f"    <rpm:{kind}>"]
    for name, limit in dependencies:
        more = ""
        if limit:
            flag, version, release = limit
            more = f' flags="{flag}" epoch="0" ver={quoteattr(version)}' + (f' rel="{release}"' if release else "")
        lines.append(f"      <rpm:entry name={quoteattr(name)}{more}/>")
    lines.append(f"    </rpm:{kind}>")
    return "\n".join(lines) + "\n"


def is_primary(path):
    return path.startswith("/etc/") or "bin/" in path


def write(directory, packages):
    """The metadata as createrepo_c lays it down: primary, filelists, and repomd.xml with their checksums."""
    os.makedirs(f"{directory}/repodata")
    primary, lists = [], []
    for one in packages:
        label = f"{one['name']}-{one['version']}-{one['release']}.{one['arch']}"
        identity = hashlib.sha256(label.encode()).hexdigest()
        version = f'<version epoch="0" ver="{one["version"]}" rel="{one["release"]}"/>'
        itself = (one["name"], ("EQ", one["version"], one["release"]))
        paths = lambda chosen: "".join(f"    <file>{path}</file>\n" for path in chosen)
        primary.append(
            f'<package type="rpm">\n  <name>{one["name"]}</name>\n  <arch>{one["arch"]}</arch>\n  {version}\n'
            f'  <checksum type="sha256" pkgid="YES">{identity}</checksum>\n  <summary>s</summary>\n'
            f'  <description>d</description>\n  <packager></packager>\n  <url></url>\n'
            f'  <time file="1" build="1"/>\n  <size package="1000" installed="4000" archive="5000"/>\n'
            f'  <location href="{label}.rpm"/>\n  <format>\n    <rpm:license>MIT</rpm:license>\n'
            f'    <rpm:vendor></rpm:vendor>\n    <rpm:group>g</rpm:group>\n    <rpm:buildhost>h</rpm:buildhost>\n'
            f'    <rpm:sourcerpm>{one["name"]}-{one["version"]}-{one["release"]}.src.rpm</rpm:sourcerpm>\n'
            f'    <rpm:header-range start="1" end="2"/>\n'
            + entries("provides", one["provides"] + [itself])
            + "".join(entries(k, one[k]) for k in ("requires", "conflicts", "obsoletes", "recommends", "supplements"))
            + paths(path for path in one["files"] if is_primary(path))
            + "  </format>\n</package>\n"
        )
        lists.append(
            f'<package pkgid="{identity}" name="{one["name"]}" arch="{one["arch"]}">\n  {version}\n'
            + paths(one["files"]) + "</package>\n"
        )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    common = "http://linux.duke.edu/metadata"
    data = ""
    for kind, root, body, more in (
        ("primary", "metadata", primary, f' xmlns="{common}/common" xmlns:rpm="{common}/rpm"'),
        ("filelists", "filelists", lists, f' xmlns="{common}/filelists"'),
    ):
        content = f'{head}<{root}{more} packages="{len(body)}">\n{"".join(body)}</{root}>\n'.encode()
        with open(f"{directory}/repodata/{kind}.xml", "wb") as file:
            file.write(content)
        digest = hashlib.sha256(content).hexdigest()
        data += (
            f'<data type="{kind}"><checksum type="sha256">{digest}</checksum>'
            f'<location href="repodata/{kind}.xml"/><timestamp>1</timestamp><size>{len(content)}</size></data>\n'
        )
    with open(f"{directory}/repodata/repomd.xml", "w") as file:
        file.write(f'{head}<repomd xmlns="{common}/repo" xmlns:rpm="{common}/rpm"><revision>1</revision>\n{data}</repomd>\n')


def resolve(directory, options, specs):
    """What dnf says: the sorted labels of the packages it would install, or the sentence with which it refuses."""
    with dnf.Base() as base:
        conf = base.conf
        conf.installroot = f"{directory}/root"
        conf.cachedir = f"{directory}/cache"
        conf.persistdir = f"{directory}/persist"
        conf.logdir = directory
        conf.pluginpath = []
        conf.reposdir = [f"{directory}/none"]
        conf.substitutions["releasever"] = "1"
        conf.substitutions["arch"] = "x86_64"
        conf.substitutions["basearch"] = "x86_64"
        conf.module_platform_id = "platform:reference"
        conf.best = "best" in options
        conf.install_weak_deps = "strong" not in options
        base.repos.add_new_repo("r", conf, baseurl=[f"file://{directory}"], skip_if_unavailable=False, gpgcheck=False)
        base.fill_sack(load_system_repo=False)
        try:
            for spec in specs:
                base.install(spec)
            base.resolve()
        except dnf.exceptions.Error as error:
            return None, " ".join(str(error).split())
        labels = [f"{p.name}-{p.version}-{p.release}.{p.arch}" for p in base.transaction.install_set]
        return sorted(labels), ""


def main():
    program, *numbers = sys.argv[1:]
    count = int(numbers[0]) if numbers else 400
    rng = random.Random(int(numbers[1]) if len(numbers) > 1 else 1)
    with tempfile.TemporaryDirectory() as top:
        cases, lines = [], []
        for number in range(count):
            directory = f"{top}/{number}"
            packages = repository(rng)
            write(directory, packages)
            known = sorted({one["name"] for one in packages})
            specs = rng.sample(known, min(len(known), rng.choice([1, 1, 2, 3])))
            if rng.random() < 0.15:
                one = rng.choice(packages)
                specs[0] = rng.choice([
                    f"{one['name']}-{one['version']}", f"{one['name']}-{one['version']}-{one['release']}",
                    f"{one['name']}.{one['arch']}", rng.choice(CAPABILITIES), "p1*", rng.choice(PATHS),
                    f"{one['name']} >= {one['version']}",
                ])
            options = rng.choice(["-", "-", "best", "strong"])
            cases.append((directory, options, specs))
            lines.append(f"{directory}\t{options}\t{'|'.join(specs)}\n")
        ours = subprocess.run([program], input="".join(lines), stdout=subprocess.PIPE, text=True, check=True)
        ours = ours.stdout.splitlines()
        if len(ours) != count:
            sys.exit(f"{program} gave {len(ours)} verdicts for {count} requests")
        wrong = undecided = installable = same = 0
        for (directory, options, specs), line in zip(cases, ours):
            verdict, _, rest = line.partition(" ")
            labels, why = resolve(directory, options, specs)
            if verdict == "undecided":
                undecided += 1
                print(f"undecided: {specs} {options}: {rest}")
                continue
            if (labels is not None) != (verdict == "installs"):
                wrong += 1
                print(f"DIFFERS: {directory} {specs} {options}\n  dnf:    {labels if labels is not None else why}\n  muster: {line}")
                if os.environ.get("KEEP"):
                    subprocess.run(["cp", "-r", directory, os.environ["KEEP"]], check=True)
                continue
            if labels is not None:
                installable += 1
                if labels == rest.split():
                    same += 1
                else:
                    print(f"another set: {specs} {options}: dnf {labels}, muster {rest.split()}")
                    if os.environ.get("KEEP"):
                        subprocess.run(["cp", "-r", directory, os.environ["KEEP"]], check=True)
        share = 100 * same / max(installable, 1)
        print(f"dnf {dnf.VERSION}: {count} requests, {installable} installable, {wrong} verdicts differ, "
              f"{undecided} undecided; {same} of {installable} sets are the same ({share:.1f} %)")
        if wrong or undecided > count // 20 or share < 95:
            sys.exit(1)


main()
