"""The clips of one camera: which events get one, and from when to when."""

from __future__ import annotations

from edge_agent.config.settings import Camera
from edge_agent.evidence.packets import PacketSource
from edge_agent.hits import Phase
from edge_agent.model import Severity
from edge_agent.outbox_model import Media


class CameraClips:
    """``events.sink.ClipSource`` of one camera; made by ``Recorder.camera``."""

    def __init__(self, camera: Camera, sub: PacketSource, main: PacketSource | None) -> None: ...

    def follow(
        self,
        event_id: str,
        phase: Phase,
        severity: Severity,
        started_mono: float,
        last_mono: float,
        picture: Media | None,
    ) -> None:
        """Notes it; takes no time. For the pipeline's thread."""
        raise NotImplementedError

    def close(self, why: str) -> None:
        """The camera is given up or its settings change: what is open ends here and is still stored, by the
        recorder's thread. ``why`` is a few words for the clip's ``cut_short``, such as "its settings have
        changed". Before its reader is stopped and after its pipeline's ``stop``. Returns at once."""
        raise NotImplementedError
