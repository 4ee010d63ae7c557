"""What a Debian package says of itself, in the words rpm accepts."""
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class Package:
    name: str
    fields: dict[str, str]
    files: list[str] = field(default_factory=list)

    @staticmethod
    def from_folder(folder: Path) -> "Package":
        fields = next(paragraphs((folder / "control").read_text()))
        return Package(fields["Package"], fields, (folder / "list").read_text().splitlines())

    @property
    def architecture(self) -> str:
        return self.fields["Architecture"]

    @property
    def epoch(self) -> str:
        return self.fields["Version"].partition(":")[0] if ":" in self.fields["Version"] else ""

    @property
    def version(self) -> str:
        """The upstream version; rpm allows no hyphen in it."""
        return clean(self.split_version()[0])

    @property
    def release(self) -> str:
        return clean(self.split_version()[1]) + ".lab1"

    def split_version(self) -> tuple[str, str]:
        version = self.fields["Version"].rpartition(":")[2]
        upstream, hyphen, revision = version.rpartition("-")
        return (upstream, revision) if hyphen else (version, "1")

    @property
    def homepage(self) -> str:
        return self.fields.get("Homepage", "").replace("%", "%%")

    @property
    def summary(self) -> str:
        return self.fields["Description"].partition("\n")[0].replace("%", "%%").rstrip(".") or self.name

    @property
    def description(self) -> str:
        lines = self.fields["Description"].split("\n")[1:]
        body = "\n".join("" if line.strip() == "." else line[1:] for line in lines)
        return (body or self.summary).replace("%", "%%")

    @property
    def depends(self) -> list[list[str]]:
        """Each clause as its alternatives, in order of preference; versions are left to rpm's own soname analysis."""
        text = ",".join(self.fields.get(name, "") for name in ("Pre-Depends", "Depends"))
        return [[re.split(r"[\s(:\[]", part.strip())[0] for part in clause.split("|")] for clause in text.split(",") if clause.strip()]

    @property
    def provides(self) -> list[str]:
        return [re.split(r"[\s(:]", part.strip())[0] for part in self.fields.get("Provides", "").split(",") if part.strip()]


def clean(version: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+~]", ".", version)


def paragraphs(text: str):
    """The paragraphs of a control file; continuation lines keep their leading space."""
    for block in text.split("\n\n"):
        fields, key = {}, ""
        for line in block.splitlines():
            if line[:1] in " \t":
                fields[key] += "\n" + line
            elif ":" in line:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if fields:
            yield fields


def read_packages(admin: Path) -> list[Package]:
    """Every installed package with the paths it lists."""
    packages = []
    for fields in paragraphs((admin / "status").read_text()):
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name = fields["Package"]
        listed = admin / "info" / f"{name}.list"
        if not listed.exists():
            listed = admin / "info" / f"{name}:{fields['Architecture']}.list"
        packages.append(Package(name, fields, listed.read_text().splitlines()))
    return sorted(packages, key=lambda p: p.name)
