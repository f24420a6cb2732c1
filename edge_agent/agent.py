"""The composition root: names the concrete classes, starts them, watches over them, stops them.

One process, plain threads; see docs/design/architecture.md. The main thread ticks once a second: it
watches the other threads, feeds systemd's watchdog, follows the clock and the cameras, and makes the
heartbeat.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from edge_agent import __version__
from edge_agent.assembly import Eyes, Site, model_ref, use_one_opencv_thread
from edge_agent.cameras import Cameras, Extent
from edge_agent.capture.versions import library_versions
from edge_agent.clock import Clock, SystemClock, read_boot_id
from edge_agent.config.settings import Settings
from edge_agent.detection.budget import Budget
from edge_agent.detection.choose import choose_detector, model_dirs
from edge_agent.detection.worker import DetectorWorker, WorkerStats
from edge_agent.device.birth import make_birth
from edge_agent.device.boot import BootHistory
from edge_agent.device.box import BoxMetrics
from edge_agent.device.cameras import CameraWatch
from edge_agent.device.clock_sync import ClockSync, KernelSync, read_kernel_sync
from edge_agent.device.compact import compact
from edge_agent.device.control import (
    EXIT_DONE,
    EXIT_FAILED,
    Answer,
    ControlServer,
    Relearn,
    Reload,
    Request,
)
from edge_agent.device.heartbeat import HealthSources, HeartbeatMaker, next_interval_s
from edge_agent.device.local_server import LocalServer
from edge_agent.device.local_socket import CONTROL_SOCKET, places_to_listen
from edge_agent.device.status import StatusDocument, StatusServer, status_document
from edge_agent.device.supervisor import Supervisor
from edge_agent.device.systemd import Systemd
from edge_agent.errors import EdgeAgentError
from edge_agent.events import EventMaker
from edge_agent.evidence.chain import EvidenceChain
from edge_agent.evidence.recorder import Recorder
from edge_agent.evidence.store import MediaStore
from edge_agent.model import CameraState, CameraStatus
from edge_agent.mqtt.publisher import Publisher
from edge_agent.mqtt.topics import DownMessage, Topics
from edge_agent.mqtt.usage import Usage
from edge_agent.outbox import Outbox
from edge_agent.outbox_model import OpenEvent
from edge_agent.reload import Configuration, Reloads
from edge_agent.wire import Birth, BirthDetector, EvidenceHealth

log = logging.getLogger(__name__)

TICK_S = 1.0
FIRST_HEARTBEAT_S = 5.0
STOP_WITHIN_S = 1.7
"""A clean stop takes under two seconds; a thread that is still blocked then ends with the process."""
CLIPS_WITHIN_S = 0.3
"""Of it, for clips of what has just ended: the gravest are stored first."""


class Agent:
    """The whole agent. ``run`` blocks until it is told to stop; nothing is started before it."""

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        *,
        load: Callable[[], Settings] | None = None,
        hangup: threading.Event | None = None,
        repeat_files: bool = False,
        clock: Clock | None = None,
        kernel_sync: Callable[[], KernelSync | None] = read_kernel_sync,
    ) -> None:
        """``load`` reads the configuration again, when ``hangup`` is set or somebody asks. ``clock`` and
        ``kernel_sync`` are the system's; tests let them step."""
        use_one_opencv_thread()
        state_dir = settings.state_dir
        _make_dir(state_dir)
        self._stop = stop
        self._clock = clock = clock or SystemClock()
        self._configuration = Configuration(settings, load, clock)
        self._reloads = Reloads(hangup or threading.Event())
        boot_id = read_boot_id()
        self._boot = BootHistory(state_dir / "boot.json", boot_id)
        self._clock_sync = ClockSync(state_dir / "clock.json", clock, boot_id, kernel=kernel_sync)
        self._choice = choose_detector(settings.detector, model_dirs(state_dir))
        self._worker = DetectorWorker(self._choice.detector) if self._choice.detector else None
        self._events = EventMaker(
            settings.gateway,
            clock=clock,
            boot_id=boot_id,
            clock_synced=lambda: self._clock_sync.synced,
            model=model_ref(self._choice.detector),
        )
        self._store = MediaStore(
            state_dir / "evidence", settings.storage, clock, lambda: self._clock_sync.synced
        )
        self._chain = EvidenceChain(
            state_dir,
            settings.gateway.id,
            storage=settings.storage,
            clock=clock,
            clock_synced=lambda: self._clock_sync.synced,
            make_head=self._events.chain_head,
            held=self._store.held,
        )
        self._outbox = Outbox(
            state_dir,
            max_bytes=settings.outbox.max_bytes,
            clock=clock,
            boot_id=boot_id,
            encode_loss=self._events.loss,
            follower=self._chain,
        )
        self._recorder = Recorder(
            self._store, self._events, self._outbox, clock, seal_to=settings.storage.seal_to
        )
        self._usage = Usage(
            state_dir / "usage.json", settings.gateway.timezone, clock, self._clock_sync.trusted
        )
        self._publisher = Publisher(
            settings.mqtt,
            Topics(settings.mqtt.root, settings.gateway.ward, settings.gateway.id),
            self._outbox,
            usage=self._usage,
            clock=clock,
            birth=lambda session: msgspec.json.encode(self._birth(session)),
            on_down=_ignore,
            clock_trusted=self._clock_sync.trusted,
        )
        self._supervisor = Supervisor()
        self._budget = Budget(settings.detector.budget_per_s, _ids(settings))
        self._cameras = Cameras(
            settings.cameras,
            self._site(settings),
            clock,
            self._supervisor,
            self._recorder,
            state_dir / "cameras",
            repeat_files=repeat_files,
        )
        self._camera_watch = CameraWatch(state_dir / "cameras.json", clock, boot_id)
        box = BoxMetrics(state_dir, clock, boot_reason=self._boot.reason.value)
        sources = HealthSources(
            session=lambda: self._publisher.session,
            clock=self._clock_sync.health,
            box=box.read,
            outbox=self._outbox.stats,
            mqtt=self._publisher.health,
            online=lambda: self._publisher.online,
            detector=self.detector_stats,
            cameras=self._cameras.statuses,
            configuration=self._configuration.lines,
            evidence=self._evidence_health,
        )
        self._heartbeats = HeartbeatMaker(settings, clock, sources)
        self._status = StatusServer(places_to_listen(state_dir), self._status_document)
        self._control = ControlServer(
            places_to_listen(state_dir, name=CONTROL_SOCKET), settings.gateway.id, self._obey
        )
        self._systemd = Systemd()
        self._next_heartbeat_mono = 0.0
        self._next_watchdog_mono = 0.0

    def run(self) -> int:
        """0 after a stop that was asked for, 1 when a thread cannot be kept alive."""
        self._start()
        fatal = self._watch()
        self._shut_down(fatal)
        return 0 if fatal is None else 1

    # --- start ---

    def _start(self) -> None:
        self._outbox.open()
        self._boot.mark_running()
        self._chain.open()
        self._close_all_left_open()
        self._start_server(self._status)
        self._start_server(self._control)
        self._publisher.start()
        if self._worker is not None:
            self._worker.start()
        self._recorder.start()
        self._cameras.start()
        self._supervisor.watch(self._publisher.loop)
        self._supervisor.watch(self._recorder.loop)
        if self._worker is not None:
            self._supervisor.watch(self._worker.loop)
        self._next_heartbeat_mono = time.monotonic() + FIRST_HEARTBEAT_S
        settings = self._configuration.settings
        for warning in settings.warnings:
            log.warning("%s", warning)
        self._tell_detector()
        log.info(
            "edge-agent %s runs as %s with %d cameras",
            __version__,
            settings.gateway.id,
            len(settings.cameras),
        )
        self._systemd.ready("started")

    def _close_all_left_open(self) -> None:
        """Not at the start only: a disk that is away then names them when it comes back."""
        for left_open in self._outbox.left_open():
            self._close_left_open(left_open)

    def _close_left_open(self, left_open: OpenEvent) -> None:
        try:
            self._outbox.append(self._events.left_open(left_open))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # Written by another version or damaged: its end cannot be told, and must not stop every start.
            log.error("outbox: open event %s cannot be read (%s), forgotten", left_open.event_id, error)
            self._outbox.forget_open(left_open.event_id)

    def _tell_detector(self) -> None:
        log.info("detector: %s", self._choice.note)
        if self._choice.degraded is not None:
            log.error("detector: %s", self._choice.degraded)
        if self._choice.better is not None:
            log.warning("detector: %s", self._choice.better)

    def _start_server(self, server: LocalServer) -> None:
        """Without its socket the agent works all the same; only `edge-agent status` finds nobody."""
        try:
            server.start()
        except EdgeAgentError as error:
            log.error("%s: %s", server.loop.name, error)
        else:
            self._supervisor.watch(server.loop)

    def _site(self, settings: Settings) -> Site:
        """What all cameras have in common."""
        detector, worker = self._choice.detector, self._worker
        return Site(
            Eyes(detector, worker, self._budget) if detector and worker else None,
            settings.detector.min_score,
            self._events,
            self._outbox,
            settings.gateway.timezone,
            settings.gateway.holidays,
            settings.storage.seal_to,
        )

    # --- run ---

    def _watch(self) -> str | None:
        """Until the stop is asked for: None; or until going on makes no sense: why."""
        while not self._stop.wait(TICK_S):
            fatal = self._supervisor.check()
            if fatal is not None:
                log.critical("edge-agent ends: %s", fatal)
                return fatal
            self._tick()
        return None

    def _tick(self) -> None:
        now = time.monotonic()
        self._outbox.maintain()  # without a broker nobody else asks it for long
        self._close_all_left_open()
        if self._reloads.wanted():
            self._reloads.answer_with(self._reload)
        self._cameras.tend()
        correction = self._clock_sync.update()
        if correction is not None:
            self._outbox.append(
                self._events.clock_correction(
                    correction.offset_ms,
                    correction.source,
                    correction.corrected_at,
                    correction.corrected_mono,
                )
            )
            self._clock_sync.confirm_correction()
        statuses = self._cameras.statuses()
        for change in self._camera_watch.update(statuses):
            self._outbox.append(
                self._events.camera_state(
                    change.camera_id,
                    change.state,
                    change.cause,
                    change.detail,
                    since_mono=change.since_mono,
                    down_s=change.down_s,
                    kept_back=change.kept_back,
                )
            )
        self._chain.tick(self._outbox.append)
        if now >= self._next_heartbeat_mono:
            self._next_heartbeat_mono = now + next_interval_s(self._configuration.settings.heartbeat_s)
            self._publisher.publish_heartbeat(compact(self._heartbeats.make()))
        self._report_to_systemd(now, statuses)

    def _reload(self) -> Answer:
        self._systemd.reloading()
        answer = self._configuration.reload(self._take_over)
        self._systemd.ready("configuration read again")
        return answer

    def _take_over(self, settings: Settings, extents: Mapping[str, Extent]) -> None:
        before = _ids(self._heartbeats.settings)
        self._budget.share_among(_ids(settings))
        self._cameras.change(settings.cameras, extents)
        for camera_id in set(before) - set(_ids(settings)):
            self._camera_watch.forget(camera_id)
        self._heartbeats.settings = settings
        self._next_heartbeat_mono = time.monotonic()
        self._publisher.publish_birth()

    def _report_to_systemd(self, now: float, statuses: list[CameraStatus]) -> None:
        interval_s = self._systemd.watchdog_interval_s
        if interval_s is not None and now >= self._next_watchdog_mono and self._supervisor.all_progressing():
            self._next_watchdog_mono = now + interval_s
            self._systemd.watchdog()
        online = sum(status.state is not CameraState.OFFLINE for status in statuses)
        broker = "connected" if self._publisher.online else "not connected"
        self._systemd.status(f"{online} of {len(statuses)} cameras, broker {broker}")

    # --- what the others ask for ---

    def detector_stats(self) -> WorkerStats:
        if self._worker is None:
            return WorkerStats("none", 0, None, 0, 0, self._choice.degraded)
        stats = self._worker.stats()
        return dataclasses.replace(stats, degraded=stats.degraded or self._choice.degraded)

    def _evidence_health(self) -> EvidenceHealth:
        health = self._recorder.health()
        troubles = [trouble for trouble in (health.degraded, self._chain.degraded) if trouble]
        return msgspec.structs.replace(health, degraded="; ".join(troubles) or None)

    def _status_document(self) -> StatusDocument:
        details = {status.camera_id: status.detail for status in self._cameras.statuses()}
        return status_document(self._configuration.settings, self._heartbeats.make(), details)

    def _obey(self, request: Request) -> Answer:
        """On the thread of the control socket."""
        match request:
            case Reload():
                return self._reloads.ask()
            case Relearn(_, camera_id):
                return self._relearn(camera_id)

    def _relearn(self, camera_id: str) -> Answer:
        watched = {camera.id: camera.watch_view for camera in self._configuration.settings.cameras}
        if not watched.get(camera_id, True):
            return Answer(EXIT_FAILED, f"{camera_id}: watch_view is off, there is nothing to learn")
        if not self._cameras.relearn(camera_id):
            return Answer(EXIT_FAILED, f"there is no camera {camera_id}; there are: {', '.join(watched)}")
        log.info("%s: its view is learned anew, as somebody asked", camera_id)
        return Answer(EXIT_DONE, f"{camera_id}: its view is learned anew from now on")

    def _birth(self, session: str) -> Birth:
        detector, settings = self._choice.detector, self._configuration.settings
        return make_birth(
            settings,
            self._clock,
            session,
            read_boot_id(),
            self._boot.reason,
            BirthDetector(
                name=detector.name if detector else "none",
                model_sha256=detector.model.sha256 if detector else None,
                labels=list(settings.detector.labels),
                delegate=settings.detector.delegate,
            ),
            library_versions(),
            evidence_key=self._chain.public_key,
        )

    # --- stop ---

    def _shut_down(self, fatal: str | None) -> None:
        """Cameras first, the broker last, so that what they end with still goes out or is kept.

        After a fatal reason nothing claims an orderly stop: the last will and the next boot tell of it.
        """
        self._systemd.stopping()
        log.info("edge-agent is stopping")
        deadline = time.monotonic() + STOP_WITHIN_S
        if fatal is None:
            self._boot.mark_stopped()
        self._cameras.stop()
        if self._worker is not None:
            self._worker.stop()
        self._cameras.join_pipelines(deadline - 1.0)
        self._recorder.stop(CLIPS_WITHIN_S)
        self._recorder.join(CLIPS_WITHIN_S)
        self._chain.tick(self._outbox.append)
        self._publisher.stop(failed=fatal)
        self._publisher.join(max(0.0, deadline - time.monotonic()))
        self._control.stop(timeout_s=0.1)
        self._status.stop(timeout_s=0.1)
        self._outbox.close(timeout_s=max(0.5, deadline - time.monotonic()))
        self._chain.close()
        self._usage.save()
        self._clock_sync.save()
        self._cameras.join_readers(deadline)
        if self._worker is not None:
            self._worker.join(max(0.0, deadline - time.monotonic()))
        log.info("edge-agent stopped")


def _ids(settings: Settings) -> tuple[str, ...]:
    return tuple(camera.id for camera in settings.cameras)


def _make_dir(path: Path) -> None:
    """A disk that is read-only or gone is no reason not to watch: the outbox then works from memory."""
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        log.error("state_dir %s cannot be used (%s): nothing is kept over a restart", path, error.strerror)


def _ignore(message: DownMessage) -> None:
    """Commands come with a later version; one that arrives is not lost silently."""
    log.warning("mqtt: a %s message arrived, which this version does not obey", message.kind.value)
