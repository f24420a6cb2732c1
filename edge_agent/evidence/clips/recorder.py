"""The thread that makes the clips of all cameras, stores them and reports them.

An ``evidence`` event is stored after its file is durable, so an event never names a missing file. If the
agent ends in between, the next run reports the clip.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import deque
from typing import Protocol

from msgspec.structs import replace

from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import Draft, EventAppender, Media
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.model import Severity
from edge_agent.core.problems import error_text, optional_problem, problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.evidence.clips.clip_buffer import PacketSource
from edge_agent.evidence.clips.clips import CameraClips, FinishedClip
from edge_agent.evidence.clips.unreported import UnreportedClipFile
from edge_agent.evidence.seal import seal_parts
from edge_agent.evidence.store import MediaStore
from edge_agent.wire import ClipRef, EvidenceData, EvidenceHealth

log = logging.getLogger(__name__)

IDLE_S = 10.0  # longest sleep of the thread, which has to call ``beat``
MAX_SILENCE_S = 120.0  # one sync can take this long on a worn card
MAX_WAITING = 64  # pictures of up to 400 kB that wait for the thread; when more wait, the oldest is dropped
STOPPED = problem_text("agent-stopped")


class EvidenceEvents(Protocol):
    """Makes ``evidence`` events: ``events.EventFactory``, as the recorder uses it."""

    def evidence(self, camera_id: str, data: EvidenceData, severity: Severity) -> Draft: ...


class ClipRecorder:
    """Makes the clips of all cameras on the thread ``evidence``; the supervisor watches ``loop``.

    Stop it with ``stop(within_s)`` and ``join`` after the cameras' pipelines have ended, because their last
    events still need it, and before the outbox is closed. Open clips are stored if the time allows; the
    others are reported as missing.
    """

    def __init__(
        self,
        store: MediaStore,
        events: EvidenceEvents,
        outbox: EventAppender,
        clock: Clock,
        unreported: UnreportedClipFile,
        seal_to: bytes | None = None,
    ) -> None:
        """``seal_to``: X25519 public key to which clips are sealed. Pictures are sealed before they come."""
        self._store = store
        self._events = events
        self._outbox = outbox
        self._clock = clock
        self._unreported = unreported
        self._seal_to = seal_to
        self._wake_event = threading.Event()
        self._lock = threading.Lock()  # protects the cameras and the pictures
        self._cameras: list[CameraClips] = []
        self._pictures: deque[tuple[Media, Severity]] = deque(maxlen=MAX_WAITING)
        self._clips = self._missed = 0  # counts; only the recorder's thread changes them
        self._deadline_mono = 0.0
        self.loop = SupervisedThread("evidence", self._run, max_silence_s=MAX_SILENCE_S)

    def camera(self, camera: Camera, sub: PacketSource, main: PacketSource | None = None) -> CameraClips:
        """Return the clips of a camera; ``main`` is the ring of its main stream. Any thread."""
        clips = CameraClips(camera, sub, main, self, self._clock)
        with self._lock:
            self._cameras.append(clips)
        return clips

    def stop(self, within_s: float) -> None:
        """Ask the thread to finish the open clips and to end; does not wait."""
        self._deadline_mono = self._clock.monotonic() + within_s
        self.loop.stop()
        self.wake()

    def is_recorded(self, event_id: str) -> bool:
        """Return whether a clip of this event will be stored or reported as missing later. Any thread."""
        with self._lock:
            cameras = list(self._cameras)
        return any(clips.is_recorded(event_id) for clips in cameras)

    def health(self) -> EvidenceHealth:
        """Return the state of the store and the counts of clips. Thread-safe and cheap."""
        return self._store.health(self._clips, self._missed)

    # --- for the cameras' clips; any thread ---

    def wake(self) -> None:
        self._wake_event.set()

    def store_picture(self, picture: Media, severity: Severity) -> None:
        with self._lock:
            self._pictures.append((picture, severity))
        self.wake()

    # --- the thread ---

    def _run(self, loop: SupervisedThread) -> None:
        self._store.open()
        while not loop.stopping:
            loop.beat()
            self._store_pictures()
            for clips in self._all():
                for finished in clips.take_finished():
                    self._make(clips.camera_id, finished)
                    clips.reported(finished.event_id)
                    loop.beat()
            self._store.maintain()
            self._wake_event.wait(self._pause_s())
            self._wake_event.clear()
        self._finish()

    def _pause_s(self) -> float:
        due = [mono for clips in self._all() if (mono := clips.next_mono()) is not None]
        return max(0.0, min([self._clock.monotonic() + IDLE_S, *due]) - self._clock.monotonic())

    def _all(self) -> list[CameraClips]:
        with self._lock:
            self._cameras = [clips for clips in self._cameras if not clips.done]
            return list(self._cameras)

    def _finish(self) -> None:
        """Make the open clips, the highest severity first. After the deadline, report them as missing."""
        self._store_pictures()
        all_finished: list[tuple[str, FinishedClip]] = []
        for clips in self._all():
            clips.close(STOPPED)
            all_finished += [(clips.camera_id, finished) for finished in clips.take_finished()]
        all_finished.sort(key=lambda entry: -entry[1].severity.number)
        for camera_id, finished in all_finished:
            if self._clock.monotonic() < self._deadline_mono:
                self._make(camera_id, finished)
            else:
                self._report(camera_id, finished, None, f"{STOPPED} before it was stored")

    def _store_pictures(self) -> None:
        while True:
            with self._lock:
                if not self._pictures:
                    return
                picture, severity = self._pictures.popleft()
            try:
                self._store.save(
                    (picture.payload,),
                    "jpg",
                    event_id=picture.event_id,
                    camera=picture.camera,
                    severity=severity,
                    media_id=picture.media_id,
                    at=self._clock.now(),
                    sealed=picture.sealed,
                )
            except EdgeAgentError as error:
                log.debug("%s: the picture of %s is not kept: %s", picture.camera, picture.event_id, error)

    def _make(self, camera_id: str, finished: FinishedClip) -> None:
        """Store the clip and report it, or report why there is none."""
        clip, missing = None, None
        try:
            clip = self._stored(camera_id, finished)
        except EdgeAgentError as error:
            missing = error_text(error)
        except Exception as error:  # the top of this thread's loop: the thread continues with the other clips
            log.exception("%s: the clip of %s failed", camera_id, finished.event_id)
            missing = problem_text("clip-agent-failed", error=type(error).__name__)
        self._report(camera_id, finished, clip, missing)

    def _report(
        self, camera_id: str, finished: FinishedClip, clip: ClipRef | None, missing: str | None
    ) -> None:
        self._clips += clip is not None
        self._missed += missing is not None
        if missing is not None:
            log.warning("%s: no clip of %s: %s", camera_id, finished.event_id, missing)
        data = EvidenceData(
            event_id=finished.event_id,
            clip=clip,
            missing=None if missing is None else str(missing),
            problem=optional_problem(missing),
        )
        try:
            self._outbox.append(self._events.evidence(camera_id, data, finished.severity))
        except EdgeAgentError as error:
            log.error("%s: the clip of %s cannot be reported: %s", camera_id, finished.event_id, error)
            return
        if clip is not None:
            self._unreported.remove()

    def _stored(self, camera_id: str, finished: FinishedClip) -> ClipRef:
        """Make the clip, store it durably, return its reference. Raises ``EdgeAgentError`` if that fails."""
        # Imported only here, because importing PyAV takes 0.1 s.
        from edge_agent.evidence.clips.mux import NoClip, mux_clip

        if finished.parameters is None or not finished.packets:
            raise NoClip(finished.cut_short or problem_text("clip-no-keyframe"))
        began_at = wall_time_of(self._clock, finished.packets[0].stamp_mono)
        file = mux_clip(finished.packets, finished.parameters, began_at)
        clip = ClipRef(
            media_id=secrets.token_hex(10),
            sha256=hashlib.sha256(file.payload).hexdigest(),
            bytes=len(file.payload),
            codec=file.codec,
            source=finished.source,
            began_at=rfc3339(wall_time_of(self._clock, file.began_mono)),
            pre_roll_s=round(finished.started_mono - file.began_mono, 3),
            duration_s=round(file.duration_s, 3),
            cut_short=None if finished.cut_short is None else str(finished.cut_short),
        )
        parts: tuple[bytes, ...] = (file.payload,)
        if self._seal_to is not None:
            parts = seal_parts(file.payload, self._seal_to)
            clip = replace(clip, sealed_sha256=_sha256(parts))
        self._unreported.write(EvidenceData(event_id=finished.event_id, clip=clip))
        self._store.save(
            parts,
            "mp4",
            event_id=finished.event_id,
            camera=camera_id,
            severity=finished.severity,
            media_id=clip.media_id,
            at=wall_time_of(self._clock, finished.started_mono),
            sealed=self._seal_to is not None,
        )
        return clip


def _sha256(parts: tuple[bytes, ...]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
