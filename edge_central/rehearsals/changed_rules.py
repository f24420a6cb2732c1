"""Reads which rules and masks the command ``set-rule`` has changed, by gateway: the gateways name them in
their answers to the command ``rules``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import msgspec
from sqlalchemy import Connection, func, select

from edge_central.rehearsals.rules import ID, MAX_CAMERAS, MAX_RULES
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_CACHED = 5_000
"""Maximum number of cached answers, one for each gateway; a fleet has fewer gateways."""


@dataclass(frozen=True, slots=True)
class ChangesOfCamera:
    rules: tuple[str, ...] = ()  # ids
    masks: bool = False


ChangedRules = Mapping[str, ChangesOfCamera]
"""The changes by camera; a camera without a change has no entry."""
_AnswerKey = tuple[object, ...]
"""Id of the command, time and size of the answer. A different answer has a different key."""


class ChangedRulesCache:
    """Reads the document of a gateway once for each answer. Thread-safe."""

    def __init__(self) -> None:
        self._known: OrderedDict[_AnswerKey, ChangedRules] = OrderedDict()
        self._lock = Lock()  # protects ``_known``

    def read(self, connection: Connection, scope: Scope) -> dict[str, ChangedRules]:
        """Return the gateways of this scope that have a changed rule or changed masks, each with its
        changes."""
        columns = tables.camera_rules.c
        size = func.length(columns.document)
        answers = select(columns.gateway, columns.command, columns.received_ms, size)
        answers = answers.where(scope.of(columns.ward), columns.document.is_not(None))
        keys = {gateway: (*answer,) for gateway, *answer in connection.execute(answers)}
        with self._lock:
            found = {gateway: self._known[key] for gateway, key in keys.items() if key in self._known}
        missing = sorted(keys.keys() - found.keys())
        if missing:
            query = select(columns.gateway, columns.document).where(scope.of(columns.ward))
            if len(missing) < len(keys):
                query = query.where(columns.gateway.in_(missing[:MAX_CACHED]))
            read = {row.gateway: changed_rules(row.document) for row in connection.execute(query)}
            self._remember({keys[gateway]: each for gateway, each in read.items() if gateway in keys})
            found |= read
        return {gateway: each for gateway, each in found.items() if each}

    def _remember(self, answers: Mapping[_AnswerKey, ChangedRules]) -> None:
        with self._lock:
            self._known.update(answers)
            while len(self._known) > MAX_CACHED:
                self._known.popitem(last=False)


class _Camera(msgspec.Struct):
    changed: list[object] = []
    configured_masks: object = None


class _Document(msgspec.Struct):
    cameras: dict[str, msgspec.Raw] = {}


def changed_rules(document: bytes | None) -> ChangedRules:
    """Return the changes that an answer to the command ``rules`` names. What cannot be read counts as
    unchanged."""
    found: dict[str, ChangesOfCamera] = {}
    try:
        cameras = msgspec.json.decode(document or b"{}", type=_Document).cameras
        for camera in sorted(cameras)[:MAX_CAMERAS]:
            read = msgspec.json.decode(cameras[camera], type=_Camera)
            changed, masks = read.changed[:MAX_RULES], isinstance(read.configured_masks, dict)
            ids = sorted({each for each in changed if isinstance(each, str) and ID.fullmatch(each)})
            if (ids or masks) and ID.fullmatch(camera):
                found[camera] = ChangesOfCamera(tuple(ids), masks)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return found
    return found


read_changed_rules = ChangedRulesCache().read
