"""The configuration while the agent runs: which one is in force, and what becomes of another one."""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge_agent.cameras.running import RestartScope, restart_scope
from edge_agent.config.changes import ConfigChanges, compare
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import Clock
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_FAILED, EX_OK
from edge_agent.core.errors import ConfigError
from edge_agent.host.health.degraded import since_text
from edge_agent.host.local_api.control import ControlReply

log = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 12.0
"""From the request to the answer: the main thread looks once a second, reads some files and ends cameras."""

TakeOver = Callable[[Settings, Mapping[str, RestartScope]], None]
"""Has the agent go on with these settings; the extents are of the cameras whose settings have changed."""


@dataclass(frozen=True, slots=True)
class ConfigFallback:
    """The agent starts with an older configuration than the file's, which was refused."""

    refused: ConfigError
    since: datetime  # when the older one was read


class Configuration:
    """``settings`` are in force; any thread may read them and ``lines``. The main thread reloads."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings] | None,
        clock: Clock,
        instead: ConfigFallback | None = None,
    ) -> None:
        """``load`` reads the file again and raises ConfigError; None: there is none. ``instead``: why
        ``settings`` are not those of the file."""
        self.settings = settings
        self._load = load
        self._clock = clock
        self._since = clock.now() if instead is None else instead.since
        # Why what the file says now is not in force.
        self._refused = None if instead is None else _first_of(instead.refused)
        self._restart: tuple[str, ...] = ()  # keys that it changes, and that wait for a restart

    def reload(self, take_over: TakeOver) -> ControlReply:
        """Read the file again; what can be taken over now is, a file with mistakes is refused as a whole."""
        if self._load is None:
            return ControlReply(EX_FAILED, "this agent was started without a configuration file")
        try:
            wanted = self._load()
        except ConfigError as error:
            return self._refuse(error)
        except Exception as error:  # a fault of ours must not end an agent that runs well
            log.exception("configuration: it could not be read")
            return self._refuse(ConfigError(f"it could not be read: {type(error).__name__}: {error}"))
        changes = compare(self.settings, wanted)
        before = {camera.id: camera for camera in self.settings.cameras}
        after = {camera.id: camera for camera in wanted.cameras}
        extents = {id_: restart_scope(before[id_], after[id_]) for id_ in changes.changed}
        self._refused, self._restart = None, changes.restart
        self._since = self._clock.now()
        self.settings = _in_force(self.settings, wanted, changes)
        for warning in wanted.warnings:
            log.warning("%s", warning)
        text = "\n".join(_summary(changes, extents, wanted))
        log.info("configuration: %s", text.replace("\n  ", "; "))
        take_over(self.settings, extents)
        return ControlReply(EX_OK, text)

    def lines(self) -> Iterator[str]:
        """For health: what the file says and the agent does not do."""
        if (refused := self._refused) is not None:
            yield f"configuration: {refused}; the one of {self._time(self._since)} stays in force"
        if restart := self._restart:
            yield f"configuration: {', '.join(restart)} changed: restart the agent to take it over"

    def _refuse(self, error: ConfigError) -> ControlReply:
        self._refused = _first_of(error)
        for line in self.lines():
            log.error("%s", line)
        since = self._time(self._since)
        problems = "\n".join(f"  {problem}" for problem in error.problems) or f"  {error}"
        return ControlReply(
            EX_CONFIG, f"nothing was changed, the configuration of {since} stays in force\n{problems}"
        )

    def _time(self, moment: datetime) -> str:
        return since_text(moment, self._clock.now(), self.settings.gateway.timezone)


def _first_of(error: ConfigError) -> str:
    count = len(error.problems)
    first = str(error.problems[0] if error.problems else error)
    return f"{count} problems, the first is {first}" if count > 1 else first


def _in_force(old: Settings, wanted: Settings, changes: ConfigChanges) -> Settings:
    """What the centre compares is what was read, so its hash is the new one, whatever waits for a restart."""
    at_once = {key: getattr(wanted, key) for key in changes.at_once}
    return dataclasses.replace(
        old,
        cameras=wanted.cameras,
        config_hash=wanted.config_hash,
        warnings=wanted.warnings,
        **at_once,
    )


def _summary(changes: ConfigChanges, extents: Mapping[str, RestartScope], wanted: Settings) -> Iterator[str]:
    """What became of it, for whoever asked: a line for each that there is."""
    yield "the configuration was read again" + ("" if changes else ", nothing has changed")
    touched = {*changes.added, *changes.changed}
    told = {
        "added": changes.added,
        "removed": changes.removed,
        "restarted": [id_ for id_, how in extents.items() if how is RestartScope.STREAM],
        "restarted but for the connection": [
            id_ for id_, how in extents.items() if how is RestartScope.PIPELINE
        ],
        "with other rules": [id_ for id_, how in extents.items() if how is RestartScope.RULES],
        "untouched": [camera.id for camera in wanted.cameras if camera.id not in touched],
        "taken over at once": changes.at_once,
        "waits for a restart of the agent": changes.restart,
    }
    for what, names in told.items():
        if names and changes:
            yield f"  {what}: {', '.join(names)}"


@dataclass(slots=True)
class _ReloadRequest:
    """Somebody waits for the answer."""

    answered: threading.Event = field(default_factory=threading.Event)
    answer: ControlReply | None = None


class ReloadRequests:
    """Who wants the configuration read again. Any thread may ``ask``; the main thread asks whether it is
    ``wanted``, and then gives the ``answer``."""

    def __init__(self, hangup: threading.Event) -> None:
        """``hangup`` is set by SIGHUP."""
        self._hangup = hangup
        self._requests: queue.SimpleQueue[_ReloadRequest] = queue.SimpleQueue()
        self._closed = False

    def request_and_wait(self) -> ControlReply:
        """Blocks until it is done."""
        asked = _ReloadRequest()
        self._requests.put(asked)
        if not self._closed:  # asked for after it was put: ``close`` has either seen it or is seen here
            asked.answered.wait(ANSWERED_WITHIN_S)
        return asked.answer or ControlReply(EX_FAILED, "the agent is stopping or busy, ask again")

    def request(self) -> None:
        """Returns at once; nobody is answered."""
        self._hangup.set()

    def is_requested(self) -> bool:
        return self._hangup.is_set() or not self._requests.empty()

    def answer_all(self, reload: Callable[[], ControlReply]) -> None:
        """One reload for all who have asked until now; who asks while it runs gets another."""
        self._hangup.clear()
        waiting = self._take_all()
        answer = reload()
        for asked in waiting:
            asked.answer = answer
            asked.answered.set()

    def close(self) -> None:
        """The agent stops: nobody waits any longer."""
        self._closed = True
        for asked in self._take_all():
            asked.answered.set()

    def _take_all(self) -> list[_ReloadRequest]:
        waiting: list[_ReloadRequest] = []
        while not self._requests.empty():
            waiting.append(self._requests.get())
        return waiting
