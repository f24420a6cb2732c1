"""The clip on the page of its event: the player, what has arrived so far, and who opened it."""

from __future__ import annotations

import hashlib
import random

import pytest
from sqlalchemy import select

from edge_agent.core.problems import problem_text
from edge_agent.wire.received.messages import ReplyMessage
from edge_central.store import tables
from edge_central.store.batch import Batch
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import FakeGateway
from tests.edge_central.test_file_parts import MP4, SentFile
from tests.edge_central.web.house import House
from tests.edge_central.web.listening import Ear
from tests.edge_central.web.test_live import mark_of

BOX = FakeGateway("dt-001")
CLIP = SentFile(name="clip-1")


def with_event(house: House, content_type: str = "video/mp4") -> None:
    """An event whose clip was asked for; the clip follows."""
    file = {
        "media_id": "clip-1",
        "sha256": hashlib.sha256(MP4).hexdigest(),
        "bytes": len(MP4),
        "content_type": content_type,
        "command_id": "clip-1",
    }
    house.take(BOX.heartbeat("s"), BOX.event(1), BOX.evidence(2, event_id="e1", file=file))
    house.person("lan", Role.OFFICER, BOX.ward)


def page_of(house: House, lang: str = "en") -> str:
    browser = house.browser("lan", lang=lang)
    return browser.get("/events/1").text


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", "2 of 6 parts of the clip (0.3 MB) have arrived"),
        ("vi", "Đã nhận 2/6 phần của video (0,3 MB)"),
    ],
)
def test_the_page_says_how_much_of_a_clip_has_arrived(house: House, lang: str, says: str) -> None:
    with_event(house)
    house.take(*CLIP.parts([1, 5]))
    page = page_of(house, lang)
    assert says in page
    assert '<progress max="6" value="2">' in page
    assert "<video" not in page
    assert "/events/1/clip" not in page, "it need not be asked for again"


@pytest.mark.parametrize(
    ("lang", "says", "where"),
    [
        ("en", "The gateway has no clip of this event.", "on the recorder: camera cam-1, at"),
        ("vi", "Thiết bị không có video của sự kiện này.", "Hình ảnh lúc đó có trên đầu ghi: camera cam-1,"),
    ],
)
def test_a_clip_that_the_gateway_does_not_have_is_not_asked_for_again(
    house: House, lang: str, says: str, where: str
) -> None:
    house.take(BOX.event(1))
    house.person("lan", Role.OFFICER, BOX.ward)
    assert "/events/1/clip" in page_of(house)
    house.browser("lan").post("/events/1/clip", page="/events/1")
    refused = problem_text("no-such-clip", event="e1-of-the-gateway")
    with house.connections.writing() as connection:
        id_ = connection.scalars(select(tables.request.c.id)).one()
        reply = ReplyMessage(BOX.ward, BOX.id, id_, "rejected", refused)
        Batch(connection).record_replies([reply], house.now_ms())
    page = page_of(house, lang)
    assert says in page
    assert where in page
    assert "/events/1/clip" not in page
    assert "e1-of-the-gateway" not in page


def test_a_clip_that_has_arrived_is_played_in_the_page(house: House) -> None:
    with_event(house)
    house.take(*CLIP.parts())
    page = page_of(house)
    assert 'src="/media/dt-001/clip-1"' in page
    assert 'controls preload="none"' in page, "only a play opens it"
    assert "<progress" not in page


def test_a_sealed_clip_is_offered_as_a_file(house: House) -> None:
    with_event(house, "application/vnd.edge-agent.sealed")
    house.take(*SentFile(payload=b"EASEAL1\n" + MP4, name="clip-1").parts())
    page = page_of(house)
    assert "Download the encrypted clip" in page
    assert "<video" not in page


def test_a_player_can_seek_and_each_opening_is_logged(house: House) -> None:
    with_event(house)
    house.take(*CLIP.parts())
    browser = house.browser("lan")
    for begin in (0, 100_000, 200_000):
        answer = browser.get("/media/dt-001/clip-1", headers={"Range": f"bytes={begin}-{begin + 99}"})
        assert (answer.status_code, answer.content) == (206, MP4[begin : begin + 100])
        assert answer.headers["content-range"] == f"bytes {begin}-{begin + 99}/{len(MP4)}"
    assert answer.headers["content-type"] == "video/mp4"
    with house.connections.reading() as connection:
        logged = connection.execute(select(tables.access.c.account, tables.access.c.what)).all()
    assert ("lan", "clip") in [tuple(row) for row in logged]


def test_a_listener_hears_of_each_part(house: House) -> None:
    with_event(house)
    browser = house.browser("lan")
    with Ear(browser.client, mark_of(browser)) as ear:
        for number in (1, 2):
            house.take(CLIP.part(number))
            heard = ear.wait_for("request", number)[-1]
            assert (heard["gateway"], heard["about"], heard["received_parts"]) == ("dt-001", "e1", number)


def test_another_ward_sees_nothing_of_a_clip_on_its_way(house: House) -> None:
    with_event(house)
    house.take(*CLIP.parts([1]))
    assert house.login("tuong", Role.VIEWER, "bo-xuyen").get("/events/1").status_code == 404


def test_bytes_of_no_use_are_a_download_of_no_type(house: House) -> None:
    """A file without a known type is refused by the ingest: nothing of it is served."""
    with_event(house)
    house.take(*SentFile(payload=b"<script>" + random.Random(2).randbytes(70_000), name="clip-1").parts())
    assert house.browser("lan").get("/media/dt-001/clip-1").status_code == 404
