"""How likely it is that two passages show the same object, as a product of stated factors. Pure.

Each factor is the probability of the observation if both passages show the same object, divided by its
probability if they show different objects: above 1 speaks for a candidate, below 1 against it. The product
only orders the candidates; it is no probability, and no text shows it. Sources of the figures:
docs/design/journeys.md.
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
"""Smallest standard deviation of the logarithm of a travel time: the quantiles of few passages may lie too
close together."""
STOPS = 0.1
"""Share of objects that stop on the way, or use another road: their times are spread evenly over the
window."""
MAX_LEARNT = 0.9
"""At most this share of the objects at the first camera counts as going to cameras with a learnt time."""
MIN_TIME_S = 5.0
"""Shorter times from the map are raised to this, because the clocks of gateways differ."""

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
"""For each true colour: how often each first term was measured by day (docs/design/passages.md)."""
SMOOTHING = 0.25
"""Added to each count, because for most colours only few parts were measured."""
MIN_COLOUR, MAX_COLOUR = 0.1, 8.0
"""Bounds of the factor of a colour: for most colours too few parts were measured for a larger effect."""
DUSK_POWER = 0.5
"""Exponent for the factor of a colour if one of the two passages is at dusk. Chosen, not measured."""
SAME_LABEL, OTHER_LABEL = 1.3, 0.4
"""Factors for equal and for different labels. Chosen, not measured."""
TOWARDS, AWAY = 2.0, 0.5
"""Factors for a heading within 60 degrees of the bearing between both sites, and beyond 120 degrees. Chosen,
not measured."""


class ReasonKind(StrEnum):
    LEARNT_TIME = "learnt-time"  # how long objects took between these two cameras
    MAP_TIME = "map-time"  # how long objects need for the distance on the map
    COLOUR = "colour"
    LABEL = "label"
    HEADING = "heading"
    APPEARANCE = "appearance"  # how similar the opened pictures are


@dataclass(frozen=True, slots=True)
class Reason:
    """One factor, with the values from which its sentence is made. ``here`` belongs to the passage that the
    officer follows, ``there`` to the candidate."""

    kind: ReasonKind
    factor: float
    gap_s: float = 0.0  # for times: between both passages
    low_s: float = 0.0  # for times: begin of the usual or possible range
    high_s: float = 0.0
    others: int = 0  # for times: how many passages of the same group there were in the window
    part: str = ""  # for colours: upper, lower, body
    here: str = ""
    there: str = ""
    words: str = ""  # for appearance: a text with its code

    @property
    def supports(self) -> bool:
        return self.factor >= 1.0


Appearance = Mapping[tuple[str, int], Reason]
"""Gateway and passage of a candidate -> how similar its picture is to that of the followed passage."""


def reasons_of(
    match: PassageMatch,
    candidate: PassageMatch,
    neighbour: Neighbour,
    way: Way,
    share: float,
    passages: int,
    appearance: Appearance | None = None,
) -> tuple[Reason, ...]:
    """Return all factors of a candidate. ``share``: the share of the first camera's objects that come to this
    candidate's camera. ``passages``: how many passages of the same group this camera saw in its window."""
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
    """Return the factor of a travel time: its density for an object that comes from the first camera, divided
    by the rate of all passages at the second camera."""
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
    """Return the density, per second, if only the slowest and the fastest time are known. It is flat in the
    logarithm of the time: twice as fast is as likely as half as fast."""
    low, high = (max(each, MIN_TIME_S) for each in (neighbour.low_s, neighbour.high_s))
    return 1.0 / (min(max(gap, low), high) * max(math.log(high / low), 1e-3))


def travel_density(pair: TravelTime, gap: float) -> float:
    """Return the density, per second, of a log-normal distribution with different widths below and above its
    median. It passes through the learnt quantiles 0.1, 0.5 and 0.9, though only nearly, as the two halves do
    not have equal shares."""
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
    """Return, by gateway and camera, the share of the first camera's objects that comes to this camera. The
    share that the learnt pairs leave is divided among the other cameras in inverse proportion to their
    distance: an object crosses a circle around the first camera at one point, and the length of the circle
    grows with its radius."""
    learnt = {each.key: each.learnt.share for each in neighbours if each.learnt is not None}
    rest = 1.0 - min(sum(learnt.values()), MAX_LEARNT)
    near = {each.key: 1.0 / max(each.distance_m or 0.0, VIEW_M) for each in neighbours if each.learnt is None}
    whole = sum(near.values())
    return learnt | {key: rest * each / whole for key, each in near.items()}


# --- colours ---


def colour_reasons(match: PassageMatch, candidate: PassageMatch) -> Iterator[Reason]:
    """Return a reason for each part of which both passages have a known colour."""
    dusk = "dusk" in (match.light, candidate.light)
    for part in match.colours:
        here, there = match.colours[part], candidate.colours.get(part, ())
        if here and there and here[0] in NAMED and there[0] in NAMED:
            factor = colour_factor(here, there)
            if dusk:
                factor **= DUSK_POWER
            yield Reason(ReasonKind.COLOUR, factor, part=part, here=here[0], there=there[0])


def colour_factor(here: Sequence[str], there: Sequence[str]) -> float:
    """Return the factor of two parts, by their first colour terms. If the first term of one part is among the
    further terms of the other, use the geometric mean of this factor and that of equal terms."""
    factor = term_factor(here[0], there[0])
    if here[0] == there[0]:
        return factor
    shared = [term for term, others in ((here[0], there[1:]), (there[0], here[1:])) if term in others]
    if not shared:
        return factor
    return math.sqrt(factor * max(term_factor(term, term) for term in shared))


@cache
def term_factor(here: str, there: str) -> float:
    """Return P(there | here, same object) / P(there). Both cameras name the same true colour, each with the
    measured errors, which are assumed to be independent."""
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
    """Return reasons for compass headings, from cameras with a measured ground plane, compared with the
    bearing from the earlier site to the later one. If the sites are close together there is none."""
    if neighbour.bearing_deg is None or (neighbour.distance_m or 0.0) <= VIEW_M:
        return
    turn = 0.0 if way is Way.FORWARD else 180.0
    bearing = (neighbour.bearing_deg + turn) % 360
    for heading, whose in ((match.heading_deg, "here"), (candidate.heading_deg, "there")):
        off = None if heading is None else abs((heading - bearing + 180) % 360 - 180)
        if off is not None and (off <= 60 or off >= 120):
            yield Reason(ReasonKind.HEADING, TOWARDS if off <= 60 else AWAY, part=whose)
