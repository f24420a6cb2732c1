"""The pages of the fleet and of roll-outs in a real Chromium: layout, names, contrast, and the stop."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_central.fleet.rollouts import begin_batch, begin_rollout, record_failure
from edge_central.web.auth.accounts import Role
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, Room
from tests.edge_central.console.served import CityHouse
from tests.testbed.chromium import Chromium, installed

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
PAGES = {"fleet": "/fleet", "rollouts": "/fleet/rollouts"}

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    manifest = tmp_path_factory.mktemp("releases") / "manifest.json"
    manifest.write_text('{"version": "0.3.0", "serial": 1795698000, "percent": 5}', encoding="utf-8")
    with (
        CityHouse(tmp_path_factory.mktemp("house"), events=100, release_manifests=[str(manifest)]) as house,
        Chromium(tmp_path_factory.mktemp("profile")) as browser,
    ):
        with house.connections.writing() as connection:
            gateways, now_ms = sorted(house.city.gateways), house.now_ms()
            begin_rollout(connection, "0.1.0", 465, "an", now_ms - 7_200_000)
            begin_batch(connection, "0.1.0", gateways[:1], now_ms - 7_100_000)
            record_failure(connection, "0.1.0", gateways[0], "no heartbeat within 180 s", now_ms - 7_000_000)
            begin_rollout(connection, "0.2.0", 465, "an", now_ms - 600_000)
            for number, members in enumerate((gateways[:1], gateways[1:6], gateways[6:52])):
                begin_batch(connection, "0.2.0", members, now_ms - 500_000 + number * 100_000)
        house.person("minh", Role.ADMIN)
        house.start()
        yield Room(house, browser)


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, (1366, 768), PHONE])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_off_and_everything_has_a_name(
    room: Room, name: str, size: tuple[int, int], lang: str
) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next={PAGES[name]}")
    if SHOTS.is_dir():
        room.browser.screenshot(SHOTS / f"{name}-{lang}-{size[0]}.png")
    assert room.run(FITS_WIDTH), "it can be scrolled sideways"
    assert room.run(NAMELESS) == []
    assert room.run(FAINT) == {}
    assert room.axe_violations() == []
    assert room.browser.complaints == []


def test_an_administrator_stops_a_roll_out(room: Room) -> None:
    room.open("/language/en?next=/fleet")
    room.run("document.querySelector('.notice a').click()")
    room.browser.wait_until("document.querySelector('input[name=why]') !== null")
    room.run("document.querySelector('input[name=why]').value = 'dark pictures'")
    room.run("document.querySelector('input[name=why]').form.querySelector('button').click()")
    room.browser.wait_until("document.querySelector('main').textContent.includes('Stopped by minh')")
    assert room.run("document.querySelector('input[name=why]')") is None
