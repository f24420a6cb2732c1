"""Finds changes of a rule that would have avoided false alarms, and how many real alarms each of them would
have lost.

Six simple changes are tried, each alone: other labels, a shorter schedule, a longer duration, a minimum
score, a smaller zone or line, and a zone without a part of its area. A change is proposed if it removes a
good part of the false alarms and hardly any real one. The numbers are those of the alarms that officers
judged. Few alarms prove little, so a proposal also gives the upper bound of the share of real alarms that it
may lose.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from math import ceil, exp, lgamma, log, log1p

from edge_central.proposals.mask import MaskedRectangle, best_rectangle
from edge_central.proposals.outcomes import JudgedReport

MIN_FALSE = 5  # alarms judged false; with fewer of them nothing is proposed
MIN_REMOVED, MIN_SHARE = 3, 0.25
"""False alarms that a change has to remove: at least this many, and at least this share of all."""
MAX_LOST = 0.125  # largest share of the real alarms that a change may lose
REAL_WEIGHT = 5  # one real alarm that is lost weighs as much as this many removed false alarms
MAX_CHANCE = 0.001
"""Highest accepted probability that a cut without any meaning would remove at least as many false alarms
among those that it removes (Fisher's exact test). It is small, because hundreds of cuts are tried."""
MAX_MASK_CHANCE = 0.00001
"""The same probability for a mask. The best of 44,100 rectangles holds many false alarms by chance alone:
docs/design/rehearsal.md says how often."""
MAX_PROPOSALS = 3
CONFIDENCE = 0.95
MAX_CUTS = 60
MAX_OFF_HOURS = 18  # a schedule that is armed for less than 6 hours is another rule


class ChangeKind(StrEnum):
    LABELS = "labels"
    SCHEDULE = "schedule"
    DURATION = "duration"
    SCORE = "score"
    AREA = "area"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class Cut:
    """A straight cut of the picture. The part that is kept has x (axis 0) or y (axis 1) above or below
    ``at``."""

    axis: int
    at: float
    keeps_above: bool

    def keeps(self, point: tuple[float, float]) -> bool:
        return (point[self.axis] >= self.at) is self.keeps_above

    @property
    def removed_side(self) -> str:
        """Describe the removed side as the picture shows it: ``left of x = 0.31``."""
        sides = (("left of x", "right of x"), ("above y", "below y"))
        return f"{sides[self.axis][0 if self.keeps_above else 1]} = {self.at:.2f}"


@dataclass(frozen=True, slots=True)
class ProposedChange:
    """One change, and the judged alarms that it would have removed."""

    kind: ChangeKind
    label: str | None = None  # LABELS: the label that is no longer reported
    hours: tuple[int, int] | None = None  # SCHEDULE: armed from the first hour up to the second
    seconds: float | None = None  # DURATION: the new minimum
    score: float | None = None  # SCORE: the new minimum, 0..1
    cut: Cut | None = None  # AREA: the cut of the zone or line
    mask: MaskedRectangle | None = None  # MASK: objects in this rectangle no longer count
    false_removed: int = 0
    false_all: int = 0
    real_lost: int = 0
    real_all: int = 0

    @property
    def worth(self) -> int:
        return self.false_removed - REAL_WEIGHT * self.real_lost

    @property
    def chance(self) -> float:
        """Return the probability, 0..1, that a cut without any meaning would remove at least as many false
        alarms among those that it removes."""
        removed, every = self.false_removed + self.real_lost, self.false_all + self.real_all
        whole = _log_ways(every, removed)
        most = min(removed, self.false_all)
        return sum(
            exp(_log_ways(self.false_all, n) + _log_ways(self.real_all, removed - n) - whole)
            for n in range(self.false_removed, most + 1)
        )

    @property
    def worst_lost(self) -> float:
        """Return the upper bound (one-sided) of the share of real alarms that the change loses, 0..1."""
        return upper_share(self.real_lost, self.real_all)

    @property
    def reason(self) -> str:
        """Explain the change: ``of 14 false alarms 12 lie left of x = 0.31; of 9 real ones 1 would be
        lost``."""
        where = {
            ChangeKind.LABELS: f"are {self.label}",
            ChangeKind.SCHEDULE: _outside(self.hours),
            ChangeKind.DURATION: f"lasted less than {self.seconds:g} s" if self.seconds else "",
            ChangeKind.SCORE: f"had a score below {self.score:g}" if self.score else "",
            ChangeKind.AREA: f"lie {self.cut.removed_side}" if self.cut else "",
            ChangeKind.MASK: _within(self.mask),
        }[self.kind]
        return (
            f"of {self.false_all} false alarms {self.false_removed} {where}; "
            f"of {self.real_all} real ones {self.real_lost} would be lost "
            f"(with so few, up to {self.worst_lost:.0%} may be)"
        )


def _outside(hours: tuple[int, int] | None) -> str:
    return "" if hours is None else f"came between {hours[1]:02d}:00 and {hours[0]:02d}:00"


def _within(mask: MaskedRectangle | None) -> str:
    if mask is None:
        return ""
    return f"lie between x = {mask.x1:.2f} and {mask.x2:.2f}, y = {mask.y1:.2f} and {mask.y2:.2f}"


def propose(judged: Sequence[JudgedReport], zone: tzinfo, most: int = MAX_PROPOSALS) -> list[ProposedChange]:
    """Return the best worthwhile change of each kind, best first; at most ``most``.

    A mask is proposed only if it is worth more than a straight cut, which is simpler. The list is empty if
    there are fewer than ``MIN_FALSE`` false alarms, or no real alarm, because then nothing shows what a
    change would lose. ``zone``: time zone of the site.
    """
    false_all = sum(not each.is_real for each in judged)
    if false_all < MIN_FALSE:
        return []
    best: dict[ChangeKind, ProposedChange] = {}
    for change in _candidates(judged):
        counted = _counted(change, [each for each in judged if not _keeps(change, each, zone)], judged)
        known = best.get(change.kind)
        if is_worth_it(counted) and (known is None or counted.worth > known.worth):
            best[change.kind] = counted
    area, mask = best.get(ChangeKind.AREA), best.get(ChangeKind.MASK)
    if area is not None and mask is not None and mask.worth <= area.worth:
        del best[ChangeKind.MASK]
    return sorted(best.values(), key=lambda each: -each.worth)[:most]


def is_worth_it(change: ProposedChange) -> bool:
    enough = change.false_removed >= max(MIN_REMOVED, MIN_SHARE * change.false_all)
    cheap = change.real_lost <= MAX_LOST * change.real_all and change.worth > 0
    most_chance = MAX_MASK_CHANCE if change.kind is ChangeKind.MASK else MAX_CHANCE
    return enough and cheap and change.chance <= most_chance


def _candidates(judged: Sequence[JudgedReport]) -> Iterator[ProposedChange]:
    """Yield all changes that are tried."""
    labels = Counter(each.label for each in judged if each.label is not None)
    if len(labels) > 1:
        yield from (ProposedChange(ChangeKind.LABELS, label=label) for label in labels)
    for begin in range(24):
        for length in range(24 - MAX_OFF_HOURS, 24):
            yield ProposedChange(ChangeKind.SCHEDULE, hours=(begin, (begin + length) % 24))
    for seconds in _between(each.lasted_s for each in judged if each.lasted_s is not None):
        yield ProposedChange(ChangeKind.DURATION, seconds=round(seconds + 0.5))
    for score in _between(each.score for each in judged if each.score is not None):
        yield ProposedChange(ChangeKind.SCORE, score=ceil(100 * score) / 100)
    for axis in (0, 1):
        for at in _between(each.foot[axis] for each in judged):
            for above in (True, False):
                yield ProposedChange(ChangeKind.AREA, cut=Cut(axis, round(at, 3), above))
    places = [(each.foot, -REAL_WEIGHT if each.is_real else 1.0) for each in judged if _has_place(each)]
    mask = best_rectangle(places)
    if mask is not None:
        yield ProposedChange(ChangeKind.MASK, mask=mask)


def _has_place(report: JudgedReport) -> bool:
    """Whether the report is about one object, which stands at one place. A report about a crowd has no
    label."""
    return report.label is not None


def _keeps(change: ProposedChange, report: JudgedReport, zone: tzinfo) -> bool:
    """Whether the changed rule would still make this report."""
    if change.label is not None:
        return report.label != change.label
    if change.hours is not None:
        begin, end = change.hours
        return (_hour(report, zone) - begin) % 24 < (end - begin) % 24
    if change.seconds is not None:
        return report.lasted_s is None or report.lasted_s >= change.seconds
    if change.score is not None:
        return report.score is None or report.score >= change.score
    if change.mask is not None:
        return not (_has_place(report) and change.mask.covers(report.foot))
    return change.cut is None or change.cut.keeps(report.foot)


def _hour(report: JudgedReport, zone: tzinfo) -> int:
    return datetime.fromtimestamp(report.time_ms / 1000, UTC).astimezone(zone).hour


def _between(values: Iterable[float]) -> Iterator[float]:
    """Yield the middles between neighbouring values. If there are more than ``MAX_CUTS``, yield so many of
    them, spread evenly over the values."""
    ordered = sorted(set(values))
    middles = [(low + high) / 2 for low, high in itertools.pairwise(ordered)]
    count = min(len(middles), MAX_CUTS)
    yield from (middles[n * len(middles) // count] for n in range(count))


def _counted(
    change: ProposedChange, gone: Sequence[JudgedReport], judged: Sequence[JudgedReport]
) -> ProposedChange:
    real_all = sum(each.is_real for each in judged)
    return replace(
        change,
        false_removed=sum(not each.is_real for each in gone),
        false_all=len(judged) - real_all,
        real_lost=sum(each.is_real for each in gone),
        real_all=real_all,
    )


def upper_share(count: int, of: int) -> float:
    """Return the upper limit of a share, if ``count`` of ``of`` cases were seen (Clopper and Pearson 1934,
    one-sided)."""
    if count >= of:
        return 1.0
    low, high = max(count / of, 1e-9), 1 - 1e-9
    for _ in range(40):
        share = (low + high) / 2
        at_most = sum(exp(_log_binomial(n, of, share)) for n in range(count + 1))
        low, high = (share, high) if at_most > 1 - CONFIDENCE else (low, share)
    return high


def _log_binomial(count: int, of: int, share: float) -> float:
    return _log_ways(of, count) + count * log(share) + (of - count) * log1p(-share)


def _log_ways(of: int, count: int) -> float:
    """Return the logarithm of the number of ways to choose ``count`` of ``of`` things."""
    return lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)
