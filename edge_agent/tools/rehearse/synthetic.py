"""Makes tracks from stored passages, as the tracker reported them, as far as the rows contain this.

A row holds the final label, the mean size of the box, and at most 16 places with their times. Between two of
them the object moves evenly here; a short absence is not known. See docs/design/rehearsal.md.
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
STILL_STEP_S = 1.0  # between two frames in which an object is seen that stands
STILL = 0.02  # lengths of the object a second; an object that is slower needs few frames


class SyntheticTrack:
    """One passage while it is rehearsed. ``at`` is called with rising times."""

    def __init__(self, passage: StoredPassage) -> None:
        detail = passage.detail
        self.passage = passage
        self.label = detail.label or passage.group
        self.reports = 0  # a bit for each rule that has reported it
        self.reported_mono = 0.0  # when one did first
        self._path, self._score, self._votes = detail.path, detail.score, detail.votes
        self._start_mono = passage.started_at.timestamp()
        self.last_mono = self._start_mono + passage.duration_s
        has_left = detail.exit is not Side.INSIDE
        self.end_mono = self.last_mono + (LEFT_S if has_left else LOST_S)
        self._confirmed_mono = self._start_mono + detail.confirmed_after_s
        self._half_width, self._height = detail.width / 2, detail.height
        self._still = STILL * max(detail.width, detail.height, 1e-3)
        self._seen_again_mono = 0.0  # until then it stands, and is ``_unseen``
        self._unseen: Track | None = None
        self._segment = 0
        self._enter_segment()

    def at(self, now_mono: float, is_regular: bool = True) -> Track:
        """The track in a frame at that time, which is not before its start.

        In a frame that is not regular, made for the first or last place of another object, it is not seen:
        rules filter steps, and would filter over less time if they were more frequent. While it stands, it is
        seen once in ``STILL_STEP_S``: a parked car in a busy street must not cost as much as all the others.
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
        """A rule has reported it."""
        if not self.reports:
            self.reported_mono = mono
        self.reports |= bit

    @property
    def still_until_mono(self) -> float:
        """Until when it stands where ``at`` saw it last; 0: it moves."""
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
    """Whether a rule can report anything about a passage: by its label, and by the rectangles around its
    path and around the zone or line. It leaves out nothing that the rule would need."""

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
