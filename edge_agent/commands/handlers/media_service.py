"""Takes snapshots and clips, holds evidence and sends files, for ``files.py`` and storm mode."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cameras.running import Cameras, RunningCamera
from edge_agent.commands.action import CommandFailed, CommandRefused
from edge_agent.config.model.settings import SnapshotPolicy
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import MAX_MESSAGE_BYTES, SEALED_MAGIC, Media
from edge_agent.core.errors import EdgeAgentError, StorageError
from edge_agent.core.model import CameraState
from edge_agent.core.problems import error_text, problem_text
from edge_agent.events import EventFactory
from edge_agent.evidence.clips.clips import records_clips
from edge_agent.evidence.media_index import MediaName
from edge_agent.evidence.seal import SealError, seal
from edge_agent.evidence.store import MediaStore
from edge_agent.outbox import EventOutbox
from edge_agent.wire import UplinkHealth

log = logging.getLogger(__name__)


def sent_from(uplink: UplinkHealth) -> str | None:
    """Return the day from which a file in the outbox is sent; None: it is sent now."""
    return str(uplink.resets_on) if "media" in uplink.held else None


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """Limits the size of a clip that is sent through the broker."""

    takes_parts: Callable[[], bool]  # whether the centre takes files in parts
    max_bytes: int  # ``uplink.max_clip_bytes``
    outbox_bytes: int  # ``outbox.max_bytes``; large clips may fill half of it, the other half is for events

    def largest(self, used_bytes: int) -> int:
        """Return the limit in bytes; up to ``max_bytes``, a clip that fits in one message always passes."""
        if not self.takes_parts():
            return min(self.max_bytes, MAX_MESSAGE_BYTES)
        return min(self.max_bytes, max(self.outbox_bytes // 2 - used_bytes, MAX_MESSAGE_BYTES))


class MediaService:
    """Implements ``FileService`` of ``files.py``. Thread-safe."""

    def __init__(
        self,
        cameras: Cameras,
        store: MediaStore,
        events: EventFactory,
        outbox: EventOutbox,
        clock: Clock,
        uplink: Callable[[], UplinkHealth],
        clip_limits: ClipLimits,
        is_recorded: Callable[[str], bool],
        seal_to: bytes | None = None,
    ) -> None:
        """``uplink`` returns the state of the uplink's budget. ``is_recorded`` returns whether the clip of
        the event with this id is being recorded. ``seal_to``: key of the centre; clips that were stored
        before the key was configured are sealed before they are sent."""
        self._cameras = cameras
        self._store = store
        self._events = events
        self._outbox = outbox
        self._clock = clock
        self._uplink = uplink
        self._clip_limits = clip_limits
        self._is_recorded = is_recorded
        self._seal_to = seal_to

    def snapshot(self, camera: str, event_id: str, timeout_s: float) -> Media:
        taken: queue.SimpleQueue[Media | None] = queue.SimpleQueue()
        self._snapshot_camera(camera).take_picture(event_id, taken.put)
        try:
            media = taken.get(timeout=timeout_s)
        except queue.Empty:
            reason = problem_text("camera-showed-nothing", camera=camera, seconds=round(timeout_s))
            raise CommandFailed(reason, "timed-out") from None
        if media is None:
            raise CommandFailed(problem_text("picture-not-made", camera=camera))
        return media

    def still(self, camera: str, event_id: str, timeout_s: float) -> Media:
        stills = self._snapshot_camera(camera).stills
        if stills is None:
            raise CommandRefused(problem_text("camera-no-stills", camera=camera))
        try:
            return stills.take_now(event_id, timeout_s / 2)
        except EdgeAgentError as error:
            reason = problem_text("still-not-made", camera=camera, why=error_text(error))
            raise CommandFailed(reason) from error

    def send_snapshot(self, camera: str, event_id: str, command_id: str) -> None:
        """Request a picture, sent once it is taken; return at once. If none can be taken, none is sent."""
        try:
            running = self._snapshot_camera(camera)
        except CommandRefused as error:
            log.info("storm mode: %s", error)
            return

        def send(media: Media | None) -> None:
            if media is not None:
                self.send(media, command_id)

        running.take_picture(event_id, send)

    def record_clip(self, camera: str, event_id: str, last_s: float, next_s: float) -> None:
        running = self._online(camera)
        if not records_clips(running.camera):
            raise CommandRefused(problem_text("camera-no-clips", camera=camera))
        now = self._clock.monotonic()
        running.record_clip(event_id, now - last_s, now + next_s)

    def _snapshot_camera(self, camera: str) -> RunningCamera:
        running = self._online(camera)
        if running.camera.report.snapshots is SnapshotPolicy.NONE:
            raise CommandRefused(problem_text("camera-pictures-stay", camera=camera))
        return running

    def _online(self, camera: str) -> RunningCamera:
        running = self._cameras.find(camera)
        if running is None:
            known = [status.camera_id for status in self._cameras.statuses()]
            raise CommandRefused(problem_text("no-such-camera", camera=camera, known=known))
        status = running.status()
        if status.state is CameraState.OFFLINE:
            why = {"cause": str(status.cause), "why": status.detail}
            raise CommandRefused(problem_text("camera-is-offline", camera=camera, **why))
        return running

    def send(self, media: Media, command_id: str) -> str | None:
        try:
            self._outbox.append(self._events.file(media, command_id))
        except EdgeAgentError as error:
            raise CommandFailed(problem_text("file-not-sent", error=error_text(error))) from error
        return sent_from(self._uplink())

    def clip_of(self, event_id: str) -> tuple[str, bytes] | None:
        found = self._clip_file(event_id)
        if found is None:
            return None
        camera, path = found
        self._refuse_private(camera)
        try:
            payload = path.read_bytes()
            if self._seal_to is not None and not payload.startswith(SEALED_MAGIC):
                payload = seal(payload, self._seal_to)
        except OSError as error:
            unread = {"event": event_id, "error": str(error.strerror)}
            raise CommandFailed(problem_text("clip-unreadable", **unread)) from error
        except SealError as error:
            raise CommandRefused(error_text(error)) from error
        return camera, payload

    def has_clip(self, event_id: str) -> bool:
        return self._clip_file(event_id) is not None

    def is_recorded(self, event_id: str) -> bool:
        return self._is_recorded(event_id)

    def largest_clip(self) -> int:
        stats, limits = self._outbox.stats(), self._clip_limits
        # While the disk fails, files wait in memory, and large ones would be lost: limit to one message.
        return limits.largest(stats.bytes if stats.degraded is None else limits.outbox_bytes)

    def _clip_file(self, event_id: str) -> tuple[str, Path] | None:
        try:
            paths = self._store.files_of(event_id)
        except StorageError as error:
            raise CommandRefused(error_text(error), "bad-arguments") from error
        for path in reversed(paths):
            name = MediaName.parsed(path)
            if name is not None and name.suffix == "mp4":
                return name.camera, path
        return None

    def _refuse_private(self, camera: str) -> None:
        """Refuse clips of a camera with privacy masks, because clips are not masked."""
        running = self._cameras.find(camera)
        if running is not None and not records_clips(running.camera):
            raise CommandRefused(problem_text("camera-clips-stay", camera=camera))

    def hold(self, event_id: str, why: str, who: str) -> None:
        try:
            self._store.holds.add(event_id, who, why)
        except StorageError as error:
            raise CommandRefused(error_text(error)) from error

    def release(self, event_id: str) -> bool:
        try:
            return self._store.holds.remove(event_id)
        except StorageError as error:
            raise CommandRefused(error_text(error)) from error
