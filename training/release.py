"""A release: the model, its card and a manifest of both, signed with an operator's key."""

from __future__ import annotations

import datetime
import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.cli.learn import CARD
from edge_agent.commands.signature import read_private, sign
from edge_agent.model_release.manifest import MANIFEST, SIGNED, ModelManifest
from training.collection import Frame
from training.compare import FALSE_MARGIN, FEWEST, Figure, hardly_measured, table
from training.dataset import CLASSES, IGNORE, DataError, Item, Source

FIGURES = "figures.json"
"""Figures of each class at each held-out place, compared with the model in force."""


@dataclass(frozen=True)
class Candidate:
    """The model to release, and its training data."""

    model: Path
    weights: Path  # checkpoint of the model
    in_force: Path
    start: Path | None  # checkpoint that the training began from
    trained: Sequence[Frame]
    held: Sequence[Frame]
    open_data: Sequence[Item]
    sources: dict[str, Source]
    answered: int
    figures: Sequence[Figure]
    margin: float
    threshold: float


def write_release(candidate: Candidate, name: str, key: Path, folder: Path) -> Path:
    """Write the folder of the release, completely or not at all. Raises DataError, EdgeAgentError."""
    private = read_private(key)
    target = folder / name
    if target.exists():
        raise DataError(f"{target} is there already: give the release another --name")
    fresh = folder / f".{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _fill(fresh, candidate, name, private)
        fresh.rename(target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise DataError(f"{target} cannot be written: {error.strerror}") from error
    return target


def _fill(fresh: Path, candidate: Candidate, name: str, private: Ed25519PrivateKey) -> None:
    fresh.mkdir(parents=True)
    shutil.copyfile(candidate.model, fresh / f"{name}.tflite")
    shutil.copyfile(candidate.weights, fresh / f"{name}.pt")
    (fresh / CARD).write_text(card(candidate, name), encoding="utf-8")
    (fresh / FIGURES).write_bytes(
        msgspec.json.format(msgspec.json.encode(candidate.figures), indent=1) + b"\n"
    )
    document = msgspec.json.format(msgspec.json.encode(_manifest(candidate, name, fresh)), indent=2)
    (fresh / MANIFEST).write_bytes(document + b"\n")
    (fresh / SIGNED).write_bytes(sign(document + b"\n", private))


def _manifest(candidate: Candidate, name: str, folder: Path) -> ModelManifest:
    return ModelManifest(
        name=name,
        made=_now().isoformat(timespec="seconds"),
        files={path.name: sha256(path) for path in sorted(folder.iterdir())},
        in_force_sha256=sha256(candidate.in_force),
        pictures={
            "collection": len(candidate.trained),
            "held_out": len(candidate.held),
            "open_data": len(candidate.open_data),
        },
        held_out=sorted({frame.place for frame in candidate.held}),
        answers=candidate.answered,
        margin=candidate.margin,
        threshold=candidate.threshold,
    )


def card(candidate: Candidate, name: str) -> str:
    """Return the card of the release as Markdown."""
    parts = [
        _about(candidate, name),
        _data(candidate),
        "\n".join([f"## Measured at score {candidate.threshold}, IoU 0.5", *table(candidate.figures)]),
        _limits(candidate),
        _attributions(candidate),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(candidate: Candidate, name: str) -> str:
    return f"""# {name}

Made by `edge-agent learn` on {_now():%Y-%m-%d}.

| | |
|---|---|
| purpose | finds people on foot, two-wheelers with their riders as one box, and vehicles, on these streets |
| not for | faces, number plates, who a person is or what they do; decisions about people without a human |
| file | {candidate.model.stat().st_size:,} bytes, sha256 `{sha256(candidate.model)}` |
| beside | {candidate.in_force.name}, sha256 `{sha256(candidate.in_force)}`, in force until now |
| margin | nowhere worse than that one by more than {candidate.margin} of F1 (from {FEWEST} objects on) or, \
with fewer objects, {FALSE_MARGIN} false detections a picture |"""


def _data(candidate: Candidate) -> str:
    lines = [
        "## Trained on and measured on",
        f"| camera | pictures | {' | '.join(CLASSES)} | ignored | |",
        "|---|---|---|---|---|---|---|",
    ]
    for frames, use in ((candidate.trained, "trained on"), (candidate.held, "held out: measured on")):
        for place in sorted({frame.place for frame in frames}):
            of_place = [frame for frame in frames if frame.place == place]
            kinds = Counter(int(kind) for frame in of_place for kind in frame.boxes(1, 1)[:, 4])
            counts = " | ".join(str(kinds[n]) for n in (*range(len(CLASSES)), IGNORE))
            lines.append(f"| {place} | {len(of_place)} | {counts} | {use} |")
    lines += [
        "",
        f"{len(candidate.open_data)} openly licensed pictures were mixed in. Labels are what two models",
        f"agreed on, and {candidate.answered} boxes that a person answered for. What neither settled is",
        "ignored, in training and in the figures. So the figures say nothing of objects that no model saw.",
    ]
    return "\n".join(lines)


def _limits(candidate: Candidate) -> str:
    worst = sorted(
        (figure.candidate.recall, figure.place, figure.kind, figure.objects)
        for figure in candidate.figures
        if figure.objects >= FEWEST
    )[:6]
    found = [f"- {place}, {kind}: finds {recall:.0%} of {objects}" for recall, place, kind, objects in worst]
    found += [
        f"- {place}: fewer than {FEWEST} objects, so what the model misses there is not known"
        for place in hardly_measured(candidate.figures)
    ]
    lights = ", ".join(sorted({frame.light for frame in candidate.trained}))
    return "\n".join(["## Where it fails", *found, f"- Light of the pictures it learnt from: {lights}."])


def _attributions(candidate: Candidate) -> str:
    used = sorted({item.set for item in candidate.open_data})
    lines = [
        f"- {source.attribution}; {source.licence}; {source.address}"
        for source in (candidate.sources[name] for name in used)
        if source.weight > 0
    ]
    if candidate.start is not None:
        lines.append(
            f"- Training began from {candidate.start.name}: what that was trained on is attributed there."
        )
    return "\n".join(["## Attributions", *lines]) if lines else ""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
