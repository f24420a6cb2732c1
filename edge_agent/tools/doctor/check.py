"""The result of a check, and how all checks run in parallel, each with its timeout."""

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
    """The level of a result, in the order of severity."""

    SKIPPED = "skipped"  # unknown here, or not asked for
    GREEN = "green"
    YELLOW = "yellow"  # works, but should be better
    RED = "red"  # the site is not ready


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One finding of a check. ``finding`` is the key of its sentences and its level in ``words``."""

    check: str  # ``disk``, ``cam-1``, ``cam-1/picture``: as in --accept
    finding: str
    figures: Mapping[str, Figure] = field(default_factory=dict)  # values in the sentences
    accepted: str | None = None  # reason why the defect is accepted


@dataclass(frozen=True, slots=True)
class Check:
    """A check. ``run`` is called on its own thread and may block."""

    name: str
    limit_s: float
    run: Callable[[], Sequence[CheckResult]]


class _Running:
    """A check that runs on its thread."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self._results: Sequence[CheckResult] = ()
        self._thread = threading.Thread(target=self._run, name=f"doctor-{check.name}", daemon=True)
        self._deadline = time.monotonic() + check.limit_s
        self._thread.start()

    def results(self) -> Sequence[CheckResult]:
        """Wait for the results until the timeout of the check."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        if self._thread.is_alive():
            # A thread that blocks in a resolver or a driver cannot be interrupted; it ends with the process.
            return (CheckResult(self.check.name, "check-timeout", {"limit_s": self.check.limit_s}),)
        return self._results

    def _run(self) -> None:
        try:
            self._results = tuple(self.check.run())
        except Exception as error:
            # The text may contain an address with a password, so only the type is reported.
            log.debug("%s", self.check.name, exc_info=error)
            self._results = (CheckResult(self.check.name, "check-failed", {"error": type(error).__name__}),)


def run_checks(checks: Sequence[Check]) -> list[CheckResult]:
    """Run all checks in parallel, each up to its timeout; return their results in the order of ``checks``."""
    running = [_Running(check) for check in checks]
    return [result for each in running for result in each.results()]
