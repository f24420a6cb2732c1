"""The model card and the notice that travel with the shipped weights, made from what was measured."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.dataset import CLASSES, IGNORE, Item, Source
from training.evaluate import Counted, Result

FEWEST = 20  # objects: of fewer a figure says nothing
CHANGES = "Pictures were scaled, cut and varied; boxes were merged, checked and completed by a detector."


@dataclass(frozen=True)
class Subject:
    """The model that the card is about."""

    path: Path
    width: int
    height: int
    threshold: float


def model_card(
    subject: Subject,
    train: Sequence[Item],
    held: Sequence[Item],
    sources: dict[str, Source],
    result: Result,
    loose: Result,
) -> str:
    """Markdown."""
    parts = [
        _about(subject),
        _data(train, held, sources),
        _figures(subject, result, loose),
        _confusion(result),
        _limits(subject, result),
    ]
    return "\n\n".join(parts) + "\n"


def notice(sources: dict[str, Source]) -> str:
    """Attribution of all sets that were trained on."""
    lines = [
        "edge-agent",
        "",
        "The detector edge_agent/detection/models/street.tflite was trained on the pictures below.",
        f"They are not part of this software. {CHANGES}",
        "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/",
        "CC BY 2.0: https://creativecommons.org/licenses/by/2.0/",
        "",
    ]
    for source in _trained_on(sources).values():
        lines += [f"- {source.attribution}", f"  {source.licence}; {source.address}"]
    lines += [
        "",
        "What a set leaves unlabelled was labelled by PicoDet-S (PaddlePaddle, Apache-2.0), trained on COCO.",
        "Its weights are not part of this software.",
    ]
    return "\n".join(lines) + "\n"


def _trained_on(sources: dict[str, Source]) -> dict[str, Source]:
    return {name: source for name, source in sources.items() if source.weight > 0}


def _about(subject: Subject) -> str:
    content = subject.path.read_bytes()
    return f"""# The detector that ships: {subject.path.name}

Made by `python -m training card`; do not edit. How it is trained: [training](../../training/README.md).

| | |
|---|---|
| purpose | finds people on foot, two-wheelers with their riders as one box, and vehicles, on streets |
| not for | faces, number plates, who a person is or what they do; decisions about people without a human |
| file | {len(content):,} bytes, sha256 `{hashlib.sha256(content).hexdigest()}` |
| input | {subject.width}x{subject.height} pixels, BGR, int8; whole picture scaled in, the rest grey |
| licence of the weights | Apache-2.0, with the attributions in NOTICE |"""


def _data(train: Sequence[Item], held: Sequence[Item], sources: dict[str, Source]) -> str:
    rows, places = [], len({item.place for item in held})
    for name, source in _trained_on(sources).items():
        of_set = [item for item in train if item.set == name]
        boxes = Counter(int(kind) for item in of_set for kind in item.boxes(1, 1)[:, 4] if kind != IGNORE)
        counts = " | ".join(str(boxes[n]) for n in range(len(CLASSES)))
        rows.append(f"| {name} | {len(of_set)} | {counts} | {_lights(of_set)} | {source.licence} |")
    return "\n".join(
        [
            "## Trained on",
            f"| set | pictures | {' | '.join(CLASSES)} | light | licence |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Measured on {len(held)} pictures of {places} places that it never saw.",
            "Objects count from 20 pixels of a picture of 640 pixels width.",
        ]
    )


def _lights(items: Iterable[Item]) -> str:
    return ", ".join(sorted({item.light for item in items}))


def _figures(subject: Subject, result: Result, loose: Result) -> str:
    lines = [
        f"## Measured at score {subject.threshold}",
        "A box is right at an intersection over union of 0.5, and of 0.3 since many labels are loose.",
        "",
        "| group | class | objects | recall at 0.5 | at 0.3 | precision at 0.5 | at 0.3 | AP at 0.5 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (group, kind), counted in sorted(result.counted.items()):
        if counted.objects >= FEWEST:
            lines.append(_row(group, kind, counted, loose.of(group, kind), subject.threshold))
    return "\n".join(
        [*lines, "", "Groups by height have no precision: a false detection has no true height."]
    )


def _row(group: str, kind: str, counted: Counted, loose: Counted, threshold: float) -> str:
    cells = [group, kind, str(counted.objects), *(f"{one.recall(threshold):.2f}" for one in (counted, loose))]
    if group.startswith("height"):
        cells += ["", "", ""]
    else:
        cells += [f"{one.precision(threshold):.2f}" for one in (counted, loose)]
        cells.append(f"{counted.average_precision():.2f}")
    return f"| {' | '.join(cells)} |"


def _confusion(result: Result) -> str:
    names = [*CLASSES, "nothing"]
    lines = [
        "## What each object was taken for",
        f"| is | {' | '.join(names)} | named rightly, of those found |",
        "|---|---|---|---|---|---|",
    ]
    for kind in CLASSES:
        counts = [result.taken_for.get((kind, name), 0) for name in names]
        found = sum(counts[:-1])
        right = f"{result.taken_for.get((kind, kind), 0) / found:.1%}" if found else "-"
        lines.append(f"| {kind} | {' | '.join(str(count) for count in counts)} | {right} |")
    return "\n".join(lines)


def _limits(subject: Subject, result: Result) -> str:
    """The worst groups, by figures."""
    worst = sorted(
        (counted.recall(subject.threshold), group, kind, counted.objects)
        for (group, kind), counted in result.counted.items()
        if counted.objects >= FEWEST
    )[:6]
    found = [f"- {group}, {kind}: finds {recall:.0%} of {objects}" for recall, group, kind, objects in worst]
    return "\n".join(
        [
            "## Where it fails",
            *found,
            "- Not in the data, so not known: infrared, riders in rain, standing crowds, walkers outdoors",
            "  at night. Darkness, noise, rain and headlights were drawn onto pictures of the day.",
            "- An unlit yard at night (median of grey 2): seen only where its contrast is raised before, as",
            "  the agent does; walls and gates there get boxes too.",
            "- Many labels of the sets are loose or missing, by night most: read recall at 0.3, too.",
            "- Standing things, a sign or a lane mark, get a box now and then: the agent asks for motion.",
        ]
    )
