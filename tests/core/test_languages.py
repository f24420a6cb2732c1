"""How the language is chosen, and how each language writes durations and dates."""

from __future__ import annotations

from copy import copy
from datetime import date

import pytest

from edge_agent.core.languages import (
    Bilingual,
    Lang,
    both,
    day_text,
    decimal,
    default_lang,
    duration,
    filled,
    in_lang,
)
from edge_agent.core.problems import CATALOGUE, problem_text


@pytest.mark.parametrize(
    ("environ", "lang"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "vi_VN"}, "vi"),
    ],
)
def test_the_language_is_that_of_the_shell(environ: dict[str, str], lang: str) -> None:
    assert default_lang(environ) == lang


@pytest.mark.parametrize(
    ("seconds", "english", "vietnamese"),
    [
        (42.4, "42 s", "42 giây"),
        (185.0, "3 min", "3 phút"),
        (7500.0, "2 h 05 min", "2 giờ 05 phút"),
        (4 * 86400.0 + 3 * 3600, "4 d 3 h", "4 ngày 3 giờ"),
    ],
)
def test_spans_of_time_read_well(seconds: float, english: str, vietnamese: str) -> None:
    assert (duration(seconds), duration(seconds, "vi")) == (english, vietnamese)


def test_a_sentence_writes_its_figures_as_the_language_does() -> None:
    sentence = "{mb:,.1f} MB, {count}, edge-agent {version}"
    figures = {"mb": 1234.56, "count": 7, "version": "0.1.0"}
    assert filled(sentence, figures, "en") == "1,234.6 MB, 7, edge-agent 0.1.0"
    assert filled(sentence, figures, "vi") == "1.234,6 MB, 7, edge-agent 0.1.0"


@pytest.mark.parametrize(
    ("value", "digits", "english", "vietnamese"),
    [
        (98.123, 2, "98.12", "98,12"),
        (0.5, None, "0.5", "0,5"),
        (12.0, None, "12", "12"),
        (12.4, 0, "12", "12"),
    ],
)
def test_vietnamese_writes_decimals_with_a_comma(
    value: float, digits: int | None, english: str, vietnamese: str
) -> None:
    assert (decimal(value, "en", digits), decimal(value, "vi", digits)) == (english, vietnamese)


def test_figures_of_a_sentence_have_a_comma_in_vietnamese() -> None:
    problem = problem_text("config-trial-failed", seconds=2.5, why="x").problem
    assert "2.5" in (CATALOGUE.say(problem, "en") or "")
    assert "2,5" in (CATALOGUE.say(problem, "vi") or "")


def test_a_figure_with_a_format_has_a_comma_in_vietnamese_too() -> None:
    problem = problem_text("awake-keyframes-rare", seconds=12.34, limit=10.0).problem
    assert CATALOGUE.say(problem, "vi") == "các khung I cách nhau 12,3 giây, quá 10 giây"
    used = {"used_mb": 1234, "budget_mb": 5000, "waits": "x", "until": "y", "step": 2}
    said = CATALOGUE.say(problem_text("uplink-step", **used).problem, "vi")
    assert "1.234 trong tổng số 5.000 MB" in (said or "")


def test_a_bilingual_text_is_english_for_whoever_knows_nothing_of_it() -> None:
    nested = Bilingual("a list", "danh sách")
    text = both({"not": ("must be {kind}", "phải là {kind}")}, "not", kind=nested)
    assert (text, f"{text}", in_lang(text, "vi")) == ("must be a list", "must be a list", "phải là danh sách")
    assert (in_lang("plain", "vi"), in_lang(copy(text), "vi")) == ("plain", "phải là danh sách")


@pytest.mark.parametrize(("lang", "text"), [("en", "2026-12-01"), ("vi", "01/12/2026")])
def test_days_are_written_as_in_the_language(lang: Lang, text: str) -> None:
    assert day_text(date(2026, 12, 1), lang) == text
