"""Registers all commands of the agent and runs their services: dispatcher, overrides, local sockets.

To add a command: its arguments go to ``wire/commands.py``, its action to ``commands/`` or here, a
line to ``_actions``, an example to ``tests/commands/``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edge_agent import wire
from edge_agent.cameras.running import Cameras
from edge_agent.capture.decode.decoder import library_versions
from edge_agent.collection.collector import Collector
from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    with_signatures,
)
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.commands.handlers.collect import CollectCommand
from edge_agent.commands.handlers.configuration.config_push import ConfigPush
from edge_agent.commands.handlers.configuration.config_trial import AgentHooks
from edge_agent.commands.handlers.configuration.configured_rules import RulesCommand
from edge_agent.commands.handlers.configuration.set_rule import RuleChangeCommand
from edge_agent.commands.handlers.diagnostics import HealthHistory, bundle, configuration_text, list_files
from edge_agent.commands.handlers.files import (
    ClipCommand,
    LivePicturesCommand,
    diagnostics_action,
    hold_action,
    snapshot_action,
)
from edge_agent.commands.handlers.media_service import ClipLimits, MediaService
from edge_agent.commands.handlers.model import ModelCommand
from edge_agent.commands.handlers.reboot import RebootCommand, camera_reboot_action
from edge_agent.commands.handlers.rehearse import RehearseCommand
from edge_agent.commands.handlers.rules import rule_actions
from edge_agent.commands.handlers.search import GatewayLimits, SearchCommands
from edge_agent.commands.handlers.storm import FILE as STORM_FILE
from edge_agent.commands.handlers.storm import StormMode
from edge_agent.commands.handlers.unclaim import ANSWER as UNCLAIM_ANSWER
from edge_agent.commands.handlers.unclaim import REQUEST as UNCLAIM_REQUEST
from edge_agent.commands.handlers.unclaim import UnclaimCommand
from edge_agent.commands.handlers.update import UpdateCommands
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.commands.transfer.https import Uploader
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ConfigSource
from edge_agent.core.clock import Clock, read_boot_id
from edge_agent.core.command_line.exit_codes import EX_OK, EX_TEMPFAIL
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.facts import OverrideChange, RequestOrigin, RuleChange
from edge_agent.core.overrides import Overrides
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.worker import Supervisor
from edge_agent.events import EventFactory
from edge_agent.host.local_api.control import ControlReply, ControlServer, ReloadRequest
from edge_agent.host.local_api.local_socket import CONTROL_SOCKET, LocalServer, places_to_listen
from edge_agent.host.local_api.status import StatusDocument, StatusServer
from edge_agent.host.system.root_requests import RootRequest
from edge_agent.model_release.service import ModelService
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.runtime.event_store import EventStore
from edge_agent.runtime.local_control import LocalControl, Relearning, SelfTests
from edge_agent.runtime.reload import ReloadRequests
from edge_agent.uplink.budget import TOP_STEP
from edge_agent.uplink.usage import DataUsage, TrafficClass

log = logging.getLogger(__name__)

FOLDER = "commands"
OVERRIDES = "overrides.json"
REBOOT = "reboot.json"
REBOOT_ANSWER = Path("run/edge-agent-reboot/answer.json")


def make_overrides(
    settings: Settings, clock: Clock, synced: Callable[[], bool], report: Callable[[OverrideChange], None]
) -> Overrides:
    """Return the overrides of rules, which cameras apply and commands change. ``report`` stores an event."""
    return Overrides(settings.state_dir / OVERRIDES, clock, read_boot_id(), synced, report)


def keyring_of(settings: Settings) -> OperatorKeyring:
    return OperatorKeyring(settings.commands.operator_keys, settings.commands.search_keys)


def make_dispatcher(
    settings: Settings,
    clock: Clock,
    *,
    synced: Callable[[], bool],
    session: Callable[[], str],
    wake: Callable[[], None],
) -> CommandDispatcher:
    """Return a dispatcher without commands, for the publisher; its arguments: see ``CommandDispatcher``."""
    return CommandDispatcher(
        settings.gateway.id,
        CommandJournal(settings.state_dir / FOLDER),
        keyring_of(settings),
        clock=clock,
        synced=synced,
        session=session,
        wake=wake,
    )


@dataclass(frozen=True, slots=True)
class CommandDependencies:
    """The parts of the agent that commands use."""

    settings: Callable[[], Settings]  # the settings in force
    config_path: Path | None
    cameras: Cameras
    reloads: ReloadRequests
    status: Callable[[], StatusDocument]
    publish_birth: Callable[[], None]
    updates: UpdateCommands
    online: Callable[[], bool]
    self_test: Callable[[], SelfTest]
    events: EventFactory
    event_store: EventStore
    usage: DataUsage
    collector: Collector
    models: ModelService
    ca_file: Callable[[], str | None]  # CAs for the server of releases and models; None: the system's CAs
    source: ConfigSource | None  # None if there is no file
    log_lines: Callable[[], list[str]]
    clock_synced: Callable[[], bool]  # as far as commands are concerned
    thermal: Callable[[], wire.ThermalHealth]
    uplink: Callable[[], wire.UplinkHealth]
    takes_parts: Callable[[], bool]  # whether the centre accepts files in parts
    report_rule_change: Callable[[RuleChange], None]


class CommandService:
    """Runs all commands of the agent, and its local sockets. Call ``listen``, then ``start``.

    All methods are for the main thread.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        stop: threading.Event,
        dispatcher: CommandDispatcher,
        overrides: Overrides,
        report: Callable[[OverrideChange], None],
        dependencies: CommandDependencies,
    ) -> None:
        """``stop`` ends the agent; ``report`` stores an event."""
        self.exit_code = EX_OK  # exit code of the agent, to be read once it has stopped
        self.dispatcher = dispatcher
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._overrides = overrides
        self._dependencies = dependencies
        self._stopping = threading.Event()
        self.history = HealthHistory()
        self._relearning = Relearning(dependencies.cameras, clock, report)
        self._push, self._rule_change = self._config_commands()
        files = self._media_service()
        self.storm = StormMode(settings.state_dir / STORM_FILE, clock, self._camera_ids, files.send_snapshot)
        local_control = self._local_control()
        dispatcher.register(
            with_signatures(action, settings.commands.signed)
            for action in (*self._actions(local_control), *self._file_actions(files))
        )
        self._servers: tuple[LocalServer, ...] = (
            StatusServer(places_to_listen(settings.state_dir), dependencies.status),
            ControlServer(
                places_to_listen(settings.state_dir, CONTROL_SOCKET),
                settings.gateway.id,
                local_control.handle,
            ),
        )

    def listen(self, supervisor: Supervisor) -> None:
        """Open the local sockets. Without them the agent still works, but `edge-agent status` does not."""
        for server in self._servers:
            try:
                server.start()
            except EdgeAgentError as error:
                log.error("%s: %s", server.loop.name, error)
            else:
                supervisor.watch(server.loop)

    def start(self, supervisor: Supervisor) -> None:
        """Start to run commands, first those that an earlier run has not finished."""
        self.dispatcher.start()
        for loop in self.dispatcher.loops:
            supervisor.watch(loop)

    def tick(self) -> None:
        """Run what is due. Called about once a second."""
        self.dispatcher.tick()
        self._overrides.tick()
        self._relearning.tick()
        self.storm.tick()
        if self._push is not None:
            self._push.tick()
        if self._rule_change is not None:
            self._rule_change.tick()

    def health(self) -> wire.CommandsHealth:
        rules = [
            wire.RuleOverride(
                camera=each.camera, rule=each.rule, what=each.what.value, left_s=round(each.left_s)
            )
            for each in self._overrides.active()
        ]
        return msgspec.structs.replace(
            self.dispatcher.health(),
            rules=rules,
            relearning=self._relearning.cameras,
            switched_off=[] if self._rule_change is None else self._rule_change.switched_off(),
        )

    def config(self) -> wire.ConfigHealth:
        return wire.ConfigHealth() if self._push is None else self._push.health()

    def config_lines(self) -> Iterator[str]:
        if self._push is not None:
            yield from self._push.lines()
        if self._rule_change is not None:
            yield from self._rule_change.lines()

    def stop(self) -> None:
        """Ask running commands to end; does not wait."""
        self._stopping.set()
        self.dispatcher.stop()

    def close(self) -> None:
        """Close the local sockets, because the agent ends."""
        for server in self._servers:
            server.stop(timeout_s=0.1)

    def restart(self, reason: str) -> None:
        """Stop the agent so that systemd starts it again. Returns at once."""
        log.warning("exiting for a restart: %s", reason)
        self.exit_code = EX_TEMPFAIL
        self._stop.set()

    def _actions(self, local_control: LocalControl) -> Iterator[Action]:
        agent = self._dependencies
        yield Action("status", partial(_status, agent.status), may_be_unwritten=True)
        yield Action("rebirth", partial(_rebirth, agent.publish_birth), may_be_unwritten=True)
        yield Action("reload", partial(_reload, local_control), slow=True)
        yield from agent.updates.actions()
        yield Action("relearn", partial(_relearn, local_control))
        # CLOCK_BOOTTIME would also count a suspend; gateways are never suspended.
        yield RebootCommand(
            RootRequest("reboot", REBOOT_ANSWER),
            self._settings.state_dir / REBOOT,
            read_boot_id(),
            up_s=time.monotonic,
        ).action()
        yield UnclaimCommand(RootRequest(UNCLAIM_REQUEST, UNCLAIM_ANSWER)).action()
        yield camera_reboot_action(agent.settings)
        yield Action("restart", self._restart, _has_restarted, may_be_unwritten=True)
        yield from rule_actions(agent.settings, self._overrides)
        keys = keyring_of(self._settings)
        yield from SearchCommands(
            self._settings.state_dir, self._clock, keys, self._settings.gateway.ward, self._limits
        ).actions()
        yield RehearseCommand(agent.settings, agent.config_path, self._clock, keys, self._limits).action()
        yield RulesCommand(agent.config_path).action()
        yield CollectCommand(agent.collector, agent.settings).action()
        yield ModelCommand(agent.models, keys, agent.ca_file, agent.usage.received).action()
        if self._push is not None:
            yield self._push.action()
        if self._rule_change is not None:
            yield self._rule_change.action()

    def _file_actions(self, files: MediaService) -> Iterator[Action]:
        pause = self._stopping.wait
        uploader = Uploader(
            pause,
            bytes_s=self._settings.uplink.backlog_bytes_s,
            on_bytes_sent=partial(self._dependencies.usage.sent, TrafficClass.MEDIA),
        )
        yield self.storm.action()
        yield snapshot_action(files)
        yield LivePicturesCommand(files, pause, self._clock).action()
        yield ClipCommand(files, pause, uploader).action()
        yield hold_action(files)
        yield diagnostics_action(self._bundle, files, uploader)

    def _local_control(self) -> LocalControl:
        agent = self._dependencies
        self_tests = SelfTests(agent.self_test, agent.events, agent.event_store.outbox)
        return LocalControl(agent.settings, self._relearning, agent.reloads, agent.config_path, self_tests)

    def _media_service(self) -> MediaService:
        agent, settings = self._dependencies, self._settings
        return MediaService(
            agent.cameras,
            agent.event_store.store,
            agent.events,
            agent.event_store.outbox,
            self._clock,
            agent.uplink,
            ClipLimits(agent.takes_parts, settings.uplink.max_clip_bytes, settings.outbox.max_bytes),
            agent.event_store.recorder.is_recorded,
            settings.storage.seal_to,
        )

    def _limits(self) -> GatewayLimits:
        """Return the present limits for commands; cheap, as each waiting command needs it every second."""
        agent = self._dependencies
        return GatewayLimits(
            heat_step=agent.thermal().step,
            budget_used_up=agent.uplink().step >= TOP_STEP,
            clock_synced=agent.clock_synced(),
        )

    def _camera_ids(self) -> list[str]:
        return [camera.id for camera in self._dependencies.settings().cameras]

    def _restart(self, context: CommandContext[Any]) -> InProgress:
        refuse_without_systemd()
        self.restart(f"command {context.id}")
        return InProgress(problem_text("agent-restarts"))

    def _config_commands(self) -> tuple[ConfigPush | None, RuleChangeCommand | None]:
        """Return the actions of ``set-config`` and ``set-rule``; None for both if there is no file."""
        agent = self._dependencies
        if agent.source is None:
            return None, None
        hooks = AgentHooks(
            settings=agent.settings,
            cameras=agent.cameras.statuses,
            online=agent.online,
            detector_problem=agent.cameras.detector_problem,
            reload=agent.reloads.request_and_wait,
            want_reload=agent.reloads.request,
            may_restart=refuse_without_systemd,
            restart=self.restart,
        )
        push = ConfigPush(agent.source, hooks, self._clock)
        report = agent.report_rule_change
        return push, RuleChangeCommand(agent.source, hooks, self._clock, report, push.is_on_trial)

    def _bundle(self) -> bytes:
        agent = self._dependencies
        parts: dict[str, Callable[[], bytes]] = {
            "status.json": lambda: encode_json(agent.status()),
            "health.jsonl": self.history.lines,
            "files.txt": lambda: list_files(self._settings.state_dir),
            "versions.json": lambda: encode_json(library_versions()),
        }
        if (source := agent.source) is not None:
            parts["configuration.txt"] = lambda: configuration_text(*source.files())
        return bundle(parts, agent.log_lines())


def refuse_without_systemd() -> None:
    """Raise ``CommandRefused`` if systemd does not run the agent: it would not be started again."""
    if not os.environ.get("NOTIFY_SOCKET"):
        raise CommandRefused(problem_text("agent-without-systemd"))


def _has_restarted(context: CommandContext[Any]) -> CommandSucceeded:
    return CommandSucceeded(problem_text("agent-has-restarted"))


def _status(document: Callable[[], StatusDocument], context: CommandContext[Any]) -> CommandSucceeded:
    status = document()
    wrong, problems = status.heartbeat.degraded, status.heartbeat.problems
    text = problem_text("status-good")
    if wrong:
        first = wrong[0] if not problems or problems[0] is None else ProblemText(wrong[0], problems[0])
        text = problem_text("status-one" if len(wrong) == 1 else "status-some", count=len(wrong), first=first)
    return CommandSucceeded(text, msgspec.to_builtins(status))


def _rebirth(publish_birth: Callable[[], None], context: CommandContext[Any]) -> CommandSucceeded:
    publish_birth()
    return CommandSucceeded(problem_text("birth-again"))


def _reload(local_control: LocalControl, context: CommandContext[Any]) -> CommandSucceeded:
    return _outcome(local_control.handle(ReloadRequest(None)))


def _relearn(local_control: LocalControl, context: CommandContext[wire.CameraArguments]) -> CommandSucceeded:
    return _outcome(local_control.relearn(context.args.camera, RequestOrigin(context.id, context.signed_by)))


def _outcome(answer: ControlReply) -> CommandSucceeded:
    """Turn the reply of a control request into the result of a command. A failure has changed nothing."""
    if answer.code != EX_OK:
        raise CommandRefused(answer.text)
    return CommandSucceeded(answer.text)
