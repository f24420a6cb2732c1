"""``set-config``: a configuration from the centre is checked, tried, and reverted if it breaks the gateway.

``run`` (command thread) checks and stores it, records which cameras are up, and applies it by a reload, or
by a restart where a reload is not enough. ``tick`` (main thread, once a second) confirms it once the broker
is connected and all those cameras are up again. If that does not happen in time, the previous configuration
is restored and the reply says why. Each step is durable before it takes effect: docs/design/config-push.md.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    always,
    unchanged,
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
from edge_agent.core.command_line.exit_codes import EX_OK
from edge_agent.core.errors import ConfigError
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.secrets import masked
from edge_agent.host.local_api.control import ControlReply
from edge_agent.wire import ConfigHealth, SetConfigArguments

log = logging.getLogger(__name__)

SETTLED_S = 10.0
"""Broker and cameras must be up for this long: a camera may accept a connection and drop it again."""
Finish = Callable[[CommandSucceeded | CommandFailed], None]


@dataclass(frozen=True, slots=True)
class AgentHooks:
    """What a trial watches of the agent, and how the agent applies a configuration."""

    settings: Callable[[], Settings]  # in force
    cameras: Callable[[], Sequence[CameraStatus]]
    online: Callable[[], bool]
    reload: Callable[[], ControlReply]  # blocks until it is done; not on the main thread
    want_reload: Callable[[], None]  # returns at once
    may_restart: Callable[[], None]  # raises CommandRefused unless systemd restarts the agent
    restart: Callable[[str], None]  # returns at once; the agent ends and systemd restarts it


@dataclass(slots=True)
class _TrialWatch:
    until_mono: float
    finish: Finish | None = None  # None: the command has not been resumed since the restart
    well_since_mono: float | None = None


class ConfigPush:
    """The command ``set-config``, and the retained topic ``down/config``.

    ``run`` and ``resume`` are called on the slow command thread, ``tick`` on the main thread, ``health`` on
    any."""

    def __init__(
        self, source: ConfigSource, hooks: AgentHooks, clock: Clock, settled_s: float = SETTLED_S
    ) -> None:
        self._source = source
        self._agent = hooks
        self._clock = clock
        self._settled_s = settled_s
        self._store = PushStore(hooks.settings().state_dir)
        self._lock = threading.Lock()  # protects the store and the next line
        self._trial_watch: _TrialWatch | None = None
        if (trial := self._store.trial) is not None:  # the agent has started with it
            self._trial_watch = _TrialWatch(clock.monotonic() + trial.confirm_s)

    def health(self) -> ConfigHealth:
        chosen = self._source.selected
        rejected = self._store.given_up
        return ConfigHealth(
            version=self._agent.settings().version,
            origin=(chosen.origin if chosen is not None else ConfigOrigin.FILE).value,
            given_up=None if rejected is None else f"version {rejected.version}: {rejected.reason}",
        )

    def lines(self) -> Iterator[str]:
        yield from self._source.lines()
        if (trial := self._store.trial) is not None:
            yield problem_text("config-trial", version=trial.version)
        if (rejected := self._store.given_up) is not None:
            yield problem_text("config-given-up", version=rejected.version, why=rejected.sentence)

    # --- the command thread ---

    def action(self) -> Action:
        # ``confirm_s`` is at most 900
        return Action("set-config", self.run, self.resume, always, slow=True, within_s=1200.0)

    def run(self, context: CommandContext[SetConfigArguments]) -> CommandSucceeded | InProgress:
        """Check the configuration and start its trial. Raises CommandRefused, CommandFailed."""
        with self._lock:
            if (outcome := self._decided_already(context.args)) is not None:
                return outcome
            new = self._staged(context.args)
            restart = compare(self._agent.settings(), new).restart
            if restart:
                self._agent.may_restart()
            self._begin(context)
        if restart:
            self._agent.restart(f"configuration version {context.args.version} changes {', '.join(restart)}")
            return InProgress(problem_text("config-agent-restarts", keys=list(restart)))
        answer = self._agent.reload()
        if answer.code != EX_OK:
            reason = problem_text("config-not-taken", why=answer.text)
            with self._lock:
                self._store.reject(reason, rfc3339(self._clock.now()))
            raise CommandFailed(reason, "reverted")
        with self._lock:
            self._trial_watch = _TrialWatch(self._clock.monotonic() + context.args.confirm_s, context.finish)
        return InProgress(answer.text)

    def resume(
        self, context: CommandContext[SetConfigArguments]
    ) -> CommandSucceeded | InProgress | CommandFailed:
        """After a restart of the agent: return the outcome if it is known, else follow the trial."""
        with self._lock:
            trial = self._store.trial
            if self._trial_watch is not None and trial is not None and trial.command == context.id:
                self._trial_watch.finish = context.finish
                return InProgress(problem_text("config-trial-goes-on"))
            return self._verdict(context)

    def _verdict(self, context: CommandContext[SetConfigArguments]) -> CommandSucceeded | CommandFailed:
        rejected = self._store.given_up
        if rejected is not None and rejected.command == context.id:
            return CommandFailed(rejected.sentence, "reverted")
        if _same(self._store.confirmed, context.args):
            return _in_force(context.args.version)
        return CommandFailed(unchanged(problem_text("config-trial-not-begun")), "interrupted")

    def _decided_already(self, args: SetConfigArguments) -> CommandSucceeded | None:
        """Return the outcome if this version is in force. Raises CommandRefused where it cannot be tried."""
        if (trial := self._store.trial) is not None:
            on_trial = problem_text("config-other-on-trial", version=trial.version)
            raise CommandRefused(unchanged(on_trial), "busy")
        in_force = self._agent.settings().version
        if args.version == in_force and _same(self._store.confirmed, args):
            return _in_force(args.version)
        if args.version <= in_force:
            outdated = problem_text("config-outdated", version=args.version, in_force=in_force)
            raise CommandRefused(outdated, "outdated")
        rejected = self._store.given_up
        if _same(rejected, args) and rejected is not None:
            tried = {"version": rejected.version, "why": rejected.sentence}
            raise CommandRefused(problem_text("config-tried-before", **tried), "outdated")
        return None

    def _staged(self, args: SetConfigArguments) -> Settings:
        """Store and load the text. Raises CommandRefused for a configuration with mistakes."""
        _refuse_passwords(args.config)
        text = args.config.encode()
        if hashlib.sha256(text).hexdigest() != args.sha256:
            raise CommandRefused(problem_text("config-other-hash"), "bad-arguments")
        try:
            path = self._store.put(args.version, text)
        except PushStoreError as error:
            raise CommandRefused(error_text(error)) from error
        try:
            new = self._source.load_pushed(path)
            self._refuse_identity_change(new, args)
        except (ConfigError, CommandRefused) as error:
            self._store.prune()
            if isinstance(error, CommandRefused):
                raise
            mistakes = problem_text("config-mistakes", mistakes="\n".join(error.lines))
            raise CommandRefused(mistakes, "bad-arguments") from error
        return new

    def _refuse_identity_change(self, new: Settings, args: SetConfigArguments) -> None:
        if new.version != args.version:
            problem = problem_text("config-other-version", found=new.version, wanted=args.version)
            raise CommandRefused(problem, "bad-arguments")
        ours = self._agent.settings()
        for key, before, after in (
            ("gateway.id", ours.gateway.id, new.gateway.id),
            ("gateway.ward", ours.gateway.ward, new.gateway.ward),
            ("state_dir", ours.state_dir, new.state_dir),
            ("mqtt.root", ours.mqtt.root, new.mqtt.root),  # the centre subscribes below this root
        ):
            if before != after:
                problem = problem_text("config-identity", key=key, before=str(before))
                raise CommandRefused(problem, "bad-arguments")
        before_keys, after_keys = (
            OperatorKeyring(each.commands.operator_keys, each.commands.search_keys).keys()
            for each in (ours, new)
        )
        if before_keys and not after_keys:
            raise CommandRefused(problem_text("config-no-operators"), "bad-arguments")

    def _begin(self, context: CommandContext[SetConfigArguments]) -> None:
        up = [each.camera_id for each in self._agent.cameras() if each.state is not CameraState.OFFLINE]
        args = context.args
        try:
            self._store.begin(ConfigTrial(args.version, args.sha256, context.id, args.confirm_s, up))
        except PushStoreError as error:
            raise CommandRefused(error_text(error)) from error
        log.info("configuration: version %d is on trial for %.0f s", args.version, args.confirm_s)

    # --- the main thread ---

    def tick(self) -> None:
        """Judge the trial, if there is one. Call about once a second."""
        if self._lock.acquire(blocking=False):  # else the command writes to the disk: try again next time
            try:
                self._judge()
            finally:
                self._lock.release()

    def _judge(self) -> None:
        trial_watch, trial = self._trial_watch, self._store.trial
        if trial_watch is None or trial is None:
            return
        now = self._clock.monotonic()
        if (missing := self._missing(trial)) is not None:
            trial_watch.well_since_mono = None
            if now >= trial_watch.until_mono:
                failed = problem_text("config-trial-failed", seconds=round(trial.confirm_s), why=missing)
                self._revert(trial_watch, failed)
        elif trial_watch.well_since_mono is None:
            trial_watch.well_since_mono = now
        elif now - trial_watch.well_since_mono >= min(self._settled_s, trial.confirm_s / 2):
            self._confirm(trial_watch, trial)

    def _missing(self, trial: ConfigTrial) -> str | None:
        """Return what worked before the trial and does not work now."""
        if not self._agent.online():
            return problem_text("config-no-broker")
        for camera in self._agent.cameras():
            if camera.camera_id in trial.cameras_up and camera.state is CameraState.OFFLINE:
                if camera.cause is None:
                    return problem_text("config-camera-lost", camera=camera.camera_id)
                lost = {"camera": camera.camera_id, "cause": str(camera.cause)}
                return problem_text("config-camera-lost-because", **lost)
        return None

    def _confirm(self, trial_watch: _TrialWatch, trial: ConfigTrial) -> None:
        self._trial_watch = None
        try:
            self._store.confirm(rfc3339(self._clock.now()))
        except PushStoreError as error:
            self._revert(trial_watch, error_text(error))
            return
        log.info("configuration: version %d is confirmed", trial.version)
        try:
            self._source.load()  # updates what health reports as the origin
        except ConfigError as error:  # a file that it includes has changed since
            log.error(
                "configuration: version %d cannot be read again, the agent keeps what it has: %s",
                trial.version,
                error,
            )
        if trial_watch.finish is not None:
            trial_watch.finish(_in_force(trial.version))

    def _revert(self, trial_watch: _TrialWatch, reason: str) -> None:
        self._trial_watch = None
        log.error("configuration: %s; the previous one is restored", reason)
        try:
            self._store.reject(reason, rfc3339(self._clock.now()))
        except PushStoreError as error:
            reason = problem_text("config-and", why=reason, error=error_text(error))
        if trial_watch.finish is not None:
            trial_watch.finish(CommandFailed(problem_text("config-restored", why=reason), "reverted"))
        try:
            before = self._source.load()
        except ConfigError:
            self._agent.want_reload()  # the reload reports the mistake in health
            return
        if restart := compare(self._agent.settings(), before).restart:
            self._agent.restart(f"the configuration before is in force again: {', '.join(restart)}")
        else:
            self._agent.want_reload()


def _same(stored: ConfirmedConfig | RejectedConfig | None, args: SetConfigArguments) -> bool:
    return stored is not None and (stored.version, stored.sha256) == (args.version, args.sha256)


def _in_force(version: int) -> CommandSucceeded:
    return CommandSucceeded(problem_text("config-in-force", version=version), {"version": version})


def _refuse_passwords(text: str) -> None:
    """Refuse passwords in URLs: the broker keeps the message, and many clients can read it there."""
    for number, line in enumerate(text.splitlines(), start=1):
        if masked(line) != line:
            raise CommandRefused(problem_text("config-password", line=number), "bad-arguments")
