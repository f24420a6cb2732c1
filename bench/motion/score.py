"""Runs detectors over scenes and scores their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.motion.codec import through_h264
from bench.motion.peers import Peer
from bench.motion.scenes import FPS, QUIET_SCENES, PixelBox, SceneFrame, movers, moving_scene, quiet_scene

WARM_UP_FRAMES = 5 * FPS
QUIET_KBPS = 200
MIN_IOU = 0.25
MIN_SHARE_OF_FRAMES = 0.5


@dataclass
class Score:
    """The score of one detector on one set of seeds."""

    us_per_frame: float = 0.0
    false_frames: dict[str, float] = field(default_factory=dict)  # scene -> % of frames after warm-up
    longest_false_run: dict[str, int] = field(default_factory=dict)  # scene -> frames in a row
    found: dict[str, float] = field(default_factory=dict)  # variant -> of 18, mean over seeds
    missed: list[str] = field(default_factory=list)
    regions_beside_object: float = 0.0  # a frame


def iou(a: PixelBox, b: PixelBox) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    shared = w * h
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def quiet_variants(seed: int, seconds: float) -> Iterator[tuple[str, Iterator[SceneFrame]]]:
    for name in QUIET_SCENES:
        yield name, quiet_scene(name, seed, seconds)
    for name in ("noise", "noise night", "gradual", "clouds"):
        yield f"{name} H.264", through_h264(quiet_scene(name, seed, seconds), QUIET_KBPS)


def run(
    makers: Sequence[Callable[[], Peer]], seeds: Sequence[int], seconds: float = 60.0
) -> dict[str, Score]:
    scores = {make().name: Score() for make in makers}
    totals: dict[str, list[float]] = {name: [0.0, 0.0] for name in scores}
    _run_quiet(makers, seeds, seconds, scores, totals)
    _run_moving(makers, seeds, scores, totals)
    for name, (cpu_s, frames) in totals.items():
        scores[name].us_per_frame = cpu_s / frames * 1e6
    return scores


def _run_quiet(
    makers: Sequence[Callable[[], Peer]],
    seeds: Sequence[int],
    seconds: float,
    scores: dict[str, Score],
    totals: dict[str, list[float]],
) -> None:
    flags: dict[tuple[str, str], list[list[bool]]] = {}
    for seed in seeds:
        for scene, frames in quiet_variants(seed, seconds):
            peers = [make() for make in makers]
            seen: dict[str, list[bool]] = {p.name: [] for p in peers}
            for frame in frames:
                for peer in peers:
                    seen[peer.name].append(bool(peer.boxes(frame.luma)))
            for peer in peers:
                flags.setdefault((peer.name, scene), []).append(seen[peer.name][WARM_UP_FRAMES:])
                _add_cost(totals, peer)
    for (name, scene), runs in flags.items():
        scores[name].false_frames[scene] = 100.0 * sum(map(sum, runs)) / sum(map(len, runs))
        scores[name].longest_false_run[scene] = max(_longest(r) for r in runs)


MOVING_VARIANTS = {
    "day": (False, 0),
    "night": (True, 0),
    "day H.264": (False, 400),
    "night H.264": (True, 400),
}
"""Name -> night, and kbit/s of the codec or 0."""


def _run_moving(
    makers: Sequence[Callable[[], Peer]],
    seeds: Sequence[int],
    scores: dict[str, Score],
    totals: dict[str, list[float]],
) -> None:
    beside: dict[str, list[int]] = {name: [0, 0] for name in scores}
    for variant, (night, kbps) in MOVING_VARIANTS.items():
        for seed in seeds:
            for mover in movers():
                frames = moving_scene(mover, seed, night)
                peers = [make() for make in makers]
                hits = _hits(through_h264(frames, kbps) if kbps else frames, peers, beside)
                for peer in peers:
                    _add_cost(totals, peer)
                    share = hits[peer.name]
                    score = scores[peer.name]
                    found = share >= MIN_SHARE_OF_FRAMES
                    score.found[variant] = score.found.get(variant, 0.0) + found / len(seeds)
                    if not found:
                        score.missed.append(f"{variant} seed {seed}: {mover}, seen in {share:.0%}")
    for name, (regions, frames_n) in beside.items():
        scores[name].regions_beside_object = regions / frames_n


def _hits(
    frames: Iterator[SceneFrame], peers: Sequence[Peer], beside: dict[str, list[int]]
) -> dict[str, float]:
    """Share of the frames with the object in which each peer has a box on it."""
    hits = {peer.name: 0 for peer in peers}
    total = 0
    for frame in frames:
        total += bool(frame.truth)
        for peer in peers:
            boxes = peer.boxes(frame.luma)
            if not frame.truth:
                continue
            hit = any(iou(box, frame.truth[0]) >= MIN_IOU for box in boxes)
            hits[peer.name] += hit
            beside[peer.name][0] += len(boxes) - hit
            beside[peer.name][1] += 1
    return {name: count / total for name, count in hits.items()}


def _add_cost(totals: dict[str, list[float]], peer: Peer) -> None:
    totals[peer.name][0] += peer.cpu_s
    totals[peer.name][1] += peer.frames


def _longest(flags: list[bool]) -> int:
    best = run_length = 0
    for flag in flags:
        run_length = run_length + 1 if flag else 0
        best = max(best, run_length)
    return best
