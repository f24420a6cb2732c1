"""Finds, reads and recognises the files of ``firmware_profiles/``, one for each kind of board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import edge_agent
from edge_agent.config.board import BoardIdentity
from edge_agent.config.fields import tree
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import INVALID, ReadContext, did_you_mean, quoted
from edge_agent.config.merge import without_nulls
from edge_agent.config.model.boards import PROFILE, BoardMatch, Profile
from edge_agent.config.model.settings import PROFILE_NAME
from edge_agent.config.texts.messages import message
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError
from edge_agent.core.languages import Bilingual

FALLBACK = {"aarch64": "generic-arm64"}
"""Profile of a board that has no profile of its own, by machine; for any other machine generic-x86_64."""


@dataclass(frozen=True, slots=True)
class BoardProfile:
    """The content of one file: its settings, how to recognise the board, and the values that the
    configuration overrides."""

    profile: Profile
    match: BoardMatch
    layer: tree.Mapping


def matches(match: BoardMatch, board: BoardIdentity) -> bool:
    """Return whether the profile fits the board: by the device tree, or by DMI where there is no device tree.
    A generic profile fits a board of its machine type without a device tree."""
    if match.models or match.dmi:
        return any(board.model.startswith(prefix) for prefix in match.models) or (
            not board.model and any(board.dmi.startswith(prefix) for prefix in match.dmi)
        )
    return board.machine == match.machine and not board.model


def profile_dir() -> Path:
    """Return the package's folder of profiles; in a checkout it is a link to ``firmware_profiles/``."""
    return Path(edge_agent.__file__).parent / "profiles"


def choose(own: tree.Mapping, board: BoardIdentity, reading: ReadContext) -> BoardProfile | None:
    """Return the profile that the configuration names, or this board's. None: the reason was reported."""
    entry = own.entries.get("profile")
    name = PROFILE_NAME.read(entry.value, reading) if entry else "auto"
    if name is INVALID:
        return None
    return _by_name(name, board, entry.value.place if entry else own.place, reading)


def profile_of(name: str, board: BoardIdentity) -> Profile:
    """Return a profile by name (``auto``: that of this board) to prepare gateways. Raises ConfigError."""
    reading = ReadContext(ConfigFiles(profile_dir(), None), SystemClock())
    found = _by_name(name, board, tree.SourcePosition("board", 1, 1), reading)
    if found is None:
        raise ConfigError(f"board {quoted(name)} has no usable profile", tuple(reading.problems))
    return found.profile


def _by_name(
    name: str, board: BoardIdentity, place: tree.SourcePosition, reading: ReadContext
) -> BoardProfile | None:
    if name == "auto":
        return _detected(board, place, reading)
    known = names()
    if name not in known:
        near, there = did_you_mean(name, known), ", ".join(known)
        reading.refuse(place, message("profile-unknown", name=quoted(name), near=near, known=there))
        return None
    return read(name, reading)


def names() -> list[str]:
    return sorted(path.stem for path in profile_dir().glob("*.yaml"))


def read(name: str, reading: ReadContext) -> BoardProfile | None:
    """Read one profile by name. None: its mistakes were reported."""
    path = profile_dir() / f"{name}.yaml"
    node, problems = tree.parse(path.read_bytes(), str(path))
    reading.problems.extend(problems)
    if not isinstance(node, tree.Mapping):
        reading.refuse(tree.SourcePosition(str(path), 1, 1), message("profile-mapping"))
        return None
    node = without_nulls(node)
    values = PROFILE.read(node, reading)
    if values is INVALID:
        return None
    layer = tree.Mapping(node.place, {"detector": node.entries["detector"]})
    profile = Profile(name, values["description"], values["thermal"], values["platform"])
    return BoardProfile(profile, values["match"], layer)


def _detected(board: BoardIdentity, place: tree.SourcePosition, reading: ReadContext) -> BoardProfile | None:
    generic = []
    for name in names():
        candidate = read(name, reading)
        if candidate is None or not matches(candidate.match, board):
            continue
        if candidate.match.models or candidate.match.dmi:
            return candidate
        generic.append(candidate)
    if generic:
        return generic[0]
    name = FALLBACK.get(board.machine, "generic-x86_64")
    unknown = Bilingual(f"unknown board ({board.machine})", f"không rõ tên ({board.machine})")
    what = unknown if board.name == "unknown" else f"{board.name} ({board.machine})"
    reading.warn(place, message("profile-guess", board=what, name=name))
    return read(name, reading)


def detected_profile(board: BoardIdentity) -> str | None:
    """Return the name of the profile for exactly this board; None if only generic ones fit."""
    reading = ReadContext(ConfigFiles(profile_dir(), None), SystemClock())
    for name in names():
        found = read(name, reading)
        if found and (found.match.models or found.match.dmi) and matches(found.match, board):
            return name
    return None
