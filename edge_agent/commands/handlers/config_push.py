"""A configuration that the centre pushes: checked, tried, and taken back when it cuts the box off.

``run`` (command thread) checks and keeps it, notes what has to be up again, and has the agent take it
over: by a reload, or by a restart where that is not enough. ``tend`` (main thread, every second) watches:
the broker is connected and every camera that was up is up, within the window. Else the configuration before
it comes back by itself, and the answer says why. Each step is durable before it takes effect:
docs/design/config-push.md.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.config.changes import compare
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import (
    ConfigOrigin,
    ConfigSource,
    ConfigTrial,
    ConfirmedConfig,
    PushStore,
    PushStoreError,
    RejectedConfig,
)
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import ConfigError
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.core.secrets import masked
from edge_agent.host.local_api.control import EXIT_DONE, ControlReply
from edge_agent.wire import ConfigHealth, SetConfigArguments

log = logging.getLogger(__name__)

SETTLED_S = 10.0
"""All is well for so long before it counts: a camera that connects may still be thrown out again."""

Finish = Callable[[CommandSucceeded | CommandFailed], None]


@dataclass(frozen=True, slots=True)
class AgentHooks:
    """What of the agent is watched, and how it takes over another configuration."""

    settings: Callable[[], Settings]  # in force
    cameras: Callable[[], Sequence[CameraStatus]]
    online: Callable[[], bool]
    reload: Callable[[], ControlReply]  # blocks until it is done; not on the main thread
    want_reload: Callable[[], None]  # returns at once
    may_restart: Callable[[], None]  # raises Refused where nobody would start it again
    restart: Callable[[str], None]  # returns at once; the agent ends and is started again


@dataclass(slots=True)
class _TrialWatch:
    until_mono: float
    finish: Finish | None = None  # None: the command has not been heard of since the restart
    well_since_mono: float | None = None


class ConfigPush:
    """The command ``set-config``, and ``down/config``: ``run`` and ``resume`` on the slow command thread,
    ``tend`` on the main one, ``health`` on any."""

    name = "set-config"
    arguments = SetConfigArguments
    slow = True
    within_s = 1200.0  # ``confirm_s`` is at most 900

    def __init__(
        self, source: ConfigSource, site: AgentHooks, clock: Clock, settled_s: float = SETTLED_S
    ) -> None:
        self._source = source
        self._agent = site
        self._clock = clock
        self._settled_s = settled_s
        self._store = PushStore(site.settings().state_dir)
        self._lock = threading.Lock()  # protects the store and the next line
        self._watch: _TrialWatch | None = None
        if (trial := self._store.trial) is not None:  # the agent has started with it
            self._watch = _TrialWatch(clock.monotonic() + trial.confirm_s)

    def health(self) -> ConfigHealth:
        chosen = self._source.selected
        gone = self._store.given_up
        return ConfigHealth(
            version=self._agent.settings().version,
            origin=(chosen.origin if chosen is not None else ConfigOrigin.FILE).value,
            given_up=None if gone is None else f"version {gone.version}: {gone.reason}",
        )

    def lines(self) -> Iterator[str]:
        yield from self._source.lines()
        if (trial := self._store.trial) is not None:
            yield f"configuration: version {trial.version} is on trial"
        if (gone := self._store.given_up) is not None:
            yield f"configuration: version {gone.version} was given up: {gone.reason}"

    # --- the command thread ---

    def needs_signature(self, args: SetConfigArguments) -> bool:
        return True

    def run(self, order: CommandContext[SetConfigArguments]) -> CommandSucceeded | InProgress:
        """Raises Refused, and Failed."""
        with self._lock:
            if (known := self._decided_already(order.args)) is not None:
                return known
            wanted = self._staged(order.args)
            restart = compare(self._agent.settings(), wanted).restart
            if restart:
                self._agent.may_restart()
            self._begin(order)
        if restart:
            self._agent.restart(f"configuration version {order.args.version} changes {', '.join(restart)}")
            return InProgress(f"the agent restarts, because of {', '.join(restart)}")
        answer = self._agent.reload()
        if answer.code != EXIT_DONE:
            reason = f"the agent did not take it over: {answer.text}"
            with self._lock:
                self._store.reject(reason, rfc3339(self._clock.now()))
            raise CommandFailed(reason, "reverted")
        with self._lock:
            self._watch = _TrialWatch(self._clock.monotonic() + order.args.confirm_s, order.finish)
        return InProgress(answer.text)

    def resume(
        self, order: CommandContext[SetConfigArguments]
    ) -> CommandSucceeded | InProgress | CommandFailed:
        """The agent was restarted: the answer is known, or comes later."""
        with self._lock:
            if self._watch is not None and self._store.trial and self._store.trial.command == order.id:
                self._watch.finish = order.finish
                return InProgress("the agent has restarted; it is watched")
            return self._verdict(order)

    def _verdict(self, order: CommandContext[SetConfigArguments]) -> CommandSucceeded | CommandFailed:
        gone = self._store.given_up
        if gone is not None and gone.command == order.id:
            return CommandFailed(gone.reason, "reverted")
        if _same(self._store.confirmed, order.args):
            return _in_force(order.args.version)
        return CommandFailed(
            "the agent was restarted before it was taken over; nothing was changed", "interrupted"
        )

    def _decided_already(self, args: SetConfigArguments) -> CommandSucceeded | None:
        """Answered without doing anything. Raises Refused."""
        if (trial := self._store.trial) is not None:
            raise CommandRefused(f"version {trial.version} is on trial; nothing was changed", "busy")
        in_force = self._agent.settings().version
        if args.version == in_force and _same(self._store.confirmed, args):
            return _in_force(args.version)
        if args.version <= in_force:
            raise CommandRefused(
                f"version {args.version} is not above {in_force}, which is in force", "outdated"
            )
        gone = self._store.given_up
        if _same(gone, args) and gone is not None:
            raise CommandRefused(f"version {gone.version} was tried and given up: {gone.reason}", "outdated")
        return None

    def _staged(self, args: SetConfigArguments) -> Settings:
        """The text is on disk and valid. Raises Refused."""
        _refuse_passwords(args.config)
        text = args.config.encode()
        if hashlib.sha256(text).hexdigest() != args.sha256:
            raise CommandRefused("config is not what sha256 says", "bad-arguments")
        try:
            path = self._store.put(args.version, text)
        except PushStoreError as error:
            raise CommandRefused(str(error)) from error
        try:
            wanted = self._source.load_pushed(path)
            self._refuse_identity_change(wanted, args)
        except (ConfigError, CommandRefused) as error:
            self._store.prune()
            if isinstance(error, CommandRefused):
                raise
            problems = "\n".join(map(str, error.problems)) or str(error)
            raise CommandRefused(f"this configuration has mistakes:\n{problems}", "bad-arguments") from error
        return wanted

    def _refuse_identity_change(self, wanted: Settings, args: SetConfigArguments) -> None:
        if wanted.version != args.version:
            told = f"the configuration itself says version {wanted.version}, the command {args.version}"
            raise CommandRefused(told, "bad-arguments")
        ours = self._agent.settings()
        for key, before, after in (
            ("gateway.id", ours.gateway.id, wanted.gateway.id),
            ("gateway.ward", ours.gateway.ward, wanted.gateway.ward),
            ("state_dir", ours.state_dir, wanted.state_dir),
            ("mqtt.root", ours.mqtt.root, wanted.mqtt.root),  # connected, and nobody listens there
        ):
            if before != after:
                raise CommandRefused(f"{key} is {before} and cannot be changed from afar", "bad-arguments")
        before_keys, after_keys = (
            OperatorKeyring(each.commands.operator_keys).keys() for each in (ours, wanted)
        )
        if before_keys and not after_keys:
            told = "commands.operator_keys has no key in it: nobody could push another one"
            raise CommandRefused(told, "bad-arguments")

    def _begin(self, order: CommandContext[SetConfigArguments]) -> None:
        up = [each.camera_id for each in self._agent.cameras() if each.state is not CameraState.OFFLINE]
        args = order.args
        try:
            self._store.begin(ConfigTrial(args.version, args.sha256, order.id, args.confirm_s, up))
        except PushStoreError as error:
            raise CommandRefused(str(error)) from error
        log.info("configuration: version %d is on trial for %.0f s", args.version, args.confirm_s)

    # --- the main thread ---

    def tick(self) -> None:
        """Where the command waits for the disk with the lock, the next time will do."""
        if self._lock.acquire(blocking=False):
            try:
                self._judge()
            finally:
                self._lock.release()

    def _judge(self) -> None:
        watch, trial = self._watch, self._store.trial
        if watch is None or trial is None:
            return
        now = self._clock.monotonic()
        if (missing := self._missing(trial)) is not None:
            watch.well_since_mono = None
            if now >= watch.until_mono:
                self._revert(watch, f"within {trial.confirm_s:.0f} s {missing}")
        elif watch.well_since_mono is None:
            watch.well_since_mono = now
        elif now - watch.well_since_mono >= min(self._settled_s, trial.confirm_s / 2):
            self._confirm(watch, trial)

    def _missing(self, trial: ConfigTrial) -> str | None:
        """What is not as well as before."""
        if not self._agent.online():
            return "the broker was not connected"
        for camera in self._agent.cameras():
            if camera.camera_id in trial.cameras_up and camera.state is CameraState.OFFLINE:
                cause = f" ({camera.cause})" if camera.cause else ""
                return f"camera {camera.camera_id}, which was up, did not come up again{cause}"
        return None

    def _confirm(self, watch: _TrialWatch, trial: ConfigTrial) -> None:
        self._watch = None
        try:
            self._store.confirm(rfc3339(self._clock.now()))
        except PushStoreError as error:
            self._revert(watch, str(error))
            return
        log.info("configuration: version %d has proved itself", trial.version)
        try:
            self._source.load()  # for what health says of it
        except ConfigError as error:  # what lies beside it has changed: the agent goes on with what it has
            log.error("configuration: version %d cannot be read again: %s", trial.version, error)
        if watch.finish is not None:
            watch.finish(_in_force(trial.version))

    def _revert(self, watch: _TrialWatch, reason: str) -> None:
        self._watch = None
        log.error("configuration: %s; back to the one before", reason)
        try:
            self._store.reject(reason, rfc3339(self._clock.now()))
        except PushStoreError as error:
            reason = f"{reason}; and {error}"
        if watch.finish is not None:
            watch.finish(
                CommandFailed(f"{reason}; the configuration before it is in force again", "reverted")
            )
        try:
            before = self._source.load()
        except ConfigError:
            self._agent.want_reload()  # which says what is wrong
            return
        if restart := compare(self._agent.settings(), before).restart:
            self._agent.restart(f"the configuration before is in force again: {', '.join(restart)}")
        else:
            self._agent.want_reload()


def _same(kept: ConfirmedConfig | RejectedConfig | None, args: SetConfigArguments) -> bool:
    return kept is not None and (kept.version, kept.sha256) == (args.version, args.sha256)


def _in_force(version: int) -> CommandSucceeded:
    return CommandSucceeded(f"version {version} is in force", {"version": version})


def _refuse_passwords(text: str) -> None:
    """The message lies at the broker, and many can read it there."""
    for number, line in enumerate(text.splitlines(), start=1):
        if masked(line) != line:
            told = f"line {number} has a user or a password in an address; use username and password_file"
            raise CommandRefused(told, "bad-arguments")
