"""Measures how wrong each camera's clock is: the time shown in the pictures comes from that clock.

ONVIF's GetSystemDateAndTime needs no login, so a request cannot lock an account. Each camera is asked every
six hours while the gateway's clock is synchronised; a camera that does not answer is skipped. The module uses
only the standard library, so that no ONVIF library stays in memory for one request.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import re
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from edge_agent.config.model.addresses import host_of
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.state_file import read_record, write_record
from edge_agent.core.worker import SupervisedThread

log = logging.getLogger(__name__)

FILE = "camera-clocks.json"
EVERY_S = 6 * 3600.0
FIRST_AFTER_S = 120.0
"""Delay of the first round: after a power cut, cameras start and set their clocks after the gateway."""

TIMEOUT_S = 3.0
WHOLE_TIMEOUT_S = 10.0
"""Limit of one whole request, because a socket's timeout starts again with each byte that arrives."""

MAX_BYTES = 65_536
SAME_S = 1.0  # offsets that differ by less are equal: cameras report whole seconds

MAX_OFFSETS = 60
HTTP_PORT = 80

_PATH = "/onvif/device_service"
_QUESTION = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<GetSystemDateAndTime xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
)


class CameraClockOffset(Struct, frozen=True):
    """One measurement of how wrong a camera's clock is."""

    at: str  # RFC 3339, by the gateway's synchronised clock
    offset_s: float  # camera minus gateway, accurate to about a second


class _Offsets(Struct, frozen=True):
    cameras: dict[str, list[CameraClockOffset]]


class CameraClocks:
    """Measures and stores the offsets. The main thread calls ``tick`` once a second; each round of requests
    runs on a thread of its own. ``port``: port of the cameras' HTTP servers."""

    def __init__(self, path: Path, clock: Clock, synced: Callable[[], bool], port: int = HTTP_PORT) -> None:
        self._path = path
        self._clock = clock
        self._synced = synced
        self._port = port
        self._next_mono = clock.monotonic() + FIRST_AFTER_S
        self._hosts: list[tuple[str, str]] = []  # id and host of the cameras in the present round
        self._round = SupervisedThread("camera-clocks", self._measure)

    def tick(self, cameras: Sequence[Camera]) -> None:
        if self._clock.monotonic() < self._next_mono or not self._synced():
            return
        self._next_mono = self._clock.monotonic() + EVERY_S
        if not self._round.running:
            self._hosts = [(camera.id, host) for camera in cameras if (host := host_of(camera.url))]
            self._round.start()

    def stop(self) -> None:
        """Ask the round to end; does not wait for it."""
        self._round.stop()

    def join(self, timeout_s: float) -> bool:
        return self._round.join(timeout_s)

    def _measure(self, loop: SupervisedThread) -> None:
        found = {}
        for camera_id, host in self._hosts:
            if loop.wait(0):
                return
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                found[camera_id] = measure_offset(host, self._clock, self._port)
        if found:
            before = read_record(self._path, _Offsets)
            offsets = {} if before is None else dict(before.cameras)
            offsets |= {camera_id: _with(offsets.get(camera_id, []), new) for camera_id, new in found.items()}
            write_record(self._path, _Offsets(offsets))


def measure_offset(host: str, clock: Clock, port: int = HTTP_PORT) -> CameraClockOffset:
    """Ask one camera for its time and compare it with ``clock``, which must be right. Raises ``OSError``,
    ``HTTPException`` or ``ValueError`` without a valid answer."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    with contextlib.closing(connection):
        connection.connect()
        guard = threading.Timer(WHOLE_TIMEOUT_S, connection.sock.shutdown, (socket.SHUT_RDWR,))
        guard.daemon = True
        guard.start()
        try:
            began, began_mono = clock.now(), clock.monotonic()
            connection.request("POST", _PATH, _QUESTION, {"Content-Type": "application/soap+xml"})
            answer = connection.getresponse().read(MAX_BYTES)
        finally:
            guard.cancel()
        camera_time = parse_utc_time(answer.decode("utf-8", errors="replace"))
        took_s = clock.monotonic() - began_mono
    # The camera cuts off the fraction of the second, which is half a second on average.
    offset_s = (camera_time - began).total_seconds() + 0.5 - took_s / 2
    return CameraClockOffset(rfc3339(clock.now()), round(offset_s, 1))


def read_offsets(state_dir: Path) -> dict[str, list[CameraClockOffset]]:
    """Return the measurements by camera id, oldest first; empty if there are none."""
    record = read_record(state_dir / FILE, _Offsets)
    return {} if record is None else record.cameras


def parse_utc_time(text: str) -> datetime:
    """Return the UTC time in the answer. Raises ``ValueError``."""
    block = re.search(r"<(?:[\w.-]+:)?UTCDateTime[\s>](.*?)</(?:[\w.-]+:)?UTCDateTime>", text, re.DOTALL)
    if block is None:
        raise ValueError("no UTCDateTime")
    parts = {}
    for name in ("Year", "Month", "Day", "Hour", "Minute", "Second"):
        value = re.search(rf"<(?:[\w.-]+:)?{name}>\s*([0-9]{{1,4}})\s*<", block[1])
        if value is None:
            raise ValueError(f"no {name}")
        parts[name] = int(value[1])
    day = datetime(parts["Year"], parts["Month"], parts["Day"], tzinfo=UTC)
    try:
        # A leap second is written as second 60.
        return day + timedelta(hours=parts["Hour"], minutes=parts["Minute"], seconds=parts["Second"])
    except OverflowError as error:
        raise ValueError("the time is after the year 9999") from error


def _with(offsets: list[CameraClockOffset], new: CameraClockOffset) -> list[CameraClockOffset]:
    """Return the measurements with a new one. Of a series of equal offsets keep only first and newest."""
    if len(offsets) >= 2 and all(abs(old.offset_s - new.offset_s) <= SAME_S for old in offsets[-2:]):
        return [*offsets[:-1], new]
    return [*offsets, new][-MAX_OFFSETS:]
