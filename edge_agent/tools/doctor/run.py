"""The examination: runs all checks in parallel and collects their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from edge_agent.capture.logins import LimitedLogins
from edge_agent.config.model.addresses import host_of
from edge_agent.config.model.settings import Settings
from edge_agent.core.camera_logins import FILE as LOGINS_FILE
from edge_agent.core.clock import Clock, SystemClock
from edge_agent.host.health.camera_identity import read_identities
from edge_agent.host.health.clock_sync import KernelSync, read_clock_state, read_kernel_sync
from edge_agent.host.local_api.status import StatusResult, ask_status
from edge_agent.host.system.process import login_folder
from edge_agent.mqtt.tls.rotation import certificate_in_force
from edge_agent.tools.doctor.check import Check, CheckLevel, CheckResult, run_checks
from edge_agent.tools.doctor.checks import box, broker, cameras, detector, network
from edge_agent.tools.doctor.checks.broker import check_certificates
from edge_agent.tools.doctor.checks.cameras import CameraCheck, CameraMeasurement
from edge_agent.tools.doctor.checks.delivery import check_agent, check_delivery, check_outbox, with_delivery
from edge_agent.tools.doctor.words import level_of
from edge_agent.wire import CameraIdentity
from edge_agent.wire.health import Heartbeat

HOST_CHECKS = (
    "config", "board", "clock", "disk", "temperature", "power", "modem", "agent", "detector", "outbox",
    "certificate",
)  # fmt: skip
SHORT_S = 10.0  # timeout of checks that read and write only on the gateway


@dataclass(frozen=True, slots=True)
class DoctorEnvironment:
    """The gateway's clock, files and kernel state, and the doctor's timeouts; tests replace them."""

    clock: Clock = field(default_factory=SystemClock)
    sysroot: Path = Path("/")
    kernel: Callable[[], KernelSync | None] = read_kernel_sync
    session_within_s: float = 35.0
    """After all other checks, longest wait until an agent without an MQTT session has one. By default an
    agent waits up to 30 s before its first attempt to connect (``mqtt.spread_s``)."""
    confirmed_within_s: float = 15.0  # longest wait until the centre confirms the agent's test event


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """The results of all checks."""

    settings: Settings
    results: tuple[CheckResult, ...]
    measurements: dict[str, CameraMeasurement]  # by camera
    took_s: float
    identities: Mapping[str, CameraIdentity] = field(default_factory=dict)  # by camera, as last read

    @property
    def red(self) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if level_of(r) is CheckLevel.RED and r.accepted is None)

    @property
    def accepted(self) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if r.accepted is not None)

    @property
    def yellow(self) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if level_of(r) is CheckLevel.YELLOW and r.accepted is None)


def examine(
    settings: Settings, unread: str | None, environment: DoctorEnvironment, agent: str | None = None
) -> Examination:
    """Run all checks. Takes under 20 s; longer if the agent has no session, or the centre confirms nothing.

    ``unread``: why passwords or keys could not be read, if so. ``agent``: the agent's user, if root started
    the process and it now has only that user's rights.
    """
    began_mono = time.monotonic()
    clock, sysroot = environment.clock, environment.sysroot
    status = ask_status(settings)
    heartbeat = status.document.heartbeat if status.document else None
    step = heartbeat.thermal.step if heartbeat else 0
    modem, running_detector = (heartbeat.modem, heartbeat.detector) if heartbeat else (None, None)
    uplink_kind = settings.uplink.kind
    now = read_clock_state(settings.state_dir / "clock.json", clock, sysroot, environment.kernel)
    camera_checks = _camera_checks(settings, clock, heartbeat)
    alone = status.document is None and status.failure is None
    brokers = broker.broker_checks(settings, alone=alone, clock_trusted=now.trusted)
    checks = [
        Check("config", SHORT_S, lambda: box.check_config(settings, unread)),
        Check("board", SHORT_S, lambda: box.check_board(settings, sysroot)),
        Check("clock", SHORT_S, lambda: box.check_clock(now, clock, settings)),
        Check("disk", SHORT_S, lambda: box.check_disk(settings, sysroot, agent)),
        Check("disk/evidence", SHORT_S, lambda: box.check_evidence(heartbeat)),
        Check("temperature", SHORT_S, lambda: box.check_temperature(settings.profile.thermal, sysroot, step)),
        Check("power", SHORT_S, lambda: box.check_power(settings.profile, sysroot, clock)),
        Check("modem", network.MODEM_LIMIT_S, lambda: network.check_modem(uplink_kind, sysroot, modem)),
        Check("agent", SHORT_S, lambda: check_agent(status, settings)),
        Check("detector", SHORT_S, lambda: detector.check_detector(settings, running_detector)),
        *(Check(name, each.limit_s, each.run) for name, each in camera_checks.items()),
        *_switch_checks(settings),
        *network.clock_checks(settings, clock, synced=now.synced),
        Check("certificate", SHORT_S, lambda: _check_certificate(settings, clock, trusted=now.trusted)),
        *(Check(each_broker.name, broker.LIMIT_S, each_broker.run) for each_broker in brokers),
        Check("outbox", SHORT_S, lambda: check_outbox(status, settings)),
    ]
    broker_results = broker.without_time_server(broker.spare_brokers(run_checks(checks)))
    if broker.is_good(broker_results):
        status = _when_connected(settings, status, environment.session_within_s)
        within_s = environment.confirmed_within_s
        delivery = check_delivery(settings, status, broker.probe_topics(settings), within_s)
        broker_results = with_delivery(broker_results, delivery)
    results = list(broker_results)
    measurements = {name: camera_check.measurement for name, camera_check in camera_checks.items()}
    load = cameras.check_decoding(settings, [each.measured for each in measurements.values()])
    of_board = max(number for number, each in enumerate(results) if each.check.partition("/")[0] == "board")
    results[of_board + 1 : of_board + 1] = load
    hosts = {camera.id: host_of(camera.url).strip("[]") for camera in settings.cameras}
    identities = read_identities(settings.state_dir, hosts)
    results += cameras.check_firmware(settings, identities)
    return Examination(settings, tuple(results), measurements, time.monotonic() - began_mono, identities)


def _check_certificate(settings: Settings, clock: Clock, *, trusted: bool) -> Sequence[CheckResult]:
    """Check the certificate in force. ``trusted``: whether the clock is right enough to judge its dates."""
    in_force = certificate_in_force(settings.mqtt, settings.state_dir)
    return check_certificates(in_force, clock.now(), clock_trusted=trusted)


def _switch_checks(settings: Settings) -> list[Check]:
    return [
        Check(
            f"{camera.id}/poe",
            cameras.SWITCH_LIMIT_S,
            partial(cameras.check_switch_port, camera.id, camera.poe),
        )
        for camera in settings.cameras
        if camera.poe is not None
    ]


def _camera_checks(settings: Settings, clock: Clock, heartbeat: Heartbeat | None) -> dict[str, CameraCheck]:
    advised = settings.profile.platform.capacity if settings.profile.platform else None
    folder = login_folder(settings.state_dir)
    opener = LimitedLogins(folder, clock, settings.gateway.timezone).open
    logins = folder / LOGINS_FILE
    of_agent = heartbeat.cameras if heartbeat else {}
    return {
        camera.id: CameraCheck(camera, clock, of_agent.get(camera.id), advised, opener, logins)
        for camera in settings.cameras
    }


def _when_connected(settings: Settings, status: StatusResult, within_s: float) -> StatusResult:
    """Wait until a running agent has a session, so that a technician need not run the doctor twice."""
    deadline = time.monotonic() + within_s
    while status.document is not None and not status.document.connected and time.monotonic() < deadline:
        time.sleep(0.5)
        status = ask_status(settings)
    return status


def check_names(settings: Settings) -> tuple[str, ...]:
    """Return the names for ``--accept``; ``cam-2`` also covers checks below it, such as ``cam-2/picture``."""
    return (*HOST_CHECKS, *(camera.id for camera in settings.cameras), *broker.check_names(settings))


def accept(found: Examination, reasons: Mapping[str, str]) -> Examination:
    """Mark yellow and red results as accepted. ``reasons``: name of a check -> reason; the name ``cam-2``
    also covers ``cam-2/picture``."""
    return replace(found, results=tuple(_marked(result, reasons) for result in found.results))


def _marked(result: CheckResult, reasons: Mapping[str, str]) -> CheckResult:
    covering = (name for name in reasons if f"{result.check}/".startswith(f"{name}/"))
    reason = next((reasons[name] for name in covering), None)
    worth = level_of(result) in (CheckLevel.YELLOW, CheckLevel.RED)
    return replace(result, accepted=reason) if reason and worth else result
