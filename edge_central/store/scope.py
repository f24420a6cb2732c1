"""The wards that a user may see. Every query for a person or a program takes a Scope, and does not find rows
of other wards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, true


@dataclass(frozen=True, slots=True)
class Scope:
    """A set of wards. ``wards`` None: all wards, also future ones."""

    wards: frozenset[str] | None

    def admits(self, ward: str | None) -> bool:
        return self.wards is None or ward in self.wards

    def includes(self, other: Scope) -> bool:
        """Whether every ward of ``other`` is in this scope."""
        return self.wards is None or (other.wards is not None and other.wards <= self.wards)

    def of(self, ward: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the SQL condition for a column with wards."""
        return true() if self.wards is None else ward.in_(sorted(self.wards))

    def narrowed(self, ward: str | None) -> Scope:
        """Return this scope limited to ``ward`` (None: no limit); empty if it does not contain the ward."""
        if ward is None:
            return self
        return Scope(frozenset({ward}) if self.admits(ward) else frozenset())


EVERYWHERE = Scope(None)
