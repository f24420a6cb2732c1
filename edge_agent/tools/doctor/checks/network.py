"""Checks of the modem, and of the cameras' clocks, which should follow the gateway's."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge_agent.config.model.addresses import host_of
from edge_agent.config.model.settings import Camera, Settings, UplinkKind
from edge_agent.control.modem import modem_bus, modem_health, read_modem
from edge_agent.core.clock import Clock
from edge_agent.core.errors import ModemError
from edge_agent.host.health.camera_clock import WHOLE_TIMEOUT_S, CameraClockOffset, measure_offset
from edge_agent.host.health.degraded import modem_finding
from edge_agent.tools.doctor.check import Check, CheckResult, Figure
from edge_agent.wire import ModemHealth

MODEM = "modem"
WEAK_PERCENT = 20
"""ModemManager's signal quality below which transfers are slow: at most one bar. This is an assumption."""
CAMERA_OFF_S = 5.0
"""Largest right difference. Times are in whole seconds; a camera that follows NTP differs by one or two."""
MODEM_LIMIT_S = 20.0
CLOCK_LIMIT_S = WHOLE_TIMEOUT_S + 2.0


def check_modem(kind: UplinkKind, sysroot: Path, counted: ModemHealth | None) -> Sequence[CheckResult]:
    """Check the modem of a gateway with a SIM card; return no result for another kind of uplink.
    ``counted``: the report of a running agent, with the bytes that it has counted in the billing period."""
    if kind is not UplinkKind.SIM:
        return []
    address = modem_bus(sysroot)
    try:
        reading = read_modem(address) if address else None
    except ModemError as error:
        return [CheckResult(MODEM, "modem-unread", {"reason": str(error)})]
    if reading is None:
        return [CheckResult(MODEM, "modem-unmanaged")]
    health = modem_health(reading)
    figures: dict[str, Figure] = {
        "operator": health.operator or health.operator_code or "?",
        "technology": health.technology or "?",
        "percent": health.signal_percent or 0,
        "attempts": "?" if reading.pin_attempts is None else reading.pin_attempts,
    }
    if (finding := modem_finding(health)) is not None:
        return [CheckResult(MODEM, finding, figures)]
    weak = health.signal_percent is not None and health.signal_percent < WEAK_PERCENT
    if health.state != "connected":
        first = CheckResult(MODEM, "modem-not-connected", figures)
    else:
        first = CheckResult(MODEM, "modem-weak" if weak else "modem-good", figures)
    if counted is None:
        return [first]
    counts: dict[str, Figure] = {"mb": (counted.sent_bytes + counted.received_bytes) / 1e6}
    return [first, CheckResult(f"{MODEM}/data", "modem-counts", counts)]


def clock_checks(settings: Settings, clock: Clock, *, synced: bool) -> list[Check]:
    """Return one check of the clock for each camera."""
    return [
        Check(f"{camera.id}/clock", CLOCK_LIMIT_S, partial(check_camera_clock, camera, clock, synced=synced))
        for camera in settings.cameras
    ]


def check_camera_clock(
    camera: Camera,
    clock: Clock,
    *,
    synced: bool,
    measure: Callable[[str, Clock], CameraClockOffset] = measure_offset,
) -> Sequence[CheckResult]:
    """Compare the camera's clock with the gateway's. Return no result for a camera without ONVIF, or if the
    gateway's own clock is not ``synced``."""
    host = host_of(camera.url)
    if not host or not synced:
        return []
    try:
        offset_s = measure(host, clock).offset_s
    except (OSError, http.client.HTTPException, ValueError):
        return []
    figures: dict[str, Figure] = {"offset_s": abs(offset_s), "camera": camera.id}
    finding = "camera-clock-off" if abs(offset_s) > CAMERA_OFF_S else "camera-clock-right"
    return [CheckResult(f"{camera.id}/clock", finding, figures)]
