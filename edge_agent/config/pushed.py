"""Stores configurations that the centre pushed, and decides whether one of them or the file is in force.

``<state_dir>/pushed/`` holds each one as ``<version>.yaml``, and their states in ``state.json``. That record
is replaced atomically, so that a power cut leaves the state before a step or after it. A pushed configuration
replaces the file. The drop-ins beside the file are still merged over it, and relative names are still
looked for beside the file. ``<state_dir>/rules/`` contains the rules that were changed by commands, in the
same form; they are merged over everything else (``rule_changes.py``). See docs/design/config-push.md.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from edge_agent.config import last_good, loader
from edge_agent.config.fields.tree import Mapping
from edge_agent.config.model.settings import Settings
from edge_agent.config.rule_changes import (
    RuleChanges,
    changes_of,
    masks_alone,
    parse_rule_changes,
    with_rule_changes,
)
from edge_agent.core.errors import ConfigError, ConfigProblem, EdgeAgentError
from edge_agent.core.problems import CodedProblem, ProblemText, problem_of, problem_text
from edge_agent.core.state_file import read_bounded, read_record, replace_file, sync_folder, write_record

log = logging.getLogger(__name__)

FOLDER = "pushed"
RULES_FOLDER = "rules"
RECORD = "state.json"
MAX_STARTS = 3
"""The agent rejects a configuration on trial after this many starts: it may be the cause of the restarts."""


class ChangedRule(msgspec.Struct, frozen=True):
    """The rule or the masks that a command has changed, and the operator's key."""

    camera: str
    rule: str | None  # None: the masks of the camera
    signed_by: str | None


class ConfirmedConfig(msgspec.Struct, frozen=True):
    """A pushed configuration that passed its trial."""

    version: int
    sha256: str
    since: str
    command: str = ""  # id of the command that brought it
    changed_rule: ChangedRule | None = None  # set only for changed rules


class ConfigTrial(msgspec.Struct, frozen=True):
    """A configuration on trial: in force until it has passed or its time is over."""

    version: int
    sha256: str
    command: str  # id of the command that brought it
    confirm_s: float
    cameras_up: list[str]  # cameras that were online before the trial, and must come online again
    starts: int = 0  # starts of the agent since the trial began
    changed_rule: ChangedRule | None = None  # set only for changed rules
    fits: bool = True  # False: one change is taken back, and the others do not fit
    detects: bool = False  # whether the detector worked as configured before the trial


class RejectedConfig(msgspec.Struct, frozen=True):
    """The newest configuration that did not pass its trial."""

    version: int
    sha256: str
    command: str
    reason: str
    since: str
    problem: CodedProblem | None = None  # the code of ``reason``

    @property
    def sentence(self) -> str:
        """``reason`` with its code."""
        return self.reason if self.problem is None else ProblemText(self.reason, self.problem)


class _Record(msgspec.Struct, frozen=True):
    confirmed: ConfirmedConfig | None = None
    trial: ConfigTrial | None = None
    given_up: RejectedConfig | None = None


class PushStoreError(EdgeAgentError):
    """The configuration or the record could not be written."""


class PushStore:
    """The folder of pushed configurations, or of changed rules. One thread at a time changes it."""

    def __init__(self, state_dir: Path, folder: str = FOLDER) -> None:
        self._folder = state_dir / folder
        self.is_of_rules = folder == RULES_FOLDER
        found = read_record(self._folder / RECORD, _Record)
        self._record = found or _Record()
        self.is_damaged = found is None and not _is_absent(self._folder / RECORD)

    @property
    def confirmed(self) -> ConfirmedConfig | None:
        return self._record.confirmed

    @property
    def trial(self) -> ConfigTrial | None:
        return self._record.trial

    @property
    def given_up(self) -> RejectedConfig | None:
        return self._record.given_up

    def path(self, version: int) -> Path:
        return self._folder / f"{version}.yaml"

    def put(self, version: int, text: bytes) -> Path:
        """Store the text, without putting it in force. Raises PushStoreError."""
        path = self.path(version)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, text, 0o600)
            sync_folder(self._folder)
        except OSError as error:
            unwritten = problem_text("config-not-written", file=str(path), error=str(error.strerror))
            raise PushStoreError(unwritten) from error
        return path

    def begin(self, trial: ConfigTrial) -> None:
        """Put the configuration in force, on trial. Raises PushStoreError."""
        self._write(msgspec.structs.replace(self._record, trial=trial))

    def count_start(self) -> None:
        """Count a start of the agent while a configuration is on trial."""
        if (trial := self._record.trial) is not None:
            again = msgspec.structs.replace(trial, starts=trial.starts + 1)
            self._write(msgspec.structs.replace(self._record, trial=again))

    def confirm(self, since: str) -> None:
        if (trial := self._record.trial) is not None:
            confirmed = ConfirmedConfig(trial.version, trial.sha256, since, trial.command, trial.changed_rule)
            self._write(_Record(confirmed))
            self.prune()

    def reject(self, reason: str, since: str) -> None:
        if (trial := self._record.trial) is not None:
            shown, problem = str(reason), problem_of(reason)
            gone = RejectedConfig(trial.version, trial.sha256, trial.command, shown, since, problem)
            self._write(msgspec.structs.replace(self._record, trial=None, given_up=gone))
            self.prune()

    def text(self, kept: ConfirmedConfig | ConfigTrial) -> bytes:
        """Return the stored text. Raises ConfigError when it cannot be read or is damaged."""
        path = self.path(kept.version)
        try:
            text = read_bounded(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(text).hexdigest() != kept.sha256:
            raise ConfigError(f"{path} differs from what was pushed: it is damaged")
        return text

    def prune(self) -> None:
        """Remove the configurations that the record no longer names."""
        kept = {self.path(each.version).name for each in (self.confirmed, self.trial) if each is not None}
        with contextlib.suppress(OSError):  # these files are not needed any more
            for path in self._folder.glob("*.yaml*"):
                if path.name not in kept:
                    path.unlink()

    def _write(self, record: _Record) -> None:
        if not write_record(self._folder / RECORD, record):
            raise PushStoreError(problem_text("config-record-not-written", file=str(self._folder / RECORD)))
        self._record = record


def _is_absent(path: Path) -> bool:
    """Return whether there is no such file. False if that cannot be found out, as on a failing card."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


class ConfigOrigin(StrEnum):
    """Where the configuration in force comes from."""

    FILE = "file"
    PUSHED = "pushed"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class SelectedConfig:
    """The configuration in force."""

    settings: Settings
    origin: ConfigOrigin
    file_problem: ConfigError | None = None  # problem of the file, while a pushed configuration is in force
    rules_version: int = 0  # version of the changed rules that are merged over it; 0: none


class ConfigSource:
    """Loads the file, or the pushed configuration that replaces it. One thread at a time calls ``load``."""

    def __init__(self, path: Path, *, no_secrets: bool = False) -> None:
        self.path = path
        self.selected: SelectedConfig | None = None
        self._no_secrets = no_secrets
        self._pushed_error: str | None = None  # why a pushed configuration cannot be used
        self._rules_error: str | None = None  # why changed rules cannot be used
        self._rule_changes: Mapping | None = None  # the changes in force
        self._stored_changes: Mapping | None = None  # the stored changes, also if they do not fit
        self.switched_off: tuple[tuple[str, str], ...] = ()
        """Camera and id of the rules that a command has switched off; any thread may read it."""
        self.cameras_with_changed_masks: tuple[str, ...] = ()  # any thread may read it

    def load(self) -> Settings:
        """Load the settings in force; set ``selected``. Raises the file's ConfigError if there are none."""
        self.selected = self._with_rule_changes(self._choose())
        return self.selected.settings

    def start(self, since: str) -> Settings:
        """Load the settings when the agent starts, at the time ``since``.

        Counts the starts during a trial of a configuration or of rules. Rejects what is on trial if it cannot
        be read, or if the agent has crashed with it. Raises ConfigError as ``load`` does.
        """
        settings = self.load()
        for folder in (FOLDER, RULES_FOLDER):
            settings = self._start_trial(PushStore(settings.state_dir, folder), settings, since)
        return settings

    def _start_trial(self, store: PushStore, settings: Settings, since: str) -> Settings:
        if store.trial is None:
            return settings
        try:
            if (reason := self._hopeless(store, store.trial)) is None:
                store.count_start()
                return settings
            log.error("configuration: %s is given up: %s", store.path(store.trial.version), reason)
            store.reject(reason, since)
        except PushStoreError as error:
            # This is no reason to stop watching the cameras: the trial continues and is decided as usual.
            log.error("configuration: %s", error)
            return settings
        return self.load()

    def _hopeless(self, store: PushStore, trial: ConfigTrial) -> str | None:
        assert self.selected is not None
        if trial.starts >= MAX_STARTS:
            return problem_text("config-restarts", times=trial.starts)
        newer = problem_text("config-file-newer", version=self.selected.settings.version)
        if store.is_of_rules:
            return None if self.selected.rules_version == trial.version else self._rules_error or newer
        if self.selected.origin is not ConfigOrigin.TRIAL:
            return self._pushed_error or newer
        return None

    def load_pushed(self, path: Path, rule_changes: Mapping | None = None) -> Settings:
        """Load a pushed configuration in place of the file. Raises ConfigError."""
        return loader.load(
            path,
            conf_dir=self._drop_ins(),
            base=self.path.parent,
            no_secrets=self._no_secrets,
            confined=True,
            rule_changes=rule_changes,
        )

    def load_with_rules(self, rule_changes: Mapping) -> Settings:
        """Load the configuration in force again with other rules. Call ``load`` first. Raises ConfigError."""
        assert self.selected is not None
        if self.selected.origin is ConfigOrigin.FILE:
            return loader.load(self.path, no_secrets=self._no_secrets, rule_changes=rule_changes)
        settings = self.selected.settings
        return self.load_pushed(PushStore(settings.state_dir).path(settings.version), rule_changes)

    def rule_changes(self) -> RuleChanges:
        """Return the stored changed rules, as the base of another change. They include rules that do not fit
        the present configuration, so that the next change does not lose them. Call ``load`` first."""
        return RuleChanges() if self._stored_changes is None else changes_of(self._stored_changes)

    @property
    def changes_fit(self) -> bool:
        """Whether the stored changed rules fit the present configuration. Call ``load`` first."""
        return self._rules_error is None or self._stored_changes is None

    def tree(self) -> Mapping:
        """Return the configuration in force as one tree. Call ``load`` first. Raises ConfigError."""
        whole = self.tree_without_changes()
        return whole if self._rule_changes is None else with_rule_changes(whole, self._rule_changes)

    def tree_without_changes(self) -> Mapping:
        """Return the same as ``tree``, but without the changed rules."""
        assert self.selected is not None
        if self.selected.origin is ConfigOrigin.FILE:
            return loader.merged_tree(self.path)
        settings = self.selected.settings
        return loader.merged_tree(PushStore(settings.state_dir).path(settings.version), self._drop_ins())

    def _drop_ins(self) -> Path | None:
        folder = self.path.parent / loader.DEFAULT_CONF_DIR
        return folder if folder.is_dir() else None

    def files(self) -> Iterator[Path]:
        """Yield the files of the configuration in force, and the main file when a pushed one replaces it."""
        yield self.path
        if self.selected is not None and self.selected.origin is not ConfigOrigin.FILE:
            settings = self.selected.settings
            yield PushStore(settings.state_dir).path(settings.version)
        if self.selected is not None and self.selected.rules_version:
            store = PushStore(self.selected.settings.state_dir, RULES_FOLDER)
            yield store.path(self.selected.rules_version)
        yield from sorted((self.path.parent / loader.DEFAULT_CONF_DIR).glob("*.yaml"))

    def lines(self) -> Iterator[str]:
        """Yield texts for health: why the file or a pushed configuration is not in force."""
        for trouble in (self._pushed_error, self._rules_error):
            if trouble is not None:
                yield problem_text("config", why=trouble)
        if self.selected is not None and (problem := self.selected.file_problem) is not None:
            first: ConfigProblem | ConfigError = problem.problems[0] if problem.problems else problem
            version = self.selected.settings.version
            yield problem_text("config-file-broken", why=str(first), version=version)

    def _choose(self) -> SelectedConfig:
        self._pushed_error = None
        try:
            own, problem = loader.load(self.path, no_secrets=self._no_secrets), None
        except ConfigError as error:
            own, problem = None, error
        folders = last_good.state_dirs(self.path) if own is None else [own.state_dir]
        for folder in folders:
            store = PushStore(folder)
            if store.is_damaged:
                record = str(store.path(0).with_name(RECORD))
                self._pushed_error = problem_text("config-pushed-unreadable", file=record)
                log.error("configuration: %s", self._pushed_error)
            pushed = self._pushed(store, -1 if own is None else own.version)
            if pushed is not None:
                return SelectedConfig(*pushed, problem)
        if own is None:
            assert problem is not None
            raise problem
        return SelectedConfig(own, ConfigOrigin.FILE)

    def _with_rule_changes(self, chosen: SelectedConfig) -> SelectedConfig:
        """Apply the stored changes. If they do not fit the configuration, apply only their masks, because a
        private area must stay black."""
        self.selected = chosen
        self._rules_error = self._rule_changes = self._stored_changes = None
        store = PushStore(chosen.settings.state_dir, RULES_FOLDER)
        if store.is_damaged:
            why = f"{store.path(0).with_name(RECORD)} is damaged"
            self._rules_error = problem_text("config-rules-unusable", why=why)
        trial, confirmed = store.trial, store.confirmed
        without_rules = None if trial is None or trial.fits else trial
        for kept, whole in ((trial, True), (without_rules, False), (confirmed, True), (confirmed, False)):
            if kept is None:
                continue
            try:
                changes = parse_rule_changes(store.text(kept), str(store.path(kept.version)))
                self._stored_changes = changes
                changes = changes if whole else masks_alone(changes)
                settings = self.load_with_rules(changes)
            except ConfigError as error:
                first = error.problems[0] if error.problems else error
                self._rules_error = problem_text("config-rules-unusable", why=str(first))
                log.error("configuration: %s", self._rules_error)
                continue
            self._rule_changes = changes
            changed = changes_of(changes)
            self.switched_off = tuple(changed.switched_off())
            self.cameras_with_changed_masks = changed.cameras_with_masks
            version = kept.version if whole or kept is trial else 0
            return dataclasses.replace(chosen, settings=settings, rules_version=version)
        # Reset only now: after an earlier reset a heartbeat would say that all rules are on again.
        self.switched_off = self.cameras_with_changed_masks = ()
        return chosen

    def _pushed(self, store: PushStore, above: int) -> tuple[Settings, ConfigOrigin] | None:
        for kept, origin in ((store.trial, ConfigOrigin.TRIAL), (store.confirmed, ConfigOrigin.PUSHED)):
            if kept is None or kept.version <= above:
                continue
            try:
                store.text(kept)
                return self.load_pushed(store.path(kept.version)), origin
            except ConfigError as error:
                first = error.problems[0] if error.problems else error
                self._pushed_error = problem_text(
                    "config-pushed-unusable", version=kept.version, why=str(first)
                )
                log.error("configuration: %s", self._pushed_error)
        return None


def effective(path: Path, *, no_secrets: bool = False) -> Settings:
    """Return the settings that a running agent with this file has in force. Raises ConfigError."""
    return ConfigSource(path, no_secrets=no_secrets).load()
