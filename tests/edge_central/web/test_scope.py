"""Every query for a user names the wards that the user may see."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import FunctionType

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.dialects import sqlite

from edge_agent.wire.topics import ClaimTopics
from edge_central import console
from edge_central.console import events
from edge_central.store import tables
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.web.app import PAGES
from edge_central.web.auth.accounts import Role
from edge_central.web.pages.users import account, notifications
from edge_central.web.request_handler import PublicPage
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.rehearsals.parts import store_rules
from tests.edge_central.web.house import WARDS, House, csrf_of
from tests.testbed.claiming_box import ClaimingBox

THEIRS = FakeGateway("bx-001", "bo-xuyen")
OWN = {"/logout", "/password", "/handover/leave"}
OWN |= {page.path for page in (*account.PAGES, *notifications.PAGES)}
"""About nobody but himself, and the shift of his own wards."""
SEARCHES = (
    *("/api/searches", "/searches", "/api/journeys", "/journeys", "/cases", "/rehearsals"),
    "/sites/{gateway}/papers",
)
"""Their own tests ask there of another ward."""
WITH_SUBJECT = {
    *("steps", "acknowledge", "assign_owner", "close", "reopen", "note", "request_clip"),
    *("acknowledge_all", "acknowledge_waiting", "assign_all", "close_all", "note_all", "record_step"),
    *("hide", "is_hidden", "unhide", "owners_of_rows", "why_closed"),
}
"""Of the duty book: about a thing that was found within a scope. The test below knocks at their pages."""

NOTED = (tables.handling, tables.handling_step, tables.request, tables.hidden_event, tables.claim)


THERE = {"ward": THEIRS.ward, "gateway": THEIRS.id, "camera": "cam-1", "rule": "night", "media_id": "m1"}


@pytest.fixture
def theirs(house: House) -> House:
    """What is stored about their ward; the number of the claim is 1."""
    box = ClaimingBox()
    claim = (ClaimTopics("tb/v1", box.serial).claim, box.claims(site=THEIRS.id, ward=THEIRS.ward))
    house.take(THEIRS.event(1), THEIRS.heartbeat("s"), THEIRS.birth("s"), claim)
    house.picture(THEIRS, "m1")
    with house.connections.writing() as connection:
        store_rules(connection, THEIRS.id, THEIRS.ward)
    return house


def questions() -> Iterator[FunctionType]:
    """Public functions with a connection as an argument."""
    for module in pkgutil.walk_packages(console.__path__, f"{console.__name__}."):
        for name, found in vars(importlib.import_module(module.name)).items():
            asks = inspect.isfunction(found) and "connection" in inspect.signature(found).parameters
            if asks and found.__module__ == module.name and not name.startswith("_"):
                yield found


def test_every_question_of_the_console_takes_a_scope() -> None:
    found = {each.__name__: each for each in questions()}
    assert len(found) > 10
    without = {name for name, each in found.items() if "scope" not in inspect.signature(each).parameters}
    assert without - WITH_SUBJECT == set()


DE_THAM = Scope(frozenset({"de-tham"}))


@pytest.mark.parametrize(
    ("scope", "ward", "admitted"),
    [
        (EVERYWHERE, "de-tham", True),
        (EVERYWHERE, None, True),
        (DE_THAM, "de-tham", True),
        (DE_THAM, "bo-xuyen", False),
        (DE_THAM, None, False),
        (Scope(frozenset()), "de-tham", False),
    ],
)
def test_a_scope_admits_what_it_names(scope: Scope, ward: str | None, admitted: bool) -> None:
    assert scope.admits(ward) == admitted


def test_a_scope_is_only_ever_made_narrower() -> None:
    assert DE_THAM.narrowed(None) == DE_THAM
    assert DE_THAM.narrowed("bo-xuyen") == Scope(frozenset())
    assert EVERYWHERE.narrowed("bo-xuyen") == Scope(frozenset({"bo-xuyen"}))


def test_of_another_ward_no_page_shows_or_does_anything(house: House, theirs: House) -> None:
    house.take(FakeGateway("dt-001").event(1))
    house.tell(GatewayReport(THEIRS.id, THEIRS.ward, PresenceState.OFFLINE, "will", 1))
    house.tell(OutageReport(THEIRS.ward, (THEIRS.id,), 1, 1))
    browser = house.login("lan", Role.OFFICER, "de-tham")
    before = _rows(house)
    for page in PAGES:
        if isinstance(page, PublicPage) or page.path in OWN or page.path.startswith(SEARCHES):
            continue
        path = page.path.format(cursor=1, id=1, **THERE)
        if page.method == "GET":
            answer = browser.get(path)
            refused = (404,) if "{" in page.path else (200, 403)
        else:
            form = {"subject": f"event {THEIRS.id} e1", "owner": "lan", "outcome": "real", "note": "x"}
            form |= {"row 1 9": "on", "alert 1": "on", "do": "acknowledge", "minutes": "60", "why": "x"}
            if page.json:
                token = {"X-CSRF-Token": csrf_of(browser.get("/").text)}
                step = {"step": "note", "subject": form["subject"], "note": "x"}
                answer = browser.client.post(path, json=step, headers=token)
            else:
                answer = browser.post(path, form)
            refused = (404, 409) if Role.OFFICER in page.roles else (403,)
        assert answer.status_code in refused, page.path
        assert [each for each in (THEIRS.id, THEIRS.ward) if each in answer.text] == [], page.path
    assert _rows(house) == before, "nothing was written about their things"


def test_one_of_their_own_officer_sees_and_does_all_that(house: House, theirs: House) -> None:
    """Without this the test above would pass for pages that never answer."""
    browser = house.login("minh", Role.OFFICER, THEIRS.ward)
    for page in PAGES:
        if page.path.startswith(SEARCHES) or isinstance(page, PublicPage):
            continue
        if page.method == "GET" and "{" in page.path:
            path = page.path.format(cursor=1, id=1, **THERE)
            assert browser.get(path).status_code == 200, page.path
    form = {"subject": f"event {THEIRS.id} e1", "note": "x"}
    assert browser.post("/alerts/note", form).status_code == 303


def test_pictures_of_a_site_that_moves_stay_with_the_ward_of_their_events(house: House) -> None:
    before, after = FakeGateway("dt-001", "de-tham"), FakeGateway("dt-001", "bo-xuyen")
    snapshot = {"media_id": "m1", "box": [0.1, 0.1, 0.9, 0.9]}
    house.take(before.of_kind("object", 1, phase="moment", event_id="e1", label="person", snapshot=snapshot))
    house.picture(before, "m1")
    house.take(after.heartbeat("s"))
    house.picture(after, "m2", JPEG + b"of an event that has not arrived")
    with house.connections.writing() as connection:
        assert connection.scalar(select(tables.gateway.c.ward)) == "bo-xuyen"
        connection.execute(update(tables.media).where(tables.media.c.media_id == "m2").values(event_id="e2"))
    statuses = {
        ward: [
            browser.get(path).status_code
            for path in ("/events/1", "/media/dt-001/m1", "/api/media/dt-001/m1", "/media/dt-001/m2")
        ]
        for ward, browser in ((ward, house.login(ward, Role.OFFICER, ward)) for ward in WARDS)
    }
    assert statuses == {"de-tham": [200, 200, 200, 404], "bo-xuyen": [404, 404, 404, 200]}
    query = str(
        select(events._ward_of_event(), tables.media.c.media_id).compile(
            dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
        )
    )
    with house.connections.reading() as connection:
        plan = " ".join(row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert "event_by_event_id" in plan
    assert "TEMP B-TREE" not in plan


def _rows(house: House) -> dict[str, int]:
    return {table.name: len(house.harness.rows(table)) for table in (*NOTED, tables.access)}
