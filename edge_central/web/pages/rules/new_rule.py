"""The values with which the form of a new rule begins. The rest of the form is that of a rehearsal. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import replace

from edge_agent.config.model.rules import RuleKind
from edge_agent.config.written import Written
from edge_central.rehearsals.rules import ConfiguredRule, configured_rule

NEW_KINDS = (
    RuleKind.ZONE_INTRUSION,
    RuleKind.LOITERING,
    RuleKind.LINE_CROSSING,
    RuleKind.STOPPED_VEHICLE,
    RuleKind.CROWDING,
)
"""Kinds of rules that the console can create. A wrong-way rule needs an arrow, which the form cannot draw."""
MAX_NAME = 60
ZONE: Written = {"polygon": [[0.25, 0.4], [0.75, 0.4], [0.75, 0.9], [0.25, 0.9]]}
LINE: Written = {"from": [0.2, 0.6], "to": [0.8, 0.6]}
"""The line with which the form begins, in 0..1 of the picture."""
COUNT = 5


def new_rule(kind: str, name: str, taken: Collection[str]) -> ConfiguredRule | None:
    """Return a rule of this kind, called ``name``, with an id that is not ``taken``, and with a new zone or
    line of the same name. None: there is no such kind, or no name."""
    shown = " ".join(name.split())[:MAX_NAME]
    if kind not in NEW_KINDS or not shown or not shown.isprintable():
        return None
    id_ = _free_id(shown, taken)
    place = "line" if kind == RuleKind.LINE_CROSSING else "zone"
    written: Written = {"id": id_, "kind": kind, "name": shown, place: id_}
    if kind == RuleKind.CROWDING:
        written["count"] = COUNT
    named = {"name": shown}
    zones, lines = ({}, {id_: LINE | named}) if place == "line" else ({id_: ZONE | named}, {})
    return configured_rule(written, zones, lines)


def renamed(rule: ConfiguredRule, id_: str) -> ConfiguredRule:
    """Return the same new rule with another id, and also rename its zone or line."""
    assert rule.place is not None
    written = rule.written | {"id": id_, rule.place.key.removesuffix("s"): id_}
    return replace(rule, id=id_, written=written, place=replace(rule.place, name=id_))


def _free_id(name: str, taken: Collection[str]) -> str:
    """Return the name in letters that an id may have, with a number if it is taken."""
    plain = unicodedata.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D"))
    words = re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode().lower())
    base = "-".join(words)[:30].strip("-") or "rule"
    numbered = (base if n == 1 else f"{base}-{n}" for n in range(1, len(taken) + 2))
    return next(each for each in numbered if each not in taken)
