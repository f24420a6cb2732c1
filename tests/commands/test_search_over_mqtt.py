"""The real agent answers searches of the centre over a real broker: at once, or later under a limit."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.core.model import Box
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.holds import PassageHolds
from edge_agent.passages.passage import FOLDER, PassageScene, ScenePicture
from edge_agent.passages.reader import PassageReader
from tests.commands.centre import Centre, centre_at, document, moment, signed, write_public
from tests.commands.counter import SEARCHER
from tests.passages.parts import passage, store
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.billing import days_old_period
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.synced import COMMAND

SCOPE = {"purpose": "theft", "case": "7/2026", "wards": ["de-tham"], "asked_by": "Nguyễn Văn An"}
WHOLE = b"\xff\xd8" + bytes(39_998)
PERIOD = days_old_period()


@dataclass
class Site:
    centre: Centre
    agent: AgentProcess
    state_dir: Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A gateway that knows only the centre's search key, and has seen 60 people a minute ago."""
    keys = write_public(tmp_path / "searches/centre.pem", SEARCHER)
    clock = SystemClock()
    rows = store(tmp_path / "state", clock)
    now_mono = clock.monotonic()
    whole = PassageScene(ScenePicture(1, now_mono - 85.0, WHOLE), Box(0.1, 0.2, 0.3, 0.4), 0.04)
    passages = [passage(n, now_mono - 90.0, scene=whole) for n in range(60)]
    rows.write(passages, synced=True)
    rows.close()
    with Mosquitto(tmp_path) as broker, centre_at(broker.port) as centre:
        commands = {"search_keys": [str(keys)]}
        sim = {"kind": "sim", "monthly_bytes": "1GB", "reset_day": PERIOD.day}
        config = write_config(
            tmp_path, broker_port=broker.port, detector="none", commands=commands, uplink=sim
        )
        yield Site(centre, AgentProcess(config, command=COMMAND), tmp_path / "state")


def question(**args: Any) -> dict[str, Any]:
    """Valid for nine minutes: on a busy machine a start of the agent alone may take one."""
    now = datetime.now(UTC)
    span = {"from_at": moment(now - timedelta(hours=1)), "to_at": moment(now)}
    return document("search", SCOPE | span | args, expires=moment(now + timedelta(minutes=9)))


def answer(site: Site, asked: dict[str, Any]) -> dict[str, Any]:
    return site.centre.answer(site.centre.send(asked, signed(asked, SEARCHER)), 30)


def test_the_centre_searches_with_its_own_key_and_opens_a_picture(site: Site) -> None:
    with site.agent:
        site.centre.wait_for_gateway()
        found = answer(site, question(max_bytes=9_500, group="person"))["result"]
        assert found["total"] == 60
        assert 15 < len(found["passages"]) < 50
        first = found["passages"][0]["id"]
        opened = answer(site, document("passage-pictures", SCOPE | {"ids": [first]}))["result"]
        assert base64.b64decode(opened["pictures"][str(first)]) == passage().crop
        assert len(opened["paths"][str(first)]) == 13
        asked = document("passage-pictures", SCOPE | {"ids": [first], "scenes": True})
        opened = answer(site, asked)["result"]
        assert base64.b64decode(opened["pictures"][str(first)]) == WHOLE
        assert opened["places"][str(first)] == {"box": [0.1, 0.2, 0.3, 0.4], "after_s": 5.0}
        other = answer(site, question(wards=["an-phu"]))
        assert (other["status"], other["code"]) == ("rejected", "out-of-scope")
        assert answer(site, document("reboot"))["code"] == "unknown-key"
    entries = [
        json.loads(line) for line in (site.state_dir / FOLDER / "access.jsonl").read_text().splitlines()
    ]
    assert [each["asked_by"] for each in entries] == ["Nguyễn Văn An"] * 3
    assert [each["what"] for each in entries[1:]] == ["pictures", "whole pictures"]


def test_a_hold_is_placed_and_survives(site: Site) -> None:
    until = datetime.now(UTC) + timedelta(days=90)
    (kept_id, *_) = (each.id for each in PassageReader(site.state_dir).find(PassageFilter()))
    asked = document("passage-hold", SCOPE | {"ids": [kept_id, 999], "until": moment(until)})
    with site.agent:
        site.centre.wait_for_gateway()
        reply = answer(site, asked)
        assert (reply["status"], reply["problem"]["code"]) == ("succeeded", "passage-hold-placed")
        assert reply["result"] == {"passages": [kept_id], "missing": [999]}
        assert site.agent.stop() == 0
    with site.agent:
        site.centre.wait_for_gateway()
        kept = PassageHolds(site.state_dir).read()
        assert [(each.passage, each.case) for each in kept] == [(kept_id, "7/2026")]
        released = answer(site, document("passage-hold", SCOPE | {"ids": [kept_id]}))
        assert released["result"]["passages"] == [kept_id]
    assert PassageHolds(site.state_dir).read() == []


def test_a_search_that_waits_for_the_budget_outlives_a_restart(site: Site) -> None:
    step = site.state_dir / "uplink.json"
    step.write_text(json.dumps({"step": 3, "first_day": PERIOD.isoformat()}))
    asked = question()
    with site.agent:
        site.centre.wait_for_gateway()
        site.centre.send(asked, signed(asked, SEARCHER))
        site.centre.subscriber.wait_for(lambda: len(site.centre.replies(asked["id"])) >= 2)
        later = site.centre.replies(asked["id"])[-1]
        assert (later["status"], later["problem"]["code"]) == ("running", "search-later")
        assert "budget" in later["text"]
        assert answer_to_status(site)["status"] == "succeeded", "nothing else waits for it"
        assert site.agent.stop() == 0
    step.unlink()
    with site.agent:
        assert site.centre.answer(asked["id"], 30)["result"]["total"] == 60


def answer_to_status(site: Site) -> dict[str, Any]:
    return site.centre.answer(site.centre.send(document("status")), 30)
