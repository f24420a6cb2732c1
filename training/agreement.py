"""Makes labels where two voters agree, and questions for a person where they disagree.

A voter ("voice" in names) is a teacher model or the model in force. A single voter is not reliable: a COCO
model classifies a motorbike's rider as a person, and a model that was trained with few pedestrians classifies
them as riders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from training.collection import Frame
from training.dataset import CLASSES, IGNORE, DataError, Image
from training.predict import Floats
from training.progress import Progress

SURE = (0.5, 0.4, 0.5)
"""Score of each class that one of two agreeing voters needs to make a label."""
ALONE = (0.6, 0.5, 0.6)
"""Score from which the detection of a single voter becomes a question."""
DOUBTFUL = 0.3
"""Score from which the detection of a single voter is ignored; below, it is background."""
UNSURE = 0.2
"""Score from which a voter supports another."""
SAME_OBJECT = 0.45
"""Overlap from which boxes of two voters are one object. Lower: fewer questions and less exact boxes."""
SAME_BOX = 0.7
"""Overlap from which boxes of one frame are one object, whatever their classes; an answer is for both."""
STANDING = 0.8
"""Overlap from which boxes in following frames of a camera are one standing object."""
GAP = 6
"""Number of frames without a standing object after which the next one is a different object."""
VOTES = 2
"""Labels of a standing object, all of one class, that answer the questions about it."""

Voice = Callable[[Image], Floats]
"""Gives [n, 6]: x1, y1, x2, y2 in pixels, score, class."""


class Found(msgspec.Struct):
    """One object of one frame, as detected by the voters. The box is in 0..1 of the picture."""

    box: tuple[float, float, float, float]
    votes: list[tuple[int, float]]
    """Class and score by each voice that sees it, the surest first."""
    kind: int | None
    """Class, or IGNORE: not used for training. None: a person is asked."""

    @property
    def key(self) -> str:
        return ",".join(f"{value:.3f}" for value in self.box)


class Seen(msgspec.Struct):
    """The detections of the voters in one frame."""

    voices: list[str]
    found: list[Found]


class Member(msgspec.Struct, frozen=True):
    """One box of one frame."""

    file: str
    key: str


class Question(msgspec.Struct):
    """A question to a person about one box. The answer also applies to the same standing object in other
    frames.
    """

    members: list[Member]
    votes: list[tuple[int, float]]
    worth: float


def agree(voices: Sequence[Floats], width: int, height: int) -> list[Found]:
    """Return each object that at least one voter detects; no two overlap by ``SAME_BOX``."""
    boxes = np.concatenate([_of_voice(found, number) for number, found in enumerate(voices)])
    boxes = boxes[boxes[:, 4].argsort(kind="stable")[::-1]]
    free = np.ones(len(boxes), bool)
    out: list[Found] = []
    for n, box in enumerate(boxes):
        if not free[n]:
            continue
        same = [n]
        for voice in set(range(len(voices))) - {int(box[6])}:
            near = overlaps(box, boxes) * (free & (boxes[:, 6] == voice))
            if len(near) and near.max() >= SAME_OBJECT:
                same.append(int(near.argmax()))
        free[same] = False
        if len(same) > 1 or box[4] >= DOUBTFUL:
            _add(_judged(boxes[same], width, height), out)
    return out


def _add(one: Found, objects: list[Found]) -> None:
    """Add an object, or its sure votes to the object that has this box already. Voters may find one rider as
    a two-wheeler and as a vehicle: then a person decides."""
    own = np.array(one.box, np.float32)
    others = np.array([each.box for each in objects], np.float32).reshape(-1, 4)
    near = overlaps(own, others)
    if not len(near) or near.max() < SAME_BOX:
        objects.append(one)
        return
    twin = objects[int(near.argmax())]
    sure = [(kind, score) for kind, score in one.votes if score >= SURE[kind]]
    if any(kind != twin.votes[0][0] for kind, _ in sure):
        twin.votes = sorted([*twin.votes, *sure], key=lambda vote: -vote[1])
        twin.kind = None


def _of_voice(found: Floats, number: int) -> Floats:
    sure = found[found[:, 4] >= UNSURE]
    return np.hstack([sure, np.full((len(sure), 1), number, np.float32)])


def _judged(same: Floats, width: int, height: int) -> Found:
    """``same``: boxes of one object, the surest first."""
    votes = sorted(((int(row[5]), round(float(row[4]), 3)) for row in same), key=lambda vote: -vote[1])
    kinds = {kind for kind, _ in votes}
    best, score = votes[0]
    kind: int | None = None
    if len(kinds) == 1 and len(votes) > 1:
        kind = best if score >= SURE[best] else None
    elif len(votes) == 1 and score < ALONE[best]:
        kind = IGNORE
    x1, y1, x2, y2 = (float(v) for v in np.average(same[:, :4], axis=0, weights=same[:, 4]))
    box = (x1 / width, y1 / height, x2 / width, y2 / height)
    return Found(tuple(round(min(1.0, max(0.0, v)), 5) for v in box), votes, kind)  # type: ignore[arg-type]


def overlaps(box: Floats, others: Floats) -> Floats:
    """Intersection over union, [n]."""
    meet = (np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2])).clip(0).prod(axis=1)
    area = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    own = (box[2] - box[0]) * (box[3] - box[1])
    return np.asarray(meet / np.maximum(own + area - meet, 1e-9), np.float32)


def label(frames: Sequence[Frame], voices: dict[str, Voice], folder: Path, progress: Progress) -> None:
    """Write what the voices find in each frame to ``folder``; what is there of the same voices stays."""
    names = sorted(voices)
    todo = [frame for frame in frames if (seen := read_seen(frame, folder)) is None or seen.voices != names]
    for frame in progress.over(todo):
        image = frame.image()
        height, width = image.shape[:2]
        found = agree([voices[name](image) for name in names], width, height)
        path = _path(frame, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(Seen(names, found)))
        fresh.replace(path)  # a kill in between leaves no partial file


def read_seen(frame: Frame, folder: Path) -> Seen | None:
    """Return what ``label`` wrote for the frame."""
    try:
        return msgspec.json.decode(_path(frame, folder).read_bytes(), type=Seen)
    except (OSError, msgspec.DecodeError):
        return None


def read_all(frames: Sequence[Frame], folder: Path) -> dict[str, list[Found]]:
    """Return the findings of each frame by its file, after the vote of standing objects. Raises DataError."""
    out = {}
    for frame in frames:
        seen = read_seen(frame, folder)
        if seen is None:
            raise DataError(f"{frame.file} has no labels yet: run the step label")
        out[frame.file] = seen.found
    return out


def _path(frame: Frame, folder: Path) -> Path:
    return (folder / frame.file).with_suffix(".json")


def questions(frames: Sequence[Frame], found: dict[str, list[Found]]) -> list[Question]:
    """What is left to ask, in the order of asking.

    Standing objects vote first: that changes ``found``. What is worth most comes first, and the cameras take
    turns, so that the first minutes of answers are of all of them.
    """
    by_place: dict[str, list[Question]] = {}
    for place in sorted({frame.place for frame in frames}):
        of_place = [frame for frame in frames if frame.place == place]
        asked = [_question(chain) for chain in _standing(of_place, found) if _open_after_vote(chain)]
        by_place[place] = sorted(asked, key=lambda question: -question.worth)
    longest = max(map(len, by_place.values()), default=0)
    return [asked[n] for n in range(longest) for asked in by_place.values() if n < len(asked)]


Chain = list[tuple[str, Found]]
"""Boxes of one standing object, by the file of their frame. A moving object is a chain of one box."""


def _standing(frames: Iterable[Frame], found: dict[str, list[Found]]) -> list[Chain]:
    chains: list[Chain] = []
    ends: list[tuple[int, Chain]] = []  # number of the frame in which each was seen last
    for number, frame in enumerate(frames):
        ends = [(last, chain) for last, chain in ends if number - last <= GAP]
        boxes = np.array([chain[-1][1].box for _, chain in ends], np.float32).reshape(-1, 4)
        free = np.ones(len(ends), bool)
        for one in found[frame.file]:
            near = overlaps(np.array(one.box, np.float32), boxes) * free
            if len(near) and near.max() >= STANDING:
                at = int(near.argmax())
                free[at] = False
                chain = ends[at][1]
                ends[at] = (number, chain)
            else:
                chain = []
                chains.append(chain)
                ends.append((number, chain))
            chain.append((frame.file, one))
    return chains


def _open_after_vote(chain: Chain) -> bool:
    """Whether a person has to be asked; otherwise the chain's own labels have answered."""
    asked = [one for _, one in chain if one.kind is None]
    labels = [one.kind for _, one in chain if one.kind not in (None, IGNORE)]
    if asked and len(labels) >= VOTES and len(set(labels)) == 1:
        for one in asked:
            one.kind = labels[0]
        return False
    return bool(asked)


def _question(chain: Chain) -> Question:
    """The surest disagreement is worth most: both voices were sure, and one of them is wrong."""
    asked = [(file, one) for file, one in chain if one.kind is None]
    _, shown = max(asked, key=lambda pair: _doubt(pair[1]))
    asked.sort(key=lambda pair: pair[1] is not shown)
    worth = _doubt(shown) + 0.1 * float(np.log(len(asked)))
    return Question([Member(file, one.key) for file, one in asked], shown.votes, worth)


def _doubt(one: Found) -> float:
    if len({kind for kind, _ in one.votes}) > 1:
        return 1 + min(score for _, score in one.votes)
    return one.votes[0][1]


def write_labels(
    frames: Iterable[Frame], found: dict[str, list[Found]], answers: dict[Member, int | None]
) -> None:
    """Write agreed and answered labels of each frame as YOLO text (None: no object); others are ignored."""
    for frame in frames:
        frame.labels.parent.mkdir(parents=True, exist_ok=True)
        frame.labels.write_text("\n".join(_lines(frame, found[frame.file], answers)), encoding="ascii")


def _lines(frame: Frame, found: Iterable[Found], answers: dict[Member, int | None]) -> Iterator[str]:
    for one in found:
        kind = answers.get(Member(frame.file, one.key), IGNORE) if one.kind is None else one.kind
        if kind is not None:
            x1, y1, x2, y2 = one.box
            yield f"{kind} {(x1 + x2) / 2:.6f} {(y1 + y2) / 2:.6f} {x2 - x1:.6f} {y2 - y1:.6f}"


def counts(found: Iterable[Found]) -> str:
    """Return a text with the number of objects of each class."""
    kinds = [one.kind for one in found]
    agreed = ", ".join(f"{kinds.count(n)} {name}" for n, name in enumerate(CLASSES))
    return f"{agreed}; {kinds.count(None)} asked; {kinds.count(IGNORE)} ignored"
