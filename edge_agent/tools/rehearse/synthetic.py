"""Makes tracks from stored passages, as the tracker reported them, as far as the rows contain this.

A row holds the final label, the mean size of the box, and at most 16 places with their times. Here an object
moves evenly from each place to the next. Rows do not record short absences. See docs/design/rehearsal.md.
"""

from __future__ import annotations

from dataclasses import replace
from math import hypot

from edge_agent.config.model.settings import AnyRule, LineRule
from edge_agent.core.model import Box, Track, TrackState, accepted_labels
from edge_agent.passages.passage import Side
from edge_agent.passages.reader import StoredPassage

LOST_S = 2.5  # a lost track ends after this, ``tracking/lifecycle.py``; importing that would load OpenCV
LEFT_S = 0.3  # a track that left the picture ends after this, ``lifecycle.has_ended``
STILL_STEP_S = 1.0  # time between two frames in which a standing object is seen
STILL = 0.02  # a slower object stands, and needs few frames; in lengths of the object per second


class SyntheticTrack:
    """Makes the track of one passage for each frame. ``at`` must be called with rising times."""

    def __init__(self, passage: StoredPassage) -> None:
        detail = passage.detail
        self.passage = passage
        self.label = detail.label or passage.group
        self.reports = 0  # a bit for each rule that has reported it
        self.reported_mono = 0.0  # time of the first report
        self._path, self._score, self._votes = detail.path, detail.score, detail.votes
        self._start_mono = passage.started_at.timestamp()
        self.last_mono = self._start_mono + passage.duration_s
        has_left = detail.exit is not Side.INSIDE
        self.end_mono = self.last_mono + (LEFT_S if has_left else LOST_S)
        self._confirmed_mono = self._start_mono + detail.confirmed_after_s
        self._half_width, self._height = detail.width / 2, detail.height
        self._still = STILL * max(detail.width, detail.height, 1e-3)
        self._seen_again_mono = 0.0  # until then the object stands, and ``at`` returns ``_unseen``
        self._unseen: Track | None = None
        self._segment = 0
        self._enter_segment()

    def at(self, now_mono: float, is_regular: bool = True) -> Track:
        """Return the track in a frame at ``now_mono``, which must not be before the track's start.

        The track has ``seen_now`` False in two cases. First, in a frame that is not regular but was made for
        the first or last place of another object: rules filter over a number of frames in which the object
        is seen, and more frames would shorten that time. Second, while the object stands, except once in
        ``STILL_STEP_S``: a parked car in a busy street must not cost as much as a moving one.
        """
        if now_mono < self._seen_again_mono and now_mono < self.last_mono:
            self._unseen = self._unseen or replace(self._track_at(now_mono, True), seen_now=False)
            return self._unseen
        track, self._unseen = self._track_at(now_mono, is_regular), None
        stands = track.seen_now and now_mono < self._still_until_mono
        self._seen_again_mono = min(now_mono + STILL_STEP_S, self._still_until_mono) if stands else 0.0
        return track

    def _track_at(self, now_mono: float, is_regular: bool) -> Track:
        present = now_mono <= self.last_mono
        seen = present and (is_regular or now_mono in (self._start_mono, self.last_mono))
        path = self._path
        after_s = min(now_mono, self.last_mono) - self._start_mono
        while self._segment < len(path) - 2 and path[self._segment + 1].after_s <= after_s:
            self._segment += 1
            self._enter_segment()
        share = min(max(after_s - self._from_s, 0.0), self._length_s)
        x, y = self._x + share * self._dx, self._y + share * self._dy
        confirmed = now_mono >= self._confirmed_mono
        return Track(
            id=self.passage.track,
            box=Box(x - self._half_width, y - self._height, x + self._half_width, y),
            state=_state(confirmed, present),
            confirmed=confirmed,
            label=self.label,
            group=self.passage.group,
            score=self._score,
            best_score=self._score,
            first_seen_mono=self._start_mono,
            last_seen_mono=min(now_mono, self.last_mono),
            inferences=self._votes,
            detection_priority=0.0,
            seen_now=seen,
        )

    def report(self, bit: int, mono: float) -> None:
        """Record that the rule with this bit has reported the object."""
        if not self.reports:
            self.reported_mono = mono
        self.reports |= bit

    @property
    def still_until_mono(self) -> float:
        """Return the time until which the object stands at its last place; 0 if it moves."""
        return self._still_until_mono

    def _enter_segment(self) -> None:
        path = self._path
        begin, end = path[self._segment], path[min(self._segment + 1, len(path) - 1)]
        self._from_s, self._length_s = begin.after_s, max(end.after_s - begin.after_s, 0.0)
        whole_s = max(self._length_s, 1e-3)
        self._x, self._y = begin.x, begin.y
        self._dx, self._dy = (end.x - begin.x) / whole_s, (end.y - begin.y) / whole_s
        stands = hypot(self._dx, self._dy) < self._still
        self._still_until_mono = self._start_mono + end.after_s if stands else 0.0


def _state(confirmed: bool, present: bool) -> TrackState:
    if not confirmed:
        return TrackState.TENTATIVE
    return TrackState.MOVING if present else TrackState.LOST


class RelevantPassages:
    """Selects the passages that a rule may report: by label, and by overlap of the rectangle around the path
    with that around the zone or line. No passage is left out that the rule could report."""

    def __init__(self, rule: AnyRule) -> None:
        points = (rule.line.begin, rule.line.end) if isinstance(rule, LineRule) else rule.zone.polygon
        self._names = accepted_labels(rule.labels)
        self._left, self._right = min(x for x, _ in points), max(x for x, _ in points)
        self._top, self._bottom = min(y for _, y in points), max(y for _, y in points)

    def has(self, passage: StoredPassage) -> bool:
        if (passage.detail.label or passage.group) not in self._names:
            return False
        path = passage.detail.path
        return (
            max(p.x for p in path) >= self._left
            and min(p.x for p in path) <= self._right
            and max(p.y for p in path) >= self._top
            and min(p.y for p in path) <= self._bottom
        )
