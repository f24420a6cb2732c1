"""A clip that is watched in the page of its event goes on while the page follows what happens."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import select

from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import FakeGateway
from tests.edge_central.test_file_parts import SentFile
from tests.edge_central.web.house import House
from tests.testbed.chromium import Chromium, installed
from tests.testbed.clips import make_clip

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")
BOX = FakeGateway("dt-001")


def clip_openings(house: House) -> int:
    with house.connections.reading() as connection:
        return len(connection.execute(select(tables.access.c.id).where(tables.access.c.what == "clip")).all())


def test_a_watched_clip_goes_on_while_its_event_goes_on(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "clip.mp4", seconds=20).read_bytes()
    file = {
        "media_id": "clip-1",
        "sha256": hashlib.sha256(film).hexdigest(),
        "bytes": len(film),
        "content_type": "video/mp4",
    }
    with House(tmp_path / "house") as house, Chromium(tmp_path / "profile", size=(1366, 768)) as browser:
        house.start()
        house.take(BOX.heartbeat("s"), BOX.event(1), BOX.evidence(2, event_id="e1", file=file))
        house.person("lan", Role.OFFICER, BOX.ward)
        sent = SentFile(payload=film, name="clip-1")
        house.take(sent.part(1))
        for cookie in house.browser("lan").client.cookies.jar:
            browser.give_cookie(house.url, cookie.name, cookie.value or "")
        browser.open(house.url + "/events/1")
        browser.wait_until("document.querySelector('progress') !== null")
        house.take(*sent.parts())
        browser.wait_until("document.querySelector('video') !== null")
        assert clip_openings(house) == 0, "a page does not open the clip by itself"
        browser.run("document.querySelector('video').muted = true; document.querySelector('video').play()")
        browser.wait_until("document.querySelector('video').currentTime > 0.5")
        browser.run("window.player = document.querySelector('video')")
        house.take(BOX.evidence(3, event_id="e1", clip=None, missing="another message"))
        browser.wait_until("document.querySelectorAll('.phases li').length === 3")
        same = "document.querySelector('video') === window.player && !window.player.paused"
        assert browser.run(same)
        assert browser.run("window.player.currentTime > 0.5")
        browser.run("window.player.currentTime = 15")
        browser.wait_until("!window.player.seeking && window.player.currentTime >= 15")
        assert clip_openings(house) == 1
        assert browser.complaints == []
        check_case(house, browser)


def check_case(house: House, browser: Chromium) -> None:
    """In a case, which lists who looked and so changes with each view."""
    answer = house.browser("lan").post("/events/1/case", {"case": "7/2026"}, page="/events/1")
    browser.open(house.url + answer.headers["location"].partition("#")[0])
    browser.wait_until("document.querySelector('#case video') !== null")
    browser.run("document.querySelector('video').muted = true; document.querySelector('video').play()")
    browser.wait_until("document.querySelector('video').currentTime > 0.5")
    browser.run("window.player = document.querySelector('video')")
    browser.run("window.first = document.querySelector('#accesses tr')")
    browser.run("document.querySelector('#case details').open = true")
    browser.run("document.dispatchEvent(new Event('console:refresh')) && null")
    browser.wait_until("document.querySelector('#accesses tr') !== window.first")
    assert browser.run("document.querySelector('video') === window.player && !window.player.paused")
    assert browser.run("document.querySelector('#case details').open")
