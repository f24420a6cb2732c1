"""No message of one gateway makes a page, a list or the sound fail for others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis.strategies import sampled_from
from sqlalchemy import delete, select, update

from edge_agent.core.clock import Clock
from edge_agent.wire.received.bounds import LATEST_MS
from edge_agent.wire.received.messages import MalformedMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.alert_settings import AlertSettings, default_rules
from edge_central.alerts.service import AlertService
from edge_central.availability.day_sums import AvailabilitySums
from edge_central.availability.recorder import AvailabilityRecorder
from edge_central.console.alarms.model import QueueFilter
from edge_central.console.alarms.queue import read_queue
from edge_central.console.events import rows_of
from edge_central.console.incident_log import LogAuthor, hidden, hide
from edge_central.console_settings import DEFAULT_TIMEZONE
from edge_central.metrics.central_metrics import CentralMetrics
from edge_central.presence.presence_publisher import PresencePublisher
from edge_central.rehearsals.answers import record_replies
from edge_central.rehearsals.rules import parse_camera_rules
from edge_central.retention.deletion_plans import DeletionTarget
from edge_central.retention.operator_records import delete_old
from edge_central.searches.model import SearchAuthor
from edge_central.store import tables
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.store.scope import EVERYWHERE
from edge_central.web.app import PAGES, STREAMS
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL, LANGS, Lang
from edge_central.web.templates import safely
from tests.edge_central.console.passages import make_searchable
from tests.edge_central.parts import FakeGateway
from tests.edge_central.rehearsals.parts import rehearse, store_rules
from tests.edge_central.rehearsals.parts import result as rehearsal_result
from tests.edge_central.searches.parts import reply
from tests.edge_central.web import hostile
from tests.edge_central.web.hostile import Message, Pile, event
from tests.edge_central.web.house import WARDS, Browser, House

HONEST, ODD, ODDER = FakeGateway("dt-001"), FakeGateway("dt-666"), FakeGateway("bx-666", "bo-xuyen")
WITHIN_S = 2.0
"""Of processor time, so that a loaded machine does not fail the test."""
NOT_THERE = (
    *("/media/", "/api/media/", "/searches/", "/api/searches/", "/journeys/", "/api/journeys/"),
    *("/rehearsals/", "/cases/", "/fleet/claims/"),
    *(f"/sites/{each.id}/{part}/" for each in (HONEST, ODD, ODDER) for part in ("cameras", "papers")),
)
"""Their documented answer for a picture that has not come, or a search or journey that is missing, is 404."""


THE_SAME = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)  # fmt: skip
"""Few examples, in each run the same."""


@dataclass(frozen=True)
class Row:
    cursor: int


class Ingested(House):
    """Passes accepted messages to presence and alerts too, like the ingest's thread."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        super().__init__(folder, clock=clock)
        topics = CentralTopics("tb/v1", "central")
        rules = tuple(replace(each, for_s=0.0) for each in default_rules())
        self._watch = PresencePublisher(topics, self.clock)
        self._alerts = AlertService(AlertSettings(rules, 0.0), WARDS, topics, self.clock)
        self._figures = CentralMetrics(0.0)
        self._availability = AvailabilityRecorder("central", WARDS)
        self._watch.restore([])
        self._alerts.restore(self.store.query(self._alerts.read), [])

    def ingest(self, messages: Sequence[Message]) -> int:
        """Return the number of accepted messages."""
        stored = self.take(*messages)
        with self.store.batch() as batch:
            self._availability.record(stored, batch.connection, self.now_ms())
            self._availability.tick(batch.connection, self.now_ms(), 0)
            AvailabilitySums(WARDS, DEFAULT_TIMEZONE, self.now_ms).work(batch.connection)
        self._watch.record(stored)
        self._alerts.record(stored)
        self._figures.record_batch(stored, 0.0)
        self._alerts.check_gaps(self.store.load())
        reports = self._watch.tick("session", 0.0, lambda _: None)
        self._alerts.tick(reports, 0.0)
        with self.store.batch() as batch:
            self._watch.mark_written(self._watch.write(batch.connection))
            self._alerts.write(batch.connection)
        self._alerts.publish_written("session", lambda _: None)
        return len(messages) - stored.rejected


def addresses(house: House) -> Iterator[str]:
    """Every route that can be read, with existing ids as its parameters."""
    with house.connections.reading() as connection:
        gateways = connection.scalars(select(tables.gateway.c.id)).all()
        wards = connection.scalars(select(tables.gateway.c.ward).distinct()).all()
        cursors = connection.scalars(select(tables.event.c.cursor)).all()
    there = {
        "{ward}": wards, "{gateway}": gateways, "{cursor}": cursors, "{media_id}": ["m-1"],
        "{lang}": ["vi"], "{id}": [1], "{passage}": [1], "{step}": [1], "{search}": [1],
        "{camera}": ["cam-1"], "{rule}": ["night"],
        "{picture}": [1], "{export}": [1], "{file}": [1], "{copy}": [1],
    }  # fmt: skip
    for path in [page.path for page in PAGES if page.method == "GET"] + [path for path, _ in STREAMS]:
        found = [path]
        for name, values in there.items():
            found = [one.replace(name, str(v)) for one in found for v in (values if name in one else [name])]
        yield from found
    yield from (
        "/sites/dt-666?days=30",
        "/events?from=0001-01-01T00:00&severity=17",
        "/search?q=d",
        "/map?ward=de-tham",
        "/traffic?gateway=dt-666&camera=cam-1",
        "/users?user=minh",
    )


def open_everything(house: House, browser: Browser, lang: Lang) -> None:
    browser.get(f"/language/{lang}")
    for path in addresses(house):
        began = time.process_time()
        with browser.client.stream("GET", path) as answer:
            if path != "/live":
                answer.read()
        allowed = (200, 404) if path.startswith(NOT_THERE) else (200, 303)
        assert answer.status_code in allowed, f"{path}: {answer.status_code}"
        assert time.process_time() - began < WITHIN_S, path


@contextmanager
def ingested() -> Iterator[tuple[Ingested, Browser]]:
    with TemporaryDirectory() as folder, Ingested(Path(folder)) as house:
        house.ingest(
            [HONEST.heartbeat("s"), HONEST.birth("s"), event(HONEST, 1, {"phase": "start", "event_id": "h"})]
        )
        yield house.start(), house.login("minh", Role.ADMIN)


@example(pile=hostile.known_attacks(ODD), lang="vi")
@example(pile=hostile.known_attacks(ODD), lang="en")
@given(pile=hostile.piles(ODD, ODDER), lang=sampled_from(LANGS))
@settings(THE_SAME, max_examples=3)
def test_whatever_the_ingest_takes_leaves_every_page_as_it_was(pile: Pile, lang: Lang) -> None:
    with ingested() as (house, browser):
        house.ingest(pile)
        open_everything(house, browser, lang)
        with house.connections.reading() as connection:
            of_honest = QueueFilter(gateway=HONEST.id)
            (honest, *_) = read_queue(connection, EVERYWHERE, house.now_ms(), of_honest).items
        assert honest.key in ringing_keys(browser.get("/").text), "the honest alarm rings on"


def ringing_keys(page: str) -> list[str]:
    return page.partition('data-ringing="')[2].partition('"')[0].split(";")


def test_an_administrator_hides_an_event_and_shows_it_again() -> None:
    with ingested() as (house, browser):
        lan = house.login("lan", Role.OFFICER, *WARDS)
        assert lan.post("/events/1/hide").status_code == 403
        assert browser.post("/events/1/hide", {"note": "giả"}).status_code == 303
        assert "/events/1" not in lan.get("/events").text + lan.get("/alerts").text + lan.get("/").text
        assert lan.get("/events/1").status_code == 404
        assert "giả" in browser.get("/events/1").text, "who hid it and why stays with the event"
        assert "event dt-001 h" in browser.get("/hidden").text
        assert b"dt-001" in browser.get("/api/events").content, "programs go on getting it"
        browser.post("/events/1/show", page="/hidden")
        assert "/events/1" in lan.get("/alerts").text
        assert browser.get("/events/1").text.count("<b>minh</b>") == 2, "both steps are on record"


def test_an_event_of_the_year_9999_is_stored_as_it_came_and_its_time_is_bounded(tmp_path: Path) -> None:
    odd = event(ODD, 1, {"phase": "start", "event_id": "a"}, time="9999-12-31T23:59:59.999Z")
    with House(tmp_path) as house:
        house.take(odd)
        (stored,), (noted,) = house.harness.rows(tables.event), house.harness.rows(tables.rejected)
    assert (stored.payload, stored.time_ms) == (odd[1], LATEST_MS)
    assert "out of bounds" in noted.reason
    assert "9999-12-31" in noted.reason


def test_a_gateway_that_cannot_be_shown_is_marked_and_the_others_stay(house: House) -> None:
    house.take(HONEST.heartbeat("s"), HONEST.birth("s"), ODD.heartbeat("s"))
    house.tell(GatewayReport(ODD.id, ODD.ward, PresenceState.ONLINE, "heartbeat", 0))
    with house.connections.writing() as connection:  # as a later version might do
        connection.execute(update(tables.presence).values(standing="of tomorrow"))
    browser = house.login("minh", Role.ADMIN)
    assert "không hiển thị được nội dung thiết bị gửi" in browser.get(f"/sites/{ODD.id}").text
    for path in ("/", "/map", "/wards/de-tham", f"/sites/{HONEST.id}", "/search?q=dt"):
        assert browser.get(path).status_code == 200, path
    assert len(browser.get("/api/inventory").json()["gateways"]) == 2


@pytest.mark.parametrize(("lang", "words"), [("vi", "Không hiển thị được"), ("en", "Cannot be shown")])
def test_a_row_that_fails_leads_to_its_event_and_keeps_the_others(lang: Lang, words: str) -> None:
    def fails(row: Row) -> str:
        raise OverflowError(row.cursor)

    assert safely(lang, "li", fails, Row(7)) == f'<li class="none"><a href="/events/7">{words}</a></li>'
    assert safely(lang, "li", lambda row: f"row {row.cursor}", Row(8)) == "row 8"


def test_what_was_hidden_is_forgotten_with_its_event_and_not_before(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        house.take(*(event(ODD, number, {"why": "of no event_id"}) for number in (1, 2)))
        with house.connections.writing() as connection:
            row, other = (rows_of(connection, EVERYWHERE, [number])[0] for number in (1, 2))
            hide(connection, LogAuthor("minh", 1), row, "")
            delete_old(connection, DeletionTarget.HANDLING, 10**13, None, 100)
            assert [each.subject for each in hidden(connection, EVERYWHERE)] == ["cursor 1"]
            connection.execute(delete(tables.event))
            hide(connection, LogAuthor("minh", 2), other, "")  # the newest step of all stays
            delete_old(connection, DeletionTarget.HANDLING, 10**13, None, 100)
            assert [each.subject for each in hidden(connection, EVERYWHERE)] == ["cursor 2"]


RULES = "/sites/dt-001/cameras/cam-1/rules"


@example(document=hostile.rule_attacks())
@given(document=hostile.rule_documents)
@settings(THE_SAME, max_examples=6)
def test_whatever_rules_a_gateway_sends_their_pages_open(document: hostile.Json) -> None:
    payload = json.dumps(document).encode()
    known = parse_camera_rules(payload, "cam-1")
    with ingested() as (house, browser):
        with house.connections.writing() as connection:
            store_rules(connection, payload=payload)
        about = {"rule_id": "r-loitering", "zone": "yard", "box": [0.1, 0.1, 0.5, 0.5]}
        house.ingest([event(HONEST, 2, {"phase": "start", "event_id": "z", **about})])
        for lang in LANGS:
            browser.get(f"/language/{lang}")
            for path in ("/events", "/events/2"):
                shown = browser.get(path)
                assert shown.status_code == 200
                assert "<script>alert" not in shown.text
                assert ALL["cannot-be-shown"][LANGS.index(lang)] not in shown.text, path
            page = browser.get(RULES)
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            masks = browser.get(RULES.replace("rules", "masks"))
            assert masks.status_code == (404 if known is None else 200)
            assert "<script>alert" not in masks.text
            for rule in () if known is None else known.rules:
                assert f'id="rule-{rule.id}"' in page.text, "each rule is said, none cannot be shown"
                for path in (f"{RULES}?proposals={rule.id}", f"{RULES}/{rule.id}/rehearse"):
                    assert browser.get(path).status_code == 200, path


@example(result=rehearsal_result(rule="<script>alert(1)</script>", first_at="<script>alert(1)"))
@given(result=hostile.rehearsal_results)
@settings(THE_SAME, max_examples=6)
def test_whatever_a_gateway_has_rehearsed_its_page_opens(result: hostile.Json) -> None:
    with (
        ingested() as (house, browser),
        suppress(MalformedMessage),
    ):  # the ingest rejects a reply that is no JSON
        make_searchable(house, *WARDS)
        author = SearchAuthor("minh", "::1", EVERYWHERE)
        with house.connections.writing() as connection:
            id_ = rehearse(connection, author, house.now_ms())
            answer = reply("dt-001", f"rehearse-{id_}", result=result)
            record_replies(connection, [answer], house.now_ms())
        for lang in ("vi", "en"):
            browser.get(f"/language/{lang}")
            for path in (f"/rehearsals/{id_}", RULES):
                page = browser.get(path)
                assert page.status_code == 200
                assert "<script>alert" not in page.text
