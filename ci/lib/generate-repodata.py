"""Writes the metadata of a large repository, of packages that do not exist, always the same for the same arguments.

    generate-repodata.py DIRECTORY [PACKAGES [SEED]]

PACKAGES (70,000) each have a name of two or three parts, ten provides, fifteen requires of which most are met by other
packages of the repository, and four paths that primary.xml lists. 70,000 packages make about 180 MB. primary.xml and filelists.xml are compressed by `zstd`.
"""

import hashlib
import os
import random
import subprocess
import sys

PARTS = (
    "alpha amber anvil apex arbor arrow atlas aurora axis badge basil beacon birch bolt brook cedar chart cinder cobalt "
    "comet coral crane crest dawn delta drift ember fable falcon fern flint forge frost garnet glade grove harbor haven "
    "hazel heron indigo iris ivory jade jasper juniper kestrel lagoon larch lark laurel linden lotus lumen maple marble "
    "meadow mesa mint moss north nova oak onyx opal orbit orchid osprey otter pearl pine prism quartz quill raven reed "
    "ridge river robin rowan sable saffron sage shale sierra slate sparrow spruce sterling summit tamarack teal tern "
    "thistle tide timber topaz tulip umber vale vesper violet walnut willow wren yarrow zephyr zinc"
).split()
PREFIXES = ["", "", "", "lib", "python3-", "perl-", "golang-", "rust-", "texlive-", "ghc-", "rubygem-", "nodejs-"]
SUFFIXES = ["", "", "", "-devel", "-libs", "-doc", "-tools", "-static", "-data", "-plugins"]


def names(rng, count):
    seen = set()
    while len(seen) < count:
        body = "-".join(rng.choice(PARTS) for _ in range(rng.randint(1, 3)))
        number = str(rng.randint(2, 99)) if rng.random() < 0.3 else ""
        seen.add(rng.choice(PREFIXES) + body + number + rng.choice(SUFFIXES))
    return sorted(seen)


def provides_of(name, number):
    """Without the package itself: names that others require."""
    bare = name.removeprefix("lib").split("-")[0]
    return [
        f"{name}(x86-64)", f"lib{bare}-{number}.so.1()(64bit)", f"lib{bare}-{number}.so.1(V_1.0)(64bit)",
        f"lib{bare}-{number}.so.1(V_1.1)(64bit)", f"pkgconfig({name})", f"cmake({name})", f"bundled({bare}) ",
        f"config({name})", f"{name}-compat",
    ]


def write(directory, count, seed):
    rng = random.Random(seed)
    all_names = names(rng, count)
    filler = " ".join(rng.choice(PARTS) for _ in range(4000))
    os.makedirs(f"{directory}/repodata", exist_ok=True)
    primary, lists = [], []
    common = "http://linux.duke.edu/metadata"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    primary.append(f'{head}<metadata xmlns="{common}/common" xmlns:rpm="{common}/rpm" packages="{count}">\n')
    lists.append(f'{head}<filelists xmlns="{common}/filelists" packages="{count}">\n')
    for number, name in enumerate(all_names):
        identity = hashlib.sha256(name.encode()).hexdigest()
        arch = "noarch" if number % 3 == 0 else "x86_64"
        version, release = f"{rng.randint(0, 40)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}", f"{rng.randint(1, 12)}.gen1"
        evr = f'epoch="0" ver="{version}" rel="{release}"'
        at = rng.randint(0, 20000)
        size = rng.randint(4_000, 4_000_000)
        provided = "".join(
            f'      <rpm:entry name="{one.strip()}" flags="EQ" {evr}/>\n' if one.startswith(("pkgconfig", "config", name))
            else f'      <rpm:entry name="{one}"/>\n'
            for one in provides_of(name, number)
        )
        # A package needs what all need, some of 150 libraries, and now and then one that stands near it.
        needed = ["rtld(GNU_HASH)", "libc.so.6()(64bit)", "libc.so.6(GLIBC_2.34)(64bit)", "/usr/bin/sh"]
        for at_last in range(11):
            other = rng.randint(0, min(number, 150))
            if at_last == 10 and rng.random() < 0.5:
                other = rng.randint(max(0, number - 2000), number)
            needed.append(provides_of(all_names[other], other)[rng.randint(0, 3)])
        if number == 0:
            needed = []
            provided += "".join(
                f'      <rpm:entry name="{one}"/>\n'
                for one in ("rtld(GNU_HASH)", "libc.so.6()(64bit)", "libc.so.6(GLIBC_2.34)(64bit)", "/usr/bin/sh")
            )
        required = "".join(f'      <rpm:entry name="{one}"/>\n' for one in dict.fromkeys(needed))
        paths = [f"/usr/bin/{name}", f"/usr/bin/{name}-run", f"/etc/{name}.conf", f"/usr/sbin/{name}d"]
        primary.append(
            f'<package type="rpm">\n  <name>{name}</name>\n  <arch>{arch}</arch>\n  <version {evr}/>\n'
            f'  <checksum type="sha256" pkgid="YES">{identity}</checksum>\n  <summary>{filler[at:at + 50]}</summary>\n'
            f'  <description>{filler[at:at + 150]}</description>\n  <packager>Generated</packager>\n'
            f'  <url>https://{name}.example/</url>\n  <time file="1700000000" build="1700000000"/>\n'
            f'  <size package="{size}" installed="{size * 3}" archive="{size * 3 + 512}"/>\n'
            f'  <location href="Packages/{name[0]}/{name}-{version}-{release}.{arch}.rpm"/>\n  <format>\n'
            f'    <rpm:license>MIT AND Apache-2.0</rpm:license>\n    <rpm:vendor>Generated</rpm:vendor>\n'
            f'    <rpm:group>Unspecified</rpm:group>\n    <rpm:buildhost>builder.example</rpm:buildhost>\n'
            f'    <rpm:sourcerpm>{name}-{version}-{release}.src.rpm</rpm:sourcerpm>\n'
            f'    <rpm:header-range start="4504" end="{size // 9}"/>\n    <rpm:provides>\n'
            f'      <rpm:entry name="{name}" flags="EQ" {evr}/>\n{provided}    </rpm:provides>\n'
            f'    <rpm:requires>\n{required}    </rpm:requires>\n'
            + "".join(f"    <file>{path}</file>\n" for path in paths)
            + "  </format>\n</package>\n"
        )
        more = [f"/usr/share/{name}/{rng.choice(PARTS)}-{k}" for k in range(10)]
        lists.append(
            f'<package pkgid="{identity}" name="{name}" arch="{arch}">\n  <version {evr}/>\n'
            + "".join(f"  <file>{path}</file>\n" for path in paths + more) + "</package>\n"
        )
    primary.append("</metadata>\n")
    lists.append("</filelists>\n")
    data = ""
    for kind, pieces in (("primary", primary), ("filelists", lists)):
        content = "".join(pieces).encode()
        packed = subprocess.run(["zstd", "-q", "-6", "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout
        with open(f"{directory}/repodata/{kind}.xml.zst", "wb") as file:
            file.write(packed)
        data += (
            f'<data type="{kind}"><checksum type="sha256">{hashlib.sha256(packed).hexdigest()}</checksum>'
            f'<open-checksum type="sha256">{hashlib.sha256(content).hexdigest()}</open-checksum>'
            f'<location href="repodata/{kind}.xml.zst"/><timestamp>1700000000</timestamp>'
            f"<size>{len(packed)}</size><open-size>{len(content)}</open-size></data>\n"
        )
        print(f"{kind}.xml: {len(content)} bytes, {len(packed)} packed")
    with open(f"{directory}/repodata/repomd.xml", "w") as file:
        file.write(f'{head}<repomd xmlns="{common}/repo" xmlns:rpm="{common}/rpm"><revision>1</revision>\n{data}</repomd>\n')


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 70_000, int(sys.argv[3]) if len(sys.argv) > 3 else 1)
