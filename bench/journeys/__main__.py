"""``python -m bench.journeys``: which travel times are learnt in a drawn city, and how right they are.

``--choose`` uses the seeds on which the limits were chosen; without it, others.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.journeys.city import GROUPS, CityPlan, DrawnCity
from edge_central.journeys.learning.estimation import MIN_CERTAINTY, PairEstimate, best_estimate
from edge_central.journeys.learning.samples import CameraSample

CHOSEN, OTHERS = (1, 2, 3), (11, 12, 13)
DAYS = (2, 5, 10, 15)
CLASSES = ((0.3, 1.01), (0.2, 0.3), (0.1, 0.2), (0.05, 0.1), (0.02, 0.05), (0.0, 0.02))
MIN_TRUE = 20
"""Objects of which a median is meaningful."""


@dataclass
class ClassScore:
    """Pairs whose true share is in one class."""

    pairs: int = 0
    claimed: int = 0
    right: int = 0  # the true median is within the claimed 10-90 %, or 30 % off
    errors: list[float] = field(default_factory=list)  # of the median, share of the true one
    inside: list[float] = field(default_factory=list)  # share of true times within the claimed 10-90 %
    shares: list[float] = field(default_factory=list)  # claimed over the true share of detected objects


@dataclass
class Score:
    """One set of cities and days."""

    classes: dict[tuple[float, float], ClassScore] = field(
        default_factory=lambda: {each: ClassScore() for each in CLASSES}
    )
    strangers: int = 0  # pairs of cameras of different cities
    false: int = 0  # of these, claimed
    highest: list[float] = field(default_factory=list)  # certainties of strangers
    cpu_s: float = 0.0
    tried: int = 0
    passages: list[int] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.journeys", description=__doc__, allow_abbrev=False)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--days", type=int, nargs="*", default=DAYS, help="windows of two hours")
    parser.add_argument("--cameras", type=int, default=12)
    parser.add_argument("--certainty", type=float, default=MIN_CERTAINTY)
    parser.add_argument("--cycle-s", type=float, default=None, help="one cycle for all traffic lights")
    parser.add_argument("--no-colours", action="store_true")
    parser.add_argument("--no-sides", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="*")
    args = parser.parse_args()
    seeds = args.seeds or (CHOSEN if args.choose else OTHERS)
    plans = [
        CityPlan(seed, cameras=args.cameras, days=max(args.days), cycle_s=args.cycle_s) for seed in seeds
    ]
    cities = [DrawnCity(plan) for plan in plans]
    print(f"drawn cities, seeds {seeds}, {args.cameras} cameras each; claimed from {args.certainty:g} on")
    for days in args.days:
        score = Score()
        run(cities, days, args, score)
        print("\n".join(_table(days, score)), flush=True)
    return 0


def run(cities: Sequence[DrawnCity], days: int, args: argparse.Namespace, score: Score) -> None:
    samples = [
        [[camera.sample(group, city.plan, days) for group in range(len(GROUPS))] for camera in city.cameras]
        for city in cities
    ]

    def estimated(first: CameraSample, second: CameraSample) -> PairEstimate | None:
        begin_s = time.thread_time()
        found = best_estimate(first, second, colours=not args.no_colours, sides=not args.no_sides)
        score.cpu_s += time.thread_time() - begin_s
        score.tried += 1
        return found

    for city, own in zip(cities, samples, strict=True):
        score.passages += [each.passages for camera in own for each in camera]
        for (a, b, group), truth in city.truth().items():
            found = estimated(own[a][group], own[b][group])
            _count(city, (a, b), truth.share, truth.times, found, args.certainty, score)
    for one, other in itertools.permutations(samples, 2):
        for first in one:
            for second in other:
                for group in range(len(GROUPS)):
                    found = estimated(first[group], second[group])
                    score.strangers += 1
                    score.highest.append(0.0 if found is None else found.certainty)
                    score.false += found is not None and found.certainty >= args.certainty


def _count(
    city: DrawnCity,
    pair: tuple[int, int],
    share: float,
    times: Sequence[float],
    found: PairEstimate | None,
    certainty: float,
    score: Score,
) -> None:
    bounds = next(each for each in CLASSES if each[0] <= share < each[1])
    of_class = score.classes[bounds]
    if bounds[0] > 0 and len(times) < MIN_TRUE:
        return
    of_class.pairs += 1
    if found is None or found.certainty < certainty:
        return
    of_class.claimed += 1
    if len(times) < MIN_TRUE:
        return
    median = float(np.median(times))
    of_class.right += found.low_s <= median <= found.high_s or abs(found.median_s - median) < 0.3 * median
    of_class.errors.append(abs(found.median_s - median) / median)
    of_class.inside.append(float(np.mean([found.low_s <= each <= found.high_s for each in times])))
    of_class.shares.append(found.share / (share * (1 - city.cameras[pair[1]].missed)))


def _table(days: int, score: Score) -> Iterator[str]:
    busiest = max(score.passages)
    usual = np.median([each for each in score.passages if each])
    yield f"\n{2 * days} h, {usual:.0f} passages of a group at a camera (median; most {busiest})"
    yield "true share   pairs  claimed  right   median off   times in 10-90 %   claimed/true share"
    for (low, high), of_class in score.classes.items():
        row = f"{low:4.2f}-{min(high, 1):4.2f}   {of_class.pairs:6} {of_class.claimed:8} {of_class.right:6}"
        if of_class.errors:
            row += f"   {np.median(of_class.errors):9.2f}   {np.mean(of_class.inside):16.2f}"
            row += f"   {np.median(of_class.shares):18.2f}"
        yield row
    highest = ", ".join(f"{each:.1f}" for each in sorted(score.highest)[-5:])
    yield f"strangers: {score.strangers} pairs, {score.false} claimed; highest certainties {highest}"
    yield f"{1000 * score.cpu_s / score.tried:.1f} ms of CPU for a pair and group"


if __name__ == "__main__":
    sys.exit(main())
