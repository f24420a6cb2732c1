"""The results of a trial: an English text with its code, from which others make it in their language.

The agent's catalogue has the same codes and English sentences (edge_agent/core/problems/releases.py).
"""

from __future__ import annotations

from typing import Any

SENTENCES = {
    "release-in-force": "{version} is in force",
    "release-kept": "{version} is in force and connected; before it was {before}",
    "release-kept-first": "{version} is in force and connected; there was no release before",
    "release-failed": "{version} failed its trial: {why}; {result}",
    "release-back": "back to {before}",
    "release-replaced": "meanwhile release {found} was put in force and stays so",
    "release-removed": "meanwhile the release in force was removed; the updater does not restore it",
    "release-no-other": "there is no {before} to go back to, so it stays",
    "release-none-other": "there is no other release to go back to, so it stays",
    "release-trial-cut": "crashing: its trial was cut off {times} times",
    "release-given-up": "crashing: systemd no longer restarts it",
    "release-crashing": "crashing: it ended {times} times in {seconds} s",
    "release-unhealthy": "unhealthy: {why} for {seconds} s",
    "release-never-healthy": "it was never healthy for {seconds} s without interruption",
    "release-silent": "it does not answer",
    "release-other-answers": "{version} answers",
    "release-no-broker": "no broker",
    "release-no-picture": "no picture from {camera}",
    "release-no-detector": "the detector does not work ({why})",
}


class CodedText(str):
    """A text with its code; ``problem`` is as in the agent's messages."""

    problem: dict[str, Any]


def sentence(code: str, /, **params: str | int) -> CodedText:
    """The sentence of that code. A parameter that is such a text itself travels with its own code."""
    text = CodedText(SENTENCES[code].format(**params))
    text.problem = {
        "code": code,
        "params": {name: problem_of(value) or value for name, value in params.items()},
    }
    return text


def problem_of(text: object) -> dict[str, Any] | None:
    """None for a text without a code."""
    return text.problem if isinstance(text, CodedText) else None


def with_problem(text: str, problem: dict[str, Any] | None) -> str:
    """A text that was kept beside its code."""
    if problem is None:
        return text
    coded = CodedText(text)
    coded.problem = problem
    return coded
