#!/usr/bin/env python3
"""compare-otava.py DETECTOR: Apache Otava and DETECTOR on every series that otava-test-data generates, as a Markdown table.

A labelled point is found when a change point lies at most two builds away; each change point finds one label. All others are
false. Exits 1 when DETECTOR, with the settings that it has by itself, finds fewer labelled points or has more false ones.
"""

import collections
import itertools
import subprocess
import sys
from importlib.metadata import version

from otava.analysis import TTestSignificanceTester, split
from otava.series import AnalysisOptions, Metric, Series
from otava_test_data.generators import advanced, basic
from otava_test_data.generators.combiner import CombinationGenerator

SEEDS = (42, 43, 44)
LENGTHS = [50, 500]
NEAR = 2


def of_otava(values, floor):
    options = AnalysisOptions()
    options.min_magnitude = floor
    series = Series("pattern", None, list(range(len(values))), {"value": Metric()}, {"value": list(values)}, {})
    return [int(point.index) for point in series.analyze(options).change_points["value"]]


def of_corrected(values):
    """Otava's own windows and test, merged with both neighbours of a removed point computed again."""
    tester, points = TTestSignificanceTester(0.001), split(values, 50, 0.01)
    while points:
        intervals = tester.get_intervals(points)
        points = [tester.change_point(point.to_candidate(), values, intervals) for point in points]
        weakest = max(points, key=lambda point: point.stats.pvalue)
        if weakest.stats.pvalue < 0.001:
            break
        points.remove(weakest)
    return [int(point.index) for point in points]


def of_ours(detector, values, *arguments):
    text = "value\n" + "".join(f"{value!r}\n" for value in values)
    done = subprocess.run([detector, *arguments], input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{detector}: {done.stderr.strip()}")
    return [int(line.split()[0]) for line in done.stdout.splitlines()]


def matched(labels, found):
    """How many labels are found, and how many of what was found is no label. The nearest pairs first."""
    pairs = sorted((abs(a - b), a, b) for a, b in itertools.product(sorted(set(labels)), found) if abs(a - b) <= NEAR)
    used_labels, used_found = set(), set()
    for _, label, point in pairs:
        if label not in used_labels and point not in used_found:
            used_labels.add(label)
            used_found.add(point)
    return len(used_labels), len(found) - len(used_found)


def patterns():
    """Name and series: all that the package's own command generates, and the generators that it leaves out."""
    left_out = [
        generator
        for module in (basic, advanced)
        for name, generator in vars(module).items()
        if callable(generator) and getattr(generator, "__module__", "") == module.__name__ and name in ("multiple_outliers", "multiple_variance_changes")
    ]
    for seed in SEEDS:
        for series in CombinationGenerator(lengths=LENGTHS, seed=seed).generate_all_test_cases():
            yield series.generator_name, series
        for generator, length in itertools.product(left_out, LENGTHS):
            yield generator.__name__, generator(length=length, seed=seed)


def main():
    detector = sys.argv[1]
    ways = {
        "Otava": lambda values: of_otava(values, 0.0),
        "Otava, 1 % floor": lambda values: of_otava(values, 0.01),
        "ours": lambda values: of_ours(detector, values),
        "ours, no floor, no newest": lambda values: of_ours(detector, values, "--floor", "0", "--newest", "0"),
    }
    rows = collections.defaultdict(lambda: [0, 0] + [0, 0] * len(ways))
    same = same_corrected = series_count = 0
    for name, series in patterns():
        values = [float(value) for value in series.data]
        if min(values) < 0:
            sys.exit(f"{name} has a value below zero, which muster does not read")
        labels = series.get_change_point_indices()
        row = rows[name]
        row[0] += 1
        row[1] += len(set(labels))
        found = [way(values) for way in ways.values()]
        same += found[0] == found[3]
        same_corrected += of_corrected(values) == found[3]
        series_count += 1
        for at, points in enumerate(found):
            hits, false_ones = matched(labels, points)
            row[2 + 2 * at] += hits
            row[3 + 2 * at] += false_ones
    total = [sum(column) for column in zip(*rows.values())]

    print(f"apache-otava {version('apache-otava')}, otava-test-data {version('otava-test-data')}, "
          f"lengths {LENGTHS}, seeds {list(SEEDS)}: {series_count} series.\n")
    print("| pattern | series | labelled | " + " | ".join(ways) + " |")
    print("|---" * (3 + len(ways)) + "|")
    for name, row in [*sorted(rows.items()), ("**all**", total)]:
        cells = [f"{row[2 + 2 * at]} + {row[3 + 2 * at]}" for at in range(len(ways))]
        print(f"| {name} | {row[0]} | {row[1]} | " + " | ".join(cells) + " |")
    print(f"\nThe last column has exactly Otava's indices in {same} of {series_count} series, and in {same_corrected} when Otava "
          "computes both neighbours of a removed point again.")

    (otava_hits, otava_false), (our_hits, our_false) = total[2:4], total[6:8]
    if our_hits < otava_hits or our_false > otava_false:
        print(f"ours: {our_hits} found, {our_false} false; Otava: {otava_hits} found, {otava_false} false", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
