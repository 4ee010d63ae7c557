#!/usr/bin/env python3
"""Writes one rpm spec that repackages every Debian package of a root, and the file lists it uses.

usage: spec.py ROOT DPKG-ADMIN-DIR EXTRA-DIR OVERLAY DROPPED OUTPUT-DIR

ROOT           the finished root file system; what is in it is what the rpms own
DPKG-ADMIN-DIR a copy of its var/lib/dpkg (status, info/*.list), taken before the folder was removed
EXTRA-DIR      one folder per package that is offered but not installed: root/, list and control
OVERLAY        this recipe's own files; the package lab-release owns them, lab-release-identity-basic os-release
DROPPED        names of Debian packages that are not part of the distribution

The dependencies an rpm needs to work are found by rpmbuild itself (sonames, symbol versions, interpreters); what only
Debian's maintainers know is carried over as Requires on package names.
"""
import os
import re
import stat
import sys
from pathlib import Path

from debian import Package, read_packages  # beside this file

ALIASES = re.compile(r"^/(bin|sbin|lib|lib64)(/|$)")
# Described in head.spec, made of the overlay and of what nobody else owns.
RELEASE_PACKAGES = ["lab-release", "lab-release-identity-basic"]
# Left to lab-release: made by Debian's maintainer scripts, so no package lists them.
RELEASE_CONFIG = """passwd group shadow gshadow subuid subgid fstab hosts hostname environment inputrc motd networks nsswitch.conf
 profile shells locale.conf locale.gen localtime modules vconsole.conf hosts.allow hosts.deny ld.so.conf default/locale""".split()
# Changed by the running system, or by whoever runs it: reported as modified would be noise.
# File systems are mounted there, and their modes are not the folder's.
MOUNTED = {"/", "/.", "/dev", "/proc", "/sys", "/run", "/tmp", "/boot/efi"}
VOLATILE = {"/etc/" + n for n in "passwd group shadow gshadow subuid subgid hosts hostname localtime locale.conf ld.so.cache resolv.conf".split()}


def real(path: str) -> str:
    """A path as it is on a merged-/usr system."""
    return ALIASES.sub(lambda m: "/usr/" + m[1] + m[2], path)


def quote(path: str) -> str:
    """A path as %files wants it: rpm expands macros and globs there, even between quotes."""
    text = path.replace("%", "%%").replace("\\", "?")
    for char in "[{*":
        text = text.replace(char, "[" + char + "]")
    return f'"{text}"'


class Owners:
    """Which package owns which path. A file has one owner; a folder may have several, as in any rpm distribution."""

    def __init__(self, root: Path, packages: list[Package], overlay: Path):
        self.root = root
        self.file: dict[str, str] = {}
        self.folders: dict[str, set[str]] = {}
        # Variants of the distribution differ in what they say they are: a package of its own, which another can replace.
        for path in ("/usr/lib/os-release", "/etc/os-release"):
            self.claim(path, "lab-release-identity-basic")
        for path in sorted(overlay.rglob("*")):
            self.claim("/" + str(path.relative_to(overlay)), "lab-release")
        for name in RELEASE_CONFIG:
            self.claim("/etc/" + name, "lab-release")
        for package in packages:
            for path in package.files:
                self.claim(real(path), package.name)
        self.adopt(packages)

    def kind(self, path: str) -> str:
        try:
            mode = os.lstat(self.root / path.lstrip("/")).st_mode
        except FileNotFoundError:
            return "missing"
        return "folder" if stat.S_ISDIR(mode) else "file"

    def claim(self, path: str, package: str) -> None:
        kind = self.kind(path)
        if kind == "file":
            self.file.setdefault(path, package)
        elif kind == "folder" and path not in MOUNTED and not path.startswith("/run/"):
            self.folders.setdefault(path, set()).add(package)

    def adopt(self, packages: list[Package]) -> None:
        """Gives what maintainer scripts made to the package it belongs to."""
        kernel = next(p.name for p in packages if re.match(r"linux-image-\d", p.name))
        left = []
        for top in ("usr", "etc", "boot"):
            for folder, folders, files in os.walk(self.root / top):
                for name in files + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
                    path = "/" + os.path.relpath(os.path.join(folder, name), self.root)
                    if path not in self.file:
                        left.append(path)
                for name in folders:
                    path = "/" + os.path.relpath(os.path.join(folder, name), self.root)
                    if path not in self.folders and not os.path.islink(self.root / path[1:]):
                        parent = self.folders.get(os.path.dirname(path))
                        if name == "__pycache__" and parent:
                            self.folders[path] = set(parent)
                        elif path.startswith("/usr/"):
                            self.folders[path] = {"base-files"}
        for path in sorted(left, key=lambda p: (os.path.islink(self.root / p[1:]), p)):
            owner = self.guess(path, kernel)
            if owner:
                self.file[path] = owner
        unowned = [p for p in left if p.startswith("/usr/") and p not in self.file]
        if unowned:
            sys.exit("spec.py: no package owns these files:\n  " + "\n  ".join(unowned) + "\n  next: remove them in configure.sh or adopt them in spec.py")

    def guess(self, path: str, kernel: str) -> str | None:
        compiled = re.match(r"(.*)/__pycache__/([^/]+)\.cpython-\d+(\.opt-\d)?\.pyc$", path)
        if compiled:
            return self.file.get(f"{compiled[1]}/{compiled[2]}.py")
        if re.match(r"/(usr/lib/modules|boot)/", path):
            return kernel
        if path.startswith("/etc/ssl/certs/") or path == "/etc/ca-certificates.conf":
            return "ca-certificates"
        if path.startswith("/etc/pam.d/common-"):
            return "libpam-runtime"
        if path == "/etc/ssh/sshd_config":
            return "openssh-server"
        if path == "/usr/lib/udev/hwdb.bin":
            return "udev"
        if path.startswith("/usr/local/"):
            return "base-files"
        # An alternative belongs to whoever owns what it finally names.
        full = self.root / path.lstrip("/")
        if full.is_symlink() and re.match(r"/(usr|etc/alternatives)/", path):
            target, seen = path, 0
            while os.path.islink(self.root / target[1:]) and seen < 8:
                link = os.readlink(self.root / target[1:])
                target = real(os.path.normpath(os.path.join(os.path.dirname(target), link)))
                seen += 1
            return self.file.get(target)
        return None

    def names(self) -> tuple[dict[int, str], dict[int, str]]:
        def table(name: str) -> dict[int, str]:
            rows = (line.split(":") for line in (self.root / "etc" / name).read_text().splitlines())
            return {int(r[2]): r[0] for r in rows}
        return table("passwd"), table("group")


def file_line(root: Path, path: str, users: dict[int, str], groups: dict[int, str], folder: bool, config: bool) -> str:
    info = os.lstat(root / path.lstrip("/"))
    words = []
    if folder:
        words.append("%dir")
    # Names come from the root's own tables; rpmbuild would look the numbers up on the host.
    if (info.st_uid, info.st_gid) != (0, 0) or info.st_mode & 0o7000:
        words.append(f"%attr({info.st_mode & 0o7777:04o},{users[info.st_uid]},{groups[info.st_gid]})")
    if re.match(r"/boot/initrd", path):
        words.append("%ghost")
    elif config and not folder:
        if path in VOLATILE:
            words.append("%verify(not md5 size mtime link)")
        words.append("%config(noreplace)")
    elif re.match(r"/usr/share/doc/[^/]+/copyright$", path):
        words.append("%license")
    return " ".join(words + [quote(path)])


def licence(root: Path, package: Package) -> str:
    """The short names of a machine-readable copyright file."""
    try:
        text = (root / f"usr/share/doc/{package.name}/copyright").read_text(errors="replace")
    except OSError:
        return "LicenseRef-Debian"
    names = re.findall(r"^License:[ \t]*([A-Za-z0-9][A-Za-z0-9.+-]*)[ \t]*$", text, re.M)
    return " AND ".join(dict.fromkeys(names)) if names and len(names) < 400 else "LicenseRef-Debian"


def package_section(package: Package, known: dict[str, str], root: Path) -> list[str]:
    text = [f"%package -n {package.name}", f"Summary: {package.summary}", f"License: {licence(root, package)[:900]}"]
    if package.epoch:
        text.append(f"Epoch: {package.epoch}")
    text += [f"Version: {package.version}", f"Release: {package.release}"]
    if package.architecture == "all":
        text.append("BuildArch: noarch")
    if package.homepage:
        text.append(f"URL: {package.homepage}")
    for clause in package.depends:
        chosen = next((known[name] for name in clause if name in known), None)
        if chosen and chosen != package.name:
            text.append(f"Requires: {chosen}")
    text += [f"Provides: {name}" for name in package.provides if name not in known or known[name] != name]
    text += EXTRA_TAGS.get(package.name, [])
    if re.match(r"linux-image-\d", package.name):
        text += [f"Provides: kernel = {package.version}-{package.release}", "Provides: installonlypkg(kernel)"]
    if package.name == "perl-base":
        # Scripts ask for the interpreter's version, under the epoch that rpm distributions give perl.
        text.append(f"Provides: perl = 4:{package.version}")
    text += ["", f"%description -n {package.name}", package.description, ""]
    return list(dict.fromkeys(text[:-4])) + text[-4:]


# What rpm cannot find out, with the reason.
EXTRA_TAGS = {
    "libc6": ["Provides: rtld(GNU_HASH)"],  # the loader's own feature; no file says it
    # Scripts name their shell by the short path, and the files are under /usr.
    "bash": ["Provides: /bin/bash"],
    "dash": ["Provides: /bin/dash", "Provides: /bin/sh"],
}


def main() -> None:
    root, admin, extra, overlay, dropped_file, output = map(Path, sys.argv[1:])
    dropped = {line.split()[0] for line in dropped_file.read_text().splitlines() if line.strip() and not line.startswith("#")}
    installed = [p for p in read_packages(admin) if p.name not in dropped]
    offered = [Package.from_folder(folder) for folder in sorted(extra.iterdir())]

    known: dict[str, str] = {}
    for package in installed + offered:
        for name in package.provides:
            known.setdefault(name, package.name)
    known.update({p.name: p.name for p in installed + offered})

    owners = Owners(root, installed, overlay)
    users, groups = owners.names()
    lists: dict[str, list[str]] = {p.name: [] for p in installed + offered}
    lists.update({name: [] for name in RELEASE_PACKAGES})
    base = owners.folders
    for path, names in sorted(base.items()):
        # What the base system lays down is not repeated in every package.
        for name in ["base-files"] if "base-files" in names else sorted(names):
            lists[name].append(file_line(root, path, users, groups, True, False))
    for path, name in sorted(owners.file.items()):
        lists[name].append(file_line(root, path, users, groups, False, path.startswith("/etc/") and not path.startswith("/etc/alternatives/")))
    for package in offered:
        own = extra / package.name / "root"
        for path in sorted({real(p) for p in package.files}):
            full = own / path.lstrip("/")
            if not os.path.lexists(full):
                continue
            folder = full.is_dir() and not full.is_symlink()
            if folder and path in base:
                continue
            lists[package.name].append(file_line(own, path, users, groups, folder, path.startswith("/etc/")))

    text = [(Path(__file__).parent / "head.spec").read_text()]
    for package in installed + offered:
        text += package_section(package, known, root if package in installed else extra / package.name / "root")
    for package in installed + offered:
        text.append(f"%files -n {package.name} -f {output}/{package.name}.files")
        units = [os.path.basename(p) for p in package.files if re.search(r"/lib/systemd/system/[^/@]+\.service$", p)]
        if package in offered and units:
            names = " ".join(sorted(set(units)))
            text += [f"%post -n {package.name}", "if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi",
                     f"if [ $1 -eq 1 ]; then systemctl --no-reload preset {names} || :; fi",
                     f"%preun -n {package.name}", f"if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then systemctl --no-reload disable --now {names} || :; fi"]
    text += [f"%files -n {name} -f {output}/{name}.files" for name in RELEASE_PACKAGES]
    output.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (output / f"{name}.files").write_text("\n".join(lines or ["%dir /usr"]) + "\n")
    (output / "lab.spec").write_text("\n".join(text) + "\n")
    (output / "installed").write_text("".join(name + "\n" for name in [p.name for p in installed] + RELEASE_PACKAGES))
    (output / "offered").write_text("".join(p.name + "\n" for p in offered))
    print(f"{len(installed) + len(RELEASE_PACKAGES)} installed and {len(offered)} offered packages, {len(owners.file)} files", file=sys.stderr)


main()
