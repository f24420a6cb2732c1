"""Mistakes are found at their places, with the nearest valid name, all in one run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.config.check import run_check
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_OK
from edge_agent.core.languages import in_lang
from tests.config.mistakes import DOUBTS, MISTAKES, NOT_DOUBTFUL, SNIPPETS
from tests.config.places import MINIMAL, problems_of, warnings_of, with_camera, write


def _marked(text: str) -> tuple[str, int, int]:
    """The text without its ``§``, and the line and column where that stood."""
    before, mark, after = text.partition("§")
    assert mark, "a row says where its mistake is"
    lines = before.split("\n")
    return before + after, len(lines), len(lines[-1]) + 1


def test_each_mistake_is_found_at_its_place_and_not_taken_for_something_else_as_well(tmp_path: Path) -> None:
    write(tmp_path, "secret\n", "login.pass")
    wrong = {}
    for name, marked, message in MISTAKES:
        text, line, column = _marked(marked)
        problems = problems_of(write(tmp_path, text))
        there = [p.message for p in problems if (p.line, p.column) == (line, column)]
        if not any(message in found for found in there) or {p.line for p in problems} != {line}:
            wrong[name] = problems
    assert wrong == {}


def test_each_doubt_is_the_only_warning_at_its_place(tmp_path: Path) -> None:
    wrong = {}
    for name, marked, message in DOUBTS:
        text, line, column = _marked(marked)
        warnings = warnings_of(tmp_path, text)
        if len(warnings) != 1 or not warnings[0].startswith(f"{line}:{column}: {message}"):
            wrong[name] = warnings
    assert wrong == {}


def test_what_is_in_order_is_not_commented_on(tmp_path: Path) -> None:
    assert len(SNIPPETS) == 5
    assert {name: found for name, text in NOT_DOUBTFUL if (found := warnings_of(tmp_path, text))} == {}


def test_ten_mistakes_are_ten_lines(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
gateway: {id: DT-001, ward: no}
heartbeat_s: 22:00
mqtt: {brokers: [mqqt://h], delivry: broker}
detector: {labels: [persn], min_score: 2}
cameras:
  - id: cam-1
    url: rtsp://u:p@ss@h/s
    masks: [[[0, 0], [1, 1], [1, 0], [0, 1]]]
  - id: cam-1
    url: /clip.mp4
""",
    )
    out, err = io.StringIO(), io.StringIO()
    assert run_check(path, None, False, out, err) == EX_CONFIG
    places = [line.removeprefix(f"{path}:").split(" ")[0] for line in err.getvalue().splitlines()]
    assert places == ["1:15:", "1:29:", "2:14:", "3:18:", "3:29:", "4:21:", "4:40:", "7:10:", "8:13:", "9:9:"]
    assert out.getvalue() == ""


def test_an_unknown_kind_hides_no_other_mistake_of_the_rule(tmp_path: Path) -> None:
    rule = (
        "id: night, kind: loiterng, zone: yard, labels: [persn], severity: alert, cooldown_s: x, "
        "cooldown: 5, min_duration_s: 4000, direction: a-b"
    )
    zones = "zones: {yard: {polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1]]}}"
    problems = problems_of(write(tmp_path, with_camera(f"url: /clip\n{zones}\nrules: [{{{rule}}}]")))
    keys = {problem.message.split(":")[0] for problem in problems}
    unknown = "unknown key 'cooldown' in rule (did you mean 'cooldown_s'?)"
    assert keys == {"kind", "labels", "severity", "cooldown_s", unknown, "min_duration_s", "direction"}


@pytest.mark.parametrize("broken", ["agent.yaml", "conf.d/10-broken.yaml"])
def test_a_file_that_is_no_yaml_does_not_hide_the_mistakes_of_the_others(tmp_path: Path, broken: str) -> None:
    path = write(tmp_path, MINIMAL)
    write(tmp_path, "heartbeat_s: soon\n", "conf.d/20-fast.yaml")
    write(tmp_path, "detector: {labels: [persn]}\ncameras: [{id: cam-2}]\n", "conf.d/30-labels.yaml")
    write(tmp_path, "gateway: {id: dt-001\n", broken)
    found = [(Path(p.file).name, p.line) for p in problems_of(path)]
    others = [("20-fast.yaml", 1), ("30-labels.yaml", 1)]
    # Only the broken file could tell whether cam-2 really has no url.
    assert found == [(Path(broken).name, 2), *others]


IN_VIETNAMESE = {
    "unknown key in a section": "phần outbox không có mục 'max_byte' (có phải là 'max_bytes' không?)",
    "out of range": "heartbeat_s: phải là số từ 1 đến 3600 giây, không phải '0'",
    "a misspelt camera scheme": "url: không hỗ trợ 'rstp', phải là rtsp(s)://",
    "the same camera twice": "mã camera 'cam-1' xuất hiện hai lần trong tệp này",
    "an unknown profile": "không có hồ sơ bo mạch 'rasberry-pi-4'",
    "two documents": "có tài liệu YAML thứ hai (sau dấu ---)",
}


@pytest.mark.parametrize("name", IN_VIETNAMESE)
def test_mistakes_are_told_in_vietnamese(tmp_path: Path, name: str) -> None:
    (marked,) = (text for each, text, _ in MISTAKES if each == name)
    out, err = io.StringIO(), io.StringIO()
    assert run_check(write(tmp_path, _marked(marked)[0]), None, False, out, err, "vi") == EX_CONFIG
    assert f": {IN_VIETNAMESE[name]}" in err.getvalue()


def test_a_valid_file_is_one_line_in_vietnamese_too(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    camera = with_camera("url: /no/clip.mp4")
    assert run_check(write(tmp_path, camera), None, False, out, err, "vi") == EX_OK
    assert "lưu ý: không có tệp này; camera mất hình" in err.getvalue()
    assert ": hợp lệ: thiết bị " in out.getvalue()
    assert ", 1 camera, hồ sơ bo mạch " in out.getvalue()


def test_a_valid_file_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    out, err = io.StringIO(), io.StringIO()
    assert run_check(path, None, False, out, err) == EX_OK
    assert err.getvalue() == ""
    line = out.getvalue()
    assert line.startswith(f"{path}: valid: gateway dt-001, ward de-tham, 1 camera, profile ")
    assert line.count("\n") == 1


def test_warnings_keep_the_exit_status(tmp_path: Path) -> None:
    path = write(tmp_path, with_camera("url: rtsp://h/Streaming/Channels/101"))
    out, err = io.StringIO(), io.StringIO()
    assert run_check(path, None, False, out, err) == EX_OK
    assert err.getvalue().startswith(f"{path}:5:10: warning: this looks like the camera's main stream")
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b"gateway: {id: a}\nname: \xff\n", "2:7", "not UTF-8"),
        (MINIMAL.encode("utf-16"), "1:1", "not UTF-8"),
        (b"gateway: {id: \x07}\n", "1:15", "a control character (U+0007)"),
        (b"# " + b"x" * 300_000, "1:1", "larger than 256 KiB"),
    ],
    ids=["latin-1", "utf-16", "bell", "huge"],
)
def test_bytes_that_are_no_text(tmp_path: Path, data: bytes, place: str, message: str) -> None:
    path = tmp_path / "agent.yaml"
    path.write_bytes(data)
    (problem,) = problems_of(path)
    assert f"{problem.line}:{problem.column}" == place
    assert message in problem.message


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_bytes(MINIMAL.encode("utf-8-sig"))
    assert problems_of(path) == ()


def test_aliases_cannot_multiply(tmp_path: Path) -> None:
    layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    layers += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    (problem,) = problems_of(write(tmp_path, "\n".join(layers)))
    assert "more than 20,000 values" in problem.message


def test_nesting_is_bounded(tmp_path: Path) -> None:
    (problem,) = problems_of(write(tmp_path, "[" * 100_000))
    assert "exceeded maximum nesting depth" in problem.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "agent.yaml")
    assert str(problem) == f"{tmp_path}/agent.yaml:1:1: cannot read this file: no such file"


def test_a_directory_is_not_a_file(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path)
    assert problem.message == "cannot read this file: is a directory"
    assert in_lang(problem.message, "vi") == "không đọc được tệp này: đây là thư mục, không phải tệp"


def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.symlink_to(path)
    (problem,) = problems_of(path)
    assert problem.message == "cannot read this file: too many levels of symbolic links"


def test_a_password_file_that_is_a_pipe_does_not_hang_the_check(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    text = with_camera("url: rtsp://h/s\nusername: u\npassword_file: pipe")
    (problem,) = problems_of(write(tmp_path, text))
    assert problem.message.endswith("pipe is not a regular file")


def test_a_pipe_among_the_agents_files_does_not_hang_the_check_of_root(tmp_path: Path) -> None:
    (tmp_path / "state/pushed").mkdir(parents=True)
    os.mkfifo(tmp_path / "state/pushed/state.json")
    path = write(tmp_path, f"{MINIMAL}\nstate_dir: {tmp_path / 'state'}\n")
    command = [sys.executable, "-m", "edge_agent", "check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout[-200:].count("valid: ")) == (EX_OK, 1), done.stderr


def test_a_name_that_is_too_long_for_the_system(tmp_path: Path) -> None:
    text = with_camera(f"url: rtsp://h/s\nusername: u\npassword_file: {'x' * 300}")
    (problem,) = problems_of(write(tmp_path, text))
    assert problem.message.endswith("file name too long")
