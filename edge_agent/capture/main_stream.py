"""The camera's main stream, for clips: packets only, nothing is decoded."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.capture.reader import Opener
from edge_agent.capture.ring import PacketRing
from edge_agent.capture.source import Limits, open_source
from edge_agent.clock import Clock
from edge_agent.config.settings import Camera
from edge_agent.loop import Loop
from edge_agent.retry import Backoff


class MainStream:
    """Thread ``main-<camera>``. Connected only while ``armed()`` or while somebody taps ``ring``; ``armed``
    is asked about once in five seconds, on that thread. ``camera.clip.main_url`` must be set."""

    ring: PacketRing
    loop: Loop

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        *,
        armed: Callable[[], bool],
        limits: Limits | None = None,
        backoff: Backoff | None = None,
        opener: Opener = open_source,
    ) -> None: ...

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Ask the thread to end; does not wait."""
        raise NotImplementedError

    def join(self, timeout_s: float) -> bool:
        raise NotImplementedError
