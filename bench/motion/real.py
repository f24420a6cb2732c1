"""Runs the detectors on real clips; README.md says what was changed because of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from bench.motion.peers import Peer
from bench.motion.scenes import FPS, Gray

WIDTH = 640
SECONDS = 40.0
SKIP_FRAMES = 2 * FPS


@dataclass(frozen=True, slots=True)
class ClipResult:
    clip: str
    detector: str
    frames: int
    us_per_frame: float
    frames_with_regions: float  # share
    regions: float  # mean per frame
    mask_shared: float  # intersection over union of all masks with MOG2's


def clips() -> list[Path]:
    """The clips of ``$EDGE_AGENT_TEST_DATA/video/*`` and ``$EDGE_AGENT_VTEST``, as far as these are set."""
    found: list[Path] = []
    if vtest := os.environ.get("EDGE_AGENT_VTEST"):
        found.append(Path(vtest))
    if folder := os.environ.get("EDGE_AGENT_TEST_DATA"):
        found += sorted(path for path in Path(folder, "video").iterdir() if path.is_file())
    return found


def frames_of(path: Path) -> Iterator[Gray]:
    """Yield luma, at most ``WIDTH`` wide, at ``FPS`` in the clip's own time, for ``SECONDS``."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        due = 0.0
        for frame in container.decode(stream):
            at = frame.time or 0.0
            if at > SECONDS:
                return
            if at < due:
                continue
            due = at + 0.98 / FPS
            plane = frame.planes[0]
            luma = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[
                : frame.height, : frame.width
            ]
            height = round(WIDTH * frame.height / frame.width)
            wide = frame.width > WIDTH
            small = cv2.resize(luma, (WIDTH, height), interpolation=cv2.INTER_AREA) if wide else luma.copy()
            yield np.asarray(small, np.uint8)


def run(makers: Sequence[Callable[[], Peer]], reference: str) -> list[dict[str, object]]:
    """Run every detector on every clip; ``reference``: the detector whose masks the others are compared
    with."""
    results: list[dict[str, object]] = []
    for path in clips():
        peers = [make() for make in makers]
        counts: dict[str, list[int]] = {peer.name: [] for peer in peers}
        shared = {peer.name: [0, 0] for peer in peers}
        for number, luma in enumerate(frames_of(path)):
            for peer in peers:
                counts[peer.name].append(len(peer.boxes(luma)))
            if number >= SKIP_FRAMES:
                theirs = next(peer.mask for peer in peers if peer.name == reference)
                for peer in peers:
                    _compare(peer.mask, theirs, shared[peer.name])
        for peer in peers:
            seen = np.array(counts[peer.name][SKIP_FRAMES:])
            both, either = shared[peer.name]
            result = ClipResult(
                clip=path.name,
                detector=peer.name,
                frames=len(seen),
                us_per_frame=peer.cpu_s / peer.frames * 1e6,
                frames_with_regions=float((seen > 0).mean()),
                regions=float(seen.mean()),
                mask_shared=both / either if either else 1.0,
            )
            results.append(asdict(result))
    return results


def _compare(ours: Gray, theirs: Gray, shared: list[int]) -> None:
    size = (theirs.shape[1], theirs.shape[0])
    same = cv2.resize(ours, size, interpolation=cv2.INTER_NEAREST) if ours.shape != theirs.shape else ours
    shared[0] += cv2.countNonZero(cv2.bitwise_and(same, theirs))
    shared[1] += cv2.countNonZero(cv2.bitwise_or(same, theirs))
