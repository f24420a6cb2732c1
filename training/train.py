"""The training loop: resumable after a kill, reproducible by its seed."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training import processes
from training.augment import AS_IN_THE_AGENT, PAD, USUAL, Scales, Window, vary, window
from training.dataset import CLASSES, Boxes, DataError, Image, Item, Source, fingerprint
from training.losses import Truth, loss
from training.network import WIDTH, Detector
from training.paste import Drawing, Pieces, read_drawings

log = logging.getLogger(__name__)

MIDDLES = {0: 0.46, 1: 0.3, 2: 0.14, None: 0.1}
"""Share of windows with a person, a two-wheeler, a vehicle, or anything in the centre.

Persons more often than two-wheelers, because a picture often has several of these: a detector trained with
few pedestrians
classifies them as riders.
"""
RATE_AFTER = 1e-3
"""Learning rate of a training that begins with trained weights; half of that from scratch."""
MOST = 6
"""A picture with more objects of a class than that is not drawn more often for them."""
LEAST_HEIGHT = 64  # pixels of a piece of a window
SMALL = 224  # pixels of a small window
SMALL_SHARE = 0.4
"""Of a training from random weights that begins with small windows: a step takes 0.14 s instead of 0.21 s."""
AS_IN_THE_AGENT_FROM = 0.85
"""Share of the training after which most windows have the scale of whole pictures."""
SAVE_EVERY_S = 60.0
_NO_CHECKPOINT = (
    *(OSError, RuntimeError, EOFError, LookupError, TypeError, ValueError, AttributeError),
    pickle.UnpicklingError,
)
REPORT_EVERY_S = 30.0


@dataclass(frozen=True)
class Plan:
    steps: int
    width: int = WIDTH  # of the network
    minutes: float = 0.0  # of computing after which the training ends, whatever the steps; 0: `steps` count
    batch: int = 8
    size: int = 320  # pixels of a window
    rate: float = 2e-3
    small: float = 0.0  # share of the training with windows of SMALL pixels
    seed: int = 0
    processes: int = 1  # each computes `batch` windows of a step


@dataclass(frozen=True)
class Material:
    """What to train with."""

    items: Sequence[Item]
    sources: dict[str, Source]
    drawn: Path | None = None  # folder of drawings to paste
    start: Path | None = None  # checkpoint to begin with; else random weights

    def fingerprint(self) -> str:
        return fingerprint(self.items, self.start, self.drawn)


class Pictures:
    """Draws training windows. Pictures stay encoded in memory; 4,000 of them take about 700 MB."""

    def __init__(self, material: Material) -> None:
        """Read all of it. Raises DataError if there is no picture, or no drawing in the folder."""
        items, sources = material.items, material.sources
        if not items:
            raise DataError("there is no picture to train on")
        self._items = items
        self._bytes = [item.path.read_bytes() for item in items]
        self._boxes: list[Boxes | None] = [None] * len(items)
        self._unlabelled = [_unlabelled(item, sources) for item in items]
        weights = np.array([sources[item.set].weight for item in items])
        counts = np.array(
            [[(item.boxes(1, 1)[:, 4] == n).sum() for n in range(len(CLASSES))] for item in items]
        )
        self._chances: dict[int | None, NDArray[np.float64]] = {None: weights / weights.sum()}
        for kind in range(len(CLASSES)):
            of_kind = weights * counts[:, kind].clip(0, MOST)
            if of_kind.sum() > 0:
                self._chances[kind] = of_kind / of_kind.sum()
        kinds = np.array([MIDDLES[kind] for kind in self._chances])
        self._kinds = kinds / kinds.sum()
        self._pieces = self._cut_pieces(read_drawings(material.drawn) if material.drawn else [])

    def _cut_pieces(self, drawings: list[Drawing]) -> Pieces:
        pieces, rng = Pieces(drawings), np.random.default_rng(0)
        for number, item in enumerate(self._items):
            if not self._unlabelled[number]:
                image = _decoded(self._bytes[number], item.path)
                pieces.cut(image, self._boxes_of(number, image), rng)
        return pieces

    def draw(self, size: int, rng: np.random.Generator, scales: Scales = USUAL) -> tuple[Image, Truth]:
        """Draw a square window; if a picture is lower, a part of another one is added below it."""
        image = np.full((size, size, 3), PAD[0], np.uint8)
        boxes: list[Boxes] = []
        unlabelled: list[tuple[int, float, float]] = []
        top = 0
        while size - top >= LEAST_HEIGHT:
            number, cut = self._cut(size, size - top, rng, scales)
            bottom = top + cut.image.shape[0]
            image[top:bottom] = cut.image
            boxes.append(cut.boxes + np.array([0, top, 0, top, 0], np.float32))
            unlabelled += [(kind, float(top), float(bottom)) for kind in self._unlabelled[number]]
            top = bottom
        varied = vary(self._pieces.paste(Window(image, np.concatenate(boxes)), rng), rng)
        return varied.image, Truth(torch.from_numpy(varied.boxes), unlabelled)

    def _cut(self, width: int, height: int, rng: np.random.Generator, scales: Scales) -> tuple[int, Window]:
        kind = list(self._chances)[int(rng.choice(len(self._kinds), p=self._kinds))]
        number = int(rng.choice(len(self._items), p=self._chances[kind]))
        image = _decoded(self._bytes[number], self._items[number].path)
        return number, window(image, self._boxes_of(number, image), kind, (width, height), rng, scales)

    def _boxes_of(self, number: int, image: Image) -> Boxes:
        found = self._boxes[number]
        if found is None:
            found = self._boxes[number] = self._items[number].boxes(image.shape[1], image.shape[0])
        return found


def _unlabelled(item: Item, sources: dict[str, Source]) -> list[int]:
    """Classes that may be in the picture without a label."""
    return [] if item.taught else [CLASSES.index(name) for name in sources[item.set].unlabelled]


class Training:
    """The state of a run, stored in a file."""

    def __init__(self, plan: Plan, trained_on: str = "") -> None:
        """``trained_on``: ``Material.fingerprint``."""
        torch.manual_seed(plan.seed)
        torch.set_num_threads(1)
        self.plan, self.trained_on = plan, trained_on
        self.places: set[str] = set()  # of the pictures, also of those of the weights to begin with
        self.network = Detector(plan.width).to(memory_format=torch.channels_last)
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), plan.rate, weight_decay=0.02, fused=True
        )
        self.step = 0
        self.spent_s = 0.0
        self._short = _multiplies_bfloat16()

    @property
    def done(self) -> float:
        """Share of the plan, 0..1."""
        plan = self.plan
        return min(1.0, self.spent_s / (60 * plan.minutes) if plan.minutes else self.step / plan.steps)

    def save(self, path: Path) -> None:
        """Save in one step: after a kill the previous file is there. Raises DataError for a full disk."""
        fresh, content = path.with_suffix(".new"), io.BytesIO()
        torch.save(
            {
                "plan": self.plan.__dict__,
                "trained_on": self.trained_on,
                "places": sorted(self.places),
                "network": self.network.state_dict(),
                "average": self.average,
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "spent_s": self.spent_s,
            },
            content,  # no file, because of a full disk PyTorch says neither the name nor the reason
        )
        try:
            fresh.write_bytes(content.getbuffer())
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise DataError(f"{path} cannot be written: {error.strerror}") from error

    def load(self, path: Path) -> None:
        """Load a state. Raises DataError for another plan or material, or a file that is not a checkpoint."""
        with checkpoint(path) as kept:
            if not _is_of(kept, self.plan, self.trained_on):
                raise DataError(
                    f"{path} is of another training ({kept['plan']}), or of other pictures, labels, drawings "
                    "or --from; remove it or give its options"
                )
            self.network.load_state_dict(kept["network"])
            self.average = kept["average"]
            self.optimiser.load_state_dict(kept["optimiser"])
            self.step, self.spent_s = kept["step"], kept["spent_s"]

    def begin_from(self, path: Path) -> None:
        """Begin with the weights of a checkpoint. Raises DataError."""
        with checkpoint(path) as kept:
            self.network.load_state_dict(kept["average"])
            self.places |= set(kept.get("places", []))
            self.average = {name: value.clone() for name, value in kept["average"].items()}

    def run(self, pictures: Pictures, checkpoint: Path) -> None:
        """Train to the end of the plan. Blocks; prints the remaining time from time to time.

        With several processes the first one saves.
        """
        shown = saved = time.monotonic()
        recent: list[float] = []
        while self.done < 1:
            begun = time.monotonic()
            recent.append(self.advance(pictures))
            now = time.monotonic()
            self.spent_s += now - begun
            if now - shown >= REPORT_EVERY_S or self.done == 1:
                left_s = self.spent_s / self.done * (1 - self.done)
                log.info("step %d, loss %.3f, %s left", self.step, np.mean(recent[-100:]), _span(left_s))
                shown = now
            if processes.number() == 0 and (now - saved >= SAVE_EVERY_S or self.done == 1):
                self.save(checkpoint)
                saved = now

    def advance(self, pictures: Pictures) -> float:
        """Run one step and return its loss."""
        plan = self.plan
        rng = np.random.default_rng([plan.seed, processes.number(), self.step])
        size = SMALL if self.done < plan.small else plan.size
        scales = USUAL if self.done < AS_IN_THE_AGENT_FROM else AS_IN_THE_AGENT
        drawn = [pictures.draw(size, rng, scales) for _ in range(plan.batch)]
        for group in self.optimiser.param_groups:
            group["lr"] = _rate(plan.rate, self.step, self.done)
        batch = as_input([image for image, _ in drawn])
        with torch.autocast("cpu", torch.bfloat16, enabled=self._short):
            levels = self.network(batch)
        cost = loss(levels, [truth for _, truth in drawn])
        self.optimiser.zero_grad()
        cost.backward()
        self.spent_s = processes.share(self.network, self.spent_s)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(cost.detach())

    def _average(self) -> None:
        """Average the weights: the mean of the last few hundred steps detects better than any single step."""
        keep = min(0.998, (1 + self.step) / (20 + self.step))
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                self.average[name] = value.clone()


def train(plan: Plan, material: Material, weights: Path) -> None:
    """Train in the processes of the plan, until it is done. Raises DataError.

    Continues the training in ``weights`` if that exists.
    """
    processes.run(plan.processes, _train_one, plan, material, weights)


def _train_one(plan: Plan, material: Material, weights: Path) -> None:
    training = Training(plan, material.fingerprint())
    if material.start is not None:
        training.begin_from(material.start)
    training.places |= {item.place for item in material.items}
    if weights.exists():
        training.load(weights)
    if training.done < 1:
        training.run(Pictures(material), weights)
    else:
        log.info("%s is trained already", weights)


def is_same_training(weights: Path, plan: Plan, material: Material) -> bool:
    """Return whether the checkpoint is of this plan and material. Raises DataError."""
    with checkpoint(weights) as kept:
        return _is_of(kept, plan, material.fingerprint())


def _is_of(kept: dict[str, Any], plan: Plan, trained_on: str) -> bool:
    return kept["plan"] == plan.__dict__ and kept.get("trained_on") == trained_on


@contextlib.contextmanager
def checkpoint(path: Path) -> Iterator[dict[str, Any]]:
    """What ``Training.save`` wrote. DataError for another file, whether reading it or using it shows that."""
    try:
        yield torch.load(path, weights_only=True)
    except _NO_CHECKPOINT as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} is no checkpoint of a training: {reason}") from error


def as_input(images: Sequence[Image]) -> Tensor:
    """[batch, 3, height, width], -1..1."""
    stacked = np.stack(images).astype(np.float32) / 127.5 - 1
    return torch.from_numpy(stacked.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)


def _multiplies_bfloat16() -> bool:
    """Whether the processor does: 0.60 s instead of 0.85 s for 16 windows. Others would be slower."""
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _rate(highest: float, step: int, done: float) -> float:
    """A cosine down to a hundredth, after a short rise."""
    return highest * min(1.0, (step + 1) / 150) * (0.5 * (1 + math.cos(math.pi * done)) + 0.01)


def _decoded(content: bytes, path: Path) -> Image:
    import cv2

    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise DataError(f"{path} is no picture that OpenCV can read")
    return np.asarray(found, np.uint8)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
