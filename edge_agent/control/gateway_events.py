"""Events of the gateway itself: the clock was corrected, a camera was lost or came back."""

from __future__ import annotations

from collections.abc import Iterable

from edge_agent.core.delivery import EventAppender
from edge_agent.core.model import CameraStatus
from edge_agent.events import EventFactory
from edge_agent.host.health.camera_states import CameraStateFilter
from edge_agent.host.health.clock_sync import ClockSync


class GatewayEvents:
    """Appends these events to the outbox. The main thread calls it about once a second."""

    def __init__(
        self,
        clock_sync: ClockSync,
        camera_watch: CameraStateFilter,
        events: EventFactory,
        outbox: EventAppender,
    ) -> None:
        self._clock_sync = clock_sync
        self._camera_watch = camera_watch
        self._events = events
        self._outbox = outbox

    def report_clock(self) -> None:
        correction = self._clock_sync.update()
        if correction is None:
            return
        self._outbox.append(self._events.clock_correction(correction))
        self._clock_sync.confirm_correction()

    def report_cameras(self, statuses: Iterable[CameraStatus]) -> None:
        for change in self._camera_watch.update(statuses):
            self._outbox.append(self._events.camera_state(change))

    def forget(self, camera_id: str) -> None:
        """The camera was removed from the configuration: report no loss of it."""
        self._camera_watch.forget(camera_id)
