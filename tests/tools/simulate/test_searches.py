"""A simulated gateway with a day of passages: what the day looks like, and that a signed search finds it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_agent.commands.signature import make_key, read_private
from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.exit_codes import EX_USAGE
from edge_agent.passages.filters import PassageFilter
from edge_agent.passages.passage import Light, Passage, Side
from edge_agent.passages.reader import PassageReader
from edge_agent.tools.simulate.passage_generator import PassageDay, fill_store
from tests.commands.centre import Centre, document, moment, signed
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.tools.simulate.test_run import simulate

TIMEZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CAMERAS = ("cam-1", "cam-2")
GATEWAY = "sim-001"
PATIENCE_S = 120.0


def day_of(per_camera: int = 500, seed: str = "1") -> list[Passage]:
    return list(PassageDay(CAMERAS, per_camera, 0.0, random.Random(seed), SystemClock(), TIMEZONE).passages())


def test_a_day_has_its_passages_in_the_order_of_their_ends_and_the_same_ones_each_time() -> None:
    day, again = day_of(), day_of()
    assert Counter(each.camera for each in day) == dict.fromkeys(CAMERAS, 500)
    assert [each.ended_mono for each in day] == sorted(each.ended_mono for each in day)
    assert [each.colours for each in day if each.colours] != [
        each.colours for each in day_of(seed="2") if each.colours
    ]
    assert [each.path for each in day] == [each.path for each in again]


def test_objects_are_as_cameras_see_them() -> None:
    day = day_of(2_000)
    assert {each.light for each in day} == set(Light)
    assert not any(each.colours for each in day if each.light is Light.INFRARED)
    assert all(each.colours for each in day if each.light is Light.DAY)
    assert Counter(each.group for each in day).most_common(1)[0][0] == "two-wheeler"
    for each in day:
        assert 8 <= len(each.path) <= 16
        assert all(0 <= point.x <= 1 and 0 <= point.y <= 1 for point in each.path)
        assert each.entry is not Side.INSIDE
        assert each.direction_deg is not None
        assert (each.path[-1].x > each.path[0].x) == (each.direction_deg < 180)


def test_a_day_is_stored_once_and_read_by_the_agents_reader(tmp_path: Path) -> None:
    clock = SystemClock()
    for seed in ("1", "2"):  # the second call keeps what the first has stored
        fill_store(tmp_path, CAMERAS, 60, 0.5, seed, clock, TIMEZONE)
    found = list(PassageReader(tmp_path).find(PassageFilter()))
    assert len(found) == 120
    now = datetime.now(UTC)
    assert all(now - timedelta(hours=25) < each.started_at < now for each in found)
    with_picture = [each for each in found if PassageReader(tmp_path).crop(each.id) is not None]
    assert 0 < len(with_picture) < len(found)
    assert [path.name for path in tmp_path.iterdir()] == ["passages"]


def command_line(broker: Mosquitto, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "edge_agent", "simulate", "--broker", broker.url),
        *("--json", "--spread-s", "0", "--sites", "2", "--wards", "de-tham", "--delivery", "broker"),
        *("--events-per-camera-day", "0", *options),
    ]


def test_a_signed_search_is_answered_and_on_record_and_no_other_is(tmp_path: Path) -> None:
    public, _ = make_key(tmp_path / "search.pem")
    make_key(tmp_path / "other.pem")
    key, other_key = (read_private(tmp_path / name) for name in ("search.pem", "other.pem"))
    state = tmp_path / "state"
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "tb/v1/+/+/up/#") as subscriber:
        arguments = command_line(
            broker, "--passages-per-camera", "300", "--search-keys", str(public),
            "--outbox-dir", str(state), "--duration-s", "100",
        )  # fmt: skip
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as running:
            centre = Centre(subscriber, f"tb/v1/de-tham/{GATEWAY}")
            rebirth = document("rebirth", gateway=GATEWAY)
            # Repeated, because a gateway subscribes after its birth.
            wait_until(lambda: bool(centre.replies(centre.send(rebirth))), PATIENCE_S, "the gateway")
            question = search_of()
            answer = asked(centre, question, signed(question, key))
            other = search_of()
            refused = asked(centre, other, signed(other, other_key))
            unsigned = asked(centre, search_of())
            running.terminate()
            totals = json.loads(running.communicate(timeout=PATIENCE_S)[0])
    assert answer["status"] == "succeeded"
    rows = answer["result"]["passages"]
    assert answer["result"]["total"] > 50 == len(rows)
    assert all(row["group"] == "two-wheeler" and "sha" in str(row) for row in rows)
    assert (refused["code"], unsigned["code"]) == ("unknown-key", "unsigned")
    record = (state / GATEWAY / "passages/access.jsonl").read_text().splitlines()
    assert [json.loads(line)["case"] for line in record] == ["7/2026"]
    assert totals["searches"] == 1
    assert totals["reply_bytes"] > 5_000
    assert totals["search_cpu_s"] > 0


def search_of() -> dict[str, Any]:
    now = datetime.now(UTC)
    span = {"from_at": moment(now - timedelta(days=1)), "to_at": moment(now)}
    whose = {"purpose": "theft of a motorcycle", "case": "7/2026", "wards": ["de-tham"], "asked_by": "An"}
    return document("search", span | whose | {"group": "two-wheeler"}, gateway=GATEWAY)


def asked(centre: Centre, question: dict[str, Any], payload: bytes | None = None) -> dict[str, Any]:
    return centre.answer(centre.send(question, payload), PATIENCE_S)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--search-keys", "no-such.pem"), "--passages-per-camera"),
        (("--search-keys", "no-such.pem", "--passages-per-camera", "5"), "no-such.pem"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(options: tuple[str, ...], words: str) -> None:
    reported = simulate("mqtt://127.0.0.1:1", *options, code=EX_USAGE)["stderr"]
    assert words in reported
    assert "nothing was sent" in reported
