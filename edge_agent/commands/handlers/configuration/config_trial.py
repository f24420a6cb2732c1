"""Runs the trial of a pushed configuration or changed rules: in force until confirmed or reverted.

The trial is passed once the broker is connected, all cameras that were up before are up again, and the
detector works if it did before. If that does not happen in time, what was in force before is restored. Each
step is durable before it takes effect: docs/design/config-push.md.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    unchanged,
)
from edge_agent.config.changes import compare
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import ChangedRule, ConfigSource, ConfigTrial, PushStore, PushStoreError
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.command_line.exit_codes import EX_OK
from edge_agent.core.errors import ConfigError
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.core.problems import error_text, problem_text
from edge_agent.host.local_api.control import ControlReply

log = logging.getLogger(__name__)

SETTLED_S = 10.0
"""Broker and cameras must be up for this long: a camera may accept a connection and drop it again."""
RETRY_S = 10.0
"""Delay after a failure of the disk to record that a trial has failed. An attempt may take a second."""
FIRST_ATTEMPT_S = 30.0
"""A trial waits at most this long for cameras that still start; the first attempt takes about 12 s."""
CHECK_S = 0.5
UP = (CameraState.ONLINE, CameraState.DEGRADED)
Finish = Callable[[CommandSucceeded | CommandFailed], None]


@dataclass(frozen=True, slots=True)
class AgentHooks:
    """What a trial observes of the agent, and how the agent applies a configuration."""

    settings: Callable[[], Settings]  # in force
    cameras: Callable[[], Sequence[CameraStatus]]
    online: Callable[[], bool]
    detector_problem: Callable[[], str | None]  # why the detector does not work as configured
    reload: Callable[[], ControlReply]  # blocks until it is done; not on the main thread
    want_reload: Callable[[], None]  # returns at once
    may_restart: Callable[[], None]  # raises CommandRefused unless systemd restarts the agent
    restart: Callable[[str], None]  # returns at once; the agent ends and systemd restarts it


@dataclass(slots=True)
class TrialWatch:
    """The progress of a trial."""

    until_mono: float
    finish: Finish | None = None  # None: the command has not been resumed since the restart
    well_since_mono: float | None = None
    failed: str | None = None  # why the trial has failed; it is reverted once the disk has recorded that
    retry_mono: float = 0.0


class TrialJudge:
    """Judges the trials of one store.

    ``tick`` is called on the main thread, everything else on the command's thread. The caller holds ``lock``
    while it uses the store, and for ``begin`` and ``follow``."""

    def __init__(
        self,
        store: PushStore,
        source: ConfigSource,
        hooks: AgentHooks,
        clock: Clock,
        settled_s: float,
        in_force: Callable[[int], CommandSucceeded],
        reverted: Callable[[ConfigTrial, str], None] = lambda trial, reason: None,
    ) -> None:
        """``in_force`` makes the reply for a version that has passed. ``reverted`` is called with a trial
        that has failed, and the reason."""
        self.lock = threading.Lock()
        self._store = store
        self._source = source
        self._agent = hooks
        self._clock = clock
        self._settled_s = settled_s
        self._in_force = in_force
        self._reverted = reverted
        self._trial_watch: TrialWatch | None = None
        if (trial := store.trial) is not None:  # the agent has started with the text on trial
            self._trial_watch = TrialWatch(clock.monotonic() + trial.confirm_s)

    def wait_for_cameras(self, stopping: Callable[[], bool]) -> None:
        """Wait for the first attempt of cameras that still start: until then, nothing says which ones are up.
        Call it before ``begin`` and without ``lock``. Raises CommandFailed when the agent stops."""
        until_mono = self._clock.monotonic() + FIRST_ATTEMPT_S
        while any(each.state is CameraState.STARTING for each in self._agent.cameras()):
            if stopping():
                raise CommandFailed(unchanged(problem_text("config-trial-not-begun")), "interrupted")
            if self._clock.monotonic() >= until_mono:
                return
            time.sleep(CHECK_S)

    def begin(
        self,
        version: int,
        sha256: str,
        command: str,
        confirm_s: float,
        changed_rule: ChangedRule | None = None,
        *,
        fits: bool = True,
    ) -> None:
        """Put the stored text in force, on trial. Raises CommandRefused."""
        up = [each.camera_id for each in self._agent.cameras() if each.state in UP]
        detects = self._agent.detector_problem() is None
        trial = ConfigTrial(
            version, sha256, command, confirm_s, up, changed_rule=changed_rule, fits=fits, detects=detects
        )
        try:
            self._store.begin(trial)
        except PushStoreError as error:
            raise CommandRefused(error_text(error)) from error
        log.info("configuration: %s is on trial for %.0f s", self._store.path(version), confirm_s)

    def reload(self, confirm_s: float, finish: Finish) -> InProgress:
        """Make the agent read the configuration again, and follow the trial. Call it without ``lock``, and
        not on the main thread. Raises CommandFailed."""
        answer = self._agent.reload()
        with self.lock:
            if answer.code != EX_OK or not self._is_selected():
                why = answer.text if answer.code != EX_OK else problem_text("rule-change-outdated")
                reason = problem_text("config-not-taken", why=why)
                trial_watch = TrialWatch(self._clock.monotonic(), finish)
                if not self._reject(trial_watch, reason):
                    self._trial_watch = trial_watch  # ``tick`` tries again, and finishes the command
                    return InProgress(reason)
                self._agent.want_reload()  # an answer that came too late: the text on trial may be in force
                raise CommandFailed(reason, "reverted")
            self._trial_watch = TrialWatch(self._clock.monotonic() + confirm_s, finish)
        return InProgress(answer.text)

    def follow(self, context: CommandContext[Any]) -> InProgress | None:
        """Called after a restart of the agent: reply to this command when the trial is over. None: the trial
        is over already, or belongs to another command."""
        trial = self._store.trial
        if self._trial_watch is None or trial is None or trial.command != context.id:
            return None
        self._trial_watch.finish = context.finish
        return InProgress(problem_text("config-trial-goes-on"))

    def _is_selected(self) -> bool:
        """Return whether the changed rules on trial are in use. For a pushed configuration this is always
        True: if it cannot be used, the reload itself fails."""
        selected, trial = self._source.selected, self._store.trial
        if not self._store.is_of_rules or selected is None or trial is None:
            return True
        return selected.rules_version == trial.version

    def tick(self) -> None:
        """Judge the trial, if there is one. Call about once a second."""
        if self.lock.acquire(blocking=False):  # otherwise a command writes to the disk: try again next time
            try:
                self._judge()
            finally:
                self.lock.release()

    def _judge(self) -> None:
        trial_watch, trial = self._trial_watch, self._store.trial
        if trial_watch is None or trial is None:
            return
        now = self._clock.monotonic()
        if trial_watch.failed is not None:
            if now >= trial_watch.retry_mono:
                self._revert(trial_watch, trial_watch.failed)
        elif (missing := self._missing(trial)) is not None:
            trial_watch.well_since_mono = None
            if now >= trial_watch.until_mono:
                failed = problem_text("config-trial-failed", seconds=round(trial.confirm_s), why=missing)
                self._revert(trial_watch, failed)
        elif trial_watch.well_since_mono is None:
            trial_watch.well_since_mono = now
        elif now - trial_watch.well_since_mono >= min(self._settled_s, trial.confirm_s / 2):
            self._confirm(trial_watch, trial)

    def _missing(self, trial: ConfigTrial) -> str | None:
        """Return what worked before the trial and does not work now; None: everything works."""
        if not self._is_selected():  # the configuration that the rules change has changed meanwhile
            return problem_text("config-not-taken", why=problem_text("rule-change-outdated"))
        if not self._agent.online():
            return problem_text("config-no-broker")
        for camera in self._agent.cameras():
            if camera.camera_id in trial.cameras_up and camera.state not in UP:
                if camera.cause is None:
                    return problem_text("config-camera-lost", camera=camera.camera_id)
                lost = {"camera": camera.camera_id, "cause": str(camera.cause)}
                return problem_text("config-camera-lost-because", **lost)
        if trial.detects and (why := self._agent.detector_problem()) is not None:
            return problem_text("config-detector-lost", why=why)
        return None

    def _confirm(self, trial_watch: TrialWatch, trial: ConfigTrial) -> None:
        try:
            self._store.confirm(rfc3339(self._clock.now()))
        except PushStoreError as error:
            if self._clock.monotonic() >= trial_watch.until_mono:
                self._revert(trial_watch, error_text(error))
            return  # a card may stall for seconds: try again with the next tick
        self._trial_watch = None
        log.info("configuration: %s is confirmed", self._store.path(trial.version))
        try:
            self._source.load()  # updates what health reports as the origin
        except ConfigError as error:  # a file that it includes has changed since
            log.error(
                "configuration: %s cannot be read again, the agent keeps what it has: %s",
                self._store.path(trial.version),
                error,
            )
        if trial_watch.finish is not None:
            trial_watch.finish(self._in_force(trial.version))

    def _reject(self, trial_watch: TrialWatch, reason: str) -> bool:
        """Record that the trial has failed. False: the disk did not take it, so the trial would be read again
        at the next reload; try again later."""
        trial = self._store.trial
        if trial is not None and trial_watch.failed is None:
            self._reverted(trial, reason)
        try:
            self._store.reject(reason, rfc3339(self._clock.now()))
        except PushStoreError as error:
            if trial_watch.failed is None:
                log.error("configuration: %s; it stays on trial until that is recorded: %s", reason, error)
            trial_watch.failed = reason
            trial_watch.retry_mono = self._clock.monotonic() + RETRY_S
            return False
        return True

    def _revert(self, trial_watch: TrialWatch, reason: str) -> None:
        if not self._reject(trial_watch, reason):
            return
        self._trial_watch = None
        log.error("configuration: %s; the previous one is restored", reason)
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
