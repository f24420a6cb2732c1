"""What the agent is asked, by the centre and on the box: which commands there are, and what they may touch.

A new command: its arguments in ``wire/messages/commands.py``, its action in ``commands/`` or here, a line in
``_actions``, an example in ``tests/commands/``.
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

from edge_agent.cameras.running import Cameras
from edge_agent.capture.decode.decoder import library_versions
from edge_agent.collection.collector import Collector
from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandRefused,
    CommandSucceeded,
    FunctionAction,
    InProgress,
    with_signatures,
)
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.commands.handlers.camera_reboot import camera_reboot_action
from edge_agent.commands.handlers.collect import CollectCommand
from edge_agent.commands.handlers.config_push import AgentHooks, ConfigPush
from edge_agent.commands.handlers.diagnostics import HealthHistory, bundle, configuration_text, list_files
from edge_agent.commands.handlers.files import (
    ClipCommand,
    DiagnosticsCommand,
    EvidenceHoldCommand,
    SnapshotCommand,
)
from edge_agent.commands.handlers.media_service import MediaService
from edge_agent.commands.handlers.model import ModelCommand
from edge_agent.commands.handlers.reboot import RebootCommand
from edge_agent.commands.handlers.relearning import Relearning
from edge_agent.commands.handlers.rules import rule_actions
from edge_agent.commands.handlers.self_test import SelfTests
from edge_agent.commands.handlers.storm import FILE as STORM_FILE
from edge_agent.commands.handlers.storm import StormMode
from edge_agent.commands.handlers.update import UpdateCommands
from edge_agent.commands.intake import IncomingCommand
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.replies import ReplyQueue
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.commands.transfer.upload import Uploader
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ConfigSource
from edge_agent.core.clock import Clock, read_boot_id
from edge_agent.core.command_line.exit_codes import EX_OK, EX_TEMPFAIL
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.facts import OverrideChange, RequestOrigin
from edge_agent.core.overrides import Overrides
from edge_agent.events import EventFactory
from edge_agent.host.local_api.control import ControlReply, ControlServer, ReloadRequest
from edge_agent.host.local_api.local_socket import CONTROL_SOCKET, LocalServer, places_to_listen
from edge_agent.host.local_api.status import StatusServer
from edge_agent.host.local_api.status_document import StatusDocument
from edge_agent.host.system.root_requests import RootRequest
from edge_agent.host.system.supervisor import Supervisor
from edge_agent.model_release.service import ModelService
from edge_agent.mqtt.publisher.self_test import SelfTest
from edge_agent.runtime.event_store import EventStore
from edge_agent.runtime.local_control import LocalControl
from edge_agent.runtime.reload import ReloadRequests
from edge_agent.uplink.usage import DataUsage, TrafficClass
from edge_agent.wire import (
    ARGUMENTS,
    CameraArguments,
    CommandsHealth,
    ConfigHealth,
    RuleOverride,
    StormHealth,
    UplinkHealth,
)
from edge_agent.wire.topics import DownKind, DownMessage

log = logging.getLogger(__name__)

FOLDER = "commands"
OVERRIDES = "overrides.json"
REBOOT = "reboot.json"
REBOOT_ANSWER = Path("run/edge-agent-reboot/answer.json")
SET_CONFIG = "set-config"
"""``down/config`` is this command, retained."""


@dataclass(frozen=True, slots=True)
class CommandDependencies:
    """What of the agent commands may touch."""

    settings: Callable[[], Settings]  # in force
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
    ca_file: Callable[[], str | None]  # of the server of releases and models; None: the system's
    source: ConfigSource | None  # None: there is no file
    log_lines: Callable[[], list[str]]


class CommandService:
    """Furnished before ``listen``, which is before ``start``; all for the main thread but ``take``."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        stop: threading.Event,
        *,
        synced: Callable[[], bool],
        session: Callable[[], str],
        wake: Callable[[], None],
        report: Callable[[OverrideChange], None],
    ) -> None:
        """``stop`` ends the agent; ``report`` makes a durable event; for the rest see ``Desk``."""
        self.exit_code = 0
        """Of the agent, once it was stopped."""
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._servers: tuple[LocalServer, ...] = ()
        self._report = report
        self.overrides = Overrides(settings.state_dir / OVERRIDES, clock, read_boot_id(), synced, report)
        self._relearning: Relearning | None = None
        self._stopping = threading.Event()
        self._push: ConfigPush | None = None
        self._storm: StormMode | None = None
        self._history = HealthHistory()
        self.dispatcher = CommandDispatcher(
            settings.gateway.id,
            CommandJournal(settings.state_dir / FOLDER),
            OperatorKeyring(settings.commands.operator_keys),
            clock=clock,
            synced=synced,
            session=session,
            wake=wake,
        )

    def register_commands(self, reach: CommandDependencies) -> None:
        """With all commands that there are."""
        self_tests = SelfTests(reach.self_test, reach.events, reach.event_store.outbox)
        self._relearning = Relearning(reach.cameras, self._clock, self._report)
        orders = LocalControl(reach.settings, self._relearning, reach.reloads, reach.config_path, self_tests)
        self._push = self._config_push(reach)
        signed = self._settings.commands.signed
        for action in (*self._actions(reach, orders), *self._file_actions(reach)):
            self.dispatcher.register([with_signatures(action, signed)])
        state_dir, gateway = self._settings.state_dir, self._settings.gateway.id
        control = places_to_listen(state_dir, name=CONTROL_SOCKET)
        self._servers = (
            StatusServer(places_to_listen(state_dir), reach.status),
            ControlServer(control, gateway, orders.handle),
        )

    def listen(self, supervisor: Supervisor) -> None:
        """On the box. Without sockets the agent works all the same; only `edge-agent status` finds nobody."""
        for server in self._servers:
            try:
                server.start()
            except EdgeAgentError as error:
                log.error("%s: %s", server.loop.name, error)
            else:
                supervisor.watch(server.loop)

    def start(self, supervisor: Supervisor) -> None:
        """To obey the centre, beginning with what was left over."""
        self.dispatcher.start()
        for loop in self.dispatcher.loops:
            supervisor.watch(loop)

    def tick(self) -> None:
        """About once a second."""
        self.dispatcher.tick()
        self.overrides.tick()
        if self._relearning is not None:
            self._relearning.tick()
        if self._storm is not None:
            self._storm.tick()
        if self._push is not None:
            self._push.tick()

    def health(self) -> CommandsHealth:
        rules = [
            RuleOverride(camera=each.camera, rule=each.rule, what=each.what.value, left_s=round(each.left_s))
            for each in self.overrides.active()
        ]
        relearning = [] if self._relearning is None else self._relearning.cameras
        return msgspec.structs.replace(self.dispatcher.health(), rules=rules, relearning=relearning)

    def record_heartbeat(self, heartbeat: bytes) -> None:
        """A heartbeat was made: some are kept for ``diagnostics``."""
        self._history.add(heartbeat)

    def storm(self) -> StormHealth | None:
        return None if self._storm is None else self._storm.health()

    def config(self) -> ConfigHealth:
        return ConfigHealth() if self._push is None else self._push.health()

    def config_lines(self) -> Iterator[str]:
        if self._push is not None:
            yield from self._push.lines()

    def stop(self) -> None:
        """Ask for the end of what runs; does not wait."""
        self._stopping.set()
        self.dispatcher.stop()

    def close(self) -> None:
        """The agent ends: nobody is answered any more."""
        for server in self._servers:
            server.stop(timeout_s=0.1)

    @property
    def replies(self) -> ReplyQueue:
        return self.dispatcher.replies

    def receive(self, message: DownMessage) -> None:
        """On the publisher's thread."""
        if message.kind is DownKind.ACK:
            log.debug("mqtt: an ack arrived, which nobody waits for")
            return
        left_s = message.expires_in_s
        until_mono = None if left_s is None else self._clock.monotonic() + left_s
        is_command = message.kind is DownKind.COMMAND
        name, retained = (message.name, message.retained) if is_command else (SET_CONFIG, False)
        self.dispatcher.accept(
            IncomingCommand(name, message.payload, message.acknowledge, until_mono, retained)
        )

    def restart(self, reason: str) -> None:
        """Returns at once; the agent ends and is started again."""
        log.warning("the agent ends to be started again: %s", reason)
        self.exit_code = EX_TEMPFAIL
        self._stop.set()

    def _actions(self, reach: CommandDependencies, orders: LocalControl) -> Iterator[Action[Any]]:
        yield _function_action("status", partial(_status, reach.status), may_be_unwritten=True)
        yield _function_action("rebirth", partial(_rebirth, reach.publish_birth), may_be_unwritten=True)
        yield _function_action("reload", partial(_reload, orders), slow=True)
        yield from reach.updates.actions()
        yield _function_action("relearn", partial(_relearn, orders))
        yield self._reboot().action()
        yield camera_reboot_action(reach.settings)
        yield _function_action("restart", self._restart, after_restart=_has_restarted, may_be_unwritten=True)
        yield from rule_actions(reach.settings, self.overrides)
        yield CollectCommand(reach.collector, reach.settings)
        operators = OperatorKeyring(self._settings.commands.operator_keys)
        yield ModelCommand(reach.models, operators, reach.ca_file, reach.usage.received)
        if self._push is not None:
            yield self._push

    def _reboot(self) -> RebootCommand:
        request = RootRequest("reboot", REBOOT_ANSWER)
        # CLOCK_BOOTTIME would count a suspend as well; these boxes know none.
        return RebootCommand(request, self._settings.state_dir / REBOOT, read_boot_id(), time.monotonic)

    def _restart(self, order: CommandContext[Any]) -> InProgress:
        refuse_without_systemd()
        self.restart(f"command {order.id}")
        return InProgress("the agent ends and is started again")

    def _config_push(self, reach: CommandDependencies) -> ConfigPush | None:
        if reach.source is None:
            return None
        site = AgentHooks(
            settings=reach.settings,
            cameras=reach.cameras.statuses,
            online=reach.online,
            reload=reach.reloads.request_and_wait,
            want_reload=reach.reloads.request,
            may_restart=refuse_without_systemd,
            restart=self.restart,
        )
        return ConfigPush(reach.source, site, self._clock)

    def _file_actions(self, reach: CommandDependencies) -> Iterator[Action[Any]]:
        room, pause = reach.event_store, self._stopping.wait
        uploader = Uploader(
            pause,
            bytes_s=self._settings.uplink.backlog_bytes_s,
            on_bytes_sent=partial(reach.usage.sent, TrafficClass.MEDIA),
        )
        seal_to = self._settings.storage.seal_to
        uplink = partial(_uplink, reach.status)
        files = MediaService(
            reach.cameras, room.store, reach.events, room.outbox, self._clock, uplink, seal_to
        )
        path = self._settings.state_dir / STORM_FILE
        self._storm = StormMode(path, self._clock, lambda: _camera_ids(reach), files.send_snapshot)
        yield self._storm
        yield SnapshotCommand(files, files)
        yield ClipCommand(files, files, pause, uploader)
        yield EvidenceHoldCommand(files)
        yield DiagnosticsCommand(partial(self._bundle, reach), files, uploader)

    def _bundle(self, reach: CommandDependencies) -> bytes:
        parts: dict[str, Callable[[], bytes]] = {
            "status.json": lambda: msgspec.json.encode(reach.status()),
            "health.jsonl": self._history.lines,
            "files.txt": lambda: list_files(self._settings.state_dir),
            "versions.json": lambda: msgspec.json.encode(library_versions()),
        }
        if (source := reach.source) is not None:
            parts["configuration.txt"] = lambda: configuration_text(*source.files())
        return bundle(parts, reach.log_lines())


def refuse_without_systemd() -> None:
    """Raises ``Refused``."""
    if not os.environ.get("NOTIFY_SOCKET"):
        raise CommandRefused("this agent was not started by systemd: nobody would start it again")


def _uplink(status: Callable[[], StatusDocument]) -> UplinkHealth:
    return status().heartbeat.uplink


def _has_restarted(order: CommandContext[Any]) -> CommandSucceeded:
    return CommandSucceeded("the agent has been started again")


def _camera_ids(reach: CommandDependencies) -> list[str]:
    return [camera.id for camera in reach.settings().cameras]


def _function_action(
    name: str, do: Callable[[CommandContext[Any]], CommandSucceeded | InProgress], **how: Any
) -> FunctionAction:
    return FunctionAction(name, ARGUMENTS[name], do, **how)


def _status(document: Callable[[], StatusDocument], order: CommandContext[Any]) -> CommandSucceeded:
    status = document()
    wrong = status.heartbeat.degraded
    text = "nothing is wrong"
    if wrong:
        count = "1 thing is wrong" if len(wrong) == 1 else f"{len(wrong)} things are wrong, the first is"
        text = f"{count}: {wrong[0]}"
    return CommandSucceeded(text, msgspec.to_builtins(status))


def _rebirth(publish_birth: Callable[[], None], order: CommandContext[Any]) -> CommandSucceeded:
    publish_birth()
    return CommandSucceeded("the birth message is sent again")


def _reload(orders: LocalControl, order: CommandContext[Any]) -> CommandSucceeded:
    return _outcome(orders.handle(ReloadRequest(None)))


def _relearn(orders: LocalControl, order: CommandContext[CameraArguments]) -> CommandSucceeded:
    return _outcome(orders.relearn(order.args.camera, RequestOrigin(order.id, order.signed_by)))


def _outcome(answer: ControlReply) -> CommandSucceeded:
    """Of what is asked on the box in the same words; there a refusal has changed nothing either."""
    if answer.code != EX_OK:
        raise CommandRefused(answer.text)
    return CommandSucceeded(answer.text)
