"""``python -m bench.journeys.candidates``: how often a true passage is first, in a drawn city.

The colours are confused as the ranking assumes, because both use the same measured table: with other errors
it would do worse. See docs/design/journeys.md.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bench.journeys.city import COLOURS, DAY_S, GROUPS, CityPlan, DrawnCity
from edge_central.journeys.candidates import rank
from edge_central.journeys.learning.estimation import MIN_CERTAINTY, best_estimate
from edge_central.journeys.model import Way
from edge_central.journeys.neighbours import DEFAULT_REACH_M, Neighbour, learnt_window, map_window, window_ms
from edge_central.journeys.travel_times import TravelTime
from edge_central.searches.matches import PassageMatch

SEEDS = (21, 22, 23)
SENT = 25
"""Rows of an answer (docs/design/passages.md): the newest of the window."""
FOLLOWED_AFTER_S = 900.0
"""An object that is seen again later than this was lost."""
Learnt = Mapping[tuple[int, int, int], TravelTime]


class SentRows(StrEnum):
    """Of the window, what the gateways send."""

    ALL = "all"
    OLDEST = f"{SENT} oldest"
    NEWEST = f"{SENT} newest"


@dataclass(frozen=True)
class Setting:
    """What the ranking may use."""

    times: bool  # learnt ones
    colours: bool
    sent: SentRows = SentRows.OLDEST


SETTINGS = (
    *(Setting(times, colours) for times in (False, True) for colours in (False, True)),
    Setting(True, True, SentRows.ALL),
    Setting(True, True, SentRows.NEWEST),
)


@dataclass
class RankScore:
    """Of the followed passages of one way to rank."""

    followed: int = 0
    listed: int = 0  # a true passage is among the candidates
    first: int = 0
    first_five: int = 0
    candidates: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.journeys.candidates", allow_abbrev=False)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--cameras", type=int, default=24)
    parser.add_argument("--days", type=int, default=5, help="windows of two hours of which times are learnt")
    parser.add_argument("--followed", type=int, default=300, help="passages of each city")
    parser.add_argument("--reach-m", type=float, default=DEFAULT_REACH_M)
    parser.add_argument("--objects-an-hour", type=float, default=2500.0)
    args = parser.parse_args()
    scores = {each: RankScore() for each in SETTINGS}
    for seed in args.seeds:
        plan = CityPlan(seed, cameras=args.cameras, days=args.days + 1, objects_an_hour=args.objects_an_hour)
        city = DrawnCity(plan)
        trial = Trial(city, learnt_times(city, args.days), args.days, args.reach_m)
        print(f"seed {seed}: {len(city.visits)} objects, {len(trial.learnt)} learnt times", flush=True)
        for object_, first in trial.followed(args.followed, random.Random(seed)):
            for setting, score in scores.items():
                trial.count(object_, first, score, setting)
    print("\n".join(_table(scores)))
    return 0


def learnt_times(city: DrawnCity, days: int) -> dict[tuple[int, int, int], TravelTime]:
    """By first camera, second camera and group, from what the cameras saw."""
    numbers = range(len(city.cameras))
    found = {}
    for group in range(len(GROUPS)):
        samples = [camera.sample(group, city.plan, days) for camera in city.cameras]
        for one in numbers:
            for other in numbers:
                pair = None if one == other else best_estimate(samples[one], samples[other])
                if pair is not None and pair.certainty >= MIN_CERTAINTY:
                    names = (f"c{one}", "cam-1", f"c{other}", "cam-1", GROUPS[group])
                    figures = (pair.median_s, pair.low_s, pair.high_s, pair.share)
                    found[one, other, group] = TravelTime(*names, *figures, pair.passages, pair.certainty, 0)
    return found


class Trial:
    """The last day of a city, followed with what was learnt in the days before."""

    def __init__(self, city: DrawnCity, learnt: Learnt, day: int, reach_m: float) -> None:
        self.city, self.learnt, self.reach_m = city, learnt, reach_m
        begin_s = day * DAY_S
        self._seen: list[list[tuple[int, PassageMatch]]] = []  # by camera: object and passage, by start
        self._of_object = defaultdict[int, list[PassageMatch]](list)
        for number, camera in enumerate(city.cameras):
            rows = sorted(zip(camera.rows, camera.objects, strict=True))
            own = [(row, object_) for row, object_ in rows if row[0] >= begin_s]
            self._seen.append(
                [(object_, _match(number, index, row)) for index, (row, object_) in enumerate(own)]
            )

        for own_seen in self._seen:
            for object_, match in own_seen:
                self._of_object[object_].append(match)

    def followed(self, most: int, random_: random.Random) -> list[tuple[int, PassageMatch]]:
        """Passages of objects that another camera saw within FOLLOWED_AFTER_S, as the same group or not."""
        found = [
            (object_, first)
            for own in self._seen
            for object_, first in own
            if any(_follows(first, each) for each in self._of_object[object_])
        ]
        return random_.sample(found, min(most, len(found)))

    def count(self, object_: int, first: PassageMatch, score: RankScore, setting: Setting) -> None:
        neighbours = list(self._neighbours(first, times=setting.times))
        found, unsent = self._answers(first, neighbours, setting.sent)
        bare = first if setting.colours else replace(first, colours={})
        ranked = rank(bare, [("", each) for _, each in found], neighbours, Way.FORWARD, unsent)
        true = {each.gateway: set[int]() for _, each in found}
        for other, each in found:
            if other == object_:
                true[each.gateway].add(each.passage)
        places = [n for n, (_, each, _) in enumerate(ranked) if each.passage in true[each.gateway]]
        score.followed += 1
        score.listed += bool(places)
        score.first += places[:1] == [0]
        score.first_five += bool(places) and places[0] < 5
        score.candidates += len(ranked)

    def _neighbours(self, first: PassageMatch, *, times: bool) -> list[Neighbour]:
        here, group = int(first.gateway[1:]), first.group or ""
        found = []
        for other in range(len(self._seen)):
            distance = math.dist(self.city.place(here), self.city.place(other))
            pair = self.learnt.get((here, other, GROUPS.index(group))) if times else None
            if other != here and (pair is not None or distance <= self.reach_m):
                low_s, high_s = learnt_window(pair) if pair else map_window(group, distance)
                gateway = f"c{other}"
                found.append(Neighbour(gateway, "w", "cam-1", True, distance, None, pair, low_s, high_s))
        return found

    def _answers(
        self, first: PassageMatch, neighbours: Sequence[Neighbour], rows: SentRows
    ) -> tuple[list[tuple[int, PassageMatch]], dict[str, float]]:
        """What the gateways send; and how many times more they have found."""
        found, unsent = [], {}
        for each in neighbours:
            low_ms, high_ms = window_ms(first, each.low_s, each.high_s, Way.FORWARD)
            fit = [
                (object_, match)
                for object_, match in self._seen[int(each.gateway[1:])]
                if match.group == first.group and low_ms <= match.start_ms <= high_ms
            ]
            sent = {SentRows.ALL: fit, SentRows.OLDEST: fit[:SENT], SentRows.NEWEST: fit[-SENT:]}[rows]
            unsent[each.gateway] = len(fit) / max(1, len(sent))
            found += sent
        return found, unsent


def _follows(first: PassageMatch, later: PassageMatch) -> bool:
    """Another camera saw it soon after; clocks differ by up to 4 s."""
    gap_ms = later.start_ms - first.start_ms - first.for_s * 1000
    return later.gateway != first.gateway and -5_000 <= gap_ms <= FOLLOWED_AFTER_S * 1000


def _match(camera: int, passage: int, row: tuple[float, float, int, int, int, int]) -> PassageMatch:
    start_s, end_s, group, colour, _, _ = row
    return PassageMatch(
        cursor=passage, gateway=f"c{camera}", ward="w", camera="cam-1", passage=passage,
        start_ms=round(start_s * 1000), for_s=max(0.0, end_s - start_s), clock="synced", group=GROUPS[group],
        label=None, direction_deg=None, speed=1.0, speed_m_s=None, size=None, entry="inside", exit="inside",
        light="day", colours={"upper": (COLOURS[colour],)} if 0 <= colour < len(COLOURS) else {},
    )  # fmt: skip


def _table(scores: Mapping[Setting, RankScore]) -> list[str]:
    lines = ["| learnt times | colours | rows sent | candidates | listed | first | first five |"]
    lines.append("|" + "---|" * 7)
    for setting, score in scores.items():
        of = max(1, score.followed)
        words = ["yes" if setting.times else "no", "yes" if setting.colours else "no", setting.sent]
        words += [f"{score.candidates / of:.0f}"]
        words += [f"{each / of:.2f}" for each in (score.listed, score.first, score.first_five)]
        lines.append("| " + " | ".join(words) + " |")
    return [*lines, f"{next(iter(scores.values())).followed} passages were followed"]


if __name__ == "__main__":
    raise SystemExit(main())
