"""Reads the identity of each camera: when it first connects, once a day, and after it reconnects.

If a camera has no login or no web page, only its MAC is known, from the gateway's table of neighbours.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path

import msgspec

from edge_agent.config.model.addresses import host_of
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.core.problems import ProblemText
from edge_agent.core.state_file import read_record, write_record
from edge_agent.core.worker import SupervisedThread
from edge_agent.host.health.camera_identity import (
    FILE,
    StoredIdentities,
    StoredIdentity,
    find_neighbour_mac,
    swap_lines,
    updated,
)
from edge_agent.onvif.camera_process import ask_in_process
from edge_agent.wire import CameraIdentity

log = logging.getLogger(__name__)

EVERY_S = 86_400.0
AFTER_RECONNECT_S = 3600.0
"""Least time between two reads of a camera that keeps reconnecting."""
ONLINE_S = 5.0
"""Time for which a camera must be online before it is read: a starting camera is busy."""
PROCESS_TIMEOUT_S = 60.0

CONNECTED = (CameraState.ONLINE, CameraState.DEGRADED)
Reader = Callable[[Camera, Path], CameraIdentity | None]


class CameraIdentities:
    """Reads model, firmware, serial number and MAC of each camera, and notices when another device answers.

    The main thread calls ``tick`` once a second; cameras are read one after the other on another thread.
    ``identities`` and ``lines`` may be called on any thread.
    """

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        zone: tzinfo,
        cameras: Callable[[], Sequence[Camera]],
        publish_birth: Callable[[], None],
        sysroot: Path = Path("/"),
        reader: Reader | None = None,
    ) -> None:
        """``cameras`` returns the cameras in force. ``tick`` calls ``publish_birth`` after an identity has
        changed."""
        self._state_dir = state_dir
        self._clock = clock
        self._zone = zone
        self._cameras = cameras
        self._publish_birth = publish_birth
        self._sysroot = sysroot
        self._reader = reader or read_in_process
        record = read_record(state_dir / FILE, StoredIdentities) or StoredIdentities()
        # Protects the fields below; never locked while a camera is read.
        self._lock = threading.Lock()
        self._stored = dict(record.cameras)
        self._has_changed = False
        self._read_mono: dict[tuple[str, str], float] = {}  # when read, by id and host; for the main thread
        self._due: Sequence[Camera] = ()  # cameras to read in the present round
        self._round = SupervisedThread("camera-identities", self._read)

    def tick(self, statuses: Sequence[CameraStatus]) -> None:
        with self._lock:
            changed, self._has_changed = self._has_changed, False
        if changed:
            self._publish_birth()
        if self._round.running:
            return
        online_since = {
            status.camera_id: status.since_mono for status in statuses if status.state in CONNECTED
        }
        due = [camera for camera in self._cameras() if self._is_due(camera, online_since.get(camera.id))]
        if not due:
            return
        self._due = due
        now_mono = self._clock.monotonic()
        self._read_mono |= {(camera.id, _host(camera)): now_mono for camera in due}
        self._round.start()

    def stop(self) -> None:
        """Ask the thread to end; does not wait."""
        self._round.stop()

    def join(self, timeout_s: float) -> bool:
        return self._round.join(timeout_s)

    def identities(self) -> dict[str, CameraIdentity]:
        """Return the known identities of the cameras in force, by camera id."""
        return {camera: stored.shown for camera, stored in self._in_force().items()}

    def lines(self) -> Iterator[ProblemText]:
        """Yield lines for the heartbeat's ``degraded``."""
        yield from swap_lines(self._in_force(), self._clock.now(), self._zone)

    def _in_force(self) -> dict[str, StoredIdentity]:
        with self._lock:
            stored = dict(self._stored)
        found = ((camera, stored.get(camera.id)) for camera in self._cameras())
        return {camera.id: each for camera, each in found if each is not None and each.host == _host(camera)}

    def _is_due(self, camera: Camera, online_since_mono: float | None) -> bool:
        now_mono = self._clock.monotonic()
        if online_since_mono is None or now_mono - online_since_mono < ONLINE_S or not host_of(camera.url):
            return False
        read_mono = self._read_mono.get((camera.id, _host(camera)))
        if read_mono is None or now_mono - read_mono >= EVERY_S:
            return True
        return online_since_mono > read_mono and now_mono - read_mono >= AFTER_RECONNECT_S

    def _read(self, loop: SupervisedThread) -> None:
        for camera in self._due:
            if loop.wait(0):
                return
            host = _host(camera)
            found = self._reader(camera, self._state_dir)
            self._record(camera.id, host, found, find_neighbour_mac(host, self._sysroot))

    def _record(
        self, camera_id: str, host: str, found: CameraIdentity | None, neighbour_mac: str | None
    ) -> None:
        with self._lock:
            before = self._stored.get(camera_id)
        after = updated(before, host, found, neighbour_mac, rfc3339(self._clock.now()))
        if after is None:
            return
        if after.swap is not None and (before is None or before.swap != after.swap):
            swap = after.swap
            log.warning(
                "%s: another device answers at its address: %s %s -> %s",
                camera_id,
                swap.what,
                swap.before,
                swap.after,
            )
        with self._lock:
            self._stored[camera_id] = after
            self._has_changed |= before is None or before.shown != after.shown
            record = StoredIdentities(dict(self._stored))
        write_record(self._state_dir / FILE, record)


def _host(camera: Camera) -> str:
    return host_of(camera.url).strip("[]").lower()


def read_in_process(camera: Camera, state_dir: Path) -> CameraIdentity | None:
    """Ask the camera in a separate process; None without a login, or if it gives no usable answer."""
    if camera.credentials is None:
        return None
    try:
        response = ask_in_process(
            "identity", camera, camera.credentials, camera.http_port, state_dir, within_s=PROCESS_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        log.info("%s: its identity is not read: %s", camera.id, type(error).__name__)
        return None
    if response.failure:
        log.info("%s: its identity is not read: %s", camera.id, response.failure)
    return response.identity
