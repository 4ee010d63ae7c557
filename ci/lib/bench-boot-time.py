"""The spread and the power of boot times, from real boots: `bench-boot-time.py BASELINE.json CANDIDATE.json`.

The candidate does about two per cent more. Twenty times, five boots of each side are drawn from those that were measured and compared as
`muster boot-time` does (exact test of Mann and Whitney, p <= 0.01, and medians at least 1 % apart); twenty times, five of the baseline
with five others of it. Boots are drawn again and again, so the trials are not independent of each other; the boots are real.
"""

import itertools
import json
import random
import statistics
import sys

TRIALS, SIDE, ALPHA, FLOOR = 20, 5, 0.01, 0.01


def totals(path, of):
    with open(path, encoding="utf-8") as file:
        samples = json.load(file)["samples"]
    return [sample["total"][of] for sample in samples if "inconclusive" not in sample]


def p_value(one, other):
    """Exact, two-sided, of numbers that are all different."""
    def u(chosen, rest):
        return sum(x > y for x in chosen for y in rest)
    pooled = one + other
    observed = u(one, other)
    middle = len(one) * len(other) / 2
    extreme = count = 0
    for indices in itertools.combinations(range(len(pooled)), len(one)):
        chosen = [pooled[index] for index in indices]
        rest = [pooled[index] for index in range(len(pooled)) if index not in indices]
        count += 1
        extreme += abs(u(chosen, rest) - middle) >= abs(observed - middle)
    return extreme / count


def differs(one, other):
    medians = sorted([statistics.median(one), statistics.median(other)])
    return medians[1] / medians[0] - 1 >= FLOOR and p_value(one, other) <= ALPHA


def main():
    draw = random.Random(2026)
    base, worse = totals(sys.argv[1], "instructions"), totals(sys.argv[2], "instructions")
    times = totals(sys.argv[1], "micros")
    if len(base) < 2 * SIDE or len(worse) < SIDE:
        sys.exit(f"{len(base)} and {len(worse)} boots are too few: {2 * SIDE} and {SIDE} are needed")
    missed = False
    for name, values, most in [("instructions", base, 0.0045), ("time", times, None)]:
        sd = statistics.stdev(values) / statistics.mean(values)
        spread = max((max(five) - min(five)) / statistics.median(five) for five in itertools.combinations(values, SIDE))
        print(f"{name}: standard deviation {sd:.2%} over {len(values)} boots; worst spread of five {spread:.2%}")
        missed |= most is not None and (sd > most or spread > 0.010)
    more = statistics.median(worse) / statistics.median(base) - 1
    found = sum(differs(draw.sample(base, SIDE), draw.sample(worse, SIDE)) for _ in range(TRIALS))
    false = 0
    for _ in range(TRIALS):
        ten = draw.sample(base, 2 * SIDE)
        false += differs(ten[:SIDE], ten[SIDE:])
    print(f"{more:+.2%} of instructions: found in {found} of {TRIALS} trials (budget 19), no change flagged in {false} (budget 0)")
    sys.exit(missed or found < 19 or false > 0)


main()
