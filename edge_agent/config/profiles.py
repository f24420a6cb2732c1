"""Boards as data: finds, reads and recognises the files of ``firmware_profiles/``."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edge_agent
from edge_agent.config import tree
from edge_agent.config.kinds import Number, Text
from edge_agent.config.many import ListOf
from edge_agent.config.merge import without_nulls
from edge_agent.config.schema import PROFILE_NAME
from edge_agent.config.sections.detector import BOARD_FIELDS
from edge_agent.config.settings import Profile, Thermal
from edge_agent.config.spec import INVALID, REQUIRED, Field, Reading, Section, Values, plain
from edge_agent.config.words import did_you_mean, shown

FALLBACK = {"aarch64": "generic-aarch64"}
"""What a board without a profile of its own runs as, by machine; any other machine is generic-x86_64."""


@dataclass(frozen=True, slots=True)
class Board:
    """What the box says about itself."""

    model: str  # device-tree model, "" where there is no device tree
    machine: str  # as `uname -m` prints it


@dataclass(frozen=True, slots=True)
class Match:
    """How to recognise a board: any of the model prefixes; the machine alone where there are none."""

    machine: str
    models: tuple[str, ...]

    def fits(self, board: Board) -> bool:
        if self.models:
            return any(board.model.startswith(prefix) for prefix in self.models)
        return board.machine == self.machine and not board.model


@dataclass(frozen=True, slots=True)
class BoardProfile:
    """One file: its settings, how to recognise the board, and the values it puts below the configuration."""

    profile: Profile
    match: Match
    layer: tree.Mapping


def read_board(model_file: Path = Path("/proc/device-tree/model")) -> Board:
    """The board this process runs on."""
    try:
        model = model_file.read_bytes().rstrip(b"\0\n").decode("utf-8", "replace")
    except OSError:  # no device tree: a PC or a virtual machine
        model = ""
    return Board(model, platform.machine())


def profile_dir() -> Path:
    """Package data; in a checkout a link to ``firmware_profiles/`` at the top."""
    return Path(edge_agent.__file__).parent / "profiles"


def _profile(values: Values) -> tuple[str, Match, Thermal, dict[str, Any]]:
    return values["description"], values["match"], values["thermal"], values["detector"]


_THERMAL_FIELDS = (
    Field("warn_c", Number(30, 120, "degrees Celsius"), "temperature that health reports as warm"),
    Field(
        "critical_c", Number(30, 120, "degrees Celsius"), "temperature at which the board slows itself down"
    ),
)

PROFILE = Section(
    "the profile",
    "A board.",
    (
        Field("description", Text(), "the board in words"),
        Field(
            "match",
            Section(
                "match",
                "How the board is recognised.",
                (
                    Field("machine", Text("a machine name", 32), "as `uname -m` prints it"),
                    Field(
                        "models", ListOf(Text(), "model names"), "beginnings of /proc/device-tree/model", ()
                    ),
                ),
                plain(Match),
            ),
            "how the board is recognised",
        ),
        Field(
            "detector",
            Section(
                "detector",
                "Values of the configuration's detector section.",
                tuple(
                    Field(f.key, f.kind, f.doc, REQUIRED if f.key != "delegate" else None)
                    for f in BOARD_FIELDS
                ),
                plain(dict),
            ),
            "values of the configuration's detector section",
        ),
        Field(
            "thermal", Section("thermal", "When to worry.", _THERMAL_FIELDS, plain(Thermal)), "when to worry"
        ),
    ),
    _profile,
)


def choose(own: tree.Mapping, board: Board, reading: Reading) -> BoardProfile | None:
    """The profile that the configuration names, or the one of this board; None after having reported why."""
    entry = own.entries.get("profile")
    name = PROFILE_NAME.read(entry.value, reading) if entry else "auto"
    if name is INVALID:
        return None
    place = entry.value.place if entry else own.place
    if name == "auto":
        return _recognised(board, place, reading)
    known = names()
    if name not in known:
        reading.refuse(
            place,
            f"unknown profile {shown(name)}{did_you_mean(name, known)}; there are auto, {', '.join(known)}",
        )
        return None
    return read(name, reading)


def names() -> list[str]:
    return sorted(path.stem for path in profile_dir().glob("*.yaml"))


def read(name: str, reading: Reading) -> BoardProfile | None:
    """One profile by name; None after having reported what is wrong in it."""
    path = profile_dir() / f"{name}.yaml"
    node, problems = tree.parse(path.read_bytes(), str(path))
    reading.problems.extend(problems)
    if not isinstance(node, tree.Mapping):
        reading.refuse(tree.Place(str(path), 1, 1), "a profile is a mapping")
        return None
    node = without_nulls(node)
    values = PROFILE.read(node, reading)
    if values is INVALID:
        return None
    description, match, thermal, detector = values
    layer = tree.Mapping(node.place, {"detector": node.entries["detector"]})
    return BoardProfile(Profile(name, description, thermal, detector["delegate"]), match, layer)


def _recognised(board: Board, place: tree.Place, reading: Reading) -> BoardProfile | None:
    for name in names():
        candidate = read(name, reading)
        if candidate is not None and candidate.match.fits(board):
            return candidate
    name = FALLBACK.get(board.machine, "generic-x86_64")
    what = f"{board.model or 'unknown board'} ({board.machine})"
    reading.warn(place, f"profile auto knows no {what}; running with the values of {name}")
    return read(name, reading)
