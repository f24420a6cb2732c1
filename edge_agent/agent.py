"""The agent: builds its parts with ``composition.py``, starts them, runs them and stops them.

One process, plain threads; see docs/design/architecture.md. Once a second the main thread checks the other
threads, feeds systemd's watchdog, runs the controls, and sends the heartbeat when it is due.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge_agent import __version__
from edge_agent.cameras.build import use_one_opencv_thread
from edge_agent.cameras.running import RestartScope
from edge_agent.capture.decode.decoder import library_versions
from edge_agent.composition import (
    build_base,
    build_cameras,
    build_collector,
    build_controls,
    build_detection,
    build_events,
    build_models,
    build_passages,
    build_publisher,
    build_stills,
    build_uplink,
)
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ConfigSource
from edge_agent.control import certificates, commissioning, withdrawal
from edge_agent.core.clock import Clock
from edge_agent.core.model import CameraState
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import make_folder
from edge_agent.core.worker import Supervisor
from edge_agent.host.board.platform import platform_lines
from edge_agent.host.health.birth import make_birth
from edge_agent.host.health.camera_firmware import firmware_lines
from edge_agent.host.health.clock_sync import KernelSync, read_kernel_sync
from edge_agent.host.health.heartbeat import HealthSources, HeartbeatMaker, compact, next_interval_s
from edge_agent.host.health.host_metrics import HostMetrics
from edge_agent.host.local_api.control import ControlReply
from edge_agent.host.local_api.status import StatusDocument, status_document
from edge_agent.host.system.systemd import FailedUnits, Systemd
from edge_agent.outbox import EventOutbox
from edge_agent.runtime.command_service import (
    CommandDependencies,
    CommandService,
    make_dispatcher,
    make_overrides,
)
from edge_agent.runtime.reload import ConfigFallback, ReloadRequests

log = logging.getLogger(__name__)

ROUND_S = 1.0  # between two rounds of the main thread
EVERY_ROUND_S = 0.0  # period of a task that runs in each round
FIRST_HEARTBEAT_S = 5.0
STOP_WITHIN_S = 1.7
"""A clean stop takes under two seconds; a thread that is still blocked then ends with the process."""
PASSAGES_WITHIN_S = 0.3  # how long a stop waits for the last rows of passages


@dataclass(slots=True)
class PeriodicTask:
    """Work that the main thread does every ``period_s`` seconds; 0: in every round.

    ``run`` may set ``due_mono``, to be called after another interval."""

    period_s: float
    run: Callable[[], object]
    due_mono: float = 0.0

    def run_if_due(self, now_mono: float) -> None:
        if now_mono >= self.due_mono:
            self.due_mono = now_mono + self.period_s
            self.run()


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
        trust_clock: bool = False,
        clock: Clock | None = None,
        kernel_sync: Callable[[], KernelSync | None] = read_kernel_sync,
        sysroot: Path = Path("/"),
    ) -> None:
        """``load`` reads the configuration again from ``source``, when ``hangup`` is set or a command asks
        for it. ``instead``: see ``Configuration``. ``log_lines`` returns the newest lines of the log.
        ``repeat_files``: start a file again at its end. ``trust_clock``: check signed commands as if the
        clock was synchronised, and report this in health. Tests replace the other arguments."""
        use_one_opencv_thread()
        make_folder(settings.state_dir)
        self._stop = stop
        self._reloads = ReloadRequests(hangup or threading.Event())
        self._supervisor = Supervisor()
        self._systemd = Systemd()
        self._base = base = build_base(settings, load, instead, clock, kernel_sync, sysroot)
        self._detection = detection = build_detection(base)
        self._events = events = build_events(base, detection)
        self._uplink = uplink = build_uplink(base, events)
        overrides = make_overrides(settings, base.clock, base.synced, events.report_override)
        self._trust_clock = trust_clock
        dispatcher = make_dispatcher(
            settings, base.clock, synced=self._clock_accepted, session=self._session, wake=events.outbox.wake
        )
        self._publisher = build_publisher(base, events, uplink, dispatcher, self._birth)
        self._collector = build_collector(base, events, uplink, self._online)
        self._models = build_models(base, detection, events, self._publisher)
        self._passages = build_passages(base)
        self._stills = build_stills(base, detection, events)
        self._cameras = build_cameras(
            base,
            detection,
            events,
            overrides,
            self._collector,
            self._passages,
            self._stills,
            self._supervisor,
            repeat_files=repeat_files,
        )
        self._controls = build_controls(base, detection, events, uplink, self._publisher)
        dependencies = self._command_dependencies(source, log_lines)
        self.commands = CommandService(
            settings, base.clock, stop, dispatcher, overrides, events.report_override, dependencies
        )
        self._heartbeats = HeartbeatMaker(settings, base.clock, self._health_sources())
        self._heartbeat = PeriodicTask(EVERY_ROUND_S, self._send_heartbeat)
        self._tasks = self._make_tasks()

    def _command_dependencies(
        self, source: ConfigSource | None, log_lines: Callable[[], list[str]]
    ) -> CommandDependencies:
        updates = self._controls.updates
        return CommandDependencies(
            settings=self._base.current_settings,
            config_path=None if source is None else source.path,
            cameras=self._cameras,
            reloads=self._reloads,
            status=self._status_document,
            publish_birth=self._publisher.publish_birth,
            updates=updates.commands,
            online=self._online,
            self_test=lambda: self._publisher.self_test,
            events=self._events.factory,
            event_store=self._events.store,
            usage=self._uplink.usage,
            collector=self._collector,
            models=self._models,
            ca_file=updates.ca_file,
            source=source,
            log_lines=log_lines,
            clock_synced=self._clock_accepted,
            thermal=self._controls.thermal.health,
            uplink=self._uplink.control.health,
            takes_parts=lambda: self._publisher.takes_parts,
            report_rule_change=self._events.report_rule_change,
        )

    def _clock_accepted(self) -> bool:
        """Return whether the agent trusts the clock to decide that a signed command has expired."""
        return self._trust_clock or self._base.synced()

    def _health_sources(self) -> HealthSources:
        base, events, uplink, controls = self._base, self._events, self._uplink, self._controls
        profile, commands = base.settings.profile, self.commands
        metrics = HostMetrics(
            base.settings.state_dir,
            base.clock,
            base.sysroot,
            boot_reason=base.boot.reason.value,
            sensors=profile.thermal.sensors,
            alarm_nodes=profile.alarm_nodes,
        )
        return HealthSources(
            session=self._session,
            clock=base.clock_sync.health,
            clock_has_been_synced=base.has_been_synced,
            box=metrics.read,
            outbox=events.outbox.stats,
            mqtt=self._publisher.health,
            online=self._online,
            detector=self._detection.detector.health,
            cameras=self._cameras.statuses,
            configuration=lambda: (
                *base.configuration.lines(),
                *commands.config_lines(),
                *((problem_text("clock-trusted"),) if self._trust_clock else ()),
            ),
            config=commands.config,
            storm=commands.storm.health,
            collection=self._collector.health,
            passages=self._passages.health,
            units=FailedUnits(base.clock, base.sysroot).lines,
            thermal=controls.thermal.health,
            uplink=uplink.control.health,
            modem=uplink.modem.health,
            certificates=uplink.certificates.health,
            update=controls.updates.health,
            healing=controls.recovery.health,
            model=self._models.health,
            identities=lambda: (
                *controls.camera_power.lines(),
                *controls.camera_identities.lines(),
                *firmware_lines(
                    controls.camera_identities.identities(), base.current_settings().camera_firmware
                ),
            ),
            platform=tuple(platform_lines(profile, base.sysroot)),
            evidence=events.store.health,
            commands=commands.health,
        )

    def _make_tasks(self) -> tuple[PeriodicTask, ...]:
        """Return the tasks of the main thread, in the order in which they run.

        First the outbox is maintained and a reload is applied, so that the other tasks use the new settings.
        Then the controls run, then cameras and commands. At the end the chain signs the new events, the
        heartbeat reports the state, and systemd gets a status text."""
        store, controls = self._events.store, self._controls
        return (
            PeriodicTask(EVERY_ROUND_S, store.tick),
            PeriodicTask(EVERY_ROUND_S, self._reload_if_requested),
            PeriodicTask(EVERY_ROUND_S, controls.thermal.tick),
            PeriodicTask(EVERY_ROUND_S, self._uplink.control.tick),
            PeriodicTask(EVERY_ROUND_S, self._uplink.modem.tick),
            PeriodicTask(certificates.CHECK_EVERY_S, self._uplink.certificates.tick),
            PeriodicTask(EVERY_ROUND_S, controls.updates.tick),
            PeriodicTask(EVERY_ROUND_S, controls.recovery.tick),
            PeriodicTask(commissioning.CHECK_EVERY_S, controls.reports.tick),
            PeriodicTask(withdrawal.CHECK_EVERY_S, controls.withdrawal.tick),
            PeriodicTask(EVERY_ROUND_S, self._models.tick),
            PeriodicTask(EVERY_ROUND_S, self._cameras.tick),
            PeriodicTask(EVERY_ROUND_S, self.commands.tick),
            PeriodicTask(EVERY_ROUND_S, controls.startup_pages.tick),
            PeriodicTask(EVERY_ROUND_S, self._report_clock),
            PeriodicTask(EVERY_ROUND_S, self._report_cameras),
            PeriodicTask(EVERY_ROUND_S, store.tick_chain),
            PeriodicTask(EVERY_ROUND_S, self._check_cameras),
            self._heartbeat,
            PeriodicTask(EVERY_ROUND_S, self._notify_systemd),
        )

    @property
    def outbox(self) -> EventOutbox:
        """The queue of all events and media of this gateway."""
        return self._events.store.outbox

    def run(self) -> int:
        """Return the exit code: 0 after a requested stop, 75 for a restart, 1 when a thread failed."""
        self._start()
        fatal = self._watch()
        self._shut_down(fatal)
        return self.commands.exit_code if fatal is None else 1

    def _start(self) -> None:
        store, detector = self._events.store, self._detection.detector
        store.outbox.open()
        self._base.boot.mark_running()
        store.chain.open()
        store.close_left_open()
        self.commands.listen(self._supervisor)
        self._publisher.loop.start()
        detector.start()
        store.recorder.loop.start()
        if self._collector.restore():
            self._collector.loop.start()
            self._supervisor.watch(self._collector.loop)
        self._models.restore()
        self._passages.loop.start()
        self._stills.loop.start()
        self._cameras.start()
        self.commands.start(self._supervisor)
        own = (self._publisher.loop, store.recorder.loop, self._passages.loop, self._stills.loop)
        for loop in (*own, *detector.loops):
            self._supervisor.watch(loop)
        self._heartbeat.due_mono = self._base.clock.monotonic() + FIRST_HEARTBEAT_S
        settings = self._base.current_settings()
        for line in (*settings.warnings, *self._base.configuration.lines()):
            log.warning("%s", line)
        detector.log_choice()
        cameras = len(settings.cameras)
        log.info("edge-agent %s runs as %s; cameras: %d", __version__, settings.gateway.id, cameras)
        self._systemd.ready("started")

    def _watch(self) -> str | None:
        """Run until a stop is requested or a thread fails for good; return why it failed, None at a stop."""
        while not self._stop.wait(ROUND_S):
            fatal = self._supervisor.check()
            if fatal is not None:
                log.critical("edge-agent exits: %s", fatal)
                return fatal
            now_mono = self._base.clock.monotonic()
            for task in self._tasks:
                task.run_if_due(now_mono)
        return None

    def _reload_if_requested(self) -> None:
        if self._reloads.is_requested():
            self._reloads.answer_all(self._reload)

    def _report_clock(self) -> None:
        clock_sync = self._base.clock_sync
        if (correction := clock_sync.update()) is not None:
            self.outbox.append(self._events.factory.clock_correction(correction))
            clock_sync.confirm_correction()

    def _report_cameras(self) -> None:
        for change in self._controls.camera_states.update(self._cameras.statuses()):
            self.outbox.append(self._events.factory.camera_state(change))

    def _check_cameras(self) -> None:
        statuses = self._cameras.statuses()
        self._controls.camera_clocks.tick(self._base.current_settings().cameras)
        self._controls.camera_identities.tick(statuses)
        self._controls.camera_power.tick(statuses)

    def _send_heartbeat(self) -> None:
        usual_s = self._base.current_settings().heartbeat_s
        interval_s = next_interval_s(self._uplink.control.heartbeat_s(usual_s))
        self._heartbeat.due_mono = self._base.clock.monotonic() + interval_s
        heartbeat = compact(self._heartbeats.make())
        self._publisher.publish_heartbeat(heartbeat)
        self.commands.history.add(heartbeat)

    def _notify_systemd(self) -> None:
        if self._supervisor.all_progressing():
            self._systemd.watchdog()
        statuses = self._cameras.statuses()
        online = sum(status.state is not CameraState.OFFLINE for status in statuses)
        broker = "connected" if self._online() else "not connected"
        self._systemd.status(f"{online} of {len(statuses)} cameras, broker {broker}")

    def _reload(self) -> ControlReply:
        self._systemd.reloading()
        answer = self._base.configuration.reload(self._apply)
        self._systemd.ready("configuration read again")
        return answer

    def _apply(self, settings: Settings, scopes: Mapping[str, RestartScope]) -> None:
        before = {camera.id for camera in self._heartbeats.settings.cameras}
        camera_ids = [camera.id for camera in settings.cameras]
        self._detection.detector.budget.share_among(camera_ids)
        self._cameras.change(settings.cameras, scopes)
        for camera_id in before.difference(camera_ids):
            self._controls.camera_states.forget(camera_id)
        self._heartbeats.settings = settings
        self._heartbeat.due_mono = self._base.clock.monotonic()
        self._publisher.publish_birth()

    def _session(self) -> str:
        return self._publisher.session

    def _online(self) -> bool:
        return self._publisher.online

    def _status_document(self) -> StatusDocument:
        statuses = self._cameras.statuses()
        details = {status.camera_id: status.detail for status in statuses}
        return status_document(
            self._base.current_settings(),
            self._heartbeats.make(),
            details,
            connected=self._online(),
            shadow=self._models.report(),
            texts=[*(status.kept_awake for status in statuses), self._models.health().refusal],
            identities=self._controls.camera_identities.identities(),
        )

    def _birth(self, session: str) -> bytes:
        birth = make_birth(
            self._base.current_settings(),
            self._base.clock,
            session,
            self._base.boot_id,
            self._base.boot.reason,
            self._detection.detector.birth(),
            library_versions(),
            self._base.sysroot,
            evidence_key=self._events.store.chain.public_key,
            identities=self._controls.camera_identities.identities(),
        )
        return msgspec.json.encode(birth)

    def _shut_down(self, fatal: str | None) -> None:
        """Stop the cameras first and the publisher last, so that the last events are sent or stored.

        After a fatal reason the stop is not reported as clean: the last will and the next boot report it.
        """
        self._systemd.stopping()
        log.info("edge-agent is stopping")
        deadline = time.monotonic() + STOP_WITHIN_S
        if fatal is None:
            self._base.boot.mark_stopped()
        self._reloads.close()
        self.commands.stop()
        self._controls.camera_clocks.stop()
        self._controls.camera_identities.stop()
        self._controls.camera_power.stop()
        self._collector.loop.stop()
        if fatal is None:
            self._models.stop()
        self._stills.stop()
        self._cameras.stop()
        self._detection.detector.stop()
        self._cameras.join_pipelines(deadline - 1.0)
        self._passages.loop.stop()
        self._events.store.finish_clips()
        self._controls.thermal.end()
        self._uplink.control.end()
        self._controls.withdrawal.stop()
        self._controls.recovery.end()
        self._events.store.sign_rest()
        self._publisher.stop(failed=fatal)
        self._publisher.loop.join(max(0.0, deadline - time.monotonic()))
        self.commands.close()
        self._passages.loop.join(max(0.0, min(PASSAGES_WITHIN_S, deadline - time.monotonic())))
        self._events.store.outbox.close(timeout_s=max(0.5, deadline - time.monotonic()))
        self._events.store.chain.close()
        self._uplink.usage.save()
        self._uplink.modem.stop()
        self._base.clock_sync.save()
        self._cameras.join_readers(deadline)
        self._detection.detector.join(deadline)
        log.info("edge-agent stopped")
