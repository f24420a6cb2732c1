"""A drawn city: objects drive through a grid of streets, and cameras beside the streets see most of them.

Everything is random by a seed: the streets, turning shares, traffic lights, parking, speeds, what cameras
miss, how they name groups and colours, and how their clocks differ. Nothing is of a real place but the errors
of colours and sides, which docs/design/passages.md measures.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

import numpy as np

from edge_central.journeys.learning.samples import INSIDE, NO_COLOUR, CameraSample

GROUPS = ("person", "two-wheeler", "vehicle")
SHARES = (0.1, 0.75, 0.15)
SPEED_M_S = (1.3, 7.5, 7.0)
SPEED_SPREAD = (0.2, 0.22, 0.25)
"""Standard deviation of the logarithm, over objects; half of it again from street to street."""
COLOURS = ("black", "white", "grey", "red", "green", "blue", "brown", "yellow")
WORN = (0.27, 0.24, 0.14, 0.12, 0.05, 0.11, 0.04, 0.03)
CONFUSION: dict[str, dict[str | None, float]] = {
    "black": {"black": 32, "blue": 1, "brown": 2, "grey": 6, None: 2},
    "blue": {"black": 2, "blue": 8, "brown": 2, "grey": 1},
    "brown": {"blue": 1},
    "green": {"green": 2},
    "grey": {"black": 3, "blue": 1, "brown": 1, "grey": 4, "white": 1},
    "red": {"black": 1, "red": 3},
    "white": {"blue": 3, "grey": 2, "white": 23},
    "yellow": {None: 1},
}
"""First term named by day, of parts marked by hand (docs/design/passages.md); half a part is added to the
right term, because of some colours there were one or two."""
MISSED = (0.2, 0.4)
WRONG_GROUP, DOUBLED = 0.05, 0.06
CLOCK_S = 1.2
PARKS = 0.08
"""Share of the objects that disappear in a street: alleys, houses, parking."""
MAX_STREETS = 14
SIGHT_M = (8.0, 18.0)
SIDE_SEEN = 0.84
"""Of entries and exits at a side of the picture, which passages.md measures; others count as inside."""
LEFT, RIGHT = 0, 1
DAY_S = 86_400.0

Row = tuple[float, float, int, int, int, int]
"""Start, end, group, colour, entry, exit."""


@dataclass(frozen=True)
class CityPlan:
    """What is drawn."""

    seed: int
    cameras: int = 24
    objects_an_hour: float = 2500.0
    days: int = 3
    window_s: float = 7200.0  # of each day
    size: int = 6  # junctions along a side
    cycle_s: float | None = None  # of all traffic lights; None: 50 to 100 s, each its own
    lights: float = 0.45  # share of the junctions
    rush: float = 1.5  # how much more traffic at the height of the rush hour than at the begin


@dataclass
class DrawnCamera:
    """A camera beside a street, and what it saw."""

    street: tuple[int, int]
    reach_m: float
    missed: float
    clock_s: float
    at: float  # share of the street's length
    rows: list[Row] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)  # of each row, which object it was

    def sample(self, group: int, plan: CityPlan, days: int | None = None) -> CameraSample:
        """What the centre would get of the first ``days``; None: of all."""
        windows = tuple((day * DAY_S, day * DAY_S + plan.window_s) for day in range(days or plan.days))
        rows = sorted(
            row for row in self.rows if row[2] == group and any(a <= row[0] < b for a, b in windows)
        )
        table = np.array(rows, dtype=float).reshape(-1, 6)
        colours, entries, exits = (table[:, column].astype(np.int64) for column in (3, 4, 5))
        return CameraSample(windows, table[:, 0], table[:, 1], colours, entries, exits)


@dataclass(frozen=True, slots=True)
class TrueTravel:
    """What a perfect observer knows of an ordered pair of cameras and a group."""

    times: list[float]
    passed_first: int

    @property
    def share(self) -> float:
        return len(self.times) / max(1, self.passed_first)


class DrawnCity:
    """Drives all objects once; then ``cameras`` and ``truth`` are complete."""

    def __init__(self, plan: CityPlan) -> None:
        self.plan = plan
        self._random = Random(plan.seed)
        self._draw_streets()
        self.cameras = self._place_cameras()
        self._at_street = defaultdict[tuple[int, int], list[int]](list)
        for number, camera in enumerate(self.cameras):
            self._at_street[camera.street].append(number)
        self.visits: list[list[tuple[int, float, float]]] = []  # of each object: camera, true start and end
        self.groups: list[int] = []
        for start_s in self._departures():
            self._drive(start_s)

    def truth(self, max_lag_s: float = 900.0) -> dict[tuple[int, int, int], TrueTravel]:
        """By first camera, second camera, group: from each passage to the next at the second."""
        times = defaultdict[tuple[int, int, int], list[float]](list)
        passed = defaultdict[tuple[int, int], int](int)
        for group, visits in zip(self.groups, self.visits, strict=True):
            for at, (first, _, end) in enumerate(visits):
                passed[first, group] += 1
                seen = {first}
                for second, start, _ in visits[at + 1 :]:
                    if second not in seen and 0 <= start - end <= max_lag_s:
                        times[first, second, group].append(start - end)
                    seen.add(second)
        return {
            (first, second, group): TrueTravel(times[first, second, group], passed[first, group])
            for first in range(len(self.cameras))
            for second in range(len(self.cameras))
            for group in range(len(GROUPS))
            if first != second
        }

    def place(self, camera: int) -> tuple[float, float]:
        """Where a camera stands: metres to the east and to the north."""
        junctions = list(self._place.values())
        (east, north), (east_end, north_end) = (junctions[each] for each in self.cameras[camera].street)
        at = self.cameras[camera].at
        return east + at * (east_end - east), north + at * (north_end - north)

    # --- streets ---

    def _draw_streets(self) -> None:
        plan, random = self.plan, self._random
        self._place = {
            (x, y): (300 * x + random.gauss(0, 40), 300 * y + random.gauss(0, 40))
            for x in range(plan.size)
            for y in range(plan.size)
        }
        self._names = {place: number for number, place in enumerate(self._place)}
        self._next = defaultdict[int, list[int]](list)
        self._length: dict[tuple[int, int], float] = {}
        for (x, y), here in self._place.items():
            for other in ((x + 1, y), (x, y + 1)):
                if other in self._place and random.random() > 0.12:
                    length = 1.1 * math.dist(here, self._place[other])
                    self._join(self._names[x, y], self._names[other], length)
        self._turns = {
            (a, b): self._turning(a, b) for a, b in self._length if [c for c in self._next[b] if c != a]
        }
        self._streets = list(self._turns)
        self._lights = {
            junction: (
                plan.cycle_s or random.uniform(50, 100),
                random.uniform(0, 100),
                random.uniform(0.35, 0.6),
            )
            for junction in self._names.values()
            if random.random() < plan.lights
        }

    def _join(self, a: int, b: int, length: float) -> None:
        self._next[a].append(b)
        self._next[b].append(a)
        self._length[a, b] = self._length[b, a] = length

    def _turning(self, a: int, b: int) -> tuple[list[int], Sequence[float]]:
        """Where traffic from a goes after b: mostly one way, as along main roads."""
        ways = [c for c in self._next[b] if c != a]
        return ways, list(accumulate(self._random.gammavariate(0.7, 1) for _ in ways))

    def _place_cameras(self) -> list[DrawnCamera]:
        streets = sorted({(min(a, b), max(a, b)) for a, b in self._length})
        random = self._random
        return [
            DrawnCamera(
                street,
                random.uniform(*SIGHT_M),
                random.uniform(*MISSED),
                min(2.0, max(-2.0, random.gauss(0, CLOCK_S))),
                random.uniform(0.25, 0.75),
            )
            for street in random.sample(streets, self.plan.cameras)
        ]

    # --- traffic ---

    def _departures(self) -> Iterator[float]:
        """Times of a Poisson process with a rush hour; objects are on the way before the window begins."""
        plan, random = self.plan, self._random
        most = plan.objects_an_hour / 3600 * (1 + plan.rush)
        for day in range(plan.days):
            at = -1200.0
            while (at := at + random.expovariate(most)) < plan.window_s:
                rush = plan.rush * math.exp(-0.5 * ((at / plan.window_s - 0.55) / 0.2) ** 2)
                if random.random() < (1 + rush) / (1 + plan.rush):
                    yield day * DAY_S + at

    def _drive(self, now_s: float) -> None:
        random = self._random
        (group,) = random.choices(range(3), SHARES)
        speed = SPEED_M_S[group] * math.exp(random.gauss(0, SPEED_SPREAD[group]))
        (colour,) = random.choices(range(len(WORN)), WORN)
        a, b = random.choice(self._streets)
        visits: list[tuple[int, float, float]] = []
        begin = random.random()  # it comes out of a house somewhere in its first street
        for _ in range(MAX_STREETS if group else 5):
            pace = speed * math.exp(random.gauss(0, SPEED_SPREAD[group] / 2))
            last = random.uniform(begin, 1) if random.random() < PARKS else 1.0
            self._pass_cameras(group, colour, (a, b), (begin, last), now_s, pace, visits)
            now_s += (last - begin) * self._length[a, b] / pace
            if last < 1.0 or (a, b) not in self._turns:
                break
            now_s += self._wait_s(b, now_s, group)
            ways, shares = self._turns[a, b]
            (way,) = random.choices(ways, cum_weights=shares)
            a, b, begin = b, way, 0.0
        self.visits.append(visits)
        self.groups.append(group)

    def _wait_s(self, junction: int, now_s: float, group: int) -> float:
        if junction not in self._lights:
            return self._random.expovariate(0.5)
        cycle, offset, red = self._lights[junction]
        left = red * cycle - (now_s + offset) % cycle
        if left <= 0 or group == 0:
            return self._random.expovariate(0.5)
        return left + self._random.uniform(0, 10)  # the queue starts off

    def _pass_cameras(
        self,
        group: int,
        colour: int,
        street: tuple[int, int],
        part: tuple[float, float],
        now_s: float,
        pace: float,
        visits: list[tuple[int, float, float]],
    ) -> None:
        length = self._length[street]
        forth = street[0] < street[1]
        for seen_by in self._at_street[min(street), max(street)]:
            camera = self.cameras[seen_by]
            at = camera.at if forth else 1 - camera.at
            if not part[0] <= at <= part[1]:
                continue
            middle_s, half_s = now_s + (at - part[0]) * length / pace, camera.reach_m / pace
            visits.append((seen_by, middle_s - half_s, middle_s + half_s))
            self._detect(camera, forth, group, colour, middle_s - half_s, middle_s + half_s)

    def _detect(
        self, camera: DrawnCamera, forth: bool, group: int, colour: int, start_s: float, end_s: float
    ) -> None:
        random = self._random
        if random.random() < camera.missed:
            return
        if random.random() < WRONG_GROUP:
            group = (group + random.choice((1, 2))) % 3
        # Found late and lost early, by up to a third of the passage on each side.
        length = end_s - start_s
        start_s += camera.clock_s + random.uniform(0, length / 3)
        end_s += camera.clock_s - random.uniform(0, length / 3)
        left, right = (
            side if random.random() < SIDE_SEEN else INSIDE
            for side in ((LEFT, RIGHT) if forth else (RIGHT, LEFT))
        )
        camera.rows.append((start_s, end_s, group, self._named(colour), left, right))
        camera.objects.append(len(self.visits))  # the object on the way now
        if random.random() < DOUBLED:
            camera.rows.append(
                (end_s + random.uniform(0.2, 2), end_s + 3, group, self._named(colour), INSIDE, right)
            )
            camera.objects.append(len(self.visits))

    def _named(self, colour: int) -> int:
        terms, chances = _NAMING[colour]
        return self._random.choices(terms, chances)[0]


def _naming(colour: str) -> tuple[list[int], list[float]]:
    """Numbers of the terms that a camera may give this colour, and how likely each is."""
    counts = dict(CONFUSION[colour])
    counts[colour] = counts.get(colour, 0) + 0.5
    whole = sum(counts.values())
    numbers = [NO_COLOUR if term is None else COLOURS.index(term) for term in counts]
    return numbers, [count / whole for count in counts.values()]


_NAMING = [_naming(colour) for colour in COLOURS]
