"""`edge-agent learn`: from collected frames to a signed model release, in steps that survive a kill."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import logging
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

import edge_agent
from edge_agent.cli.learn import STEPS
from edge_agent.commands.signature import read_private
from edge_agent.core.errors import UsageError
from training.agreement import Found, Question, Voice, counts, label, questions, read_all, write_labels
from training.answers import Answers
from training.collection import SET, SOURCE, Frame, check, frames, held_out, read_rows
from training.compare import FEWEST, OPEN_DATA, Figure, compare, detector, hardly_measured, worse
from training.dataset import IGNORE, DataError, Item, Source, fingerprint, read_manifest, read_sources, split
from training.predict import described
from training.progress import Progress
from training.release import Candidate, sha256, write_release
from training.review import Review, ReviewServer
from training.teacher import Teacher

SHIPPED = Path(edge_agent.__file__).parent / "detection/models/street.tflite"
EXIT_FAILED, EXIT_REFUSED, EXIT_STOPPED = 1, 4, 130


def load_voice(path: Path) -> Voice:
    return Teacher(path).label


def run(args: argparse.Namespace, load: Callable[[Path], Voice] = load_voice) -> int:
    """The exit code. Raises EdgeAgentError."""
    try:
        job = Job(args, load)
        with alone(job.work):
            for step in [args.step] if args.step else STEPS:
                if code := job.do(step):
                    return code
    except DataError as error:
        print(f"edge-agent learn: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("edge-agent learn: stopped; run it again and it goes on", file=sys.stderr)
        return EXIT_STOPPED
    return 0


@contextlib.contextmanager
def alone(work: Path) -> Iterator[None]:
    """Lock the folder, because two runs would overwrite each other's files. The lock ends with the process.
    Raises DataError.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"another run of `edge-agent learn` works in {work}: wait until it ends"
            ) from error
        yield


Stored = TypeVar("Stored", bound=msgspec.Struct)


class Evaluation(msgspec.Struct):
    """The result of the step evaluate, for the step release."""

    candidate: str  # sha256
    in_force: str
    threshold: float
    figures: list[Figure]
    trained_on: str  # fingerprint
    held: str  # fingerprint of what was measured on


class Trained(msgspec.Struct):
    """The result of the step train, for the steps after it."""

    trained_on: str  # fingerprint
    places: list[str]


class Job:
    """One run of the command. Its options are checked before the first step."""

    def __init__(self, args: argparse.Namespace, load: Callable[[Path], Voice]) -> None:
        self._args, self._load = args, load
        self.work: Path = args.work or args.folder / "learn"
        self._in_force: Path = args.in_force or SHIPPED
        self._size = _size(args.size)
        wanted = (args.step,) if args.step else STEPS
        if not self._in_force.is_file():
            raise UsageError(f"--in-force: there is no file {self._in_force}")
        if "label" in wanted:
            self._check_voices()
        if "release" in wanted:
            if args.key is None:
                raise UsageError("a release is signed: give --key, or one --step before it")
            read_private(args.key)
        if args.start is not None and args.start.resolve() == self._weights.resolve():
            raise UsageError(
                f"--checkpoint {args.start}: that is the training of this folder, which begins again when "
                "its pictures change: give the .pt of a release"
            )
        if args.name is not None and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", args.name) is None:
            raise UsageError(f"--name {args.name}: letters, digits, dots, - and _, since files are called so")

    def do(self, step: str) -> int:
        """0, or the exit code of the command."""
        if step == "release":
            return self._release()
        {
            "check": self._check,
            "label": self._label,
            "review": self._review,
            "train": self._train,
            "evaluate": self._evaluate,
        }[step]()
        return 0

    @cached_property
    def _answers(self) -> Answers:
        path = self.work / "answers.jsonl"
        answers = Answers(path)
        if answers.unreadable:
            print(f"review: {answers.unreadable} lines of {path} cannot be read and do not count")
        return answers

    # --- pictures ---

    @property
    def _voices(self) -> list[Path]:
        """Return the two voters: two teachers, or one teacher and the model in force."""
        teachers: list[Path] = self._args.teacher
        return teachers if len(teachers) > 1 else [*teachers, self._in_force]

    def _check_voices(self) -> None:
        """Raises UsageError; also for one model in two files, which would always agree with itself."""
        for path in self._voices:
            if not path.is_file():
                raise UsageError(f"--teacher: there is no file {path}")
        if len({sha256(path) for path in self._voices}) < max(2, len(self._voices)):
            raise UsageError(
                "labels need two models: give --teacher FILE, beside the model in force or twice"
            )

    @cached_property
    def _frames(self) -> list[Frame]:
        """Return the usable frames; print the others."""
        folder: Path = self._args.folder
        rows = read_rows(folder)
        faults = check(folder, rows, self.work / "checked.json", Progress("check"))
        for file, fault in faults.items():
            print(f"check: {file} is left out: {fault}")
        return frames(folder, [row for row in rows if row.file not in faults], self.work / "labels")

    @cached_property
    def _held_places(self) -> list[str]:
        before: list[str] = []
        if self._args.start is not None:
            from training.train import checkpoint

            with checkpoint(self._args.start) as kept:
                before = kept.get("places", [])
        return held_out([frame.place for frame in self._frames], self._args.hold_out, before)

    def _split(self) -> tuple[list[Frame], list[Frame]]:
        """Trained on, held out; with their labels written."""
        found, asked = self._asked()
        write_labels(self._frames, found, self._answers.by_member(asked))
        train = [frame for frame in self._frames if frame.place not in self._held_places]
        return train, [frame for frame in self._frames if frame.place in self._held_places]

    def _open_data(self) -> tuple[list[Item], list[Item], dict[str, Source]]:
        sources = read_sources()
        if self._args.data is None:
            return [], [], sources
        items = read_manifest(self._args.data, sources, self._args.taught)
        train, held = split([item for item in items if sources[item.set].weight > 0])
        return train, [replace(item, place=f"{OPEN_DATA}{item.set}") for item in held], sources

    def _asked(self) -> tuple[dict[str, list[Found]], list[Question]]:
        found = read_all(self._frames, self.work / "found")
        return found, questions(self._frames, found)

    # --- steps ---

    def _check(self) -> None:
        places = {frame.place for frame in self._frames}
        print(f"check: {len(self._frames)} pictures of {len(places)} cameras can be used")
        print(f"check: held out, to measure on: {', '.join(self._held_places)}")

    def _label(self) -> None:
        voices = {f"{path.name} {sha256(path)[:16]}": self._load(path) for path in self._voices}
        label(self._frames, voices, self.work / "found", Progress("label"))
        found, asked = self._asked()
        agreed = counts(one for of_frame in found.values() for one in of_frame)
        print(f"label: {agreed}: {len(asked)} questions", flush=True)

    def _review(self) -> None:
        if self._args.no_review:
            print("review: skipped; nothing is learnt where the models disagree and no answer is saved")
            return
        _, asked = self._asked()
        left = [question for question in asked if self._answers.of(question) is None]
        if left:
            server = ReviewServer(Review(asked, {frame.file: frame for frame in self._frames}, self._answers))
            print(f"review: {len(left)} questions, about a second each; open {server.url}")
            print(
                "review: each answer is saved at once; Finish on the page goes on to the training", flush=True
            )
            server.serve()
        answered = sum(self._answers.of(question) is not None for question in asked)
        print(f"review: {answered} of {len(asked)} questions are answered")

    def _train(self) -> None:
        train, _ = self._split()
        open_data, _, sources = self._open_data()
        if not any((item.boxes(1, 1)[:, 4] != IGNORE).any() for item in (*train, *open_data)):
            raise DataError(
                "nothing is labelled in the pictures to train on: answer questions (--step review), give "
                "other teachers, or --data"
            )
        from training.adapt import Wish, adapt, make_model

        logging.basicConfig(level=logging.INFO, format="train: %(message)s", stream=sys.stdout)
        args = self._args
        wish = Wish(args.start, args.minutes, args.steps, args.width, args.processes, self._size)
        print(f"train: {len(train)} frames of the collection, {len(open_data)} open pictures", flush=True)
        adapt(wish, train, open_data, sources, self._weights)
        if self._model.exists() and not self._is_model_made():
            self._model.unlink()  # so that a kill leaves no model beside the places of another
        trained = Trained(self._fingerprint(train, open_data), sorted({frame.place for frame in train}))
        fresh = self._trained.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(trained))
        fresh.replace(self._trained)
        if not self._model.exists():
            make_model(wish, [*train, *open_data], self._weights, self._model)
        print(f"train: {self._model}: {self._model.stat().st_size / 1e6:.2f} MB", flush=True)

    def _is_model_made(self) -> bool:
        """Return whether the model file is of the present weights and the requested size."""
        with contextlib.suppress(DataError):
            newer = self._model.stat().st_mtime >= self._weights.stat().st_mtime
            return newer and described(self._model)[:2] == self._size
        return False

    def _evaluate(self) -> None:
        self._need(self._model, "train")
        self._need(self._trained, "train")
        train, held = self._split()
        open_data, open_held, sources = self._open_data()
        trained = _stored(self._trained, Trained, "train")
        if leaked := set(trained.places) & set(self._held_places):
            raise DataError(
                f"{', '.join(sorted(leaked))}: the model was trained on it: run the step train again"
            )
        if trained.trained_on != self._fingerprint(train, open_data):
            raise DataError(
                "the model was trained on other pictures or labels, or with another --checkpoint, --data or "
                "--taught: give those, or run the step train again"
            )
        figures = compare(
            detector(self._model),
            detector(self._in_force),
            [*held, *open_held],
            {**sources, SET: SOURCE},
            self._args.threshold,
        )
        shas = sha256(self._model), sha256(self._in_force)
        fresh = self._evaluation.with_suffix(".new")
        used = trained.trained_on, fingerprint([*held, *open_held])
        fresh.write_bytes(msgspec.json.encode(Evaluation(*shas, self._args.threshold, figures, *used)))
        fresh.replace(self._evaluation)
        print("evaluate: F1 at IoU 0.5 on places that the model never saw (the model in force; objects)")
        for one in figures:
            f1, before = one.candidate.f1, one.in_force.f1
            print(f"{one.place:40} {one.kind:12} {f1:.2f} ({before:.2f}; {one.objects})", flush=True)

    def _release(self) -> int:
        self._need(self._evaluation, "evaluate")
        args = self._args
        done = _stored(self._evaluation, Evaluation, "evaluate")
        shas = sha256(self._model), sha256(self._in_force)
        if (done.candidate, done.in_force, done.threshold) != (*shas, args.threshold):
            raise DataError(
                "the figures are of other models or another threshold: run the step evaluate again"
            )
        train, held = self._split()
        open_data, open_held, sources = self._open_data()
        used = self._fingerprint(train, open_data), fingerprint([*held, *open_held])
        if (done.trained_on, done.held) != used:
            raise DataError(
                "the figures are of other pictures or labels, or of another --checkpoint, --data or "
                "--taught: give those, or run the steps train and evaluate again"
            )
        for camera in hardly_measured(done.figures):
            print(
                f"release: {camera} has fewer than {FEWEST} objects: what the model misses there is not known"
            )
        if reasons := worse(done.figures, args.margin):
            print(f"release: refused, the margin is {args.margin} of F1 to the model in force:")
            print("\n".join(f"  {reason}" for reason in reasons), flush=True)
            return EXIT_REFUSED
        candidate = Candidate(
            self._model, self._weights, self._in_force, args.start, train, held, open_data, sources,
            self._count_answered(), done.figures, args.margin, args.threshold,
        )  # fmt: skip
        name = args.name or f"street-{datetime.datetime.now(datetime.UTC):%Y%m%d}"
        folder = write_release(candidate, name, args.key, args.out or self.work / "releases")
        print(
            f"release: {folder}, signed. It is on no gateway yet: docs/guide/learn.md says how to roll it out"
        )
        return 0

    def _fingerprint(self, train: list[Frame], open_data: list[Item]) -> str:
        return fingerprint([*train, *open_data], self._args.start)

    def _count_answered(self) -> int:
        _, asked = self._asked()
        return len(self._answers.by_member(asked))

    def _need(self, path: Path, step: str) -> None:
        if not path.exists():
            raise DataError(f"there is no {path}: run the step {step} first")

    @property
    def _weights(self) -> Path:
        return self.work / "weights.pt"

    @property
    def _model(self) -> Path:
        return self.work / "model.tflite"

    @property
    def _evaluation(self) -> Path:
        return self.work / "evaluation.json"

    @property
    def _trained(self) -> Path:
        return self.work / "trained.json"


def _stored(path: Path, kind: type[Stored], step: str) -> Stored:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise DataError(f"{path} is damaged: run the step {step} again") from error


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not {width, height} <= {str(side) for side in range(32, 2049, 32)}:
        raise UsageError(f"--size {text}: two multiples of 32 up to 2048, like 544x320")
    return int(width), int(height)
