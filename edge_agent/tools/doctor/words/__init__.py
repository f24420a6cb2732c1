"""All sentences of the doctor, by finding, from which docs/guide/doctor.md is made. Nothing is examined."""

from __future__ import annotations

from edge_agent.core.languages import Lang
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.words.box import BOX
from edge_agent.tools.doctor.words.broker import BROKER
from edge_agent.tools.doctor.words.cameras import CAMERAS
from edge_agent.tools.doctor.words.network import NETWORK
from edge_agent.tools.doctor.words.wording import Wording

__all__ = ["WORDS", "Wording", "level_of", "said_of", "todo_of"]

WORDS: dict[str, Wording] = {**BOX, **CAMERAS, **NETWORK, **BROKER}


def level_of(result: CheckResult) -> CheckLevel:
    return WORDS[result.finding].level


def said_of(result: CheckResult, lang: Lang) -> str:
    return WORDS[result.finding].said(lang, result.figures)


def todo_of(result: CheckResult, lang: Lang) -> str | None:
    return WORDS[result.finding].todo(lang, result.figures)
