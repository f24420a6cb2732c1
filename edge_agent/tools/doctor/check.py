"""What a check gives, and how all of them run at once, each within its time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

log = logging.getLogger(__name__)

Figure = str | int | float | date | timedelta  # a text may be Bilingual


class CheckLevel(StrEnum):
    """In the order of severity."""

    SKIPPED = "skipped"  # not known here, or not asked for
    GREEN = "green"
    YELLOW = "yellow"  # works, and should be better
    RED = "red"  # the site is not ready


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One fact about one thing. ``finding`` names its sentences and its level in ``words``."""

    check: str  # ``disk``, ``cam-1``, ``cam-1/picture``: what --accept takes
    finding: str
    figures: Mapping[str, Figure] = field(default_factory=dict)  # what the sentences mention
    accepted: str | None = None  # why somebody lives with it


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at. ``look`` runs on a thread of its own and may block."""

    name: str
    limit_s: float
    run: Callable[[], Sequence[CheckResult]]


class _Running:
    """One check on its thread."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self._results: Sequence[CheckResult] = ()
        self._thread = threading.Thread(target=self._run, name=f"doctor-{check.name}", daemon=True)
        self._deadline = time.monotonic() + check.limit_s
        self._thread.start()

    def results(self) -> Sequence[CheckResult]:
        """Waits until the check has ended or its time is over."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if self._thread.is_alive():
            # What hangs in a resolver or a driver cannot be interrupted: it ends with the process.
            return (CheckResult(self.check.name, "check-timeout", {"limit_s": self.check.limit_s}),)
        return self._results

    def _run(self) -> None:
        try:
            self._results = tuple(self.check.run())
        except Exception as error:
            # Its text may hold an address with a password: only its type is told.
            log.debug("%s", self.check.name, exc_info=error)
            self._results = (CheckResult(self.check.name, "check-failed", {"error": type(error).__name__}),)


def run_checks(checks: Sequence[Check]) -> list[CheckResult]:
    """All results, in the order of ``checks``; takes as long as the slowest check, at most its limit."""
    running = [_Running(check) for check in checks]
    return [result for each in running for result in each.results()]
