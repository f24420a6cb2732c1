"""The table and the document."""

from __future__ import annotations

import json

import pytest

from bench.machine import this_machine
from bench.report import Report, number, scene_table, to_json, to_markdown
from bench.result import Result
from bench.targets import Target, judge

RESULTS = [
    Result("quiet", "agent", {"cpu_s_per_min": 1.0, "rss_mb": 120.4}, {"cpu_s_per_min": [1.0, 1.0]}),
    Result("quiet", "motion", {"cpu_s_per_min": 4.0, "rss_mb": 92.0}, {"cpu_s_per_min": [4.0, 4.0]}),
]


def report(results: list[Result]) -> Report:
    verdicts = judge(results, [Target("quiet", "agent", "cpu_s_per_min", at_most=0.2, over="motion")])
    about, skipped = {"quiet": "nothing moves", "street": "traffic"}, {"street": "no footage"}
    return Report("2026-11-24", True, 60.0, this_machine(), about, results, verdicts, skipped, {})


def test_the_table_has_a_column_for_the_ratio_to_each_peer() -> None:
    head, _, agent, motion = scene_table(RESULTS)
    assert head == "| quiet | cpu_s_per_min | rss_mb | of motion |"
    assert agent == "| agent | 1.00 | 120 | 0.25 |"
    assert motion == "| motion | 4.00 | 92.0 | 1.00 |"


def test_a_missed_target_and_a_skipped_scene_are_said() -> None:
    text = to_markdown(report(RESULTS))
    assert "| quiet | agent | cpu_s_per_min | <= 0.2 x motion | 0.25 | **no** |" in text
    assert "- not measured: street: no footage" in text


def test_a_machine_that_was_too_busy_is_said() -> None:
    crowded = Result("quiet", "whole machine", {"busy_percent": 93.0})
    assert "over 70 % of the whole machine were busy in: quiet" in to_markdown(report([*RESULTS, crowded]))
    assert "were busy" not in to_markdown(report(RESULTS))


def test_the_document_holds_figures_windows_and_machine() -> None:
    document = json.loads(to_json(report(RESULTS)))
    assert document["results"][0]["figures"] == {"cpu_s_per_min": 1.0, "rss_mb": 120.4}
    assert document["results"][0]["windows"] == {"cpu_s_per_min": [1.0, 1.0]}
    assert document["verdicts"][0]["met"] is False
    assert document["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (0.0123, "0.012"), (0.4, "0.40"), (12.34, "12.3"), (7474.6, "7,475")],
)
def test_numbers_have_about_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text
