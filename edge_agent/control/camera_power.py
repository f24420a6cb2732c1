"""Switches the PoE port of a camera off and on if the camera has been unreachable for long, as a technician
would pull its cable.

A camera is switched only if nothing answers at its address, and only while its switch answers and the port is
on. When the camera is back, the attempts are reported as an event ``healing`` with the camera's id.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path

from msgspec import Struct

from edge_agent.capture.source import endpoint_of
from edge_agent.config.model.addresses import host_of
from edge_agent.config.model.camera_parts import PoePort
from edge_agent.config.model.settings import Camera
from edge_agent.control.recovery_ladder import MAX_ATTEMPTS, RecoveryOutcome
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import EventAppender
from edge_agent.core.model import CameraState, CameraStatus, Cause, Severity
from edge_agent.core.problems import CodedProblem, ProblemText, problem_of, problem_text
from edge_agent.core.state_file import read_record, sync_folder, write_record
from edge_agent.core.worker import SupervisedThread
from edge_agent.events import EventFactory
from edge_agent.host.health.degraded import since_text
from edge_agent.host.system.switch_port import PowerSwitch, SwitchFailed, SwitchPort
from edge_agent.wire import HealingData, HealingStep
from edge_agent.wire.base import Time

log = logging.getLogger(__name__)

FILE = "camera-power.json"
DAY_S = 86_400.0
RTSP_PORT = 554
PROBE_TIMEOUT_S = 3.0
ON_ATTEMPTS, ON_EVERY_S = 12, 5.0
"""Attempts to switch the port on if the switch does not confirm it, and the seconds between them."""


class PowerAttempt(Struct, frozen=True):
    """One attempt. ``mono`` is the monotonic time in the boot ``boot_id``."""

    at: Time
    boot_id: str
    mono: float
    after_s: float  # how long the camera had been away
    outcome: RecoveryOutcome
    detail: str = ""
    problem: CodedProblem | None = (
        None  # the code and values of ``detail``; None: ``detail`` is the switch's own text
    )

    @property
    def shown(self) -> str:
        """The text ``detail``; if it has a code, it can be translated."""
        return self.detail if self.problem is None else ProblemText(self.detail, self.problem)


class CameraOutage(Struct):
    """What is stored about one camera."""

    is_off: bool = False  # its port was switched off and is not yet on again
    since: Time | None = None  # None: nothing was tried in this outage
    since_boot: str = ""
    since_mono: float = 0.0
    tried: list[PowerAttempt] = []  # attempts in this outage
    cycled: list[PowerAttempt] = []  # attempts of the last day that switched the port


class CameraOutages(Struct):
    """The content of the state file: an entry for each camera id."""

    cameras: dict[str, CameraOutage] = {}


class CameraPower:
    """Switches camera ports, one at a time on a separate thread. ``tick``: main thread, once a second."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        boot_id: str,
        zone: tzinfo,
        cameras: Callable[[], Sequence[Camera]],
        events: EventFactory,
        outbox: EventAppender,
        switch: Callable[[PoePort], PowerSwitch] = SwitchPort,
        answers: Callable[[Camera], bool] | None = None,
    ) -> None:
        """``cameras`` returns those in force, ``answers`` whether anything answers at a camera's address."""
        self._path = state_dir / FILE
        self._clock = clock
        self._boot_id = boot_id
        self._zone = zone
        self._cameras = cameras
        self._events = events
        self._outbox = outbox
        self._switch = switch
        self._answers = answers or camera_answers
        # Protects the records, which the other thread changes too.
        self._lock = threading.Lock()
        self._records = (read_record(self._path, CameraOutages) or CameraOutages()).cameras
        self._work: SupervisedThread | None = None
        self._last = ""  # the camera that ``_work`` handles

    def tick(self, statuses: Sequence[CameraStatus]) -> None:
        if self._work is not None and self._work.running:
            return
        by_id = {status.camera_id: status for status in statuses}
        # The camera of the last attempt is taken last: a switch that never answers does not block the others.
        for camera in sorted(self._cameras(), key=lambda each: each.id == self._last):
            status, poe = by_id.get(camera.id), camera.poe
            if status is None or poe is None or not host_of(camera.url):
                continue
            with self._lock:
                record = self._records.setdefault(camera.id, CameraOutage())
            if record.is_off:  # the agent ended while the port was off
                self._start(camera, partial(self._switch_on, camera, poe))
                return
            if status.state in (CameraState.ONLINE, CameraState.DEGRADED):
                self._is_back(camera.id, record)
            elif status.state is CameraState.OFFLINE and self._is_due(status, poe, record):
                self._start(camera, partial(self._heal, camera, poe, status.since_mono))
                return

    def stop(self) -> None:
        """Ask the thread to end; it switches the port on first. Does not wait."""
        if self._work is not None:
            self._work.stop()

    def join(self, timeout_s: float) -> bool:
        return self._work is None or self._work.join(timeout_s)

    def lines(self) -> Iterator[ProblemText]:
        """Yield lines for the heartbeat's ``degraded``: unreachable cameras, each with its last attempt."""
        configured = {camera.id for camera in self._cameras() if camera.poe is not None}
        with self._lock:
            last = {
                camera: each.tried[-1]
                for camera, each in self._records.items()
                if each.tried and camera in configured
            }
        now = self._clock.now()
        for camera, tried in last.items():
            at = since_text(datetime.fromisoformat(tried.at), now, self._zone)
            yield problem_text(f"camera-power-{tried.outcome}", camera=camera, at=at, detail=tried.shown)

    # --- when ---

    def _is_due(self, status: CameraStatus, poe: PoePort, record: CameraOutage) -> bool:
        now_mono, after_s = self._clock.monotonic(), poe.after_min * 60
        if status.cause is not Cause.UNREACHABLE or now_mono - status.since_mono < after_s:
            return False
        if record.tried and self._age_s(record.tried[-1]) < after_s:
            return False
        record.cycled = [each for each in record.cycled if self._age_s(each) < DAY_S]
        return len(record.cycled) < poe.per_day

    def _age_s(self, attempt: PowerAttempt) -> float:
        # The monotonic clock starts again at a boot: an earlier attempt is at least as old as the boot.
        return self._clock.monotonic() - (attempt.mono if attempt.boot_id == self._boot_id else 0.0)

    def _is_back(self, camera_id: str, record: CameraOutage) -> None:
        if not record.tried or record.since is None:
            return
        began_mono = record.since_mono if record.since_boot == self._boot_id else 0.0
        data = HealingData(
            camera=camera_id,
            since_at=record.since,
            back_at=rfc3339(self._clock.now()),
            without_s=round(self._clock.monotonic() - began_mono, 1),
            tried=[
                HealingStep(
                    step="poe",
                    at=each.at,
                    after_s=each.after_s,
                    outcome=each.outcome.value,
                    detail=each.detail,
                )
                for each in record.tried
            ],
        )
        log.info("%s: it is back after %d attempts at its switch", camera_id, len(record.tried))
        self._outbox.append(self._events.of_gateway(data, Severity.WARNING))
        with self._lock:
            record.tried, record.since = [], None
        self._save()

    # --- on the thread ---

    def _start(self, camera: Camera, work: Callable[[SupervisedThread], None]) -> None:
        self._last = camera.id
        self._work = SupervisedThread("camera-power", work)
        self._work.start()

    def _heal(self, camera: Camera, poe: PoePort, since_mono: float, loop: SupervisedThread) -> None:
        if self._answers(camera):
            self._note(camera.id, since_mono, RecoveryOutcome.HELD, problem_text("camera-power-answers"))
            return
        switch = self._switch(poe)
        try:
            if not switch.is_on():
                detail = problem_text("camera-power-port-off", port=poe.port)
                self._note(camera.id, since_mono, RecoveryOutcome.HELD, detail)
                return
        except SwitchFailed as error:
            self._note(camera.id, since_mono, RecoveryOutcome.NO_ANSWER, str(error))
            return
        self._cycle(camera, poe, since_mono, switch, loop)

    def _cycle(
        self, camera: Camera, poe: PoePort, since_mono: float, switch: PowerSwitch, loop: SupervisedThread
    ) -> None:
        if not self._begin_cycle(camera.id, since_mono):
            not_stored = problem_text("camera-power-not-stored")
            self._note(camera.id, since_mono, RecoveryOutcome.FAILED, not_stored)
            return
        try:
            switch.set_power(False)
        except SwitchFailed as error:
            # The port may be off although the answer was lost: switch it on in any case.
            self._power_up(camera.id, switch, loop)
            self._note(camera.id, since_mono, RecoveryOutcome.FAILED, str(error))
            return
        loop.wait(poe.off_s)
        failure = self._power_up(camera.id, switch, loop)
        outcome = RecoveryOutcome.DONE if failure is None else RecoveryOutcome.FAILED
        detail = failure or problem_text("camera-power-port", switch=poe.switch, port=poe.port)
        self._note(camera.id, since_mono, outcome, detail)

    def _switch_on(self, camera: Camera, poe: PoePort, loop: SupervisedThread) -> None:
        log.warning("%s: port %d is switched on again", camera.id, poe.port)
        if self._power_up(camera.id, self._switch(poe), loop) is not None:
            loop.wait(60.0)  # then the thread ends, and the main thread starts another one

    def _power_up(self, camera_id: str, switch: PowerSwitch, loop: SupervisedThread) -> str | None:
        """Switch the port on. Return why this failed; None: it is on."""
        failure: str | None = None
        for _ in range(ON_ATTEMPTS):
            try:
                switch.set_power(True)
            except SwitchFailed as error:
                failure = str(error)
                if loop.wait(ON_EVERY_S):
                    break
            else:
                self._is_on_again(camera_id)
                return None
        log.error("%s: its port is perhaps still off: %s", camera_id, failure)
        return failure

    def _is_durable(self) -> bool:
        """Sync the folder: after a power cut the record must be there, or the port would stay off."""
        try:
            sync_folder(self._path.parent)
        except OSError as error:
            log.error("%s cannot be synced: %s", self._path.parent, error.strerror)
            return False
        return True

    def _begin_cycle(self, camera_id: str, since_mono: float) -> bool:
        """Before switching, store that the port is off, and count the attempt: if the agent is killed, its
        next start switches the port on. False: the disk failed, so nothing may be switched."""
        with self._lock:
            record = self._records[camera_id]
            record.is_off = True
            record.cycled = [*record.cycled, self._attempt(since_mono, RecoveryOutcome.ASKED, "")]
        if self._save() and self._is_durable():
            return True
        with self._lock:
            record.is_off, record.cycled = False, record.cycled[:-1]
        return False

    def _is_on_again(self, camera_id: str) -> None:
        with self._lock:
            self._records[camera_id].is_off = False
        self._save()

    def _note(self, camera_id: str, since_mono: float, outcome: RecoveryOutcome, detail: str) -> None:
        attempt = self._attempt(since_mono, outcome, detail)
        log.warning("%s: unreachable for %.0f min: %s, %s", camera_id, attempt.after_s / 60, outcome, detail)
        with self._lock:
            record = self._records[camera_id]
            if record.since is None:
                record.since = rfc3339(wall_time_of(self._clock, since_mono))
                record.since_boot, record.since_mono = self._boot_id, since_mono
            record.tried = [*record.tried, attempt][-MAX_ATTEMPTS:]
        self._save()

    def _attempt(self, since_mono: float, outcome: RecoveryOutcome, detail: str) -> PowerAttempt:
        now_mono = self._clock.monotonic()
        at, after_s = rfc3339(self._clock.now()), round(now_mono - since_mono, 1)
        return PowerAttempt(at, self._boot_id, now_mono, after_s, outcome, str(detail), problem_of(detail))

    def _save(self) -> bool:
        with self._lock:
            return write_record(self._path, CameraOutages(dict(self._records)))


def camera_answers(camera: Camera) -> bool:
    """Return whether the camera's address answers: a connection or a refusal. Blocks for up to 9 s."""
    endpoint = endpoint_of(camera)
    if endpoint is None:
        return True
    for port in dict.fromkeys((endpoint.port, camera.http_port, RTSP_PORT)):
        try:
            with socket.create_connection((endpoint.host, port), PROBE_TIMEOUT_S):
                return True
        except ConnectionRefusedError:
            return True
        except OSError:
            continue
    return False
