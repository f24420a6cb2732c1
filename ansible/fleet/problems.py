"""Collects the mistakes in a sheet: where each one is and what to do. One run reports all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    line: int  # 1 is the sheet's first line
    text: str
    remedy: str
    stops: bool = True  # False: a warning


@dataclass(slots=True)
class Problems:
    """Mistakes in one file."""

    path: Path
    found: list[Problem] = field(default_factory=list)

    def error(self, line: int, text: str, remedy: str) -> None:
        self.found.append(Problem(line, text, remedy))

    def warn(self, line: int, text: str, remedy: str) -> None:
        self.found.append(Problem(line, text, remedy, stops=False))

    @property
    def errors(self) -> int:
        return sum(problem.stops for problem in self.found)

    def lines(self) -> list[str]:
        """``file:line: what is wrong: what to do``, by line."""
        return [
            f"{self.path}:{p.line}: {'' if p.stops else 'warning: '}{p.text}: {p.remedy}"
            for p in sorted(self.found)
        ]
