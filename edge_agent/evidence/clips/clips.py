"""The clips of one camera: which events get one, and from when to when."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from edge_agent.config.model.settings import Camera, ClipPolicy
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Media, ReportedEvent
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.evidence.clips.clip_buffer import ClipBuffer, PacketSource, StreamPacket, StreamParameters

RECORDED_SEVERITIES = (Severity.WARNING, Severity.ALARM)
"""Of these clips are made and pictures kept: a line that a thousand riders cross a day is told at info, and
must not fill the card."""
PROMPT_S, LATE_S = 0.3, 2.0
"""A clip is complete when a later packet is there. That one comes so soon if all is well; after the second
the clip ends without it."""
STOPPED_S = 3.0  # without a packet for so long a stream is not filmed while there is another
Source = Literal["sub", "main"]


@dataclass(slots=True)
class _Clip:
    event_id: str
    severity: Severity
    started_mono: float
    buffer: ClipBuffer
    source: Source
    begin: int  # its first packet's position on the tape
    end_mono: float | None = None  # None: the event goes on


@dataclass(frozen=True, slots=True, eq=False)
class FinishedClip:
    """A clip that can be made now."""

    event_id: str
    severity: Severity
    started_mono: float
    source: Source
    parameters: StreamParameters | None  # None: there was no packet at all
    packets: list[StreamPacket]
    cut_short: str | None


class ClipListener(Protocol):
    """``recorder.Recorder``, as a camera's clips know it."""

    def wake(self) -> None:
        """There may be something to do. Any thread; quick."""
        ...

    def store_picture(self, picture: Media, severity: Severity) -> None:
        """Store a picture. Any thread; quick."""
        ...


class CameraClips:
    """``events.sink.ClipSource`` of one camera; made by ``Recorder.camera``. Memory: packets by reference, at
    most ``clip.max_bytes`` and a quarter for each source."""

    def __init__(
        self, camera: Camera, sub: PacketSource, main: PacketSource | None, desk: ClipListener, clock: Clock
    ) -> None:
        self.camera_id = camera.id
        self._settings = camera.clip
        self._listener = desk
        self._clock = clock
        self._sources: Mapping[Source, PacketSource] = _sources(camera, sub, main)
        self._lock = threading.Lock()  # protects the clips, the tapes and ``_closed``
        self._clips: dict[str, _Clip] = {}
        self._buffers: dict[Source, ClipBuffer] = {}  # that are tapping
        self._closed = False

    @property
    def done(self) -> bool:
        """Whether it is closed and nothing is open."""
        with self._lock:
            return self._closed and not self._clips

    def owes(self, told: ReportedEvent) -> bool:
        """Whether a clip of the event, which ends with this, is still to be told. Before ``follow``."""
        with self._lock:
            if told.phase is Phase.MOMENT:
                return told.severity in RECORDED_SEVERITIES and bool(self._sources) and not self._closed
            return told.event_id in self._clips

    def follow(self, told: ReportedEvent) -> None:
        """Notes it; takes no time. For the pipeline's thread."""
        if told.severity not in RECORDED_SEVERITIES:
            return
        if told.picture is not None:
            self._listener.store_picture(told.picture, told.severity)
        with self._lock:
            if told.is_first:
                self._begin(told)
            clip = self._clips.get(told.event_id)
            if clip is not None and told.is_last:
                clip.end_mono = told.last_mono + self._settings.post_s
        self._listener.wake()

    def end_open(self, why: str) -> None:
        """Its reader is about to be stopped on purpose: what is open ends here, for that reason and not for a
        lost connection. Returns at once; ``close`` follows when its pipeline has ended."""
        with self._lock:
            for tape in self._buffers.values():
                tape.end(why)

    def close(self, why: str) -> None:
        """The camera is given up or its settings change: what is open ends here and is still stored, by the
        recorder's thread. ``why`` is a few words for the clip's ``cut_short``, such as "its settings have
        changed". After its pipeline's ``stop``, before its reader is stopped. Returns at once."""
        with self._lock:
            self._closed = True
            for clip in self._clips.values():
                clip.buffer.end(why)
            for name in list(self._buffers):
                self._untap(name)
        self._listener.wake()

    # --- for the recorder's thread ---

    def take_finished(self) -> list[FinishedClip]:
        """The clips that can be made now; they are not open any more."""
        now_mono = self._clock.monotonic()
        with self._lock:
            cuts = []
            for clip in list(self._clips.values()):
                made = self._finished(clip, now_mono)
                if made is not None:
                    del self._clips[clip.event_id]
                    cuts.append(made)
            self._tidy()
        return cuts

    def next_mono(self) -> float | None:
        """When to ask again, if nobody wakes the recorder before."""
        now_mono = self._clock.monotonic()
        with self._lock:
            return min((self._due_mono(clip, now_mono) for clip in self._clips.values()), default=None)

    # --- under the lock ---

    def _begin(self, told: ReportedEvent) -> None:
        if self._closed or not self._sources or told.event_id in self._clips:
            return
        source, tape = self._best_buffer()
        # An event may be told long after it began, and how it came to be told has to be in the clip.
        limits, told_mono = self._settings, self._clock.monotonic()
        begin_mono = max(told.started_mono - limits.pre_s, told_mono + limits.post_s - limits.max_s)
        begin = tape.begin_at(begin_mono, limits.max_bytes // 2)
        clip = _Clip(told.event_id, told.severity, told.started_mono, tape, source, begin)
        self._clips[told.event_id] = clip
        self._tidy()

    def _best_buffer(self) -> tuple[Source, ClipBuffer]:
        """Of the first source that has something to show; else the last one, which may have later. A stream
        that has stopped is no such source: its loss is noticed only after ``Limits.stall_s``."""
        fresh_mono = self._clock.monotonic() - STOPPED_S
        for name in self._sources:
            tape = self._open_buffer(name)
            if tape.has_picture_since(fresh_mono):
                break
        return name, tape

    def _open_buffer(self, name: Source) -> ClipBuffer:
        tape = self._buffers.get(name)
        if tape is None or tape.ended is not None:
            self._untap(name)
            tape = self._buffers[name] = ClipBuffer(self._settings.max_bytes, self._listener.wake)
            self._sources[name].tap(tape)
        return tape

    def _finished(self, clip: _Clip, now_mono: float) -> FinishedClip | None:
        limits, tape = self._settings, clip.buffer
        there = tape.span(clip.begin)
        wanted_mono = math.inf if clip.end_mono is None else clip.end_mono
        last_mono = math.inf if there.began_mono is None else there.began_mono + limits.max_s
        end_mono = min(wanted_mono, last_mono)
        whole = there.newest_mono > end_mono
        if not (whole or now_mono > end_mono + LATE_S or there.size_bytes > limits.max_bytes or tape.ended):
            return None
        packets, too_large = tape.cut(clip.begin, end_mono, limits.max_bytes)
        short: str | None = None
        if too_large:
            short = f"it is larger than clip.max_bytes ({limits.max_bytes})"
        elif not whole and tape.ended is not None:
            short = tape.ended
        elif last_mono < wanted_mono:
            short = f"it is longer than clip.max_s ({limits.max_s:g} s)"
        parameters = tape.parameters
        return FinishedClip(
            clip.event_id, clip.severity, clip.started_mono, clip.source, parameters, packets, short
        )

    def _due_mono(self, clip: _Clip, now_mono: float) -> float:
        there = clip.buffer.span(clip.begin)
        began_mono = now_mono if there.began_mono is None else there.began_mono
        end_mono = began_mono + self._settings.max_s
        if clip.end_mono is not None:
            end_mono = min(end_mono, clip.end_mono)
        prompt_mono = end_mono + PROMPT_S
        return prompt_mono if now_mono < prompt_mono else end_mono + LATE_S + PROMPT_S

    def _tidy(self) -> None:
        """Let go what no clip needs."""
        for name, tape in list(self._buffers.items()):
            needed = [clip.begin for clip in self._clips.values() if clip.buffer is tape]
            if needed:
                tape.discard_before(min(needed))
            else:
                self._untap(name)

    def _untap(self, name: Source) -> None:
        tape = self._buffers.pop(name, None)
        if tape is not None:
            self._sources[name].untap(tape)


def records_clips(camera: Camera) -> bool:
    """Whether clips of it are made at all: one is not transcoded, so privacy masks are not in it."""
    policy = camera.report.clips
    return policy is ClipPolicy.UNMASKED or (policy is ClipPolicy.RULES and not camera.privacy_masks)


def _sources(camera: Camera, sub: PacketSource, main: PacketSource | None) -> Mapping[Source, PacketSource]:
    """The better one first; none where no clips are made."""
    if not records_clips(camera):
        return {}
    return {"sub": sub} if main is None else {"main": main, "sub": sub}
