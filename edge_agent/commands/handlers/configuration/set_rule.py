"""``set-rule``: changes one rule or the masks of a camera for good, or restores those of the configuration.
Changes are stored beside the configuration and merged over it. So a file that is provisioned later does not
remove them, and they do not hide its other changes. A change has to be signed, must have been made for the
configuration in force, and is on trial like a pushed configuration: docs/design/config-push.md. The masks
themselves are in ``mask_changes.py``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
    always,
    select_cameras,
    unchanged,
)
from edge_agent.commands.handlers.configuration.config_trial import SETTLED_S, AgentHooks, TrialJudge
from edge_agent.commands.handlers.configuration.mask_changes import (
    change_masks,
    concerns_masks,
    hidden_rules,
    masks_of,
    masks_outcome,
)
from edge_agent.config.draft import read_draft
from edge_agent.config.model.settings import AnyRule, Settings
from edge_agent.config.pushed import (
    RULES_FOLDER,
    ChangedRule,
    ConfigSource,
    ConfigTrial,
    PushStore,
    PushStoreError,
)
from edge_agent.config.rule_changes import MAX_BYTES, RuleChanges, masks_alone, parse_rule_changes
from edge_agent.config.written import Written, mappings, plain, plain_entry, with_id
from edge_agent.core.clock import Clock
from edge_agent.core.errors import ConfigError
from edge_agent.core.facts import RequestOrigin, RuleChange
from edge_agent.core.problems import ProblemText, error_text, problem_text
from edge_agent.wire import SetRuleArguments, SwitchedOffRule

log = logging.getLogger(__name__)

NAME = "draft"
"""Name of the rule in messages about its mistakes."""
MAX_NAMED = 10  # changed rules in one reply


class RuleChangeCommand:
    """The command ``set-rule``. ``run`` and ``resume`` are called on the slow command thread, ``tick`` on the
    main thread, ``lines`` on any."""

    def __init__(
        self,
        source: ConfigSource,
        hooks: AgentHooks,
        clock: Clock,
        report: Callable[[RuleChange], None],
        config_on_trial: Callable[[], bool],
        settled_s: float = SETTLED_S,
    ) -> None:
        """``report`` stores an event. ``config_on_trial``: whether a pushed configuration is on trial."""
        self._source = source
        self._agent = hooks
        self._report = report
        self._config_on_trial = config_on_trial
        self._store = PushStore(hooks.settings().state_dir, RULES_FOLDER)
        self._judge = TrialJudge(
            self._store, source, hooks, clock, settled_s, self._in_force, self._report_reverted
        )

    def action(self) -> Action:
        return Action("set-rule", self.run, self.resume, always, slow=True, within_s=1200.0)

    def tick(self) -> None:
        """Judge the trial, if there is one. Call about once a second, on the main thread."""
        self._judge.tick()

    def lines(self) -> Iterator[str]:
        """Yield texts for health: rules on trial, and a change that was reverted."""
        if self._store.trial is not None:
            yield problem_text("config-rules-trial")
        if (rejected := self._store.given_up) is not None:
            yield problem_text("config-rules-given-up", why=rejected.sentence)

    def switched_off(self) -> list[SwitchedOffRule]:
        """Return, for health, the rules that a command has switched off, and those that see nothing because a
        command has changed the masks."""
        settings, found = self._agent.settings(), list(self._source.switched_off)
        for camera in settings.cameras:
            if camera.id in self._source.cameras_with_changed_masks:
                found += ((camera.id, rule) for rule in hidden_rules(camera))
        return [SwitchedOffRule(camera=camera, rule=rule) for camera, rule in found]

    def run(self, context: CommandContext[SetRuleArguments]) -> InProgress:
        """Check the change and start its trial. Raises CommandRefused, CommandFailed."""
        args = context.args
        self._judge.wait_for_cameras(context.stopping)
        with self._judge.lock:
            self._refuse_now(args)
            version = self._next_version()
            text = self._changed(args).text()
            settings, fits = self._checked(text, is_reset=args.reset is not None)
            sha256 = self._stage(version, text)
            change = _change(context, settings)
            self._report(change)  # reported first: after a power cut the agent starts with the rules on trial
            changed = ChangedRule(change.camera, change.rule, context.signed_by)
            try:
                self._judge.begin(version, sha256, context.id, args.confirm_s, changed, fits=fits)
            except CommandRefused as error:
                self._report(_reverted(context, error_text(error)))
                raise
        return self._judge.reload(args.confirm_s, context.finish)

    def resume(
        self, context: CommandContext[SetRuleArguments]
    ) -> CommandSucceeded | InProgress | CommandFailed:
        """Called after a restart of the agent: return the outcome if it is known, else follow the trial."""
        with self._judge.lock:
            if (followed := self._judge.follow(context)) is not None:
                return followed
            rejected, confirmed = self._store.given_up, self._store.confirmed
        if rejected is not None and rejected.command == context.id:
            # Given up at a start that could store no event: report now. A power cut repeats the event.
            self._report(_reverted(context, rejected.sentence))
            return CommandFailed(rejected.sentence, "reverted")
        if confirmed is not None and confirmed.command == context.id:
            return self._in_force(confirmed.version)
        return CommandFailed(unchanged(problem_text("config-trial-not-begun")), "interrupted")

    def _refuse_now(self, args: SetRuleArguments) -> None:
        settings = self._agent.settings()
        if self._store.trial is not None or self._config_on_trial():
            raise CommandRefused(unchanged(problem_text("rule-change-busy")), "busy")
        given = (args.rule is not None, args.reset is not None, args.masks is not None, args.reset_masks)
        if sum(given) != 1:
            raise CommandRefused(problem_text("rule-change-form"), "bad-arguments")
        select_cameras([args.camera], [camera.id for camera in settings.cameras])
        if args.config_hash != settings.config_hash:
            raise CommandRefused(problem_text("rule-change-outdated"), "outdated")

    def _changed(self, args: SetRuleArguments) -> RuleChanges:
        """Return the stored changes together with this change. Raises CommandRefused."""
        changes = self._source.rule_changes()
        if concerns_masks(args):
            change_masks(changes, args)
            return changes
        if args.reset is not None:
            if not changes.reset(args.camera, args.reset):
                unknown = problem_text("rule-not-changed", camera=args.camera, rule=args.reset)
                raise CommandRefused(unknown)
            return changes
        assert args.rule is not None
        places = {"zones": args.zones, "lines": args.lines}
        draft = msgspec.json.encode({**places, "rules": [args.rule]})
        try:
            read_draft(self._source, args.camera, draft, NAME)
        except ConfigError as error:
            raise _mistakes(error) from error
        self._refuse_shared_places(args.camera, args.rule, places)
        changes.set(args.camera, args.rule, places)
        return changes

    def _refuse_shared_places(self, camera: str, rule: Written, places: Mapping[str, Written]) -> None:
        """Refuse a different shape for a zone or line that other rules use too, because only one rule may be
        changed. Raises CommandRefused."""
        section = with_id(self._source.tree(), "cameras", camera)
        assert section is not None  # reading the draft has found the camera
        others = [plain(each) for id_, each in mappings(section, "rules") if id_ != rule["id"]]
        for key, drafted in places.items():
            configured = plain_entry(section, key) or {}
            for id_, shape in drafted.items():
                used = any(each.get(key.removesuffix("s")) == id_ for each in others)
                if used and configured.get(id_) != shape:
                    raise CommandRefused(problem_text("rule-change-shared", place=id_), "bad-arguments")

    def _checked(self, text: bytes, *, is_reset: bool) -> tuple[Settings, bool]:
        """Return the settings with these changes, and whether the changed rules fit.

        Raises CommandRefused.
        """
        if len(text) > MAX_BYTES:
            raise CommandRefused(problem_text("rule-change-large", bytes=len(text), limit=MAX_BYTES))
        try:
            return self._source.load_with_rules(parse_rule_changes(text, NAME)), True
        except ConfigError as error:
            if self._source.changes_fit:
                raise _mistakes(error) from error
            if not is_reset:
                raise _misfits(error, self._source.rule_changes()) from error
        # Other changed rules do not fit either: as before the command, only the changed masks are in force.
        return self._source.load_with_rules(masks_alone(parse_rule_changes(text, NAME))), False

    def _stage(self, version: int, text: bytes) -> str:
        """Store the changes and return their SHA-256. Raises CommandRefused."""
        try:
            self._store.put(version, text)
        except PushStoreError as error:
            raise CommandRefused(error_text(error)) from error
        return hashlib.sha256(text).hexdigest()

    def _next_version(self) -> int:
        known = (self._store.confirmed, self._store.given_up)
        return 1 + max((each.version for each in known if each is not None), default=0)

    def _in_force(self, version: int) -> CommandSucceeded:
        confirmed, settings = self._store.confirmed, self._agent.settings()
        changed = None if confirmed is None else confirmed.changed_rule
        return CommandSucceeded(self._outcome(changed), {"config_hash": settings.config_hash})

    def _outcome(self, changed: ChangedRule | None) -> ProblemText:
        """Return the text about a confirmed change. ``changed`` is None if the record of an earlier version
        of the agent does not name the rule."""
        if changed is None:
            return problem_text("rule-change-in-force")
        settings, changes = self._agent.settings(), self._source.rule_changes()
        if changed.rule is None:
            return masks_outcome(
                settings, changed.camera, changed=changed.camera in changes.cameras_with_masks
            )
        rule = _rule_in(settings, changed.camera, changed.rule)
        if rule is None:
            return problem_text("rule-removed-done")
        if not changes.has(changed.camera, changed.rule):
            return problem_text("rule-reset-done")
        return problem_text("rule-change-in-force") if rule.enabled else problem_text("rule-off-done")

    def _report_reverted(self, trial: ConfigTrial, reason: str) -> None:
        if (changed := trial.changed_rule) is not None:
            by = RequestOrigin(trial.command, changed.signed_by)
            self._report(RuleChange(changed.camera, changed.rule, "reverted", by, reason=reason))


def _rule_in(settings: Settings, camera: str, rule: str) -> AnyRule | None:
    of_camera = (each.rules for each in settings.cameras if each.id == camera)
    return next((each for rules in of_camera for each in rules if each.id == rule), None)


def _change(context: CommandContext[SetRuleArguments], settings: Settings) -> RuleChange:
    """Return the event about a change. ``settings``: the configuration with the change."""
    args, by = context.args, RequestOrigin(context.id, context.signed_by)
    if concerns_masks(args):
        what: Literal["set", "reset"] = "reset" if args.reset_masks else "set"
        return RuleChange(args.camera, None, what, by, masks=masks_of(settings, args.camera))
    if args.reset is not None:
        removed = _rule_in(settings, args.camera, args.reset) is None
        return RuleChange(args.camera, args.reset, "reset", by, removed=removed)
    assert args.rule is not None
    enabled = args.rule.get("enabled", True) is not False
    return RuleChange(args.camera, str(args.rule["id"]), "set", by, enabled=enabled)


def _reverted(context: CommandContext[SetRuleArguments], reason: str) -> RuleChange:
    args, by = context.args, RequestOrigin(context.id, context.signed_by)
    rule = args.reset if args.rule is None else str(args.rule["id"])
    return RuleChange(args.camera, rule, "reverted", by, reason=reason)


def _misfits(error: ConfigError, changes: RuleChanges) -> CommandRefused:
    """Return the refusal for earlier changed rules that no longer fit the configuration."""
    why = error.problems[0].message if error.problems else str(error)
    changed = [f"{camera.id}/{rule.get('id')}" for camera in changes.cameras for rule in camera.rules]
    more = ["..."] if len(changed) > MAX_NAMED else []
    rules = ", ".join(changed[:MAX_NAMED] + more)
    return CommandRefused(problem_text("rule-change-misfits", why=why, rules=rules), "bad-arguments")


def _mistakes(error: ConfigError) -> CommandRefused:
    first = error.problems[0].message if error.problems else str(error)
    return CommandRefused(first, "bad-arguments")
