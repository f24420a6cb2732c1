"""Whose things somebody may see. Every question to the database on behalf of a person or a program takes
one: what it does not admit is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, true


@dataclass(frozen=True, slots=True)
class Scope:
    """``wards`` None: all of them, now and later."""

    wards: frozenset[str] | None

    def admits(self, ward: str | None) -> bool:
        return self.wards is None or ward in self.wards

    def of(self, ward: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition on the column that holds a row's ward."""
        return true() if self.wards is None else ward.in_(sorted(self.wards))

    def narrowed(self, ward: str | None) -> Scope:
        """To one ward; to nothing where that one is not admitted. None: as it is."""
        if ward is None:
            return self
        return Scope(frozenset({ward}) if self.admits(ward) else frozenset())


EVERYWHERE = Scope(None)
