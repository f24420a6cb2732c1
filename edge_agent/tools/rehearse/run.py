"""Runs rules over the stored passages of one camera, in the order of their times."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo

from edge_agent.config.model.settings import (
    AnyRule,
    CrowdingRule,
    LineRule,
    Rule,
    RuleKind,
    StoppedRule,
    ZoneRule,
)
from edge_agent.core.clock import rfc3339
from edge_agent.core.facts import LineCountsObservation, Phase, RuleObservation
from edge_agent.core.model import Frame, ReleasedPicture, Track, Tracks, TrackState
from edge_agent.passages.passage import TimeQuality
from edge_agent.passages.reader import PassageReader, StoredPassage
from edge_agent.rules.build import AnyWatch, watch_of
from edge_agent.rules.schedule import Arming
from edge_agent.rules.stopped import FOUND_AGAIN_S
from edge_agent.tools.rehearse.synthetic import STILL_STEP_S, RelevantPassages, SyntheticTrack
from edge_agent.tools.rehearse.tally import EvenSample, ReportTally
from edge_agent.wire import RehearsalAccuracy, RehearsalExample, RehearsalResult, RehearsedBy

MAX_FPS = 5.0  # with 2.5, up to 4 % more of the reports differ from live (docs/design/rehearsal.md)
USUAL_ASPECT = 16 / 9  # aspect ratio for rows that do not contain it
MARGIN_S = 5.0

DRAFT, IN_FORCE = 1, 2
"""Bits of ``SyntheticTrack.reports``."""
_BY: dict[int, RehearsedBy] = {DRAFT: "draft", IN_FORCE: "in-force", DRAFT | IN_FORCE: "both"}


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """The rules to rehearse, and the camera and period of the passages."""

    camera_id: str
    draft: AnyRule
    in_force: AnyRule | None  # the rule with the same id; None: there is none
    from_at: datetime
    to_at: datetime
    timezone: tzinfo
    holidays: frozenset[date]
    fps: float = MAX_FPS
    examples: int = 0


@dataclass(slots=True, eq=False)
class _Candidate:
    """One of the rules that are rehearsed together."""

    rule: AnyRule
    bit: int
    tally: ReportTally
    watch: AnyWatch
    relevant: RelevantPassages


@dataclass(frozen=True, slots=True)
class _Report:
    mono: float
    passage: int
    group: str | None
    by: int


class Rehearsal:
    """Plays passages to one or two rules, on one thread. It keeps only the objects in sight in memory."""

    def __init__(self, plan: RehearsalPlan, rest: Callable[[], None] = lambda: None) -> None:
        """``rest`` is called before each frame, and may sleep."""
        self._plan = plan
        self._rest = rest
        rules = [(plan.draft, DRAFT)] + ([] if plan.in_force is None else [(plan.in_force, IN_FORCE)])
        self.candidates = [self._candidate(rule, bit) for rule, bit in rules]
        self._step_s = 1 / min(plan.fps, MAX_FPS)
        self._linger_s = max(_linger_s(each.rule) for each in self.candidates)
        self._active: list[SyntheticTrack] = []
        self._next_mono = self._regular_mono = self._idle_until_mono = 0.0
        self._picture = ReleasedPicture(round(1000 * USUAL_ASPECT), 1000)
        self._number = 0
        self.passages = self.used = self.undated = self.live = 0
        self.first_at: datetime | None = None
        self.changed = dict.fromkeys(_BY, 0)
        """Number of passages that were reported, by the bits of the rules that reported them."""
        self.reports = EvenSample[_Report]()
        self.on_report: Callable[[RuleObservation], None] = lambda observation: None
        """Called with each observation of phase start or moment, of all rules."""

    def run(self, passages: Iterator[StoredPassage]) -> None:
        """Play all passages, which come in the order of their starts."""
        for passage in passages:
            self.first_at = self.first_at or passage.started_at
            self.passages += 1
            self.live += any(report.rule == self._plan.draft.id for report in passage.detail.reports)
            if passage.clock is TimeQuality.UNSYNCED:
                self.undated += 1
            elif any(each.relevant.has(passage) for each in self.candidates):
                self.used += 1
                self._play_until(passage.started_at.timestamp())
                self._enter(passage)
        self._play_until(math.inf)
        for candidate in self.candidates:
            for observation in candidate.watch.finish("camera"):
                self._note(candidate, observation, ())

    def _candidate(self, rule: AnyRule, bit: int) -> _Candidate:
        zone = self._plan.timezone
        watch = watch_of(rule, Arming(rule.schedule, zone, self._plan.holidays), zone, None)
        return _Candidate(rule, bit, ReportTally(zone), watch, RelevantPassages(rule))

    def _enter(self, passage: StoredPassage) -> None:
        self._active.append(SyntheticTrack(passage))
        aspect = passage.detail.aspect or USUAL_ASPECT
        if self._picture.width != round(1000 * aspect):
            self._picture = ReleasedPicture(round(1000 * aspect), 1000)

    def _play_until(self, until_mono: float) -> None:
        """Play the frames before that time. After the last object has left, frames are played only as long
        as a rule may wait for something."""
        while self._next_mono < until_mono and (self._active or self._next_mono < self._idle_until_mono):
            self._rest()
            now = self._next_mono
            is_regular = now >= self._regular_mono
            self._play_frame(now, is_regular)
            if is_regular:
                stands = all(each.still_until_mono > now for each in self._active)
                self._regular_mono = now + (STILL_STEP_S if stands else self._step_s)
            # Play a frame at the first and last place of each object too: a zone may end just before it.
            last = min((each.last_mono for each in self._active if each.last_mono > now), default=math.inf)
            self._next_mono = min(self._regular_mono, last)
        if not self._active:
            self._regular_mono = until_mono
        self._next_mono = until_mono

    def _play_frame(self, now: float, is_regular: bool) -> None:
        active: list[SyntheticTrack] = []
        ended: list[SyntheticTrack] = []
        for each in self._active:
            (active if now <= each.end_mono else ended).append(each)
        tracks = Tracks(
            tuple([each.at(now, is_regular) for each in active]),
            tuple([replace(each.at(now, is_regular), state=TrackState.ENDED) for each in ended]),
        )
        self._number += 1
        frame = Frame(
            self._plan.camera_id, self._number, now, datetime.fromtimestamp(now, UTC), self._picture
        )
        for candidate in self.candidates:
            for observation in candidate.watch.update(frame, tracks):
                self._note(candidate, observation, tracks.active)
        if active:
            self._idle_until_mono = now + self._linger_s
        self._active = active
        for each in ended:
            self._finish(each)

    def _note(
        self,
        candidate: _Candidate,
        observation: RuleObservation | LineCountsObservation,
        tracks: Sequence[Track],
    ) -> None:
        if isinstance(observation, LineCountsObservation):
            candidate.tally.note_crossings(observation)
            return
        if observation.phase not in (Phase.START, Phase.MOMENT):
            return
        self.on_report(observation)
        track = observation.track
        candidate.tally.add(observation.last_mono, None if track is None else track.group)
        if track is None:
            self._note_crowd(candidate, observation.last_mono, tracks)
            return
        for each in self._active:
            if each.passage.track == track.id:
                each.report(candidate.bit, observation.last_mono)

    def _note_crowd(self, candidate: _Candidate, mono: float, tracks: Sequence[Track]) -> None:
        """Add one object of the crowd to the examples, because an example names a single object."""
        assert isinstance(candidate.rule, CrowdingRule)
        zone = candidate.rule.zone
        inside = {track.id for track in tracks if zone.contains(track.box.foot)}
        passage = next((each.passage for each in self._active if each.passage.track in inside), None)
        if passage is not None:
            self.reports.add(_Report(mono, passage.id, None, candidate.bit))

    def _finish(self, track: SyntheticTrack) -> None:
        if not track.reports:
            return
        self.changed[track.reports] += 1
        for candidate in self.candidates:
            candidate.tally.objects += bool(track.reports & candidate.bit)
        passage = track.passage
        self.reports.add(_Report(track.reported_mono, passage.id, passage.group, track.reports))


def _linger_s(rule: Rule) -> float:
    """Return how long a rule may wait for something after the last object has left."""
    wait_s = FOUND_AGAIN_S if isinstance(rule, StoppedRule) else 0.0
    if isinstance(rule, ZoneRule):
        wait_s = rule.grace_s
    elif isinstance(rule, CrowdingRule):
        wait_s = rule.min_duration_s
    return wait_s + MARGIN_S


def rehearse(
    reader: PassageReader, plan: RehearsalPlan, rest: Callable[[], None] = lambda: None
) -> RehearsalResult:
    """Run the draft, and the rule in force beside it. Raises ``PassageReadError``."""
    rehearsal = Rehearsal(plan, rest)
    rehearsal.run(reader.in_order(plan.camera_id, plan.from_at, plan.to_at))
    about_one = not isinstance(plan.draft, CrowdingRule)
    comparable = about_one and plan.in_force is not None and not isinstance(plan.in_force, CrowdingRule)
    draft, *in_force = (each.tally.result(about_one=about_one) for each in rehearsal.candidates)
    changed = rehearsal.changed
    return RehearsalResult(
        camera=plan.camera_id,
        rule=plan.draft.id,
        kind=plan.draft.kind.value,
        from_at=rfc3339(plan.from_at),
        to_at=rfc3339(plan.to_at),
        first_at=None if rehearsal.first_at is None else rfc3339(rehearsal.first_at),
        passages=rehearsal.passages,
        used=rehearsal.used,
        undated=rehearsal.undated,
        draft=draft,
        in_force=in_force[0] if in_force else None,
        live=rehearsal.live if about_one else None,
        both=changed[DRAFT | IN_FORCE] if comparable else None,
        only_draft=changed[DRAFT] if comparable else None,
        only_in_force=changed[IN_FORCE] if comparable else None,
        accuracy=_accuracy(plan.draft),
        examples=_examples(reader, rehearsal.reports.choose(plan.examples)),
    )


def _accuracy(rule: AnyRule) -> RehearsalAccuracy:
    """Return the accuracy that was measured on real clips: docs/design/rehearsal.md."""
    is_close = isinstance(rule, LineRule) or rule.kind is RuleKind.ZONE_INTRUSION
    return "close" if is_close else "approximate"


def _examples(reader: PassageReader, reports: Sequence[_Report]) -> list[RehearsalExample]:
    pictures = reader.has_crops([each.passage for each in reports]) if reports else frozenset()
    return [
        RehearsalExample(
            time=rfc3339(datetime.fromtimestamp(each.mono, UTC)),
            passage=each.passage,
            group=each.group,
            by=_BY[each.by],
            picture=each.passage in pictures,
        )
        for each in reports
    ]


class Pace:
    """Limits the processor time of a rehearsal: call it often; it sleeps after each ``WORK_S`` of work."""

    WORK_S = 0.02

    def __init__(self, share: float) -> None:
        """``share``: the part of the time for work, above 0 and at most 1; the rest is sleep."""
        self._pause = 1 / share - 1
        self._since_mono = time.monotonic()

    def __call__(self) -> None:
        worked_s = time.monotonic() - self._since_mono
        if worked_s >= self.WORK_S:
            if self._pause > 0:
                time.sleep(self._pause * worked_s)
            self._since_mono = time.monotonic()
