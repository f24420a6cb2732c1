"""Raw YAML -> merged (profile, file, drop-ins) -> frozen Settings; reports all mistakes at once.

It also estimates the load of the cameras on the board, as far as a file tells; ``doctor`` measures the
streams.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.config import profiles
from edge_agent.config.board import BoardIdentity, read_board
from edge_agent.config.fields import tree
from edge_agent.config.fields.files import ConfigFiles, reason
from edge_agent.config.fields.schema_types import INVALID, ReadContext, quoted
from edge_agent.config.merge import hash_of, id_of, merged, without_nulls
from edge_agent.config.model.boards import Profile
from edge_agent.config.model.settings import Camera, GearChoice, Settings
from edge_agent.config.rule_changes import with_rule_changes
from edge_agent.config.schema import ROOT
from edge_agent.config.texts.messages import message
from edge_agent.core.clock import Clock, SystemClock
from edge_agent.core.errors import ConfigError, ConfigProblem
from edge_agent.core.languages import Bilingual


def over_capacity(profile: Profile, cameras: Sequence[Camera]) -> Iterator[str]:
    """Yield one sentence for each limit of the board's profile that the cameras exceed.

    The load is computed from the analysed frames: at least these are decoded. A camera that decodes only
    keyframes costs almost nothing.
    """
    if profile.platform is None:
        return
    capacity = profile.platform.capacity
    if len(cameras) > capacity.cameras:
        yield message("over-cameras", count=len(cameras), name=profile.name, most=capacity.cameras)
    wanted = sum(camera.analyse.fps for camera in cameras if camera.analyse.gear is not GearChoice.IDLE)
    if wanted > capacity.decode_fps:
        yield message(
            "over-decode", wanted=wanted, name=profile.name, most=capacity.decode_fps, size=capacity.size
        )


DEFAULT_CONF_DIR = "conf.d"


def load(
    path: Path,
    *,
    conf_dir: Path | None = None,
    base: Path | None = None,
    no_secrets: bool = False,
    confined: bool = False,
    rule_changes: tree.Mapping | None = None,
    board: BoardIdentity | None = None,
    clock: Clock | None = None,
) -> Settings:
    """Load ``path`` and the drop-ins ``*.yaml`` of ``conf_dir`` (default: ``conf.d`` beside it).

    Relative names are looked for in ``base``, the folder from which a copy was made; default: beside the
    file. ``no_secrets`` is for a copy on another machine: password, key and certificate files need not exist,
    and passwords are empty. ``confined``: see ``ConfigFiles``. ``rule_changes`` are merged over all of it.
    Tests pass ``board`` and ``clock``; default: this machine and the system clock, by which lists of dates
    expire. Raises ConfigError with every mistake; warnings are in ``Settings.warnings``, as
    ``file:line:column: warning: …``.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    beside = (base or path.parent).absolute()
    files = ConfigFiles(beside, Path(credentials) if credentials else None, not no_secrets, confined)
    reading = ReadContext(files, clock or SystemClock())
    own = _own_tree(path, conf_dir, reading)
    if rule_changes is not None:
        own = with_rule_changes(own, rule_changes)
    profile = profiles.choose(own, board or read_board(), reading)
    whole = merged(profile.layer, own) if profile is not None else own
    whole = tree.Mapping(own.place, whole.entries)  # report a missing key at the file, not at the profile
    checked = ROOT.read(whole, reading)
    if reading.problems or profile is None or checked is INVALID:
        raise _error(path, reading.problems)
    for text in over_capacity(profile.profile, checked["cameras"]):
        reading.warn(whole.entries["cameras"].key, text)
    warnings = tuple(Bilingual(w.text("en"), w.text("vi")) for w in _ordered(path, reading.warnings))
    read = checked | {"profile": profile.profile}
    return Settings(**read, config_hash=hash_of(whole), warnings=warnings)


def merged_tree(path: Path, conf_dir: Path | None = None) -> tree.Mapping:
    """Return the file and its drop-ins as one tree. Raises ConfigError when one of them cannot be read."""
    reading = ReadContext(ConfigFiles(path.parent, None), SystemClock())
    own = _own_tree(path, conf_dir, reading)
    if reading.problems:
        raise _error(path, reading.problems)
    return own


def _own_tree(path: Path, conf_dir: Path | None, reading: ReadContext) -> tree.Mapping:
    own = tree.Mapping(tree.SourcePosition(str(path), 1, 1))
    for layer in _layers(path, conf_dir, reading):
        own = merged(own, layer)
    return without_nulls(own)


def _error(path: Path, problems: list[ConfigProblem]) -> ConfigError:
    found = _ordered(path, problems)
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    message = Bilingual(
        f"{path}: {count} in the configuration; nothing was done",
        f"{path}: cấu hình có {len(found)} lỗi; chưa thực hiện gì",
    )
    return ConfigError(message, found)


def _ordered(path: Path, problems: list[ConfigProblem]) -> tuple[ConfigProblem, ...]:
    """Sort by file, the main file first and then its drop-ins by name, and by line."""
    return tuple(sorted(set(problems), key=lambda problem: (problem.file != str(path), problem)))


def _layers(path: Path, conf_dir: Path | None, reading: ReadContext) -> list[tree.Mapping]:
    """Return the file and its drop-ins in order. Those that cannot be read are left out and reported."""
    layers = [_layer(path, reading, may_be_empty=False)]
    layers += [_layer(p, reading, may_be_empty=True) for p in _drop_ins(path, conf_dir, reading)]
    usable = [layer for layer in layers if layer is not None]
    reading.incomplete = len(usable) < len(layers)
    return usable


def _drop_ins(path: Path, conf_dir: Path | None, reading: ReadContext) -> list[Path]:
    directory = path.parent / DEFAULT_CONF_DIR if conf_dir is None else conf_dir
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        if conf_dir is not None:
            reading.refuse(tree.SourcePosition(str(directory), 1, 1), message("no-drop-ins"))
        return []
    except OSError as error:
        reading.refuse(
            tree.SourcePosition(str(directory), 1, 1), message("drop-ins-unreadable", reason=reason(error))
        )
        return []
    for name in names:
        if name.endswith(".yml"):
            reading.warn(tree.SourcePosition(str(directory / name), 1, 1), message("drop-in-name"))
    return [directory / n for n in names if n.endswith(".yaml") and not n.startswith(".")]


def _layer(path: Path, reading: ReadContext, *, may_be_empty: bool) -> tree.Mapping | None:
    start = tree.SourcePosition(str(path), 1, 1)
    try:
        with path.open("rb") as file:
            data = file.read(tree.MAX_BYTES + 1)
    except OSError as error:
        reading.refuse(start, message("this-unread", reason=reason(error)))
        return None
    try:
        node, problems = tree.parse(data, str(path))
    except tree.NotYaml as error:
        reading.problems.append(error.problem)
        return None
    reading.problems.extend(problems)
    if node is None and may_be_empty:
        return tree.Mapping(start)
    if not isinstance(node, tree.Mapping):
        found = message("list" if isinstance(node, tree.Sequence) else "single")
        reading.refuse(start, message("file-empty") if node is None else message("whole-file", found=found))
        return None
    cameras = _items(node, "cameras")  # per file: a drop-in may repeat an id, to change that item
    _refuse_repeated("camera", message("this-file"), cameras, reading)
    for camera in cameras:
        _refuse_repeated(message("rule"), message("this-camera"), _items(camera, "rules"), reading)
    return node


def _items(node: tree.Node, key: str) -> tuple[tree.Node, ...]:
    entry = node.entries.get(key) if isinstance(node, tree.Mapping) else None
    return entry.value.items if entry and isinstance(entry.value, tree.Sequence) else ()


def _refuse_repeated(thing: str, where: str, items: tuple[tree.Node, ...], reading: ReadContext) -> None:
    first: dict[str, int] = {}
    for item in items:
        id_ = id_of(item)
        if id_ is None:
            continue
        if id_ in first:
            text = message("id-twice", thing=thing, id=quoted(id_), where=where, line=first[id_])
            assert isinstance(item, tree.Mapping)  # only a mapping can have an id
            reading.refuse(item.entries["id"].value.place, text)
        first.setdefault(id_, item.place.line)
