"""Media on the box: one file each, bounded in bytes and age."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config.settings import Storage
from edge_agent.model import Severity


class MediaStore:
    """``folder`` is ``<state_dir>/evidence``. The constructor touches no disk; the agent calls ``open``, the
    command line does not. ``clock_synced``: whether wall time can be trusted now (``ClockSync.synced``)."""

    def __init__(
        self, folder: Path, storage: Storage, clock: Clock, clock_synced: Callable[[], bool] = lambda: True
    ) -> None: ...

    def open(self) -> None:
        """Remove what was half written, and count what is there. Never raises."""
        raise NotImplementedError

    def save(
        self,
        payload: bytes,
        suffix: str,
        *,
        event_id: str,
        camera: str,
        severity: Severity,
        media_id: str,
        at: datetime,
        sealed: bool = False,
    ) -> Path:
        """Durable when it returns. Raises ``StorageError`` when it cannot be kept, and says why."""
        raise NotImplementedError

    def files_of(self, event_id: str) -> tuple[Path, ...]:
        """All media of an event, oldest first. Any process."""
        raise NotImplementedError

    def hold(self, event_id: str, who: str, why: str) -> None:
        """Rotation leaves its media alone from now on. Any process. Raises ``StorageError``."""
        raise NotImplementedError

    def release(self, event_id: str) -> bool:
        """False when it was not held. Any process. Raises ``StorageError``."""
        raise NotImplementedError

    def held(self) -> frozenset[str]:
        """Ids of the events that are held. Any process."""
        raise NotImplementedError
