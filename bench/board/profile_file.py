"""Changes values of a profile's YAML file, and keeps everything else of it: order, layout, comments."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bench.board.record import BoardRecord, InferenceCost

DECODE_SHARE = 0.25
"""Of one core, which may decode: as in the assumption that the figure replaces."""
FASTER = 1.5
"""So much faster an inference must be with twice as many threads; with less, other work needs the core."""

_LINE = re.compile(r"(?P<indent> *)(?P<key>[a-z_]+):(?P<value>[^#\n]*)(?P<comment>#.*)?")

Value = int | float


def measured_values(record: BoardRecord, size: tuple[int, int]) -> dict[str, Value]:
    """The values of the profile that the record decides, by their path. ``size``: width and height of the
    profile's ``capacity``."""
    found: dict[str, Value] = {}
    for cost in record.decode:
        if (cost.width, cost.height) == size and cost.codec == "h264":
            found["platform.capacity.decode_fps"] = max(1, int(DECODE_SHARE * 1000 / cost.cpu_ms))
    if record.inference:
        found["detector.threads"] = best_threads(record.inference)
    if record.heat is not None and record.heat.throttled_c is not None:
        found["thermal.critical_c"] = round(record.heat.throttled_c)
    return found


def best_threads(costs: list[InferenceCost]) -> int:
    """The most threads of which each doubling was worth it. ``costs``: by rising number of threads."""
    best = costs[0]
    for each in costs[1:]:
        if best.wall_ms < FASTER * each.wall_ms:
            break
        best = each
    return best.threads


def with_values(text: str, values: Mapping[str, Value], origin: str) -> str:
    """``text`` with these values, and ``# measured: origin`` behind each. A comment above a value that named
    its former source goes. Raises ValueError for a path that the file does not have."""
    lines, missing = text.splitlines(), set(values)
    path: list[tuple[int, str]] = []
    found: list[str] = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or line.lstrip().startswith("- "):
            found.append(line)
            continue
        indent = len(match["indent"])
        path = [*(each for each in path if each[0] < indent), (indent, match["key"])]
        name = ".".join(key for _, key in path)
        if name not in values:
            found.append(line)
            continue
        missing.discard(name)
        _drop_origin(found)
        entry = f"{match['indent']}{match['key']}: {values[name]}"
        found.append(f"{entry:<32} # measured: {origin}")
    if missing:
        raise ValueError(f"the profile has no {', '.join(sorted(missing))}")
    return "\n".join(found) + "\n"


def _drop_origin(lines: list[str]) -> None:
    """Remove the comment at the end of ``lines`` that named the source of the next value."""
    first = len(lines)
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    if re.search(r"#.*\b(source|assumption)\b", "\n".join(lines[first:]), re.IGNORECASE):
        del lines[first:]


def assumptions(text: str) -> list[str]:
    """Keys of the values that are marked as assumptions."""
    return re.findall(r"^ *(?:- )?([a-z_]+):[^#\n]*# [^\n]*\bassumption\b", text, re.MULTILINE)
