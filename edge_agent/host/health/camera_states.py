"""Decides which changes of a camera's state are reported: no flicker, no flood, no false alarm after a boot.

The rules, each per camera:
- A state is reported once it has lasted: offline 5 s, degraded 15 s, online 10 s.
- In the first three minutes of a *boot* (not of the agent) no problem is reported: after a power cut
  cameras start slower than the gateway. A problem that persists is then reported with its true start.
- The first ``online`` is not reported; one that ends a reported outage is, also after a restart of the
  agent.
- Another cause of the same outage is reported once it has lasted a minute: a booting camera passes through
  unreachable, refused and unauthorized.
- At most six changes are reported in a quarter of an hour. The next event has the number of suppressed ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from edge_agent.core.clock import Clock
from edge_agent.core.model import CameraChange, CameraState, CameraStatus, Cause
from edge_agent.core.state_file import read_record, write_record

GRACE_S = 180.0
HOLD_S = {CameraState.OFFLINE: 5.0, CameraState.DEGRADED: 15.0, CameraState.ONLINE: 10.0}
CAUSE_HOLD_S = 60.0
MAX_REPORTED = 6
WINDOW_S = 900.0


class _ReportedState(Struct, frozen=True):
    state: str
    cause: str | None
    since_mono: float


class _WatchRecord(Struct, frozen=True):
    boot_id: str
    cameras: dict[str, _ReportedState]


@dataclass(slots=True)
class _Seen:
    """The current and the reported state of one camera."""

    reported_state: CameraState | None = None  # None: not reported, and not seen online yet
    reported_cause: Cause | None = None
    reported_since_mono: float | None = None  # None: reported in an earlier boot
    state: CameraState = CameraState.STARTING
    cause: Cause | None = None
    state_since_mono: float = 0.0
    cause_since_mono: float = 0.0
    reported_mono: deque[float] = field(default_factory=deque)
    kept_back: int = 0
    keeping_back: tuple[CameraState, float] | None = None  # the last suppressed state that was counted

    @property
    def episode(self) -> tuple[CameraState, float]:
        """The current state and its start."""
        return self.state, self.state_since_mono


class CameraStateFilter:
    """Decides which changes to report. One thread calls ``update`` each second with all cameras' status.

    ``path``: file of the reported states. It is written by the call of ``update`` after a report.
    """

    def __init__(self, path: Path, clock: Clock, boot_id: str) -> None:
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._unsaved = False
        self._seen = self._restored()

    def update(self, statuses: Iterable[CameraStatus]) -> list[CameraChange]:
        """Return the changes to report now, in the order of ``statuses``.

        They are saved as reported at the next call: if the agent is killed before their events are on disk,
        it reports them again after its restart.
        """
        if self._unsaved:
            self._save()
        changes = [change for status in statuses if (change := self._update(status)) is not None]
        self._unsaved = bool(changes)
        return changes

    def forget(self, camera_id: str) -> None:
        """Forget a camera that was removed from the configuration. No outage of it is reported, and none as
        ended if the camera is configured again."""
        if self._seen.pop(camera_id, None) is not None:
            self._unsaved = True

    def _update(self, status: CameraStatus) -> CameraChange | None:
        seen = self._seen.setdefault(status.camera_id, _Seen())
        now = self._clock.monotonic()
        self._follow(seen, status, now)
        if not self._has_lasted(seen, now):
            return None
        if seen.reported_state is None and seen.state is CameraState.ONLINE:
            self._mark_reported(seen)  # the first ``online`` is not reported
            return None
        if not self._is_within_limit(seen, now):
            return None
        return self._change(seen, status, now)

    def _follow(self, seen: _Seen, status: CameraStatus, now: float) -> None:
        if status.state is not seen.state:
            seen.state = status.state
            seen.state_since_mono = min(status.since_mono, now)
            seen.cause, seen.cause_since_mono = status.cause, seen.state_since_mono
        elif status.cause is not seen.cause:
            seen.cause, seen.cause_since_mono = status.cause, now

    def _has_lasted(self, seen: _Seen, now: float) -> bool:
        if seen.state is CameraState.STARTING:
            return False
        if seen.state is not CameraState.ONLINE and now < GRACE_S:  # the monotonic clock begins at the boot
            return False
        if seen.state is not seen.reported_state:
            return now - seen.state_since_mono > HOLD_S[seen.state]
        return seen.cause is not seen.reported_cause and now - seen.cause_since_mono > CAUSE_HOLD_S

    def _is_within_limit(self, seen: _Seen, now: float) -> bool:
        while seen.reported_mono and now - seen.reported_mono[0] > WINDOW_S:
            seen.reported_mono.popleft()
        if len(seen.reported_mono) < MAX_REPORTED:
            return True
        if seen.keeping_back != seen.episode:
            seen.keeping_back = seen.episode
            seen.kept_back += 1
        return False

    def _change(self, seen: _Seen, status: CameraStatus, now: float) -> CameraChange:
        ended = seen.state is CameraState.ONLINE and seen.reported_state is CameraState.OFFLINE
        down_s = None
        if ended and seen.reported_since_mono is not None:
            down_s = round(seen.state_since_mono - seen.reported_since_mono, 1)
        # ``kept_back`` also counts the change that is reported now, if it was suppressed before.
        kept_back = seen.kept_back - (seen.keeping_back == seen.episode)
        change = CameraChange(
            status.camera_id, seen.state, seen.cause, status.detail, seen.state_since_mono, down_s, kept_back
        )
        seen.reported_mono.append(now)
        self._mark_reported(seen)
        return change

    @staticmethod
    def _mark_reported(seen: _Seen) -> None:
        if seen.state is not seen.reported_state:
            seen.reported_since_mono = seen.state_since_mono
        seen.reported_state, seen.reported_cause = seen.state, seen.cause
        seen.kept_back, seen.keeping_back = 0, None

    def _save(self) -> None:
        reported = {
            camera_id: _ReportedState(
                seen.reported_state, seen.reported_cause, seen.reported_since_mono or 0.0
            )
            for camera_id, seen in self._seen.items()
            if seen.reported_state is not None
        }
        write_record(self._path, _WatchRecord(self._boot_id, reported))

    def _restored(self) -> dict[str, _Seen]:
        last = read_record(self._path, _WatchRecord)
        if last is None:
            return {}
        same_boot = last.boot_id == self._boot_id
        return {
            camera_id: _Seen(
                reported_state=CameraState(saved.state),
                reported_cause=Cause(saved.cause) if saved.cause else None,
                reported_since_mono=saved.since_mono if same_boot else None,
            )
            for camera_id, saved in last.cameras.items()
            if saved.state in set(CameraState) and (saved.cause is None or saved.cause in set(Cause))
        }
