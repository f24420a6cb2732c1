"""How likely it is that two passages show the same object, as a product of stated factors. Pure.

Each factor is the probability of what was seen if both are the same object, divided by its probability if
they are different objects: above 1 speaks for a candidate, below 1 against it. The product only orders the
candidates; it is no probability, and no text shows it. Sources of the figures: docs/design/journeys.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from edge_central.journeys.model import Way
from edge_central.journeys.neighbours import VIEW_M, Neighbour, gap_s, shift_of
from edge_central.journeys.travel_times import TravelTime
from edge_central.searches.matches import PassageMatch

QUANTILE_Z = 1.2816
"""Standard deviations from the median of a normal distribution to its quantile 0.9."""
MIN_SIGMA = 0.1
"""Of the logarithm of a travel time. Quantiles of few passages may lie too close together."""
STOPS = 0.1
"""Share of objects that stop on the way, or take another road: their times are spread over the window."""
MAX_LEARNT = 0.9
"""Of the objects at the first camera: at most so many go to cameras with a learnt time."""
MIN_TIME_S = 5.0
"""Shorter times by the map count as this one: clocks of gateways differ."""

NAMED: Mapping[str, Mapping[str, int]] = {
    "black": {"black": 32, "blue": 1, "brown": 2, "grey": 6},
    "blue": {"black": 2, "blue": 8, "brown": 2, "grey": 1},
    "brown": {"blue": 1},
    "green": {"green": 2},
    "grey": {"black": 3, "blue": 1, "brown": 1, "grey": 4, "white": 1},
    "orange": {},
    "pink": {"pink": 2},
    "purple": {},
    "red": {"black": 1, "pink": 1, "red": 3},
    "white": {"blue": 3, "grey": 2, "white": 23},
    "yellow": {},
}
"""First terms by true colour, as measured by day (docs/design/passages.md)."""
SMOOTHING = 0.25
"""Added to each count: few parts were measured of most colours."""
MIN_COLOUR, MAX_COLOUR = 0.1, 8.0
"""Bounds of the factor of a colour: of most colours too few parts were measured for more."""
DUSK_POWER = 0.5
"""Of the factor of a colour where one of both passages is at dusk. Chosen, not measured."""
SAME_LABEL, OTHER_LABEL = 1.3, 0.4
"""Chosen, not measured."""
TOWARDS, AWAY = 2.0, 0.5
"""A heading within 60 degrees of the bearing between both sites, and beyond 120. Chosen, not measured."""


class ReasonKind(StrEnum):
    LEARNT_TIME = "learnt-time"  # how long objects took between these two cameras
    MAP_TIME = "map-time"  # how long the distance on the map takes
    COLOUR = "colour"
    LABEL = "label"
    HEADING = "heading"
    APPEARANCE = "appearance"  # how similar the opened pictures are


@dataclass(frozen=True, slots=True)
class Reason:
    """One factor, with the values that it was made of, to describe it in words. ``here`` is of the passage
    that is followed, ``there`` of the candidate."""

    kind: ReasonKind
    factor: float
    gap_s: float = 0.0  # of times: between both passages
    low_s: float = 0.0  # of times: usual, or possible
    high_s: float = 0.0
    others: int = 0  # of times: how many passages of the kind there were in that time
    part: str = ""  # of colours: upper, lower, body
    here: str = ""
    there: str = ""
    words: str = ""  # of appearance: a text with its code

    @property
    def supports(self) -> bool:
        return self.factor >= 1.0


Appearance = Mapping[tuple[str, int], Reason]
"""By gateway and passage: how similar the pictures of both passages are."""


def reasons_of(
    match: PassageMatch,
    candidate: PassageMatch,
    neighbour: Neighbour,
    way: Way,
    share: float,
    passages: int,
    appearance: Appearance | None = None,
) -> tuple[Reason, ...]:
    """All factors of a candidate. ``share``: the share of the objects at the first camera that come to this
    one. ``passages``: how many of the kind this camera saw in its window."""
    found = [time_reason(gap_s(match, candidate, way), neighbour, share, passages)]
    found += colour_reasons(match, candidate)
    if match.label and candidate.label:
        factor = SAME_LABEL if match.label == candidate.label else OTHER_LABEL
        found.append(Reason(ReasonKind.LABEL, factor, here=match.label, there=candidate.label))
    found += heading_reasons(match, candidate, neighbour, way)
    similar = None if appearance is None else appearance.get((candidate.gateway, candidate.passage))
    if similar is not None:
        found.append(similar)
    return tuple(found)


def product(reasons: Sequence[Reason]) -> float:
    return math.prod(each.factor for each in reasons)


# --- time ---


def time_reason(gap: float, neighbour: Neighbour, share: float, passages: int) -> Reason:
    """The density of this travel time among objects that come here, by the rate of all that pass here."""
    span_s = max(neighbour.high_s - neighbour.low_s, 1.0)
    rate = max(passages, 1) / span_s
    pair = neighbour.learnt
    flat = 1.0 / span_s
    if pair is None:
        facts = (gap, max(neighbour.low_s, 0.0), neighbour.high_s, passages)
        return Reason(ReasonKind.MAP_TIME, share * map_density(neighbour, gap) / rate, *facts)
    density = (1.0 - STOPS) * travel_density(pair, gap) + STOPS * flat
    return Reason(ReasonKind.LEARNT_TIME, share * density / rate, gap, pair.low_s, pair.high_s, passages)


def map_density(neighbour: Neighbour, gap: float) -> float:
    """The density, per second, where only the slowest and the fastest time are known: flat in the logarithm
    of the time, so that twice as fast is as likely as half as fast."""
    low, high = (max(each, MIN_TIME_S) for each in (neighbour.low_s, neighbour.high_s))
    return 1.0 / (min(max(gap, low), high) * max(math.log(high / low), 1e-3))


def travel_density(pair: TravelTime, gap: float) -> float:
    """The density, per second, of a log-normal distribution with different widths below and above its
    median, through the learnt quantiles 0.1, 0.5 and 0.9 (nearly: each half has its own share)."""
    shift = shift_of(pair)
    moved = gap + shift
    if moved <= 0.0:
        return 0.0
    low, median, high = (max(each + shift, 1e-3) for each in (pair.low_s, pair.median_s, pair.high_s))
    below = max(math.log(median / low) / QUANTILE_Z, MIN_SIGMA)
    above = max(math.log(high / median) / QUANTILE_Z, MIN_SIGMA)
    distance = math.log(moved / median)
    sigma = below if distance < 0 else above
    scale = math.sqrt(2 / math.pi) / (below + above)
    return scale * math.exp(-((distance / sigma) ** 2) / 2) / moved


def shares(neighbours: Sequence[Neighbour]) -> dict[tuple[str, str], float]:
    """By gateway and camera: which share of the objects at the first camera comes there. What the learnt
    pairs leave is divided among the other cameras by their nearness: a way crosses a circle around the first
    camera at one place, and the circle grows with its radius."""
    learnt = {each.key: each.learnt.share for each in neighbours if each.learnt is not None}
    rest = 1.0 - min(sum(learnt.values()), MAX_LEARNT)
    near = {each.key: 1.0 / max(each.distance_m or 0.0, VIEW_M) for each in neighbours if each.learnt is None}
    whole = sum(near.values())
    return learnt | {key: rest * each / whole for key, each in near.items()}


# --- colours ---


def colour_reasons(match: PassageMatch, candidate: PassageMatch) -> Iterator[Reason]:
    """One for each part of which both passages have a colour."""
    dusk = "dusk" in (match.light, candidate.light)
    for part in match.colours:
        here, there = match.colours[part], candidate.colours.get(part, ())
        if here and there and here[0] in NAMED and there[0] in NAMED:
            factor = colour_factor(here, there)
            if dusk:
                factor **= DUSK_POWER
            yield Reason(ReasonKind.COLOUR, factor, part=part, here=here[0], there=there[0])


def colour_factor(here: Sequence[str], there: Sequence[str]) -> float:
    """Return the factor of two parts, by their first colour terms. If the first term of one is the second of
    the other, the factor is half way to that of equal terms."""
    factor = term_factor(here[0], there[0])
    if here[0] == there[0]:
        return factor
    shared = [term for term, others in ((here[0], there[1:]), (there[0], here[1:])) if term in others]
    if not shared:
        return factor
    return math.sqrt(factor * max(term_factor(term, term) for term in shared))


@cache
def term_factor(here: str, there: str) -> float:
    """P(there | here, same object) / P(there): both cameras name the same true colour, each with the measured
    errors, which are taken to be independent."""
    true = {colour: sum(row.values()) + SMOOTHING for colour, row in NAMED.items()}
    everything = sum(true.values())
    prior = {colour: count / everything for colour, count in true.items()}

    def named(term: str, colour: str) -> float:
        row = NAMED[colour]
        smoothed = row.get(term, 0) + SMOOTHING * (1.0 if term == colour else 0.1)
        return smoothed / (sum(row.values()) + SMOOTHING * (1.0 + 0.1 * (len(NAMED) - 1)))

    both = sum(prior[colour] * named(here, colour) * named(there, colour) for colour in NAMED)
    first = sum(prior[colour] * named(here, colour) for colour in NAMED)
    second = sum(prior[colour] * named(there, colour) for colour in NAMED)
    return min(max(both / (first * second), MIN_COLOUR), MAX_COLOUR)


# --- direction ---


def heading_reasons(
    match: PassageMatch, candidate: PassageMatch, neighbour: Neighbour, way: Way
) -> Iterator[Reason]:
    """Headings by the compass, of cameras with a measured ground plane, against the bearing from the earlier
    site to the later one. Between sites that are close together they say nothing."""
    if neighbour.bearing_deg is None or (neighbour.distance_m or 0.0) <= VIEW_M:
        return
    turn = 0.0 if way is Way.FORWARD else 180.0
    bearing = (neighbour.bearing_deg + turn) % 360
    for heading, whose in ((match.heading_deg, "here"), (candidate.heading_deg, "there")):
        off = None if heading is None else abs((heading - bearing + 180) % 360 - 180)
        if off is not None and (off <= 60 or off >= 120):
            yield Reason(ReasonKind.HEADING, TOWARDS if off <= 60 else AWAY, part=whose)
