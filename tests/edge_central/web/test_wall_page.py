"""The page of the wall screen: states as published, and a centre that receives nothing."""

from __future__ import annotations

import pytest

from edge_central.ingest.ingest_status import IngestStatus
from edge_central.store.centres import running_key
from edge_central.store.database import write_record
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import WARD, FakeGateway
from tests.edge_central.web.house import House

OLD_STATES = "Trạng thái dưới đây là trạng thái cũ"


def test_a_ward_with_an_outage_is_dark_and_shows_since_when(house: House) -> None:
    three = [FakeGateway(f"dt-00{number}") for number in range(1, 4)]
    other = FakeGateway("bx-001", "bo-xuyen")
    house.take(*(each.heartbeat("s") for each in (*three, other)))
    since_ms = house.now_ms() - 23 * 60_000
    house.tell(
        *(GatewayReport(each.id, WARD, PresenceState.CUT, "went", since_ms) for each in three),
        GatewayReport(other.id, other.ward, PresenceState.ONLINE, "heartbeat", since_ms),
        OutageReport(WARD, tuple(each.id for each in three), 3, since_ms),
    )
    page = house.login("lan", Role.VIEWER, WARD, "bo-xuyen").get("/wall").text
    dark, calm = page.index("rank-dark"), page.index("rank-normal")
    assert dark < calm
    assert "23 phút" in page[dark:calm]
    assert "<b>0</b>/3" in page[dark:calm]
    assert "<b>1</b>/1" in page[calm:]
    assert "Ngoài sự cố nêu ở trên, không có gì cần xử lý." in house.browser("lan").get("/").text


@pytest.mark.parametrize(
    ("age_ms", "connected", "receives"), [(0, True, True), (70_000, True, False), (0, False, False)]
)
def test_a_centre_that_receives_nothing_says_so(
    house: House, age_ms: int, connected: bool, receives: bool
) -> None:
    browser = house.login("minh", Role.ADMIN)
    assert OLD_STATES not in browser.get("/wall").text, "it has never run"
    status = IngestStatus(
        time_ms=house.now_ms() - age_ms, since_ms=0, pid=1, version="", session="", connected=connected,
        events=0, duplicates=0, rejected=0, events_s=0.0,
    )  # fmt: skip
    with house.connections.writing() as connection:
        write_record(connection, running_key("other"), status)
    assert OLD_STATES not in browser.get("/wall").text, "another centre uses the database"
    with house.connections.writing() as connection:
        write_record(connection, running_key(house.settings.id), status)
    assert (OLD_STATES in browser.get("/wall").text) is not receives
