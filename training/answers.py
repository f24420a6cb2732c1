"""A person's answers, each on the disk before the next question is shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from training.agreement import SAME_BOX, Member, Question, overlaps
from training.dataset import CLASSES, IGNORE
from training.predict import Floats

KEYS: dict[str, int | None] = {
    "p": CLASSES.index("person"),
    "t": CLASSES.index("two-wheeler"),
    "v": CLASSES.index("vehicle"),
    "n": None,  # nothing is there: the picture teaches that
    "w": IGNORE,  # something is there and the box is wrong: nothing is learnt there
}


class Answer(msgspec.Struct):
    """One line of the file. Without an answer it cancels the last answer about these boxes."""

    members: list[Member]
    answer: str | None


class Answers:
    """The file only grows, so that a kill loses no answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.unreadable = 0  # lines; a power cut leaves one
        self._given: dict[str, list[tuple[Floats, str]]] = {}  # boxes and their answers, by file
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                self._take(msgspec.json.decode(line, type=Answer))
            except (msgspec.DecodeError, ValueError):
                self.unreadable += 1

    def _take(self, answer: Answer) -> None:
        for member in answer.members:
            box = _box(member)
            others = self._given.get(member.file, [])
            kept = [given for given in others if not _same(box, given[0])]
            self._given[member.file] = kept + ([(box, answer.answer)] if answer.answer in KEYS else [])

    def give(self, question: Question, answer: str | None) -> None:
        """Store the answer durably; None cancels the last one."""
        row = Answer(question.members, answer)
        with self._path.open("ab") as file:
            file.write(b"\n" if _is_cut_off(self._path) else b"")
            file.write(msgspec.json.encode(row) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(row)

    def of(self, question: Question) -> str | None:
        """The answer to any of its boxes: a standing object that was seen again is not asked again."""
        for member in question.members:
            box = _box(member)
            for given, said in self._given.get(member.file, []):
                if _same(box, given):
                    return said
        return None

    def by_member(self, questions: Sequence[Question]) -> dict[Member, int | None]:
        """Return the class, IGNORE or None (no object) of each answered box."""
        given = [(question, self.of(question)) for question in questions]
        return {member: KEYS[said] for question, said in given if said for member in question.members}


def _box(member: Member) -> Floats:
    """[4]. Raises ValueError."""
    return np.array(member.key.split(","), np.float32).reshape(4)


def _same(box: Floats, other: Floats) -> bool:
    return bool(overlaps(box, other[None])[0] >= SAME_BOX)


def _is_cut_off(path: Path) -> bool:
    """Whether the last line has no end."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
