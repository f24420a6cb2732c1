"""The format of log lines, and that they have no secrets."""

from __future__ import annotations

import io
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from edge_agent.core.secrets import Secret
from edge_agent.host.system.logs import LogTail, Masker, is_journal, setup_logging

log = logging.getLogger("edge_agent.capture.reader")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the logging of the process."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    for name in ("edge_agent", "edge_central", "libav", "paho"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def setup(format: Literal["text", "json"] = "text", level: str = "info") -> tuple[io.StringIO, Masker]:
    out = io.StringIO()
    return out, setup_logging(format, level, camera_ids=["cam-1"], stream=out, environ={})


def fail(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("cam-1: broke")


def test_text_line_has_time_level_and_source() -> None:
    out, _ = setup()
    log.warning("cam-1: no packet for %d s, reopening", 10)
    pattern = r"\d{4}-\d\d-\d\dT[\d:.]+Z WARNING capture.reader: cam-1: no packet for 10 s, reopening\n"
    assert re.fullmatch(pattern, out.getvalue())


def test_what_others_sent_begins_no_line_of_its_own_and_moves_no_cursor() -> None:
    out, _ = setup()
    log.info("%s: %s", "dt-001", "why\n2026-11-27 CRITICAL forged\x1b[2J\r\u202e trộm")
    assert out.getvalue().endswith("dt-001: why\\n2026-11-27 CRITICAL forged\\x1b[2J\\r\\u202e trộm\n")
    assert out.getvalue().count("\n") == 1


def test_the_centre_is_heard_from_the_same_level() -> None:
    out, _ = setup(level="info")
    logging.getLogger("edge_central.ingest.broker_session").info("connected")
    logging.getLogger("edge_central.ingest.broker_session").debug("too much")
    assert out.getvalue().endswith(" INFO central.ingest.broker_session: connected\n")


def test_json_line_names_its_camera() -> None:
    out, _ = setup("json")
    log.info("cam-1: online")
    log.info("outbox: full")
    log.info("moved", extra={"camera": "cam-7"})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line.get("camera") for line in lines] == ["cam-1", None, "cam-7"]
    assert lines[0]["level"] == "info"
    assert lines[0]["logger"] == "edge_agent.capture.reader"
    assert lines[0]["message"] == "cam-1: online"


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_secret_in_messages_or_exceptions(format: Literal["text", "json"]) -> None:
    out, masker = setup(format)
    masker.register(Secret('p@ss"w/rd'))
    masker.register(Secret("ab"))
    log.info('cam-1: rtsp://viewer:p@ss"w/rd@10.0.0.11/s and p@ss"w/rd')
    log.info("cam-1: %s", "http://h/?key=p%40ss%22w%2Frd")
    fail('login with p@ss"w/rd and ab, able')
    text = out.getvalue()
    assert "w/rd" not in text
    assert "%40ss" not in text
    assert "viewer" not in text
    assert "***, able" in text, "a short secret goes only where it stands alone"


def test_exception_in_json_stays_on_one_line() -> None:
    out, _ = setup("json")
    fail("bad")
    (line,) = out.getvalue().splitlines()
    assert "ValueError: bad" in json.loads(line)["exception"]


@pytest.mark.parametrize("format", ["text", "json"])
def test_journal_gets_a_priority_on_every_line(format: Literal["text", "json"], tmp_path: Path) -> None:
    with open(tmp_path / "stderr", "w+") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        setup_logging(format, "debug", stream=stream, environ=environ)
        fail("bad")
        log.warning("w")
        log.info("i")
        log.debug("d")
        stream.seek(0)
        lines = stream.read().splitlines()
    assert [line[:3] for line in lines[-3:]] == ["<4>", "<6>", "<7>"]
    assert {line[:3] for line in lines[:-3]} == {"<3>"}
    if format == "text":
        assert lines[-1] == "<7>capture.reader: d", "the journal has its own clock"


@pytest.mark.parametrize("named", ["", "1:1", "nonsense"])
def test_other_streams_are_not_the_journal(named: str, tmp_path: Path) -> None:
    with open(tmp_path / "stderr", "w") as stream:
        assert not is_journal(stream, {"JOURNAL_STREAM": named})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": "1:1"})


def test_libraries_are_heard_from_warning_on() -> None:
    out, _ = setup(level="debug")
    logging.getLogger("somebody").info("chatter")
    logging.getLogger("libav.h264").error("error while decoding MB 12 7")
    logging.getLogger("somebody").warning("trouble")
    log.debug("ours")
    heard = ["WARNING somebody: trouble", "DEBUG capture.reader: ours"]
    assert [line.split(" ", 1)[1] for line in out.getvalue().splitlines()] == heard


def test_second_setup_replaces_the_first() -> None:
    first, _ = setup()
    second, _ = setup("json")
    log.info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_the_newest_lines_stay_in_memory_without_secrets() -> None:
    tail = LogTail(length=2)
    masker = setup_logging(stream=io.StringIO(), environ={}, tail=tail)
    masker.register(Secret("hunter2"))
    for number in range(3):
        log.info("cam-%d: the password is hunter2", number)
    newest = ["cam-1: the password is ***", "cam-2: the password is ***"]
    assert [line.rpartition("reader: ")[2] for line in tail.lines()] == newest
