"""Stores configurations that the centre pushed, and decides whether one of them or the file is in force.

``<state_dir>/pushed/`` holds each one as ``<version>.yaml``, and their states in ``state.json``. That record
is replaced atomically, so that a power cut leaves the state before a step or after it. A pushed configuration
replaces the file. The drop-ins beside the file are merged over it all the same, and relative names are looked
for beside the file. See docs/design/config-push.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from edge_agent.config import last_good, loader
from edge_agent.config.fields.tree import Mapping
from edge_agent.config.model.settings import Settings
from edge_agent.core.errors import ConfigError, ConfigProblem, EdgeAgentError
from edge_agent.core.problems import CodedProblem, ProblemText, problem_of, problem_text
from edge_agent.core.state_file import create_file, read_bounded, read_record, sync_folder, write_record

log = logging.getLogger(__name__)

FOLDER = "pushed"
RECORD = "state.json"
MAX_STARTS = 3
"""After so many starts with a configuration on trial, it is taken as the reason why the agent ends."""


class ConfirmedConfig(msgspec.Struct, frozen=True):
    """A pushed configuration that passed its trial."""

    version: int
    sha256: str
    since: str


class ConfigTrial(msgspec.Struct, frozen=True):
    """A configuration on trial: in force until it has passed or its time is over."""

    version: int
    sha256: str
    command: str  # id of the command that brought it
    confirm_s: float
    cameras_up: list[str]  # cameras that were online before, and must be online again
    starts: int = 0  # of the agent, since the trial began


class RejectedConfig(msgspec.Struct, frozen=True):
    """The newest configuration that did not pass its trial."""

    version: int
    sha256: str
    command: str
    reason: str
    since: str
    problem: CodedProblem | None = None  # what ``reason`` says

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
    """The folder of pushed configurations. One thread at a time changes it."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER
        self._record = read_record(self._folder / RECORD, _Record) or _Record()

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
        fresh = path.with_name(path.name + ".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)
            with os.fdopen(create_file(fresh, os.O_WRONLY, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
            sync_folder(self._folder)
        except OSError as error:
            unwritten = problem_text("config-not-written", file=str(path), error=str(error.strerror))
            raise PushStoreError(unwritten) from error
        return path

    def begin(self, trial: ConfigTrial) -> None:
        """Put the configuration in force, on trial. Raises PushStoreError."""
        self._write(msgspec.structs.replace(self._record, trial=trial))

    def count_start(self) -> None:
        """Count a start of the agent with the configuration on trial."""
        if (trial := self._record.trial) is not None:
            again = msgspec.structs.replace(trial, starts=trial.starts + 1)
            self._write(msgspec.structs.replace(self._record, trial=again))

    def confirm(self, since: str) -> None:
        if (trial := self._record.trial) is not None:
            self._write(_Record(ConfirmedConfig(trial.version, trial.sha256, since)))
            self.prune()

    def reject(self, reason: str, since: str) -> None:
        if (trial := self._record.trial) is not None:
            shown, problem = str(reason), problem_of(reason)
            gone = RejectedConfig(trial.version, trial.sha256, trial.command, shown, since, problem)
            self._write(msgspec.structs.replace(self._record, trial=None, given_up=gone))
            self.prune()

    def text(self, kept: ConfirmedConfig | ConfigTrial) -> bytes:
        """Return the stored text. Raises ConfigError when it is not the text that was stored."""
        path = self.path(kept.version)
        try:
            text = read_bounded(path)
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(text).hexdigest() != kept.sha256:
            raise ConfigError(f"{path} is not what was pushed: it is damaged")
        return text

    def prune(self) -> None:
        """Remove the configurations that the record no longer names."""
        kept = {self.path(each.version).name for each in (self.confirmed, self.trial) if each is not None}
        for path in self._folder.glob("*.yaml*"):
            if path.name not in kept:
                with contextlib.suppress(
                    OSError
                ):  # it runs on the main thread too, and these files are not needed
                    path.unlink()

    def _write(self, record: _Record) -> None:
        if not write_record(self._folder / RECORD, record):
            raise PushStoreError(problem_text("config-record-not-written", file=str(self._folder / RECORD)))
        self._record = record


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
    file_problem: ConfigError | None = (
        None  # the file has mistakes, and a pushed configuration is in force instead
    )


class ConfigSource:
    """Loads the file or the pushed configuration in its place. One thread at a time may call ``load``."""

    def __init__(self, path: Path, *, no_secrets: bool = False) -> None:
        self.path = path
        self.selected: SelectedConfig | None = None
        self._no_secrets = no_secrets
        self._pushed_error: str | None = None  # why a pushed configuration cannot be used

    def load(self) -> Settings:
        """Return the settings in force; ``selected`` says which. Raises the file's ConfigError when there are
        none."""
        self.selected = self._choose()
        return self.selected.settings

    def start(self, since: str) -> Settings:
        """Load for a starting agent at the time ``since``.

        Counts the starts with a configuration on trial, and gives it up when it cannot be read or the agent
        did not stay up with it. Raises as ``load``.
        """
        settings = self.load()
        store = PushStore(settings.state_dir)
        if store.trial is None:
            return settings
        try:
            if (reason := self._hopeless(store.trial)) is None:
                store.count_start()
                return settings
            log.error("configuration: version %d is given up: %s", store.trial.version, reason)
            store.reject(reason, since)
        except (
            PushStoreError
        ) as error:  # no reason to stop watching the cameras; the trial is judged all the same
            log.error("configuration: %s", error)
            return settings
        return self.load()

    def _hopeless(self, trial: ConfigTrial) -> str | None:
        assert self.selected is not None
        if trial.starts >= MAX_STARTS:
            return problem_text("config-restarts", times=trial.starts)
        if self.selected.origin is not ConfigOrigin.TRIAL:
            newer = problem_text("config-file-newer", version=self.selected.settings.version)
            return self._pushed_error or newer
        return None

    def load_pushed(self, path: Path) -> Settings:
        """Load a pushed configuration in place of the file. Raises ConfigError."""
        beside = self.path.parent
        return loader.load(
            path, conf_dir=self._drop_ins(), base=beside, no_secrets=self._no_secrets, confined=True
        )

    def tree(self) -> Mapping:
        """Return the configuration in force as one tree. It was loaded before. Raises ConfigError."""
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
        yield from sorted((self.path.parent / loader.DEFAULT_CONF_DIR).glob("*.yaml"))

    def lines(self) -> Iterator[str]:
        """Yield texts for health: why the file or a pushed configuration is not in force."""
        if (trouble := self._pushed_error) is not None:
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
            pushed = self._pushed(PushStore(folder), -1 if own is None else own.version)
            if pushed is not None:
                return SelectedConfig(*pushed, problem)
        if own is None:
            assert problem is not None
            raise problem
        return SelectedConfig(own, ConfigOrigin.FILE)

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
    """Return the settings that an agent with this file runs with. Raises ConfigError."""
    return ConfigSource(path, no_secrets=no_secrets).load()
