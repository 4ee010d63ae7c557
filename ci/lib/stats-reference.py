#!/usr/bin/env python3
"""stats-reference.py FILE [--write]: figures of SciPy and Apache Otava for values that are drawn from a seed.

Without --write the file is compared with what is computed now: versions and values must be the same, figures must agree to
1e-9. Exits 1 when they do not.
"""

import itertools
import json
import math
import pathlib
import sys

import numpy
import scipy
from importlib.metadata import version
from otava.analysis import TTestSignificanceTester, compute_change_points
from scipy import special, stats

SEED = 20261129


def drawn(rng, n, level, noise, decimals):
    """Few decimals make ties."""
    return [round(float(value), decimals) for value in level * (1 + noise * rng.standard_normal(n))]


def mann_whitney(rng):
    sizes = [(2, 2), (2, 3), (3, 3), (4, 4), (5, 5), (5, 5), (5, 7), (3, 9), (7, 7), (8, 8)]
    for decimals, (n, m), shift in itertools.product((1, 4), sizes, (1.0, 1.02)):
        first, second = drawn(rng, n, 10, 0.01, decimals), drawn(rng, m, 10 * shift, 0.01, decimals)
        # All ways to share out the values, ties included: SciPy's own "exact" does not know ties.
        method = stats.PermutationMethod(n_resamples=math.inf)
        found = stats.mannwhitneyu(second, first, alternative="two-sided", method=method)
        yield {"first": first, "second": second, "exact": True, "u": float(found.statistic), "p": float(found.pvalue)}
    for decimals, (n, m), shift in itertools.product((1, 3), [(21, 20), (25, 30), (3, 140), (60, 60)], (1.0, 1.01)):
        first, second = drawn(rng, n, 10, 0.01, decimals), drawn(rng, m, 10 * shift, 0.01, decimals)
        found = stats.mannwhitneyu(second, first, alternative="two-sided", method="asymptotic", use_continuity=True)
        yield {"first": first, "second": second, "exact": False, "u": float(found.statistic), "p": float(found.pvalue)}


def students_t():
    for t, df in itertools.product((0.0, 0.01, 0.5, 1.0, 2.0, 3.5, 5.0, 10.0, 40.0), (1, 2, 3, 5, 8, 19, 38, 100, 998)):
        yield t, df, float(2 * stats.t.sf(t, df))


def normal():
    for z in (-3.0, -1.0, 0.0, 0.3, 1.0, 1.96, 2.5758, 3.3, 4.0, 5.0, 6.0, 8.0):
        yield z, float(stats.norm.sf(z))


def beta():
    for a, b, x in itertools.product((0.5, 1.0, 4.5, 9.5, 60.0, 499.0), (0.5, 2.0, 30.0), (1e-4, 0.05, 0.4, 0.7, 0.97)):
        yield a, b, x, float(special.betainc(a, b, x))


def t_test(rng):
    for n, m, shift in itertools.product((1, 2, 5, 20), (2, 3, 10), (1.0, 1.02)):
        first, second = drawn(rng, n, 10, 0.01, 4), drawn(rng, m, 10 * shift, 0.01, 4)
        found = stats.ttest_ind(first, second)
        yield {"first": first, "second": second, "t": float(found.statistic), "p": float(found.pvalue)}


def described(rng):
    for n, noise in itertools.product((20, 21, 37, 100), (0.001, 0.05)):
        values = drawn(rng, n, 12.5, noise, 4)
        yield {
            "values": values,
            "mean": float(numpy.mean(values)),
            "median": float(numpy.median(values)),
            "standard_deviation": float(numpy.std(values, ddof=1)),
            "p95": float(numpy.percentile(values, 95)),
        }


def otava(rng):
    """Levels one after the other, each for some builds."""
    shapes = [
        [(40, 1.0)],
        [(20, 1.0), (20, 1.02)],
        [(20, 1.0), (1, 1.02)],
        [(20, 1.0), (3, 1.02)],
        [(30, 1.0), (10, 0.97), (25, 1.01)],
        [(60, 1.0), (60, 1.03), (40, 1.0)],
        [(24, 1.0), (2, 1.2), (50, 1.0)],
        [(15, 1.0), (15, 1.02), (15, 1.04), (15, 1.06)],
    ]
    for noise, floor, shape in itertools.product((0.003, 0.01), (0.0, 0.01), shapes):
        values = [value for count, level in shape for value in drawn(rng, count, 10 * level, noise, 4)]
        found, _ = compute_change_points(values, window_len=50, max_pvalue=0.001, min_magnitude=floor)
        # Otava 0.8.0 does not compute the left neighbour of a point again that it removes: its mean "after" still ends at
        # that point. Its own test is run again between the points that are left.
        tester = TTestSignificanceTester(0.001)
        intervals = tester.get_intervals(found)
        tested = [tester.change_point(point.to_candidate(), values, intervals) for point in found]
        points = [[int(p.index), float(p.stats.mean_1), float(p.stats.mean_2), float(p.stats.pvalue)] for p in tested]
        yield {"values": values, "floor": floor, "points": points}


def reference():
    rng = numpy.random.Generator(numpy.random.PCG64(SEED))
    return {
        "made_by": "ci/stats-reference",
        "scipy": scipy.__version__,
        "numpy": numpy.__version__,
        "apache_otava": version("apache-otava"),
        "mann_whitney": list(mann_whitney(rng)),
        "students_t": list(students_t()),
        "normal": list(normal()),
        "beta": list(beta()),
        "t_test": list(t_test(rng)),
        "described": list(described(rng)),
        "otava": list(otava(rng)),
    }


def differences(kept, now, path=""):
    if isinstance(kept, dict) and isinstance(now, dict) and kept.keys() == now.keys():
        for key in kept:
            yield from differences(kept[key], now[key], f"{path}.{key}")
    elif isinstance(kept, list) and isinstance(now, (list, tuple)) and len(kept) == len(now):
        for at, (one, other) in enumerate(zip(kept, now)):
            yield from differences(one, other, f"{path}[{at}]")
    elif isinstance(kept, float) and isinstance(now, float):
        if not math.isclose(kept, now, rel_tol=1e-9, abs_tol=1e-300):
            yield f"{path}: {kept} in the file, {now} now"
    elif kept != now:
        yield f"{path}: {kept} in the file, {now} now"


def main():
    file, write = pathlib.Path(sys.argv[1]), sys.argv[2:] == ["--write"]
    now = reference()
    if write:
        # One case a line: a diff shows which.
        lines = []
        for key, value in now.items():
            text = json.dumps(value) if not isinstance(value, list) else None
            cases = ",\n".join(f"  {json.dumps(case)}" for case in value) if text is None else ""
            lines.append(f'"{key}": {text}' if text is not None else f'"{key}": [\n{cases}\n]')
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        print(f"{file} is written")
        return 0
    found = list(differences(json.loads(file.read_text()), now))
    for line in found[:20]:
        print(line)
    print(f"{file}: {len(found)} differences" if found else f"{file} is what SciPy {scipy.__version__} computes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
