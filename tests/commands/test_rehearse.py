"""``rehearse``: a process of its own counts; only counts leave the gateway unless examples are on record."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.action import CommandFailed, CommandRefused, is_signed_by_default
from edge_agent.commands.document import arguments
from edge_agent.commands.handlers import rehearse
from edge_agent.commands.handlers.rehearse import RehearseCommand
from edge_agent.commands.handlers.search import HOT_STEP, GatewayLimits
from edge_agent.commands.signature import PUBLIC_DER, OperatorKeyring, key_id
from edge_agent.config.loader import load
from edge_agent.passages.passage import FOLDER
from edge_agent.wire import RehearseArguments
from tests.commands.centre import write_public
from tests.commands.contexts import GivenContext
from tests.commands.counter import OPERATOR, SEARCHER
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import wait_until

ZONES = {"yard": {"polygon": [[0.2, 0.2], [0.5, 0.2], [0.5, 0.9], [0.2, 0.9]]}}
RULE = {"id": "yard", "kind": "zone-intrusion", "zone": "yard", "cooldown_s": 0}
KEY = key_id(PUBLIC_DER + OPERATOR.public_key().public_bytes_raw())
SEARCH_KEY = key_id(PUBLIC_DER + SEARCHER.public_key().public_bytes_raw())
CAMERA = {"id": "cam-1", "url": "rtsp://127.0.0.1/1", "zones": ZONES, "rules": [RULE]}


@pytest.fixture
def command(tmp_path: Path) -> RehearseCommand:
    """A gateway whose camera saw four people an hour ago."""
    config = write_config(tmp_path, cameras=[CAMERA], broker_port=1883)
    settings = load(config)
    clock = HandClock(2000.0, datetime.now(UTC) - timedelta(hours=1))
    rows = store(settings.state_dir, clock)
    rows.write([passage(n, 1000.0 + 20 * n) for n in range(4)], synced=True)
    rows.close()
    one = write_public(tmp_path / "operator.pem", OPERATOR)
    keys = OperatorKeyring([one], [write_public(tmp_path / "search.pem", SEARCHER)])
    return RehearseCommand(lambda: settings, config, clock, keys, lambda: GatewayLimits(0, False, True))


def context(stopping: bool = False, key: str = KEY, **args: Any) -> GivenContext:
    checked = arguments(RehearseArguments, {"camera": "cam-1", "rule": RULE} | args)
    return GivenContext("c-1", checked, key, stopping=lambda: stopping)


def test_the_draft_is_compared_with_the_rule_in_force_and_no_passage_is_named(
    command: RehearseCommand,
) -> None:
    slow = RULE | {"min_duration_s": 30}
    outcome = command.run(context(rule=slow))
    assert outcome.text == "rule yard would have reported 0 times, the one in force 4 times"
    assert outcome.result["only_in_force"] == 4
    assert "examples" not in outcome.result
    assert not (command.settings().state_dir / FOLDER / "access.jsonl").exists()


def test_a_draft_may_bring_its_zone(command: RehearseCommand) -> None:
    aside = {"aside": {"polygon": [[0.8, 0.0], [1.0, 0.0], [1.0, 0.2]]}}
    outcome = command.run(context(rule=RULE | {"id": "new", "zone": "aside"}, zones=aside))
    assert outcome.text == "rule new would have reported 0 times; there is no such rule in force"


def test_examples_are_on_record_before_they_are_sent(command: RehearseCommand) -> None:
    with pytest.raises(CommandRefused, match="purpose and case"):
        command.run(context(examples=3))
    outcome = command.run(context(examples=3, purpose="false alarms", case="8/2026"))
    assert len(outcome.result["examples"]) == 3
    (entry,) = (command.settings().state_dir / FOLDER / "access.jsonl").read_text().splitlines()
    assert json.loads(entry)["case"] == "8/2026"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"camera": "cam-9"}, "cam-9"),
        ({"rule": RULE | {"zone": "yrad"}}, "this camera has no zone 'yrad'"),
        ({"rule": {"id": "x"}}, "kind"),
        ({"rule": RULE, "zones": {"yard": {"polygon": [[0, 0], [1, 1]]}}}, "polygon"),
    ],
)
def test_a_wrong_draft_is_refused_before_a_process_starts(
    command: RehearseCommand, args: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "PROGRAM", ("/nonexistent",))
    with pytest.raises(CommandRefused, match=says):
        command.run(context(**args))


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("print('no JSON')", "the rehearsal failed"),
        ("import sys; print('the disk is gone', file=sys.stderr); sys.exit(1)", "the disk is gone"),
        ("import sys; sys.exit(3)", "exit code 3"),
    ],
)
def test_a_process_that_fails_is_a_failed_command(
    command: RehearseCommand, program: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "PROGRAM", (sys.executable, "-c", program))
    with pytest.raises(CommandFailed, match=says):
        command.run(context())


@pytest.mark.parametrize(("stopping", "code"), [(True, "interrupted"), (False, "timed-out")])
def test_it_is_killed_when_the_agent_stops_or_it_takes_too_long(
    command: RehearseCommand, stopping: bool, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "PROGRAM", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(rehearse, "POLL_S", 0.05)
    monkeypatch.setattr(rehearse, "WITHIN_S", 0.2)
    before = time.monotonic()
    with pytest.raises(CommandFailed) as failed:
        command.run(context(stopping))
    assert failed.value.code == code
    assert time.monotonic() - before < 20


def test_a_process_that_systemd_ends_with_the_agent_is_interrupted_and_has_not_failed(
    command: RehearseCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    monkeypatch.setattr(rehearse, "PROGRAM", (sys.executable, "-c", ended))
    with pytest.raises(CommandFailed) as failed:
        command.run(context())
    assert failed.value.code == "interrupted"


def test_a_camera_that_has_left_the_file_since_is_refused(command: RehearseCommand, tmp_path: Path) -> None:
    write_config(tmp_path, cameras=[CAMERA | {"id": "cam-2"}], broker_port=1883)
    with pytest.raises(CommandRefused, match="cam-1"):
        command.run(context())


def count_in(file: Path) -> str:
    """A program that writes a byte each 20 ms, for 2 s."""
    return f"import time\nfor n in range(100):\n open({str(file)!r}, 'a').write('.')\n time.sleep(0.02)"


def test_the_process_is_paused_while_the_gateway_is_hot(
    command: RehearseCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, limits = tmp_path / "ticks", {"heat": HOT_STEP - 1}
    ticks.touch()
    monkeypatch.setattr(rehearse, "PROGRAM", (sys.executable, "-c", count_in(ticks)))
    monkeypatch.setattr(rehearse, "POLL_S", 0.05)
    warm = replace(command, limits=lambda: GatewayLimits(limits["heat"], False, True))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(warm.run, context())
        wait_until(lambda: ticks.stat().st_size > 5, what="the process")
        limits["heat"] = HOT_STEP

        def stands() -> bool:
            before = ticks.stat().st_size
            time.sleep(0.5)
            return before == ticks.stat().st_size

        wait_until(stands, what="the pause")
        assert ticks.stat().st_size < 100
        assert not running.done()
        limits["heat"] = HOT_STEP - 1
        with pytest.raises(CommandFailed, match="the rehearsal failed"):  # it printed no result
            running.result(30)
    assert ticks.stat().st_size == 100


def test_a_paused_process_ends_with_its_time(
    command: RehearseCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "PROGRAM", (sys.executable, "-c", count_in(tmp_path / "ticks")))
    monkeypatch.setattr(rehearse, "POLL_S", 0.05)
    monkeypatch.setattr(rehearse, "WITHIN_S", 0.5)
    hot = replace(command, limits=lambda: GatewayLimits(HOT_STEP, False, True))
    with pytest.raises(CommandFailed) as failed:
        hot.run(context())
    assert failed.value.code == "timed-out"


def test_it_waits_while_the_gateway_is_hot(command: RehearseCommand) -> None:
    hot = replace(command, limits=lambda: GatewayLimits(HOT_STEP, False, True))
    assert hot.action().must_wait() == "the rehearsal waits: the gateway is hot"
    assert command.action().must_wait() is None


ON_RECORD: dict[str, Any] = {
    "purpose": "false alarms",
    "case": "8/2026",
    "wards": ["de-tham"],
    "asked_by": "lan",
}


def test_what_a_search_key_asks_is_on_record_with_the_person_even_without_examples(
    command: RehearseCommand,
) -> None:
    command.run(context(key=SEARCH_KEY, **ON_RECORD))
    (entry,) = (command.settings().state_dir / FOLDER / "access.jsonl").read_text().splitlines()
    found = json.loads(entry)
    assert (found["asked_by"], found["purpose"], found["case"]) == ("lan", "false alarms", "8/2026")


@pytest.mark.parametrize(
    ("left_out", "code"),
    [("wards", "bad-arguments"), ("asked_by", "bad-arguments"), ("purpose", "bad-arguments")],
)
def test_a_search_key_names_person_wards_and_purpose(
    command: RehearseCommand, left_out: str, code: str
) -> None:
    named = {name: value for name, value in ON_RECORD.items() if name != left_out}
    with pytest.raises(CommandRefused) as refused:
        command.run(context(key=SEARCH_KEY, **named))
    assert refused.value.code == code


def test_a_gateway_of_another_ward_and_a_key_that_was_removed_are_refused(command: RehearseCommand) -> None:
    with pytest.raises(CommandRefused) as other:
        command.run(context(key=SEARCH_KEY, **ON_RECORD | {"wards": ["bo-xuyen"]}))
    with pytest.raises(CommandRefused) as removed:
        command.run(context(key="ab" * 32))
    assert (other.value.code, removed.value.code) == ("out-of-scope", "unknown-key")


def test_further_rehearsals_of_an_hour_wait(
    command: RehearseCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearse, "PROGRAM", ("/nonexistent",))
    for _ in range(rehearse.MAX_AN_HOUR):
        assert command.action().must_wait() is None
        with pytest.raises(CommandFailed):
            command.run(context())
    assert "12 rehearsals have run within an hour" in str(command.action().must_wait())
    assert isinstance(command.clock, HandClock)
    command.clock.mono += 3600
    assert command.action().must_wait() is None


def test_it_is_always_signed() -> None:
    assert is_signed_by_default("rehearse", {"camera": "cam-1"})
