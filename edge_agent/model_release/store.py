"""Models from the centre on the disk: the record of which one is in force, and a few model files.

A power cut between any two writes leaves one of the two models in force: a file is complete before the
record names it, and the record is replaced atomically.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.commands.action import CommandFailed, CommandRefused, unchanged
from edge_agent.commands.transfer.https import download, sha256_of
from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import Clock, SystemClock, rfc3339
from edge_agent.core.facts import RequestOrigin
from edge_agent.core.problems import optional_problem, problem_text
from edge_agent.core.state_file import read_record, write_record
from edge_agent.detection.choose import SHIPPED, DetectorChoice, choose_detector
from edge_agent.model_release.record import ModelRecord, RevertedModel, SentModel
from edge_agent.wire import ModelData

log = logging.getLogger(__name__)

FOLDER = "sent-models"
"""Not ``models``, which belongs to the operator: in this folder all files that the record does not name are
deleted."""
RECORD = "state.json"
KEEP_FREE = 100_000_000
CRASHES = 3
"""Consecutive starts that a new model may crash before the previous model is in force again."""


class ModelStore:
    """The models of one gateway. Any thread may read ``record``; all else is for one thread at a time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.record = ModelRecord()
        """Replaced by ``save``, never changed."""
        self._configured = settings.detector
        self.folder = settings.state_dir / FOLDER
        self._clock = clock

    @property
    def is_auto(self) -> bool:
        """Whether the configuration lets the centre choose the model."""
        return self._configured.model == "auto"

    @property
    def configured(self) -> str:
        """The model that the configuration names."""
        return self._configured.model

    # --- start ---

    def start(self) -> DetectorChoice:
        """Return the detector to start with: the previous one if the new model crashed the agent too often or
        cannot be loaded."""
        self.record = read_record(self.folder / RECORD, ModelRecord) or ModelRecord()
        if not self.is_auto:
            return choose_detector(self._configured)
        if self.record.phase in ("shadow", "probation"):
            self._count_start()
        return self.choose()

    def choose(self) -> DetectorChoice:
        """Return the detector of the model in force; if that cannot be loaded, of the one before it."""
        while (model := self.record.in_force) is not None:
            choice = self.load(model)
            if choice.detector is not None:
                return choice
            self.go_back(problem_text("model-not-loaded", why=choice.degraded or ""))
        return choose_detector(self._configured)

    def _count_start(self) -> None:
        starts = self.record.starts + 1
        self.save(starts=starts)
        if starts < CRASHES:
            return
        why = problem_text("model-crashes", times=CRASHES)
        if self.record.probation is not None:
            self.go_back(why)
        elif self.record.trial is not None:
            self.give_up(why)

    # --- the record ---

    def save(self, **changes: object) -> bool:
        """Change fields of the record, for all readers and on the disk. False: the write failed."""
        self.record = msgspec.structs.replace(self.record, **changes)
        return self.write(RECORD, self.record)

    def write(self, name: str, record: msgspec.Struct) -> bool:
        """Write a file of the folder. False: it failed, and the reason is logged."""
        with contextlib.suppress(OSError):  # write_record logs what is wrong
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        return write_record(self.folder / name, record)

    def go_back(self, why: str, by: RequestOrigin | None = None) -> None:
        """Put the previous model into force in the record; the caller loads it."""
        record, model = self.record, self.record.in_force
        if model is None:
            return
        log.warning("model: %s goes back: %s", model.name, why)
        event = self.change("reverted", model, record.before, why, by or RequestOrigin())
        self.save(
            in_force=record.before,
            before=None,
            probation=None,
            starts=0,
            reverted=self._reverted(model, why, event.command_id),
            unreported=event,
        )

    def give_up(self, why: str) -> None:
        """End shadow mode: the model failed."""
        trial = self.record.trial
        if trial is None:
            return
        log.warning("model: %s is not tried any longer: %s", trial.model.name, why)
        self.save(trial=None, starts=0, reverted=self._reverted(trial.model, why, trial.command_id))

    def change(
        self,
        outcome: Literal["switched", "confirmed", "reverted"],
        model: SentModel,
        before: SentModel | None,
        why: str,
        by: RequestOrigin,
    ) -> ModelData:
        """Make the data of an event. ``before``: None for the model of the release."""
        return ModelData(
            outcome=outcome,
            name=model.name,
            sha256=model.sha256,
            before=SHIPPED.stem if before is None else before.name,
            before_sha256=sha256_of(SHIPPED) if before is None else before.sha256,
            why=str(why),
            problem=optional_problem(why),
            decided_at=rfc3339(self._clock.now()),
            command_id=by.command_id,
            signed_by=by.signed_by,
        )

    def _reverted(self, model: SentModel, why: str, command_id: str | None) -> RevertedModel:
        now = rfc3339(self._clock.now())
        return RevertedModel(
            sha256=model.sha256,
            name=model.name,
            at=now,
            why=str(why),
            command_id=command_id,
            problem=optional_problem(why),
        )

    # --- files ---

    def load(self, model: SentModel) -> DetectorChoice:
        """Load a model; takes up to a second. A choice without a detector says why."""
        path = self.path_of(model)
        if sha256_of(path) != model.sha256:  # checked first: a damaged model can crash the runtime
            text = problem_text("model-file-changed", file=str(path))
            return DetectorChoice(None, text, text)
        return choose_detector(self._configured, path)

    def path_of(self, model: SentModel) -> Path:
        return self.folder / model.sha256[:16] / model.file

    def fetch(
        self,
        model: SentModel,
        url: str,
        size_bytes: int,
        *,
        ca_file: str | None,
        stopping: Callable[[], bool],
        received: Callable[[int], None],
    ) -> bool:
        """Download the model unless the gateway has its file. False: the agent stops.

        Raises OSError; CommandRefused without disk space; CommandFailed when the file has another hash."""
        path = self.path_of(model)
        if sha256_of(path) == model.sha256:
            return True
        self._free_space(path.parent, size_bytes)
        part = path.with_suffix(".part")
        if not download(url, part, size_bytes, ca_file=ca_file, stopping=stopping, received=received):
            return False
        if sha256_of(part) != model.sha256:
            part.unlink()
            raise CommandFailed(unchanged(problem_text("download-not-signed", file=path.name)))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        return True

    def clean(self, *more: SentModel) -> None:
        """Delete the files of all models except those of the record and ``more``."""
        kept = {model.sha256[:16] for model in (*self.record.models, *more)}
        for folder in self.folder.glob("*"):
            if folder.is_dir() and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _free_space(self, folder: Path, size_bytes: int) -> None:
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
        except OSError as error:
            unusable = problem_text("collection-folder", folder=str(folder), error=str(error.strerror))
            raise CommandRefused(unchanged(unusable)) from error
        if free < size_bytes + KEEP_FREE:
            sizes = {"needed_mb": round((size_bytes + KEEP_FREE) / 1e6), "free_mb": round(free / 1e6)}
            raise CommandRefused(problem_text("disk-too-full", **sizes))


def detector_of_agent(settings: Settings) -> DetectorChoice:
    """Return the detector that the agent of this configuration runs; for other programs on the gateway."""
    store = ModelStore(settings, SystemClock())
    with contextlib.suppress(OSError):  # another user's folder
        record = read_record(store.folder / RECORD, ModelRecord) or ModelRecord()
        if store.is_auto and record.in_force is not None:
            choice = store.load(record.in_force)
            if choice.detector is not None:
                return choice
    return choose_detector(settings.detector)
