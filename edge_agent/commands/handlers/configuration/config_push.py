"""``set-config``: a configuration from the centre is checked, tried, and reverted if it breaks the gateway.

``run`` (command thread) checks and stores it, and applies it by a reload, or by a restart where a reload is
not enough. ``config_trial.py`` then watches whether the gateway works as before. Each step is durable before
it takes effect: docs/design/config-push.md.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator

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
from edge_agent.commands.handlers.configuration.config_trial import SETTLED_S, AgentHooks, TrialJudge
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.config.changes import compare
from edge_agent.config.model.settings import Settings
from edge_agent.config.pushed import (
    ConfigOrigin,
    ConfigSource,
    ConfirmedConfig,
    PushStore,
    PushStoreError,
    RejectedConfig,
)
from edge_agent.core.clock import Clock
from edge_agent.core.errors import ConfigError
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.secrets import masked
from edge_agent.wire import ConfigHealth, SetConfigArguments

log = logging.getLogger(__name__)


class ConfigPush:
    """The command ``set-config``, and the retained topic ``down/config``.

    ``run`` and ``resume`` are called on the slow command thread, ``tick`` on the main thread, ``health`` on
    any."""

    def __init__(
        self, source: ConfigSource, hooks: AgentHooks, clock: Clock, settled_s: float = SETTLED_S
    ) -> None:
        self._source = source
        self._agent = hooks
        self._store = PushStore(hooks.settings().state_dir)
        self.judge = TrialJudge(self._store, source, hooks, clock, settled_s, _in_force)

    def health(self) -> ConfigHealth:
        chosen = self._source.selected
        rejected = self._store.given_up
        return ConfigHealth(
            version=self._agent.settings().version,
            origin=(chosen.origin if chosen is not None else ConfigOrigin.FILE).value,
            given_up=None if rejected is None else f"version {rejected.version}: {rejected.reason}",
        )

    def is_on_trial(self) -> bool:
        return self._store.trial is not None

    def lines(self) -> Iterator[str]:
        yield from self._source.lines()
        if (trial := self._store.trial) is not None:
            yield problem_text("config-trial", version=trial.version)
        if (rejected := self._store.given_up) is not None:
            yield problem_text("config-given-up", version=rejected.version, why=rejected.sentence)

    # --- the command thread ---

    def action(self) -> Action:
        # longer than ``confirm_s``, which is at most 900
        return Action("set-config", self.run, self.resume, always, slow=True, within_s=1200.0)

    def run(self, context: CommandContext[SetConfigArguments]) -> CommandSucceeded | InProgress:
        """Check the configuration and start its trial. Raises CommandRefused, CommandFailed."""
        args = context.args
        self.judge.wait_for_cameras(context.stopping)
        with self.judge.lock:
            if (outcome := self._decided_already(args)) is not None:
                return outcome
            new = self._staged(args)
            restart = compare(self._agent.settings(), new).restart
            if restart:
                self._agent.may_restart()
            self.judge.begin(args.version, args.sha256, context.id, args.confirm_s)
        if restart:
            self._agent.restart(f"configuration version {args.version} changes {', '.join(restart)}")
            return InProgress(problem_text("config-agent-restarts", keys=list(restart)))
        return self.judge.reload(args.confirm_s, context.finish)

    def resume(
        self, context: CommandContext[SetConfigArguments]
    ) -> CommandSucceeded | InProgress | CommandFailed:
        """Called after a restart of the agent: return the outcome if it is known, else follow the trial."""
        with self.judge.lock:
            return self.judge.follow(context) or self._verdict(context)

    def _verdict(self, context: CommandContext[SetConfigArguments]) -> CommandSucceeded | CommandFailed:
        rejected = self._store.given_up
        if rejected is not None and rejected.command == context.id:
            return CommandFailed(rejected.sentence, "reverted")
        if _same(self._store.confirmed, context.args):
            return _in_force(context.args.version)
        return CommandFailed(unchanged(problem_text("config-trial-not-begun")), "interrupted")

    def _decided_already(self, args: SetConfigArguments) -> CommandSucceeded | None:
        """Return the outcome if this version is in force, None to try it; or raise CommandRefused."""
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
        """Store and load the configuration. Raises CommandRefused if it has mistakes."""
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
            ("mqtt.root", ours.mqtt.root, new.mqtt.root),  # the centre subscribes only below this root
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

    def tick(self) -> None:
        """Judge the trial, if there is one. Call about once a second, on the main thread."""
        self.judge.tick()


def _same(stored: ConfirmedConfig | RejectedConfig | None, args: SetConfigArguments) -> bool:
    return stored is not None and (stored.version, stored.sha256) == (args.version, args.sha256)


def _in_force(version: int) -> CommandSucceeded:
    return CommandSucceeded(problem_text("config-in-force", version=version), {"version": version})


def _refuse_passwords(text: str) -> None:
    """Refuse passwords in URLs: the broker keeps the message, and many clients can read it at the broker."""
    for number, line in enumerate(text.splitlines(), start=1):
        if masked(line) != line:
            raise CommandRefused(problem_text("config-password", line=number), "bad-arguments")
