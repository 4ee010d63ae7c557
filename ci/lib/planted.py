"""Holds a comparison of the lab's two distributions against what was planted. Arguments: a file of the keys that must be
undocumented, a line each, and the comparison as JSON."""
import json
import pathlib
import sys

wanted = {line for line in pathlib.Path(sys.argv[1]).read_text().splitlines() if line and not line.startswith("#")}
record = json.loads(pathlib.Path(sys.argv[2]).read_text())
assert not record["uncompared"] and not record["stale"], (record["uncompared"], record["stale"])
told = {difference["key"] for difference in record["differences"] if difference["standing"] == "undocumented"}
for what, keys in [("planted and not told", wanted - told), ("told and not planted", told - wanted)]:
    for key in sorted(keys):
        print(f"{what}: {key}", file=sys.stderr)
if wanted != told:
    sys.exit(1)
documented = len(record["differences"]) - len(told)
print(f"{len(record['differences'])} differences, {documented} documented; all {len(told)} others were planted, and none is missing")
