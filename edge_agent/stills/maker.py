"""Makes one still of one camera: of the main stream if possible, else of the sub-stream.

Everything is decoded by reference from the packets in the rings. One thread at a time.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from edge_agent.capture.ring import PacketRing, RingPacket, StreamConnection
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.core.model import Picture
from edge_agent.core.problems import problem_text
from edge_agent.stills.alignment import MAX_LAG_S, StreamAlignment, lag_between, view_correlation
from edge_agent.stills.decode import (
    OnDemandDecoder,
    StillUnavailable,
    Target,
    TimedPicture,
    miniatures_of,
)
from edge_agent.stills.moments import StillRequest
from edge_agent.stills.packets import StreamPackets, packets_in
from edge_agent.stills.views import StillView, StillViews

log = logging.getLogger(__name__)

AFTER_S = 0.5
"""How far, in stream time, the main stream must have got after the moment, so that the picture of the moment
and the next picture are in memory."""
ARRIVES_WITHIN_S = 4.0
POLL_S = 0.2
FRESH_S = 2.0  # a requested picture may be this much older than its request
LEARN_AROUND_S = 2.0
LEARN_PICTURES = 60  # of the main stream, to measure the lag
LEARN_SUB_PICTURES = 200
SAME_VIEW = 0.55
"""From this correlation of the still parts on, both streams count as having the same field of view. On real
clips it is 0.60 or more for one view, and 0.46 or less for one that is larger by a twentieth or cut to
another aspect."""

Source = Literal["main", "sub"]
AlignedBy = Literal["pictures", "arrival", "same-stream"]
NO_LIMITS = WorkloadLimits()


@dataclass(frozen=True, slots=True)
class CameraStreams:
    """The packets of one camera's streams."""

    camera: Camera
    sub: PacketRing
    main: PacketRing | None  # None: no main stream is configured


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A still that has been made."""

    views: Sequence[StillView]
    source: Source
    stamp_mono: (
        float  # when its picture was taken, on the gateway's monotonic clock, by the sub-stream's stamps
    )
    aligned_by: AlignedBy
    lag_s: float = 0.0  # by how much the main stream is later than the sub-stream


class _Demand:
    """A ``RingTap`` that only shows that the stream is needed."""

    def take(self, connection: StreamConnection, packets: Sequence[RingPacket]) -> None:
        """Do nothing: the ring is read as a whole."""

    def lost(self) -> None:
        """Do nothing: the stream is connected again."""


class StillMaker:
    """Makes the stills of one camera, and stores what it learnt about the streams."""

    def __init__(
        self,
        streams: CameraStreams,
        limiter: WorkloadLimiter,
        clock: Clock,
        wait: Callable[[float], bool],
    ) -> None:
        """``wait(seconds)`` rests; it returns True when the agent stops."""
        self.camera_id = streams.camera.id
        self.alignment = StreamAlignment()
        self._streams = streams
        self._limiter = limiter
        self._clock = clock
        self._wait = wait
        self._decoder = OnDemandDecoder(clock, wait)

    def make(self, request: StillRequest) -> Still:
        """Make a still of the main stream or, if that is not possible, of the sub-stream.

        Raises ``StillUnavailable`` when not even the sub-stream has the moment in memory.
        """
        try:
            return self._of_main(request)
        except StillUnavailable as error:
            log.info("%s: the still of %s is of the sub-stream: %s", self.camera_id, request.event_id, error)
        return self._of_sub(request)

    def take_now(self, within_s: float, wait: Callable[[float], bool]) -> StillView:
        """Return a whole picture, in full size, of what the camera shows now. Any thread.

        The main stream is connected for it if necessary. ``wait(seconds)`` rests. Raises
        ``StillUnavailable``.
        """
        decoder = OnDemandDecoder(self._clock, wait)
        main, sub = self._newest_keyframe(within_s, wait), packets_in(self._streams.sub)
        if sub is None:
            raise StillUnavailable(problem_text("still-camera-lost"))
        if main is not None:
            with contextlib.suppress(StillUnavailable):
                picture = decoder.last(*main)
                self._prove_view(decoder, picture, sub)
                return self._views(sub).requested(picture)
        return self._views(sub).requested(decoder.last(sub, sub.group_at(sub.newest_s)))

    def _prove_view(self, decoder: OnDemandDecoder, picture: Picture, sub: StreamPackets) -> None:
        """Raise ``StillUnavailable`` if the privacy masks may not fit a picture of the main stream."""
        if not self._streams.camera.privacy_masks:
            return
        ours = miniatures_of([TimedPicture(0.0, picture)])
        theirs = decoder.miniatures(sub, sub.group_at(sub.newest_s))
        if not len(theirs.times_s) or view_correlation(ours, theirs, self._streams.camera.masks) < SAME_VIEW:
            raise StillUnavailable(problem_text("still-masks-unproven"))

    def _newest_keyframe(
        self, within_s: float, wait: Callable[[float], bool]
    ) -> tuple[StreamPackets, Sequence[RingPacket]] | None:
        """Return a keyframe of the main stream that is at most ``FRESH_S`` older than this call.

        None: no such keyframe arrives, no main stream is configured, or the agent limits its work.
        """
        ring = self._streams.main
        if ring is None or self._limiter.current != NO_LIMITS:
            return None
        oldest_mono = self._clock.monotonic() - FRESH_S
        deadline_mono = self._clock.monotonic() + within_s
        demand = _Demand()
        ring.tap(demand)  # the main stream is connected while its ring is tapped
        try:
            while self._clock.monotonic() < deadline_mono:
                main = packets_in(ring)
                keyframes = [] if main is None else [item for item in main.packets if item.keyframe]
                if main is not None and keyframes and keyframes[-1].arrived_mono >= oldest_mono:
                    return main, keyframes[-1:]
                if wait(POLL_S):
                    break
        finally:
            ring.untap(demand)
        return None

    def _of_main(self, request: StillRequest) -> Still:
        if self._limiter.current != NO_LIMITS:
            raise StillUnavailable(problem_text("still-too-hot"))
        sub, main = packets_in(self._streams.sub), self._arrived(request)
        if sub is None or main is None:
            raise StillUnavailable(problem_text("still-no-main"))
        self._learn(main, sub, request)
        if self._streams.camera.privacy_masks and not self.alignment.same_view:
            raise StillUnavailable(problem_text("still-masks-unproven"))
        targets = self._targets(main, sub, request)
        group = main.group_at(targets[0].time_s)
        found = self._decoder.sharpest(main, group, targets)
        views = self._views(sub).of_object(found.picture, found.target.box, request.group)
        lag_s = self.alignment.lag_s
        stamp_mono = found.time_s - self._main_minus_sub_s(main, sub) + sub.stamp_lead_s
        return Still(views, "main", stamp_mono, "pictures" if self.alignment.learnt else "arrival", lag_s)

    def _of_sub(self, request: StillRequest) -> Still:
        sub = packets_in(self._streams.sub)
        if sub is None:
            raise StillUnavailable(problem_text("still-camera-lost"))
        targets = [Target(sub.time_of_stamp(moment.mono), moment.box) for moment in request.moments]
        found = self._decoder.sharpest(sub, sub.group_at(targets[0].time_s), targets)
        view = self._views(sub).scene(found.picture, found.target.box)
        return Still((view,), "sub", found.time_s + sub.stamp_lead_s, "same-stream")

    def _arrived(self, request: StillRequest) -> StreamPackets | None:
        """Wait until the main stream must have reached the moments of the request; return its packets.

        None: the main stream is not connected. Raises ``StillUnavailable`` if it does not get that far.
        """
        wanted_mono = max(moment.mono for moment in request.moments) + AFTER_S
        deadline_mono = self._clock.monotonic() + ARRIVES_WITHIN_S
        while True:
            main = packets_in(self._streams.main)
            if main is None or main.newest_s + main.stamp_lead_s >= wanted_mono + max(
                0.0, self.alignment.lag_s
            ):
                return main
            if self._clock.monotonic() > deadline_mono or self._wait(POLL_S):
                raise StillUnavailable(problem_text("still-no-main"))

    def _learn(self, main: StreamPackets, sub: StreamPackets, request: StillRequest) -> None:
        """Measure the lag with the pictures around the moment, unless it is settled."""
        alignment, now_mono = self.alignment, self._clock.monotonic()
        alignment.connected(main.connection, sub.connection)
        if alignment.is_settled(main.period_s / 2, now_mono):
            return
        moment_s = self._targets(main, sub, request)[0].time_s
        ours = main.run_around(moment_s - LEARN_AROUND_S, moment_s + LEARN_AROUND_S, LEARN_PICTURES)
        if not ours:
            return
        lead_s = sub.stamp_lead_s - main.stamp_lead_s
        first_s, last_s = main.time_of(ours[0]) - lead_s, main.time_of(ours[-1]) - lead_s
        theirs = sub.run_around(first_s - MAX_LAG_S, last_s + MAX_LAG_S, LEARN_SUB_PICTURES)
        small_main = self._decoder.miniatures(main, ours)
        small_sub = self._decoder.miniatures(sub, theirs)
        if len(small_main.times_s) and len(small_sub.times_s):
            masks = self._streams.camera.masks
            alignment.same_view = view_correlation(small_main, small_sub, masks) >= SAME_VIEW
        small_sub.times_s[:] += lead_s
        estimate = lag_between(small_main, small_sub, self._streams.camera.masks)
        if estimate is not None:
            alignment.add(estimate, now_mono)

    def _targets(self, main: StreamPackets, sub: StreamPackets, request: StillRequest) -> list[Target]:
        """Return the moments of the request in the main stream's time, the best first."""
        shift_s = self._main_minus_sub_s(main, sub)
        return [Target(sub.time_of_stamp(moment.mono) + shift_s, moment.box) for moment in request.moments]

    def _main_minus_sub_s(self, main: StreamPackets, sub: StreamPackets) -> float:
        return sub.stamp_lead_s - main.stamp_lead_s + self.alignment.lag_s

    def _views(self, sub: StreamPackets) -> StillViews:
        context = sub.connection.decoder.context
        width = context.height if sub.connection.turned_deg % 180 else context.width
        return StillViews(self._streams.camera.privacy_masks, width or 640)
