"""The training loop: resumable after a kill, reproducible by its seed."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.augment import vary, window
from training.dataset import CLASSES, Boxes, DataError, Image, Item, Source
from training.losses import Truth, loss
from training.network import Detector

log = logging.getLogger(__name__)

RARE = 0.3
"""How much each two-wheeler or person of a picture adds to its weight, up to six of them."""
SAVE_EVERY_S = 60.0
REPORT_EVERY_S = 30.0


@dataclass(frozen=True)
class Plan:
    steps: int
    width: int = 24  # of the network
    batch: int = 16
    size: int = 320  # pixels of a window
    rate: float = 2e-3
    seed: int = 0
    threads: int = 1


class Pictures:
    """Draws training windows. Pictures stay encoded in memory; 4,000 of them take about 700 MB."""

    def __init__(self, items: Sequence[Item], sources: dict[str, Source]) -> None:
        """Raises DataError where there is nothing to learn from."""
        if not items:
            raise DataError("there is no picture to train on")
        self._items = items
        self._bytes = [item.path.read_bytes() for item in items]
        self._boxes: list[Boxes | None] = [None] * len(items)
        self._unlabelled = [[CLASSES.index(name) for name in sources[item.set].unlabelled] for item in items]
        weights = np.array([sources[item.set].weight for item in items]) * [
            self._rarity(n) for n in range(len(items))
        ]
        self._chance = weights / weights.sum()

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Image, Truth]:
        number = int(rng.choice(len(self._items), p=self._chance))
        image = _decoded(self._bytes[number], self._items[number].path)
        cut = vary(window(image, self._boxes_of(number, image), size, rng), rng)
        return cut.image, Truth(torch.from_numpy(cut.boxes), self._unlabelled[number])

    def _boxes_of(self, number: int, image: Image) -> Boxes:
        found = self._boxes[number]
        if found is None:
            found = self._boxes[number] = self._items[number].boxes(image.shape[1], image.shape[0])
        return found

    def _rarity(self, number: int) -> float:
        kinds = self._items[number].boxes(1, 1)[:, 4]
        return 1 + RARE * min(6, int((kinds <= 1).sum()))


class Training:
    """The state of a run, which a file keeps."""

    def __init__(self, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        torch.set_num_threads(plan.threads)
        self.plan = plan
        self.network = Detector(plan.width).to(memory_format=torch.channels_last)
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.network.parameters(), plan.rate, weight_decay=0.02)
        self.rng = np.random.default_rng(plan.seed)
        self.step = 0

    def save(self, path: Path) -> None:
        """In one step: a kill in between leaves the file of before."""
        fresh = path.with_suffix(".new")
        torch.save(
            {
                "plan": self.plan.__dict__,
                "network": self.network.state_dict(),
                "average": self.average,
                "optimiser": self.optimiser.state_dict(),
                "rng": self.rng.bit_generator.state,
                "step": self.step,
            },
            fresh,
        )
        fresh.replace(path)

    def load(self, path: Path) -> None:
        """Raises DataError for the file of another plan."""
        kept: dict[str, Any] = torch.load(path, weights_only=True)
        if kept["plan"] != self.plan.__dict__:
            raise DataError(f"{path} is of another training ({kept['plan']}); remove it or give its options")
        self.network.load_state_dict(kept["network"])
        self.average = kept["average"]
        self.optimiser.load_state_dict(kept["optimiser"])
        self.rng.bit_generator.state = kept["rng"]
        self.step = kept["step"]

    def run(self, pictures: Pictures, checkpoint: Path) -> None:
        """Train to the end of the plan. Blocks; prints a line with the time left now and then."""
        begun, first, shown, saved = time.monotonic(), self.step, 0.0, time.monotonic()
        recent: list[float] = []
        while self.step < self.plan.steps:
            recent.append(self.advance(pictures))
            now = time.monotonic()
            if now - shown >= REPORT_EVERY_S or self.step == self.plan.steps:
                left_s = (now - begun) / (self.step - first) * (self.plan.steps - self.step)
                mean = np.mean(recent[-100:])
                log.info("step %d of %d, loss %.3f, %s left", self.step, self.plan.steps, mean, _span(left_s))
                shown = now
            if now - saved >= SAVE_EVERY_S or self.step == self.plan.steps:
                self.save(checkpoint)
                saved = now

    def advance(self, pictures: Pictures) -> float:
        """One step; its cost."""
        plan = self.plan
        drawn = [pictures.draw(plan.size, self.rng) for _ in range(plan.batch)]
        for group in self.optimiser.param_groups:
            group["lr"] = _rate(plan, self.step)
        batch = as_input([image for image, _ in drawn])
        cost = loss(self.network(batch), [truth for _, truth in drawn])
        self.optimiser.zero_grad()
        cost.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return float(cost.detach())

    def _average(self) -> None:
        """The mean of the last few hundred steps sees better than any one of them."""
        keep = min(0.998, (1 + self.step) / (20 + self.step))
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].mul_(keep).add_(value, alpha=1 - keep)
            else:
                self.average[name] = value.clone()


def as_input(images: Sequence[Image]) -> Tensor:
    """[batch, 3, height, width], -1..1."""
    stacked = np.stack(images).astype(np.float32) / 127.5 - 1
    return torch.from_numpy(stacked.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)


def _rate(plan: Plan, step: int) -> float:
    """A cosine down to a hundredth, after a short rise."""
    return plan.rate * min(1.0, (step + 1) / 150) * (0.5 * (1 + math.cos(math.pi * step / plan.steps)) + 0.01)


def _decoded(content: bytes, path: Path) -> Image:
    import cv2

    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise DataError(f"{path} is no picture that OpenCV can read")
    return np.asarray(found, np.uint8)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
