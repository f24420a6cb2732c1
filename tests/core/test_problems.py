"""The catalogue of problems: both languages, the same figures, and what is done with what does not fit."""

from __future__ import annotations

import ast
import itertools
import re
import string
from copy import copy
from pathlib import Path

import msgspec
import yaml

import edge_agent
from edge_agent.core.problems import (
    CATALOGUE,
    CodedProblem,
    ProblemText,
    error_text,
    problem_of,
    problem_text,
)
from edge_agent.core.problems.catalogue import Catalogue
from edge_agent.core.problems.words import PROFILE_TEXTS
from edge_agent.host.board.platform import ADVICE


def names(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_a_reason_of_the_system_is_said_in_vietnamese() -> None:
    for reason, said in (
        ("Temporary failure in name resolution", "DNS không trả lời được, có thể chưa có mạng"),
        ("something new", "something new"),
    ):
        problem = problem_of(problem_text("connect-no-name", host="broker.example", error=reason))
        assert problem is not None
        shown = CATALOGUE.say(problem, "vi")
        assert shown == f"DNS không tìm được địa chỉ của broker.example: {said}"


def test_advice_about_a_board_is_said_in_vietnamese() -> None:
    platforms = [
        yaml.safe_load(profile.read_text())["platform"]
        for profile in (Path(edge_agent.__file__).parents[1] / "firmware_profiles").glob("*.yaml")
    ]
    fixes = {setting["fix"] for platform in platforms for setting in platform["kernel"]}
    fixes |= {platform["firmware"]["update"] for platform in platforms} - {None}
    reasons = {setting["why"] for platform in platforms for setting in platform["kernel"]}
    assert {ADVICE, *fixes, *reasons} <= PROFILE_TEXTS.keys()


def test_no_code_stands_twice() -> None:
    """Tables are merged, and the later sentence would silently replace the earlier one."""
    folder = Path(edge_agent.__file__).parent / "core/problems"
    keys = [
        str(key.value)
        for file in folder.glob("*.py")
        for table in ast.walk(ast.parse(file.read_text()))
        if isinstance(table, ast.Dict)
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple)
    ]
    assert sorted(keys) == sorted(CATALOGUE.sentences)


def test_each_code_has_both_languages_and_the_same_figures_in_them() -> None:
    for code, (en, vi) in CATALOGUE.sentences.items():
        assert en, code
        assert vi, code
        # The Vietnamese reason says the cause already; the English cause is the word of the guide's table.
        assert names(en) == names(vi) | ({"cause"} if code == "camera-cause" else set()), code


def test_a_text_carries_its_code_and_figures() -> None:
    salvaged = problem_text("salvaged", events=7, lost=2)
    text = problem_text("outbox-new-epoch", why="malformed", file="x", saved=salvaged)
    assert text == "malformed; set aside as x, a new epoch has begun; 7 of its events saved, at most 2 lost"
    saved = CodedProblem("salvaged", {"events": 7, "lost": 2})
    assert problem_of(text) == CodedProblem(
        "outbox-new-epoch", {"why": "malformed", "file": "x", "saved": saved}
    )
    assert problem_of(copy(text)) == problem_of(text)
    assert problem_of(error_text(OSError(text))) == problem_of(text)
    assert problem_of(str(text)) is None
    assert problem_of(None) is None


def test_a_problem_comes_back_from_the_wire() -> None:
    problem = problem_text("camera-tampered", camera="cam-1", views=["covered", "moved"]).problem
    assert msgspec.json.decode(msgspec.json.encode(problem), type=CodedProblem) == problem
    assert CATALOGUE.say(problem, "en") == "camera cam-1 is covered and moved: somebody has to look after it"
    assert CATALOGUE.say(problem, "vi") == "camera cam-1 bị che và bị xoay: cần người đến kiểm tra"


def test_a_reworded_sentence_is_rendered_from_the_readers_catalogue() -> None:
    newer = Catalogue({"disk-full": ("the disk is {percent} % full: delete something", "…")})
    text = newer.text("disk-full", percent=95)
    assert text == "the disk is 95 % full: delete something"
    assert CATALOGUE.say(text.problem, "vi") == "ổ đĩa đã dùng 95%"
    assert CATALOGUE.say(text.problem, "en") == "disk 95 % full"


def test_what_does_not_fit_has_no_sentence() -> None:
    nested = CodedProblem("outbox")
    for _ in range(9):
        nested = CodedProblem("outbox", {"why": nested})
    for problem in (
        CodedProblem("of-a-later-release"),
        CodedProblem("disk-full"),
        CodedProblem("uplink-step", {"used_mb": "many", "budget_mb": 1, "waits": "", "until": "", "step": 1}),
        CodedProblem("outbox", {"why": CodedProblem("of-a-later-release")}),
        nested,
    ):
        assert CATALOGUE.say(problem, "en") is None
        assert CATALOGUE.say(problem, "vi") is None


def test_dates_are_written_as_the_language_does() -> None:
    held_back = problem_text("thermal-step-3")
    reported = problem_text("thermal-step", held_back=held_back, since="2026-11-27 11:00", step=3)
    assert reported == "hot: keyframes only since 2026-11-27 11:00 (step 3 of 3)"
    said = CATALOGUE.say(reported.problem, "vi")
    assert said == "nóng: chỉ phân tích khung I từ 27/11/2026 11:00 (mức 3/3)"
    assert isinstance(reported, ProblemText)


def test_each_code_that_the_agent_uses_is_in_the_catalogue() -> None:
    """Codes that are put together, such as ``cause-<cause>``, are looked for by their fixed part."""
    sources = [file.read_text() for file in Path(edge_agent.__file__).parent.rglob("*.py")]
    used = {code for source in sources for code in re.findall(r'problem_text\(\s*f?"([^"]+)"', source)}
    patterns = [re.compile(re.sub(r"\{[^}]*\}", ".*", code)) for code in used]
    assert len(patterns) > 100
    assert [p.pattern for p in patterns if not any(p.fullmatch(code) for code in CATALOGUE.sentences)] == []


OUTCOMES = {"CommandRefused", "CommandFailed", "CommandSucceeded", "InProgress", "ControlReply", "progress"}


def test_each_reply_to_a_command_has_a_code() -> None:
    """A text in quotes would reach the console without one."""
    package = Path(edge_agent.__file__).parent
    plain = []
    for file in itertools.chain(
        *(package.joinpath(each).rglob("*.py") for each in ("commands", "model_release", "runtime"))
    ):
        for call in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(call, ast.Call)
                and getattr(call.func, "id", getattr(call.func, "attr", "")) in OUTCOMES
            ):
                texts: list[ast.expr] = [arg for arg in call.args[:2] if isinstance(arg, ast.JoinedStr)]
                texts += [arg for arg in call.args[:1] if isinstance(arg, ast.Constant)]
                plain += [f"{file.relative_to(package)}:{text.lineno}" for text in texts]
    assert plain == []
