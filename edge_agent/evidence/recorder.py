"""The thread that makes clips of all cameras, stores them and tells of them."""

from __future__ import annotations

from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.config.settings import Camera
from edge_agent.evidence.clips import CameraClips
from edge_agent.evidence.packets import PacketSource
from edge_agent.evidence.store import MediaStore
from edge_agent.loop import Loop
from edge_agent.model import Severity
from edge_agent.outbox_model import Draft, Stamp
from edge_agent.wire import EvidenceData, EvidenceHealth


class EvidenceEvents(Protocol):
    """``events.EventMaker``."""

    def evidence(self, camera_id: str, data: EvidenceData, severity: Severity) -> Draft: ...


class Appender(Protocol):
    """The outbox."""

    def append(self, draft: Draft) -> Stamp: ...


class Recorder:
    """One for the box. ``start`` runs the thread ``evidence``; ``loop`` is to be watched.

    Stop it after the lanes have ended (their last events still reach it) and before the outbox is closed:
    ``stop(within_s)`` and ``join``. What is open then is stored as far as the time allows; what is not, is
    told nowhere.
    """

    loop: Loop

    def __init__(
        self,
        store: MediaStore,
        events: EvidenceEvents,
        outbox: Appender,
        clock: Clock,
        seal_to: bytes | None = None,
    ) -> None: ...

    def camera(self, camera: Camera, sub: PacketSource, main: PacketSource | None = None) -> CameraClips:
        """The clips of a camera; ``main`` is the ring of its main stream. Any thread."""
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def stop(self, within_s: float) -> None:
        """Finish what is open, then end; does not wait."""
        raise NotImplementedError

    def join(self, timeout_s: float) -> bool:
        raise NotImplementedError

    def health(self) -> EvidenceHealth:
        """Thread-safe, cheap."""
        raise NotImplementedError
