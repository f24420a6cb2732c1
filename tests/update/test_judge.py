"""When a release is confirmed and when it is reverted, with a fake clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.problems.releases import REASONS, VERDICTS
from edge_update.memory import Trial
from edge_update.running import Process, Status
from edge_update.sentences import SENTENCES
from edge_update.settings import Settings
from edge_update.trial import Judge

TRIAL_S, SETTLE_S, POLL_S = 60.0, 100.0, 2.0

# What a second of the trial is like: process ("a", "b": another one; "F": systemd has given up; "-":
# it does not say), then what its status says: version, "c" when connected, "d" when the detector does not
# work, cameras. "?": it does not answer.
WELL = "a new c cam-1 cam-2"
THIRD = "c new c cam-1 cam-2"
NO_BROKER = "a new - cam-1 cam-2"
NO_CAMERA = "a new c cam-1"
NO_DETECTOR = "a new cd cam-1 cam-2"


class Second:
    """A trial by a script: one entry per second, the last one repeats; another letter is a restart."""

    def __init__(self, script: list[str]) -> None:
        self._script, self.now = script, 0.0

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def _words(self) -> list[str]:
        return self._script[min(int(self.now), len(self._script) - 1)].split()

    def process(self) -> Process:
        name = self._words()[0]
        letters = [entry.split()[0] for entry in self._script[: int(self.now) + 1]]
        runs = [one for i, one in enumerate(letters) if one not in "F-" and one not in letters[:i]]
        if name == "-":
            return Process("", 0, False)
        return Process("" if name == "F" else name, max(0, len(runs) - 1), name == "F")

    def status(self) -> Status | None:
        words = self._words()
        if words[1:] in ([], ["?"]):
            return None
        detector = "no runtime" if "d" in words[2] else ""
        return Status(words[1], "c" in words[2], frozenset(words[3:]), detector)


def judged(script: list[str], *, detects: bool = True) -> tuple[str, float]:
    """The result, and after how many seconds. ``detects``: the detector worked before."""
    second = Second(script)
    trial = Trial("", "new", "old", ("cam-1", "cam-2"), connected=True, detects=detects)
    settings = Settings(Path("key"), trial_s=TRIAL_S, settle_s=SETTLE_S, poll_s=POLL_S)
    judge = Judge(trial, settings, second.process, second.status, second.monotonic, second.pause)
    return judge.verdict(), second.now


@pytest.mark.parametrize(
    ("script", "verdict", "after_s"),
    [
        # good from the start
        ([WELL], "", 60),
        # starts slowly, and the old process still answers for a while
        (["x old c cam-1 cam-2"] * 4 + ["a ?"] * 30 + [WELL], "", 34 + 60),
        # connects late; a short disconnection starts the waiting time again
        ([NO_BROKER] * 90 + [WELL], "", 90 + 60),
        ([WELL] * 50 + [NO_BROKER] * 4 + [WELL], "", 54 + 60),
        # one frame of each camera is enough, not at the same time
        (["a new c cam-1"] * 10 + ["a new c cam-2"], "", 10 + 60),
        # a restart in the middle: the new process has to show everything again
        ([WELL] * 50 + ["b new c cam-1 cam-2"], "", 52 + 60),
        # systemd does not say for a moment: what had ended before is not counted once more
        (["a ?", "b ?", *[THIRD] * 20, *["-"] * 4, THIRD], "", 26 + 60),
        # no broker, no picture, no answer, another release
        ([NO_BROKER], "unhealthy: no broker for 100 s", 100),
        ([NO_CAMERA], "unhealthy: no picture from cam-2 for 100 s", 100),
        (["a ?"], "unhealthy: it does not answer for 100 s", 100),
        (["a old c cam-1 cam-2"], "unhealthy: old answers for 100 s", 100),
        # a detector that cannot be loaded
        ([NO_DETECTOR], "unhealthy: the detector does not work (no runtime) for 100 s", 100),
        # good first, then disconnected
        ([WELL] * 50 + [NO_BROKER], "unhealthy: no broker for 100 s", 150),
        # a camera that the process after a restart no longer finds
        ([WELL] * 50 + ["b new c cam-1"], "unhealthy: no picture from cam-2 for 100 s", 150),
        # exits at once, repeatedly
        (["a ?", "b ?", "c ?", "d ?", "d ?"], "crashing: it ended 3 times in 4 s", 4),
        # exits after a while, but not often enough
        (["a ?"] * 40 + ["b ?"] * 40 + ["c ?"], "crashing: it ended 2 times in 100 s", 100),
        # exit code 78: systemd does not try again
        (["a ?", "F"], "crashing: systemd no longer restarts it", 2),
        # changes between good and bad
        (([WELL] * 50 + [NO_BROKER] * 10) * 9, "it was never healthy for 60 s without interruption", 280),
    ],
)  # fmt: skip
def test_the_verdict_is(script: list[str], verdict: str, after_s: float) -> None:
    assert judged(script) == (verdict, after_s)


def test_a_detector_that_did_not_work_before_is_not_missed() -> None:
    assert judged([NO_DETECTOR], detects=False) == ("", 60)


def test_the_agent_has_the_same_sentences_as_roots_program() -> None:
    """Root's program runs beside agents of any release, so it has its own copy of the English."""
    assert {code: english for code, (english, _) in {**VERDICTS, **REASONS}.items()} == SENTENCES
