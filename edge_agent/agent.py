"""The composition root: builds the parts of the agent, starts them, runs them and stops them.

One process, plain threads; see docs/design/architecture.md. Once a second the main thread checks the other
threads, feeds systemd's watchdog, runs the controls, and sends the heartbeat when it is due.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from edge_agent import __version__
from edge_agent.cameras.build import PipelineContext, use_one_opencv_thread
from edge_agent.cameras.running import Cameras, RestartScope
from edge_agent.cameras.shared_detector import SharedDetector
from edge_agent.capture.decode.decoder import library_versions
from edge_agent.capture.logins import LimitedLogins
from edge_agent.collection.collector import Collector
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ConfigSource
from edge_agent.control.certificates import CertificateWatch
from edge_agent.control.commissioning import CommissioningReports
from edge_agent.control.gateway_events import GatewayEvents
from edge_agent.control.recovery import RecoveryControl
from edge_agent.control.thermal import ThermalControl
from edge_agent.control.updates import UpdateService
from edge_agent.control.uplink import UplinkControl
from edge_agent.core.clock import Clock, SystemClock, read_boot_id
from edge_agent.core.facts import OverrideChange
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.core.state_file import make_folder
from edge_agent.events import EventFactory
from edge_agent.host.board.boot import BootHistory
from edge_agent.host.board.platform import platform_lines
from edge_agent.host.health.birth import make_birth
from edge_agent.host.health.camera_clock import FILE as CAMERA_CLOCKS
from edge_agent.host.health.camera_clock import CameraClocks
from edge_agent.host.health.camera_states import CameraStateFilter
from edge_agent.host.health.clock_sync import ClockSync, KernelSync, read_kernel_sync
from edge_agent.host.health.heartbeat import HealthSources, HeartbeatMaker, compact, next_interval_s
from edge_agent.host.health.host_metrics import HostMetrics
from edge_agent.host.local_api.control import ControlReply
from edge_agent.host.local_api.status_document import StatusDocument, status_document
from edge_agent.host.system.memory import StartupPageRelease
from edge_agent.host.system.supervisor import Supervisor
from edge_agent.host.system.systemd import FailedUnits, Systemd
from edge_agent.model_release.service import ModelService
from edge_agent.model_release.store import ModelStore
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.outbox import EventOutbox
from edge_agent.runtime.command_service import CommandDependencies, CommandService
from edge_agent.runtime.event_store import EventStore
from edge_agent.runtime.reload import ConfigFallback, Configuration, ReloadRequests
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire import Birth
from edge_agent.wire.topics import GatewayTopics

log = logging.getLogger(__name__)

TICK_S = 1.0
FIRST_HEARTBEAT_S = 5.0
STOP_WITHIN_S = 1.7
"""A clean stop takes under two seconds; a thread that is still blocked then ends with the process."""


class Agent:
    """The whole agent. ``run`` starts it, and blocks until ``stop`` is set."""

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        *,
        load: Callable[[], Settings] | None = None,
        instead: ConfigFallback | None = None,
        hangup: threading.Event | None = None,
        source: ConfigSource | None = None,
        log_lines: Callable[[], list[str]] = list,
        repeat_files: bool = False,
        clock: Clock | None = None,
        kernel_sync: Callable[[], KernelSync | None] = read_kernel_sync,
        sysroot: Path = Path("/"),
    ) -> None:
        """``load`` reads the configuration again from ``source``, when ``hangup`` is set or a command asks
        for it. ``instead``: see ``Configuration``. ``log_lines`` returns the newest lines of the log. The
        rest is for tests."""
        use_one_opencv_thread()
        state_dir, gateway = settings.state_dir, settings.gateway
        make_folder(state_dir)
        self._stop = stop
        self._sysroot = sysroot
        self._clock = clock = clock or SystemClock()
        self._configuration = Configuration(settings, load, clock, instead)
        self._reloads = ReloadRequests(hangup or threading.Event())
        boot_id = read_boot_id()
        self._boot = BootHistory(state_dir / "boot.json", boot_id)
        self._clock_sync = ClockSync(state_dir / "clock.json", clock, boot_id, kernel=kernel_sync)
        allowance = WorkloadLimiter()
        model_store = ModelStore(settings, clock)
        self._detector = SharedDetector(settings, allowance, model_store.start())
        self._events = EventFactory(
            gateway, clock=clock, boot_id=boot_id, clock_synced=self._synced, model=self._detector.model
        )
        self._event_store = EventStore(settings, self._events, clock, boot_id, self._synced)
        self._usage = DataUsage(
            state_dir / "usage.json",
            gateway.timezone,
            clock,
            self._clock_sync.trusted,
            reset_day=settings.uplink.reset_day,
        )
        self._uplink = UplinkControl(
            settings.uplink, state_dir, clock, self._usage, self._events, self._event_store.outbox
        )
        self.commands = CommandService(
            settings,
            clock,
            stop,
            synced=self._synced,
            session=lambda: self._publisher.session,
            wake=self._event_store.outbox.wake,
            report=self._report_override,
        )
        self._certificates = CertificateWatch(
            settings, clock, self._clock_sync, self._events, self._event_store.outbox
        )
        self._updates = UpdateService(
            state_dir, clock, self._events, self._event_store.outbox, sysroot, self._usage.received
        )
        self._publisher = self._make_publisher(settings)
        self._collector = Collector(
            settings,
            clock,
            self._synced,
            self._events,
            self._event_store.outbox,
            online=lambda: self._publisher.online,
            uplink=self._uplink.health,
        )
        self._models = ModelService(
            model_store,
            self._detector,
            self._events,
            self._event_store.outbox,
            clock,
            gateway.timezone,
            self._synced,
            publish_birth=self._publisher.publish_birth,
        )
        self._supervisor = Supervisor()
        self._cameras = self._make_cameras(settings, allowance, repeat_files)
        camera_watch = CameraStateFilter(state_dir / "cameras.json", clock, boot_id)
        self._box_events = GatewayEvents(
            self._clock_sync, camera_watch, self._events, self._event_store.outbox
        )
        self._camera_clocks = CameraClocks(state_dir / CAMERA_CLOCKS, clock, self._synced)
        thermal = settings.profile.thermal
        self._heat = ThermalControl(
            thermal, allowance, clock, self._events, self._event_store.outbox, sysroot
        )
        self._reports = CommissioningReports(
            lambda: self._configuration.settings, clock, self._events, self._event_store.outbox
        )
        self._healing = RecoveryControl(
            settings, self._publisher, clock, boot_id, self._events, self._event_store.outbox, sysroot
        )
        self._heartbeats = HeartbeatMaker(settings, clock, self._health_sources(settings, sysroot))
        self.commands.register_commands(self._reach(source, log_lines))
        self._start_up_pages = StartupPageRelease(clock)
        self._systemd = Systemd()
        self._next_heartbeat_mono = 0.0

    def _make_publisher(self, settings: Settings) -> Publisher:
        return Publisher(
            settings.mqtt,
            GatewayTopics(settings.mqtt.root, settings.gateway.ward, settings.gateway.id),
            self._event_store.outbox,
            usage=self._usage,
            clock=self._clock,
            birth=lambda session: msgspec.json.encode(self._birth(session)),
            on_down=self.commands.dispatcher.accept,
            replies=self.commands.replies,
            clock_trusted=self._clock_sync.trusted,
            limiter=self._uplink.pace,
            rotation=self._certificates.rotation,
        )

    def _make_cameras(self, settings: Settings, allowance: WorkloadLimiter, repeat_files: bool) -> Cameras:
        site = PipelineContext(
            self._detector.access,
            settings.detector.min_score,
            self._events,
            self._event_store.outbox,
            settings.gateway.timezone,
            settings.gateway.holidays,
            settings.storage.seal_to,
            allowance,
            self.commands.overrides,
            lambda: self._clock_sync.has_been_synced,
            self._collector,
        )
        folder, recorder = settings.state_dir / "cameras", self._event_store.recorder
        return Cameras(
            settings.cameras,
            site,
            self._clock,
            self._supervisor,
            recorder,
            folder,
            repeat_files=repeat_files,
            opener=LimitedLogins(settings.state_dir, self._clock).open,
        )

    def _reach(self, source: ConfigSource | None, log_lines: Callable[[], list[str]]) -> CommandDependencies:
        return CommandDependencies(
            settings=lambda: self._configuration.settings,
            config_path=None if source is None else source.path,
            cameras=self._cameras,
            reloads=self._reloads,
            status=self._status_document,
            publish_birth=self._publisher.publish_birth,
            updates=self._updates.commands,
            online=lambda: self._publisher.online,
            self_test=lambda: self._publisher.self_test,
            events=self._events,
            event_store=self._event_store,
            usage=self._usage,
            collector=self._collector,
            models=self._models,
            ca_file=lambda: self._updates.ca_file,
            source=source,
            log_lines=log_lines,
        )

    def _health_sources(self, settings: Settings, sysroot: Path) -> HealthSources:
        profile = settings.profile
        box = HostMetrics(
            settings.state_dir,
            self._clock,
            sysroot,
            boot_reason=self._boot.reason.value,
            sensors=profile.thermal.sensors,
            alarm_nodes=profile.alarm_nodes,
        )
        platform = tuple(platform_lines(profile, sysroot))
        return HealthSources(
            session=lambda: self._publisher.session,
            clock=self._clock_sync.health,
            clock_has_been_synced=lambda: self._clock_sync.has_been_synced,
            box=box.read,
            outbox=self._event_store.outbox.stats,
            mqtt=self._publisher.health,
            online=lambda: self._publisher.online,
            detector=self._detector.stats,
            cameras=self._cameras.statuses,
            configuration=lambda: (*self._configuration.lines(), *self.commands.config_lines()),
            config=self.commands.config,
            storm=self.commands.storm,
            collection=self._collector.health,
            units=FailedUnits(self._clock, sysroot).lines,
            thermal=self._heat.health,
            uplink=self._uplink.health,
            certificates=self._certificates.health,
            update=self._updates.health,
            healing=self._healing.health,
            model=self._models.health,
            platform=platform,
            evidence=self._event_store.health,
            commands=self.commands.health,
        )

    @property
    def outbox(self) -> EventOutbox:
        """The queue of all events and media of this gateway."""
        return self._event_store.outbox

    def run(self) -> int:
        """Return the exit code: 0 after a requested stop, 75 for a restart, 1 when a thread failed."""
        self._start()
        fatal = self._watch()
        self._shut_down(fatal)
        return self.commands.exit_code if fatal is None else 1

    # --- start ---

    def _start(self) -> None:
        self._event_store.outbox.open()
        self._boot.mark_running()
        self._event_store.chain.open()
        self._event_store.close_left_open()
        self.commands.listen(self._supervisor)
        self._publisher.start()
        self._detector.start()
        self._event_store.recorder.start()
        if self._collector.restore():
            self._collector.loop.start()
            self._supervisor.watch(self._collector.loop)
        self._models.restore()
        self._cameras.start()
        self.commands.start(self._supervisor)
        for loop in (self._publisher.loop, self._event_store.recorder.loop, *self._detector.loops):
            self._supervisor.watch(loop)
        self._next_heartbeat_mono = time.monotonic() + FIRST_HEARTBEAT_S
        settings = self._configuration.settings
        for line in (*settings.warnings, *self._configuration.lines()):
            log.warning("%s", line)
        self._detector.log_choice()
        cameras = len(settings.cameras)
        log.info("edge-agent %s runs as %s with %d cameras", __version__, settings.gateway.id, cameras)
        self._systemd.ready("started")

    # --- run ---

    def _watch(self) -> str | None:
        """Run until a stop is requested (None), or until a thread fails for good (why)."""
        while not self._stop.wait(TICK_S):
            fatal = self._supervisor.check()
            if fatal is not None:
                log.critical("edge-agent exits: %s", fatal)
                return fatal
            self._tick()
        return None

    def _tick(self) -> None:
        now = time.monotonic()
        self._event_store.tick()
        if self._reloads.is_requested():
            self._reloads.answer_all(self._reload)
        self._heat.tick()
        self._uplink.tick()
        self._certificates.tick()
        self._updates.tick()
        self._healing.tick()
        self._reports.tick()
        self._models.tick()
        self._cameras.tick()
        self.commands.tick()
        self._start_up_pages.tick()
        self._box_events.report_clock()
        statuses = self._cameras.statuses()
        self._box_events.report_cameras(statuses)
        self._event_store.tick_chain()
        self._camera_clocks.tick(self._configuration.settings.cameras)
        if now >= self._next_heartbeat_mono:
            usual_s = self._configuration.settings.heartbeat_s
            self._next_heartbeat_mono = now + next_interval_s(self._uplink.heartbeat_s(usual_s))
            self._beat()
        self._report_to_systemd(statuses)

    def _beat(self) -> None:
        heartbeat = compact(self._heartbeats.make())
        self._publisher.publish_heartbeat(heartbeat)
        self.commands.record_heartbeat(heartbeat)

    def _reload(self) -> ControlReply:
        self._systemd.reloading()
        answer = self._configuration.reload(self._take_over)
        self._systemd.ready("configuration read again")
        return answer

    def _take_over(self, settings: Settings, extents: Mapping[str, RestartScope]) -> None:
        before = {camera.id for camera in self._heartbeats.settings.cameras}
        camera_ids = [camera.id for camera in settings.cameras]
        self._detector.budget.share_among(camera_ids)
        self._cameras.change(settings.cameras, extents)
        for camera_id in before.difference(camera_ids):
            self._box_events.forget(camera_id)
        self._heartbeats.settings = settings
        self._next_heartbeat_mono = time.monotonic()
        self._publisher.publish_birth()

    def _report_to_systemd(self, statuses: list[CameraStatus]) -> None:
        if self._supervisor.all_progressing():
            self._systemd.watchdog()
        online = sum(status.state is not CameraState.OFFLINE for status in statuses)
        broker = "connected" if self._publisher.online else "not connected"
        self._systemd.status(f"{online} of {len(statuses)} cameras, broker {broker}")

    # --- callbacks of the parts ---

    def _report_override(self, hit: OverrideChange) -> None:
        self._event_store.outbox.append(self._events.rule_override(hit))

    def _synced(self) -> bool:
        return self._clock_sync.synced

    def _status_document(self) -> StatusDocument:
        details = {status.camera_id: str(status.detail) for status in self._cameras.statuses()}
        settings, online = self._configuration.settings, self._publisher.online
        return status_document(
            settings, self._heartbeats.make(), details, connected=online, shadow=self._models.report()
        )

    def _birth(self, session: str) -> Birth:
        return make_birth(
            self._configuration.settings,
            self._clock,
            session,
            read_boot_id(),
            self._boot.reason,
            self._detector.birth(),
            library_versions(),
            self._sysroot,
            evidence_key=self._event_store.chain.public_key,
        )

    # --- stop ---

    def _shut_down(self, fatal: str | None) -> None:
        """Stop the cameras first and the publisher last, so that the last events are sent or stored.

        After a fatal reason the stop is not reported as clean: the last will and the next boot report it.
        """
        self._systemd.stopping()
        log.info("edge-agent is stopping")
        deadline = time.monotonic() + STOP_WITHIN_S
        if fatal is None:
            self._boot.mark_stopped()
        self._reloads.close()
        self.commands.stop()
        self._camera_clocks.stop()
        self._collector.loop.stop()
        self._models.stop()
        self._cameras.stop()
        self._detector.stop()
        self._cameras.join_pipelines(deadline - 1.0)
        self._event_store.finish_clips()
        self._heat.end()
        self._uplink.end()
        self._healing.end()
        self._event_store.tick_chain()
        self._publisher.stop(failed=fatal)
        self._publisher.join(max(0.0, deadline - time.monotonic()))
        self.commands.close()
        self._event_store.outbox.close(timeout_s=max(0.5, deadline - time.monotonic()))
        self._event_store.chain.close()
        self._usage.save()
        self._clock_sync.save()
        self._cameras.join_readers(deadline)
        self._detector.join(deadline)
        log.info("edge-agent stopped")
