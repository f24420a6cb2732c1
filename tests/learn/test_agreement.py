"""What becomes a label, what a question, and what nothing is learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.learn.cities import FLAT, PERSON, TWO_WHEELER, VEHICLE, collect, teacher
from training.agreement import Found, Voice, agree, label, questions, read_all, write_labels
from training.collection import Frame, frames, read_rows
from training.dataset import IGNORE, Image
from training.predict import Floats
from training.progress import Progress

BOX = (10.0, 10.0, 30.0, 50.0)
NEAR = (11.0, 12.0, 31.0, 50.0)
FAR = (60.0, 10.0, 80.0, 50.0)
ASKED = None


def saw(*rows: tuple[tuple[float, ...], float, int]) -> Floats:
    return np.array([(*box, score, kind) for box, score, kind in rows], np.float32).reshape(-1, 6)


@pytest.mark.parametrize(
    ("one", "two", "kinds"),
    [
        (saw((BOX, 0.6, PERSON)), saw((NEAR, 0.3, PERSON)), [PERSON]),  # one is sure, the other agrees
        (saw((BOX, 0.3, PERSON)), saw((NEAR, 0.3, PERSON)), [ASKED]),  # both see it, neither is sure
        (saw((BOX, 0.9, PERSON)), saw((NEAR, 0.9, TWO_WHEELER)), [ASKED]),
        (saw((BOX, 0.9, VEHICLE)), saw(), [ASKED]),  # only one sees it
        (saw((BOX, 0.3, VEHICLE)), saw(), [IGNORE]),
        (saw((BOX, 0.29, VEHICLE)), saw(), []),
        (saw((BOX, 0.9, PERSON)), saw((FAR, 0.9, PERSON)), [ASKED, ASKED]),  # two objects
        (saw((BOX, 0.9, PERSON), (FAR, 0.8, VEHICLE)), saw((NEAR, 0.7, PERSON)), [PERSON, ASKED]),
        # Both see two classes in one box: a person decides if both classes are sure.
        (saw((BOX, 0.9, TWO_WHEELER), (NEAR, 0.6, VEHICLE)), saw((NEAR, 0.8, TWO_WHEELER)), [ASKED]),
        (saw((BOX, 0.9, TWO_WHEELER), (NEAR, 0.4, VEHICLE)), saw((NEAR, 0.8, TWO_WHEELER)), [TWO_WHEELER]),
        (
            saw((BOX, 0.9, TWO_WHEELER), (NEAR, 0.7, VEHICLE)),
            saw((BOX, 0.8, TWO_WHEELER), (NEAR, 0.6, VEHICLE)),
            [ASKED],
        ),
    ],
)
def test_two_voices(one: Floats, two: Floats, kinds: list[int | None]) -> None:
    assert [found.kind for found in agree([one, two], 100, 100)] == kinds


def test_the_box_of_a_label_lies_between_those_of_the_voices() -> None:
    (found,) = agree([saw((BOX, 0.6, PERSON)), saw((NEAR, 0.6, PERSON))], 100, 100)
    assert found.box == pytest.approx((0.105, 0.11, 0.305, 0.5), abs=0.001)


@pytest.fixture
def street(tmp_path: Path) -> list[Frame]:
    collect(tmp_path, FLAT, ["dt-001-cam-1", "dt-002-cam-1"], 3)
    return frames(tmp_path, read_rows(tmp_path), tmp_path / "labels")


def test_labelling_goes_on_where_it_was_killed(street: list[Frame], tmp_path: Path) -> None:
    seen: list[int] = []

    def dies(image: Image) -> Floats:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(1)
        return teacher(FLAT)(image)

    voices: dict[str, Voice] = {"one": dies, "two": teacher(FLAT)}
    with pytest.raises(KeyboardInterrupt):
        label(street, voices, tmp_path / "found", Progress("label"))
    seen.clear()
    asked = counting(teacher(FLAT))
    label(street, {"one": asked, "two": teacher(FLAT)}, tmp_path / "found", Progress("label"))
    assert asked.count == len(street) - 2
    found = read_all(street, tmp_path / "found")
    assert all([one.kind for one in found[frame.file]].count(VEHICLE) == 2 for frame in street)


def test_another_teacher_labels_again(street: list[Frame], tmp_path: Path) -> None:
    for name in ("two", "three"):
        asked = counting(teacher(FLAT))
        label(street, {"one": teacher(FLAT), name: asked}, tmp_path / "found", Progress("label"))
        assert asked.count == len(street)


class counting:
    def __init__(self, voice: Voice) -> None:
        self.count, self._voice = 0, voice

    def __call__(self, image: Image) -> Floats:
        self.count += 1
        return self._voice(image)


def one(kind: int | None, x: float = 0.1, *votes: tuple[int, float]) -> Found:
    return Found((x, 0.1, x + 0.1, 0.3), list(votes or [(VEHICLE, 0.7)]), kind)


def in_turn(street: list[Frame], *found: list[Found]) -> dict[str, list[Found]]:
    """``found`` in the frames of the first camera, nothing in the others."""
    filled: Iterator[list[Found]] = iter(found)
    return {frame.file: next(filled, []) for frame in street}


def test_a_standing_object_is_asked_once_for_all_its_frames(street: list[Frame]) -> None:
    found = in_turn(street, [one(ASKED)], [one(ASKED, 0.101)], [one(ASKED, 0.5)])
    asked = questions(street, found)
    assert sorted(len(question.members) for question in asked) == [1, 2]


def test_labels_of_a_standing_object_answer_the_question_about_it(street: list[Frame]) -> None:
    found = in_turn(street, [one(VEHICLE)], [one(ASKED)], [one(VEHICLE)])
    assert questions(street, found) == []
    assert [of_frame[0].kind for of_frame in list(found.values())[:3]] == [VEHICLE] * 3


def test_labels_that_contradict_each_other_answer_nothing(street: list[Frame]) -> None:
    found = in_turn(street, [one(VEHICLE)], [one(ASKED)], [one(PERSON)])
    assert len(questions(street, found)) == 1


def test_sure_contradictions_come_first_and_cameras_take_turns(street: list[Frame]) -> None:
    first, second = street[0], street[3]
    found: dict[str, list[Found]] = {frame.file: [] for frame in street}
    contradiction = ((PERSON, 0.9), (TWO_WHEELER, 0.8))
    found[first.file] = [one(ASKED, 0.1), one(ASKED, 0.4, *contradiction), one(ASKED, 0.7)]
    found[second.file] = [one(ASKED, 0.2)]
    asked = questions(street, found)
    assert asked[0].votes == list(contradiction)
    assert [question.members[0].file for question in asked[:3]] == [first.file, second.file, first.file]


def test_labels_hold_what_was_agreed_and_answered_and_ignore_the_rest(street: list[Frame]) -> None:
    frame = street[0]
    found = in_turn(street, [one(VEHICLE, 0.1), one(ASKED, 0.3), one(ASKED, 0.5), one(ASKED, 0.7)])
    by_box = {question.members[0].key[:3]: question.members[0] for question in questions(street, found)}
    write_labels(street, found, {by_box["0.3"]: PERSON, by_box["0.5"]: None})
    boxes = frame.boxes(100, 100)
    assert np.allclose(boxes[:, [0, 4]], [(10, VEHICLE), (30, PERSON), (70, IGNORE)], atol=0.01)
