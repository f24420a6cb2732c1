"""Reloads the configuration while the agent runs."""

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
from edge_agent.core.problems import problem_text
from edge_agent.host.health.degraded import since_text
from edge_agent.host.local_api.control import ControlReply

log = logging.getLogger(__name__)

ANSWERED_WITHIN_S = 12.0
"""Limit from the request to the answer: the main thread checks once a second, reads files, stops cameras."""

ApplySettings = Callable[[Settings, Mapping[str, RestartScope]], None]
"""A function that applies new settings to the agent. It gets a scope for each camera with changed keys."""


@dataclass(frozen=True, slots=True)
class ConfigFallback:
    """Why the agent starts with an older configuration: the one in the file was refused."""

    refused: ConfigError
    since: datetime  # when the older one was read


class Configuration:
    """The configuration in force. Any thread may read ``settings`` and ``lines``; the main thread reloads."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings] | None,
        clock: Clock,
        fallback: ConfigFallback | None = None,
    ) -> None:
        """``load`` reads the file again and raises ConfigError; None if there is no file. ``fallback``: why
        ``settings`` are not those of the file."""
        self.settings = settings
        self._load = load
        self._clock = clock
        self._since = clock.now() if fallback is None else fallback.since
        # Why the configuration in the file is not in force.
        self._refused = None if fallback is None else _first_of(fallback.refused)
        self._restart: tuple[str, ...] = ()  # changed keys that need a restart

    def reload(self, apply: ApplySettings) -> ControlReply:
        """Read the file again and apply what can change now; a file with mistakes is refused as a whole."""
        if self._load is None:
            return ControlReply(EX_FAILED, problem_text("reload-no-file"))
        try:
            wanted = self._load()
        except ConfigError as error:
            return self._refuse(error)
        except Exception as error:  # a bug in the loader must not stop a running agent
            log.exception("configuration: it could not be read")
            return self._refuse(ConfigError(f"it could not be read: {type(error).__name__}: {error}"))
        changes = compare(self.settings, wanted)
        before = {camera.id: camera for camera in self.settings.cameras}
        after = {camera.id: camera for camera in wanted.cameras}
        scopes = {id_: restart_scope(before[id_], after[id_]) for id_ in changes.changed}
        self._refused, self._restart = None, changes.restart
        self._since = self._clock.now()
        self.settings = _in_force(self.settings, wanted, changes)
        for warning in wanted.warnings:
            log.warning("%s", warning)
        text = _summary(changes, scopes, wanted)
        log.info("configuration: %s", text.replace("\n  ", "; "))
        apply(self.settings, scopes)
        return ControlReply(EX_OK, text)

    def lines(self) -> Iterator[str]:
        """Yield the differences between the file and the configuration in force, for health."""
        if (refused := self._refused) is not None:
            yield problem_text("config-refused", why=refused, since=self._time(self._since))
        if restart := self._restart:
            yield problem_text("config-restart", keys=list(restart))

    def _refuse(self, error: ConfigError) -> ControlReply:
        self._refused = _first_of(error)
        for line in self.lines():
            log.error("%s", line)
        since = self._time(self._since)
        return ControlReply(EX_CONFIG, problem_text("reload-refused", since=since, mistakes=error.lines))

    def _time(self, moment: datetime) -> str:
        return since_text(moment, self._clock.now(), self.settings.gateway.timezone)


def _first_of(error: ConfigError) -> str:
    count = len(error.problems)
    first = str(error.problems[0] if error.problems else error)
    return f"{count} problems, the first is {first}" if count > 1 else first


def _in_force(old: Settings, wanted: Settings, changes: ConfigChanges) -> Settings:
    """Return the new settings, with the old values of keys that need a restart.

    The hash is that of the file, because the centre compares the file.
    """
    at_once = {key: getattr(wanted, key) for key in changes.at_once}
    return dataclasses.replace(
        old, cameras=wanted.cameras, config_hash=wanted.config_hash, warnings=wanted.warnings, **at_once
    )


def _summary(changes: ConfigChanges, scopes: Mapping[str, RestartScope], wanted: Settings) -> str:
    """Return the lines that describe the result of a reload."""
    if not changes:
        return problem_text("reload-unchanged")
    touched = {*changes.added, *changes.changed}
    results = {
        "added": changes.added,
        "removed": changes.removed,
        **{
            scope.name.lower(): [id_ for id_, each in scopes.items() if each is scope]
            for scope in RestartScope
        },
        "untouched": [camera.id for camera in wanted.cameras if camera.id not in touched],
        "at-once": changes.at_once,
        "waits": changes.restart,
    }
    lines = [problem_text(f"reload-{what}", names=list(names)) for what, names in results.items() if names]
    return problem_text("reload-changed", changes=lines)


@dataclass(slots=True)
class _ReloadRequest:
    """A request whose caller waits for the answer."""

    answered: threading.Event = field(default_factory=threading.Event)
    answer: ControlReply | None = None


class ReloadRequests:
    """Requests to reload. Any thread may request one; the main thread polls ``is_requested`` and answers."""

    def __init__(self, hangup: threading.Event) -> None:
        """``hangup`` is set by SIGHUP."""
        self._hangup = hangup
        self._requests: queue.SimpleQueue[_ReloadRequest] = queue.SimpleQueue()
        self._closed = False

    def request_and_wait(self) -> ControlReply:
        """Request a reload, and block until its answer. After ``ANSWERED_WITHIN_S``, or when the agent stops,
        the answer is a failure."""
        request = _ReloadRequest()
        self._requests.put(request)
        if not self._closed:  # checked after the put: either ``close`` answers the request, or this sees it
            request.answered.wait(ANSWERED_WITHIN_S)
        return request.answer or ControlReply(EX_FAILED, problem_text("reload-busy"))

    def request(self) -> None:
        """Request a reload without an answer. Returns at once."""
        self._hangup.set()

    def is_requested(self) -> bool:
        return self._hangup.is_set() or not self._requests.empty()

    def answer_all(self, reload: Callable[[], ControlReply]) -> None:
        """Reload once for all requests so far. A request during the reload gets another one."""
        self._hangup.clear()
        waiting = self._take_all()
        answer = reload()
        for request in waiting:
            request.answer = answer
            request.answered.set()

    def close(self) -> None:
        """Release all callers that wait, because the agent stops."""
        self._closed = True
        for request in self._take_all():
            request.answered.set()

    def _take_all(self) -> list[_ReloadRequest]:
        waiting: list[_ReloadRequest] = []
        while not self._requests.empty():
            waiting.append(self._requests.get())
        return waiting
