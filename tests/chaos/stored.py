"""Events that an agent finds in its outbox when it starts: a flow from its first second on."""

from __future__ import annotations

from pathlib import Path

from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.core.model import CameraChange, CameraState, Cause
from edge_agent.events import EventFactory
from edge_agent.outbox import EventOutbox
from tests.events.parts import GATEWAY, MODEL


def store_events(state_dir: Path, count: int) -> None:
    """Real ones of the same gateway, as an agent leaves behind that was killed while its broker was away."""
    clock, boot_id = SystemClock(), read_boot_id()
    events = EventFactory(GATEWAY, clock=clock, boot_id=boot_id, clock_synced=lambda: True, model=MODEL)
    outbox = EventOutbox(
        state_dir, max_bytes=50_000_000, clock=clock, boot_id=boot_id, encode_loss=events.loss
    )
    with outbox:
        for number in range(count):
            lost, now = number % 2 == 0, clock.monotonic()
            state, cause = (CameraState.OFFLINE, Cause.STALLED) if lost else (CameraState.ONLINE, None)
            outbox.append(events.camera_state(CameraChange("cam-1", state, cause, "", now)))
