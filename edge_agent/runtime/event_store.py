"""Event storage: outbox, signed chain, pictures and clips."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import msgspec

from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Draft, OpenEvent
from edge_agent.core.errors import StorageError
from edge_agent.core.problems import problem_text
from edge_agent.events import (
    UNREPORTED_CLIP,
    EventFactory,
    LastAliveFile,
    event_of_clip,
    lost_clip,
    restamped,
)
from edge_agent.evidence.chain.chain import EvidenceChain
from edge_agent.evidence.clips.clips import RECORDED_SEVERITIES, records_clips
from edge_agent.evidence.clips.recorder import ClipRecorder
from edge_agent.evidence.clips.unreported import UnreportedClipFile
from edge_agent.evidence.store import MediaStore
from edge_agent.outbox import EventOutbox
from edge_agent.wire import EvidenceData, EvidenceHealth

log = logging.getLogger(__name__)

CLIPS_WITHIN_S = 0.3
"""Time that a stopping agent spends to store the clips that have just ended, the highest severity first."""


class EventStore:
    """The event storage of the gateway. The agent starts and stops its parts one by one."""

    def __init__(
        self,
        settings: Settings,
        events: EventFactory,
        clock: Clock,
        boot_id: str,
        clock_steady: Callable[[], bool],
    ) -> None:
        state_dir, storage = settings.state_dir, settings.storage
        self._events = events
        self._last_alive = LastAliveFile(state_dir / "alive.json", clock, boot_id)
        self._clip_cameras = {camera.id for camera in settings.cameras if records_clips(camera)}
        self.store = store = MediaStore(state_dir / "evidence", storage, clock, clock_steady)
        self.chain = EvidenceChain(
            state_dir,
            settings.gateway.id,
            storage=storage,
            clock=clock,
            clock_steady=clock_steady,
            make_head=events.of_gateway,
            hold_ids=store.holds.ids,
        )
        self.outbox = EventOutbox(
            state_dir,
            max_bytes=settings.outbox.max_bytes,
            clock=clock,
            boot_id=boot_id,
            encode_loss=events.loss,
            follower=self.chain,
            restamp=restamped,
        )
        self._unreported = UnreportedClipFile(state_dir / "unreported-clip.json")
        self.recorder = ClipRecorder(store, events, self.outbox, clock, self._unreported, storage.seal_to)

    def tick(self) -> None:
        """Maintain the outbox, end events that were left open, and record that the agent is alive.

        On the main thread, about once a second. Without a broker nothing else maintains the outbox.
        """
        self.outbox.maintain()
        self.close_left_open()
        if self.outbox.has_open():
            self._last_alive.record()

    def tick_chain(self) -> None:
        """Sign and write what is due. On the main thread."""
        self.chain.tick(self.outbox.append)

    def sign_rest(self) -> None:
        """Sign all events that are not signed yet, because the agent stops. On the main thread."""
        self.chain.tick(self.outbox.append, stopping=True)

    def finish_clips(self) -> None:
        """Make the last clips after the cameras' pipelines have ended, then stop the recorder."""
        self.recorder.stop(CLIPS_WITHIN_S)
        self.recorder.loop.join(CLIPS_WITHIN_S)

    def close_left_open(self) -> None:
        """End the events that were open when the agent died.

        Call it repeatedly: if the disk failed at the start, the events are known only when it works again.
        """
        for left_open in self.outbox.left_open():
            self._close(left_open)

    def health(self) -> EvidenceHealth:
        """Return the health of files and chain. Any thread may call it."""
        health = self.recorder.health()
        files, chain = health.degraded, self.chain.degraded
        both = problem_text("two-reasons", first=files, second=chain) if files and chain else None
        return msgspec.structs.replace(health, degraded=both or files or chain)

    def _close(self, left_open: OpenEvent) -> None:
        try:
            end = self._events.left_open(left_open, self._last_alive.previous())
            event_id = event_of_clip(left_open)
            if event_id is not None and self._has_clip(event_id):
                data = self._unreported_clip(event_id) or lost_clip(event_id, UNREPORTED_CLIP)
                end = self._events.evidence(left_open.camera, data, end.severity)
            self.outbox.append(end)
            self._report_clip(left_open, end)
        except (msgspec.MsgspecError, ValueError, OverflowError) as error:
            # Another version wrote the open event, or it is damaged. That must not make every start fail.
            log.error(
                "outbox: open event %s cannot be read (%s); its end is not reported",
                left_open.event_id,
                error,
            )
            self.outbox.forget_open(left_open.event_id)

    def _report_clip(self, left_open: OpenEvent, end: Draft) -> None:
        """Report the event's clip, or that it is missing, unless an earlier run has reported it."""
        if (
            end.kind in ("object", "evidence")
            or end.severity not in RECORDED_SEVERITIES
            or left_open.camera not in self._clip_cameras
        ):
            return
        data = self._unreported_clip(left_open.event_id)
        if data is None:
            if self._has_clip(left_open.event_id):
                return
            data = lost_clip(left_open.event_id)
        self.outbox.append(self._events.evidence(left_open.camera, data, end.severity))

    def _unreported_clip(self, event_id: str) -> EvidenceData | None:
        """Return the report of the event's clip if the agent died after the clip was stored and before it was
        reported."""
        data = self._unreported.previous()
        if data is None or data.clip is None or data.event_id != event_id:
            return None
        return data if self._has_clip(event_id, data.clip.media_id) else None

    def _has_clip(self, event_id: str, media_id: str = "") -> bool:
        with contextlib.suppress(StorageError):  # a folder that cannot be read counts as empty
            return any(f"{media_id}.mp4" in path.name for path in self.store.files_of(event_id))
        return False
