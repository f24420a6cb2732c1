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
"""Events of these severities get clips, and their pictures are stored. Events of severity info get neither: a
line that a thousand riders cross every day must not fill the card."""
PROMPT_S, LATE_S = 0.3, 2.0
"""A clip is complete when a packet after its end is received. Normally this packet comes within ``PROMPT_S``;
after ``LATE_S`` the clip ends without it."""
STOPPED_S = 3.0  # a stream without a packet for this long is not used if there is another one
Source = Literal["sub", "main"]


@dataclass(slots=True)
class _Clip:
    event_id: str
    severity: Severity
    started_mono: float
    buffer: ClipBuffer
    source: Source
    begin: int  # position of its first packet in the buffer
    end_mono: float | None = None  # None: the event has not ended


@dataclass(frozen=True, slots=True, eq=False)
class FinishedClip:
    """A clip that can be made now."""

    event_id: str
    severity: Severity
    started_mono: float
    source: Source
    parameters: StreamParameters | None  # None: no packet came
    packets: list[StreamPacket]
    cut_short: str | None


class ClipListener(Protocol):
    """``recorder.ClipRecorder``, as a camera's clips use it. Any thread; both methods return at once."""

    def wake(self) -> None:
        """Wake the recorder's thread: a clip may be finished."""

    def store_picture(self, picture: Media, severity: Severity) -> None:
        """Store a picture on the recorder's thread."""


class CameraClips:
    """The ``events.sink.ClipSource`` of one camera; ``ClipRecorder.camera`` makes it.

    Memory: packets by reference, at most 1.25 times ``clip.max_bytes`` for each source.
    """

    def __init__(
        self,
        camera: Camera,
        sub: PacketSource,
        main: PacketSource | None,
        listener: ClipListener,
        clock: Clock,
    ) -> None:
        self.camera_id = camera.id
        self._settings = camera.clip
        self._listener = listener
        self._clock = clock
        self._sources: Mapping[Source, PacketSource] = _sources(camera, sub, main)
        self._lock = threading.Lock()  # protects the clips, the buffers and ``_closed``
        self._clips: dict[str, _Clip] = {}
        self._making: set[str] = set()  # events whose clips were taken and are not reported yet
        self._buffers: dict[Source, ClipBuffer] = {}  # the buffers that receive packets
        self._closed = False

    @property
    def done(self) -> bool:
        """Whether it is closed and has no open clip."""
        with self._lock:
            return self._closed and not self._clips

    def awaits_clip(self, event: ReportedEvent) -> bool:
        """Return whether a clip of this event, which ends now, will be reported later."""
        with self._lock:
            if event.phase is Phase.MOMENT:
                return event.severity in RECORDED_SEVERITIES and bool(self._sources) and not self._closed
            return event.event_id in self._clips

    def event_reported(self, event: ReportedEvent) -> None:
        """Start or end the clip of the event. On the pipeline's thread; returns at once."""
        is_recorded = event.severity in RECORDED_SEVERITIES
        if is_recorded and event.picture is not None:
            self._listener.store_picture(event.picture, event.severity)
        with self._lock:
            if is_recorded and event.is_first:
                self._begin(event)
            clip = self._clips.get(event.event_id)
            if clip is not None and event.is_last:  # also if its rule was muted meanwhile
                clip.end_mono = event.last_mono + self._settings.post_s
        if is_recorded or clip is not None:
            self._listener.wake()

    def is_recorded(self, event_id: str) -> bool:
        """Return whether a clip of this event will be stored or reported as missing later. Any thread."""
        with self._lock:
            return event_id in self._clips or event_id in self._making

    def end_open(self, why: str) -> None:
        """End the open clips for the reason ``why``, before the camera's reader is stopped on purpose.

        Otherwise the reason would be a lost connection. Returns at once; call ``close`` when the pipeline has
        ended.
        """
        with self._lock:
            for buffer in self._buffers.values():
                buffer.end(why)

    def close(self, why: str) -> None:
        """End the open clips, because the camera is removed or its settings change; they are still stored.

        ``why`` is a few words for the clip's ``cut_short``, such as "its settings have changed". Call it
        after the pipeline's ``stop`` and before the reader is stopped. Returns at once.
        """
        with self._lock:
            self._closed = True
            for clip in self._clips.values():
                clip.buffer.end(why)
            for name in list(self._buffers):
                self._untap(name)
        self._listener.wake()

    # --- for the recorder's thread ---

    def take_finished(self) -> list[FinishedClip]:
        """Remove and return the clips that can be made now."""
        now_mono = self._clock.monotonic()
        with self._lock:
            all_finished = []
            for clip in list(self._clips.values()):
                finished = self._finished(clip, now_mono)
                if finished is not None:
                    del self._clips[clip.event_id]
                    self._making.add(clip.event_id)
                    all_finished.append(finished)
            self._discard_unused()
        return all_finished

    def reported(self, event_id: str) -> None:
        """Note that the clip that ``take_finished`` returned is stored or reported as missing."""
        with self._lock:
            self._making.discard(event_id)

    def next_mono(self) -> float | None:
        """Return when to call ``take_finished`` next; None if no clip is open."""
        now_mono = self._clock.monotonic()
        with self._lock:
            return min((self._due_mono(clip, now_mono) for clip in self._clips.values()), default=None)

    # --- under the lock ---

    def _begin(self, event: ReportedEvent) -> None:
        if self._closed or not self._sources or event.event_id in self._clips:
            return
        source, buffer = self._best_buffer()
        # If an event is reported long after it began, the clip begins later, to show what led to the report.
        limits, reported_mono = self._settings, self._clock.monotonic()
        begin_mono = max(event.started_mono - limits.pre_s, reported_mono + limits.post_s - limits.max_s)
        begin = buffer.begin_at(begin_mono, limits.max_bytes // 2)
        clip = _Clip(event.event_id, event.severity, event.started_mono, buffer, source, begin)
        self._clips[event.event_id] = clip
        self._discard_unused()

    def _best_buffer(self) -> tuple[Source, ClipBuffer]:
        """Return the first source with recent pictures, else the last source.

        It looks at pictures, because a stream that has stopped counts as connected for ``Limits.stall_s``.
        """
        fresh_mono = self._clock.monotonic() - STOPPED_S
        for name in self._sources:
            buffer = self._open_buffer(name)
            if buffer.has_picture_since(fresh_mono):
                break
        return name, buffer

    def _open_buffer(self, name: Source) -> ClipBuffer:
        buffer = self._buffers.get(name)
        if buffer is None or buffer.ended is not None:
            self._untap(name)
            buffer = self._buffers[name] = ClipBuffer(self._settings.max_bytes, self._listener.wake)
            self._sources[name].tap(buffer)
        return buffer

    def _finished(self, clip: _Clip, now_mono: float) -> FinishedClip | None:
        limits, buffer = self._settings, clip.buffer
        span = buffer.span(clip.begin)
        wanted_mono = math.inf if clip.end_mono is None else clip.end_mono
        last_mono = math.inf if span.began_mono is None else span.began_mono + limits.max_s
        end_mono = min(wanted_mono, last_mono)
        complete, late = span.newest_mono > end_mono, now_mono > end_mono + LATE_S
        if not (complete or late or span.size_bytes > limits.max_bytes or buffer.ended):
            return None
        packets, too_large = buffer.cut(clip.begin, end_mono, limits.max_bytes)
        cut_short: str | None = None
        if too_large:
            cut_short = f"it is larger than clip.max_bytes ({limits.max_bytes})"
        elif not complete and buffer.ended is not None:
            cut_short = buffer.ended
        elif last_mono < wanted_mono:
            cut_short = f"it is longer than clip.max_s ({limits.max_s:g} s)"
        parameters = buffer.parameters
        return FinishedClip(
            clip.event_id, clip.severity, clip.started_mono, clip.source, parameters, packets, cut_short
        )

    def _due_mono(self, clip: _Clip, now_mono: float) -> float:
        span = clip.buffer.span(clip.begin)
        began_mono = now_mono if span.began_mono is None else span.began_mono
        end_mono = began_mono + self._settings.max_s
        if clip.end_mono is not None:
            end_mono = min(end_mono, clip.end_mono)
        prompt_mono = end_mono + PROMPT_S
        return prompt_mono if now_mono < prompt_mono else end_mono + LATE_S + PROMPT_S

    def _discard_unused(self) -> None:
        for name, buffer in list(self._buffers.items()):
            needed = [clip.begin for clip in self._clips.values() if clip.buffer is buffer]
            if needed:
                buffer.discard_before(min(needed))
            else:
                self._untap(name)

    def _untap(self, name: Source) -> None:
        buffer = self._buffers.pop(name, None)
        if buffer is not None:
            self._sources[name].untap(buffer)


def records_clips(camera: Camera) -> bool:
    """Return whether the camera gets clips. A clip is not transcoded, so it does not have privacy masks."""
    policy = camera.report.clips
    return policy is ClipPolicy.UNMASKED or (policy is ClipPolicy.RULES and not camera.privacy_masks)


def _sources(camera: Camera, sub: PacketSource, main: PacketSource | None) -> Mapping[Source, PacketSource]:
    """Return the sources, the better one first; none if the camera gets no clips."""
    if not records_clips(camera):
        return {}
    return {"sub": sub} if main is None else {"main": main, "sub": sub}
