"""The live stream."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.core.worker import SupervisedThread
from edge_central.console.alarms.silences import set_silence
from edge_central.console.events import rows_of
from edge_central.console.incident_log import (
    IncidentOutcome,
    LogAuthor,
    acknowledge_all,
    close_all,
    hide,
    note_all,
    subject_of,
    unhide,
)
from edge_central.store.open_alarms import AlarmRule
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceState
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.trusted_time.clock import FollowedClock
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Role
from edge_central.web.auth.sessions import LoginSessions
from edge_central.web.live import follower, stream
from edge_central.web.live.hub import MOST_QUEUED, RING_SIZE, LiveHub, LiveMessage, NumberedMessage
from tests.edge_central.parts import OURS, THEIRS
from tests.edge_central.searches.parts import LAN, ask, found_city
from tests.edge_central.traffic.parts import moment
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.listening import Ear
from tests.host.fakes import FakeClock


def mark_of(browser: Browser) -> str:
    found = re.search(r'data-live="([^"]+)"', browser.get("/").text)
    assert found is not None
    return found[1]


def test_a_listener_hears_of_his_ward_within_a_second(house: House) -> None:
    browser = house.login("lan", Role.VIEWER, "de-tham")
    with Ear(browser.client, mark_of(browser)) as ear:
        house.take(THEIRS.event(1), OURS.event(1))
        began = time.monotonic()
        (event,) = ear.wait_for("event")
        assert time.monotonic() - began < 5, "a second where nothing else runs: see bench/console.py"
        assert (event["gateway"], event["cursor"], event["label"]) == ("dt-001", 2, "person")
        for box in (THEIRS, OURS):
            house.tell(GatewayReport(box.id, box.ward, PresenceState.OFFLINE, "will", 1))
        assert [each["gateway"] for each in ear.wait_for("presence")] == ["dt-001"]
        house.tell(OutageReport("de-tham", ("dt-001",), 1, 1))
        assert ear.wait_for("outage")[0]["gateways"] == ["dt-001"]
        house.tell(OutageReport("de-tham", (), 0, 1))
        assert ear.wait_for("outage", 2)[1]["gone"] is True


def test_the_first_listener_misses_no_change(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run = follower.DatabaseFollower._run

    def run_late(self: follower.DatabaseFollower, loop: SupervisedThread) -> None:
        time.sleep(0.5)  # the thread of a busy machine
        run(self, loop)

    monkeypatch.setattr(follower.DatabaseFollower, "_run", run_late)
    house.stop()
    house.start()
    with Ear(house.program(house.token("app", "de-tham"))) as ear:
        house.take(OURS.event(1))
        assert ear.wait_for("event")[0]["gateway"] == "dt-001"


def test_a_stream_without_messages_gives_signs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEPALIVE_S", 0.05)
    with Ear(house.program(house.token("app", "de-tham"))) as ear:
        ear.wait_for("alive", 2)
        assert {each.mark for each in ear.heard} == {""}, "a client that returns says the mark of a message"


def test_only_the_author_and_administrators_hear_of_a_search(house: House) -> None:
    with house.connections.writing() as connection:
        found_city(connection)
    house.person("minh", Role.ADMIN)
    for name, role in (("lan", Role.OFFICER), ("hung", Role.OFFICER), ("hoa", Role.VIEWER)):
        house.person(name, role, "de-tham")
    names = ("lan", "minh", "hung", "hoa")
    browsers = {name: house.browser(name) for name in names}
    marks = {name: mark_of(browser) for name, browser in browsers.items()}
    with contextlib.ExitStack() as stack:
        ears = {name: stack.enter_context(Ear(browsers[name].client, marks[name])) for name in names}
        with house.connections.writing() as connection:
            search = ask(connection, LAN)
        for name in ("lan", "minh"):
            assert ears[name].wait_for("search")[0]["search"] == search
        house.take(OURS.event(1))  # published after the search
        for name in ("hung", "hoa"):
            ears[name].wait_for("event")
            assert ears[name].of("search") == [], name


def test_who_hid_an_event_is_for_administrators(house: House) -> None:
    house.person("lan", Role.VIEWER, "de-tham")
    house.take(OURS.event(1))
    browser = house.browser("lan")
    by = LogAuthor("minh", house.now_ms())
    with Ear(browser.client, mark_of(browser)) as ear:
        with house.connections.writing() as connection:
            (event,) = rows_of(connection, EVERYWHERE, [1])
            acknowledge_all(connection, by, {subject_of(event): event.ward})
            hide(connection, by, event, "a child")
            unhide(connection, by, event)
            note_all(connection, by, {subject_of(event): event.ward}, "checked")
        assert {each["what"] for each in ear.wait_for("step", 2)} == {"acknowledged", "note"}


def test_a_listener_hears_when_a_silence_begins_and_ends_by_time(tmp_path: Path) -> None:
    clock = FakeClock(moment("08:00"))
    with House(tmp_path, clock=clock) as house:
        browser = house.start().login("lan", Role.VIEWER, "de-tham")
        rule = AlarmRule("de-tham", "dt-001", "cam-1", "zone-intrusion", "yard")
        with Ear(browser.client, mark_of(browser)) as ear:
            with house.connections.writing() as connection:
                set_silence(connection, EVERYWHERE, LogAuthor("minh", house.now_ms()), rule, 15, "broken")
            assert "gone" not in ear.wait_for("silence")[0]
            clock.wall = moment("08:16")
            assert ear.wait_for("silence", 2)[1]["gone"] is True


def test_a_listener_hears_that_an_event_was_hidden_but_not_by_whom(house: House) -> None:
    house.take(OURS.event(1))
    browser = house.login("lan", Role.VIEWER, "de-tham")
    with Ear(browser.client, mark_of(browser)) as ear:
        with house.connections.writing() as connection:
            (event,) = rows_of(connection, EVERYWHERE, [1])
            hide(connection, LogAuthor("minh", house.now_ms()), event, "forged")
        assert ear.wait_for("hidden") == [{}]


def test_a_returning_listener_misses_nothing_or_must_load_again(house: House) -> None:
    browser = house.login("minh", Role.ADMIN)
    with Ear(browser.client, mark_of(browser)) as ear:
        house.take(OURS.event(1))
        ear.wait_for("event")
        seen = ear.heard[-1].mark
        house.take(OURS.event(2), OURS.event(3))
        ear.wait_for("event", 3)
    with Ear(browser.client, seen) as ear:
        assert [each["cursor"] for each in ear.wait_for("event", 2)] == [2, 3]
    with Ear(browser.client, "00000000-7") as ear:
        ear.wait_for("stale")
        assert ear.of("event") == []


def test_a_stream_ends_with_its_session(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "CHECK_EVERY_S", 0.0)
    browser, other = house.login("lan", Role.VIEWER, "de-tham"), house.browser("lan")
    token = house.token("app", "de-tham")
    with Ear(browser.client) as ear, Ear(other.client) as stays, Ear(house.program(token)) as program:
        browser.post("/logout")
        assert ear.ended.wait(30)
        with house.connections.writing() as connection:
            accounts.remove_account(connection, "app")
        assert program.ended.wait(30)
        assert not stays.ended.is_set()


def test_streams_end_when_the_server_does(house: House) -> None:
    with Ear(house.login("lan", Role.VIEWER, "de-tham").client) as ear:
        house.stop()
        assert ear.ended.wait(30)


def test_one_account_does_not_take_all_places(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ONE", 1)
    greedy, other = house.program(house.token("app", "de-tham")), house.program(house.token("b", "de-tham"))
    with Ear(greedy), Ear(other):
        assert greedy.get("/live").status_code == 429
        answer = greedy.get("/api/events", params={"after": "now", "wait": "30"})
        assert (answer.status_code, answer.json()["code"]) == (429, "too-many")
        assert greedy.get("/api/events").status_code == 200, "who does not wait takes no place"


def test_ten_logins_of_one_account_do_not_take_all_places(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_OF_ACCOUNT", 2)
    lan, minh = (house.person(name, Role.VIEWER, "de-tham") for name in ("lan", "minh"))
    with Ear(house.browser(lan).client), Ear(house.browser(lan).client):
        assert house.browser(lan).get("/live").status_code == 429, "in a third session"
        with Ear(house.browser(minh).client):
            pass


def test_the_stream_needs_a_login(house: House) -> None:
    answer = house.anybody().get("/live", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.status_code == 401


# --- the follower, without a server


def followed(house: House) -> tuple[follower.DatabaseFollower, Callable[..., list[LiveMessage]]]:
    """A follower that has polled once, and what a listener with a scope hears of the polls since then."""
    hub, clock = LiveHub(), FollowedClock(house.clock, "b-1")
    assert house.settings.console is not None
    sessions = LoginSessions(house.settings.console)
    following = follower.DatabaseFollower(
        house.connections, sessions, hub, clock, access_days=30, central_id=house.settings.id
    )
    following._poll()
    mark = hub.mark()

    def heard(kind: str, scope: Scope = EVERYWHERE) -> list[LiveMessage]:
        waiting = hub.join(scope, "k", True, mark).take_waiting()
        return [each.content for each in waiting if each.content.kind == kind]

    return following, heard


def alarms(count: int, ward: str, since: int = 0) -> dict[str, str]:
    return {f"alert {number}": ward for number in range(since, since + count)}


def test_an_acknowledgement_of_many_alarms_is_announced_in_all_wards(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        following, heard = followed(house)
        by = LogAuthor("minh", house.now_ms())
        with house.connections.writing() as connection:
            acknowledge_all(connection, by, alarms(150, "de-tham") | alarms(1, "bo-xuyen", 150))
        following._poll()
        following._poll()
        assert len(heard("handling", Scope(frozenset({"de-tham"})))) == 150
        assert len(heard("handling", Scope(frozenset({"bo-xuyen"})))) == 1
        assert len(heard("step")) == 151
        with house.connections.writing() as connection:
            note_all(connection, by, alarms(follower.MOST_STEPS + 1, "de-tham"), "a storm")
        following._poll()
        assert len(heard("stale", Scope(frozenset({"bo-xuyen"})))) == 1
        assert len(heard("step")) == 151, "too many to name each"


def test_an_incident_that_was_acknowledged_long_ago_is_announced_when_it_is_closed(tmp_path: Path) -> None:
    with House(tmp_path) as house:
        old, now_ms = alarms(1, "de-tham"), house.now_ms()
        with house.connections.writing() as connection:
            acknowledge_all(connection, LogAuthor("minh", now_ms - 86_400_000), old)
            acknowledge_all(connection, LogAuthor("minh", now_ms), alarms(150, "de-tham", 1))
        following, heard = followed(house)
        with house.connections.writing() as connection:
            close_all(connection, LogAuthor("lan", now_ms), old, IncidentOutcome.FALSE, "a cat")
        following._poll()
        (closed,) = heard("handling")
        assert b'"outcome":"false"' in closed.body
        assert [b'"what":"outcome"' in each.body for each in heard("step")] == [True, False]


# --- the hub itself, without an event loop: no message is in transit


def hub_with(count: int) -> LiveHub:
    hub = LiveHub()
    wards = ("bo-xuyen", "de-tham")
    hub.publish(LiveMessage("event", wards[number % 2], b"%d" % number) for number in range(count))
    return hub


def kinds(hub: LiveHub, after: str, scope: Scope = EVERYWHERE) -> list[str]:
    return [each.content.kind for each in hub.join(scope, "k", True, after).take_waiting()]


def test_a_mark_is_good_for_as_long_as_its_messages_are_kept() -> None:
    hub = hub_with(RING_SIZE + 100)
    life = hub.mark().partition("-")[0]
    assert kinds(hub, hub.mark()) == []
    assert kinds(hub, f"{life}-{RING_SIZE + 90}") == ["event"] * 10
    assert kinds(hub, f"{life}-{RING_SIZE + 90}", Scope(frozenset({"de-tham"}))) == ["event"] * 5
    assert kinds(hub, f"{life}-99") == ["stale"], "older than what is kept"
    assert kinds(hub, f"{life}-{RING_SIZE + 101}") == ["stale"], "of a later life with the same name"
    assert kinds(hub, "") == ["stale"]


def test_a_message_of_an_account_reaches_its_streams_and_those_of_administrators() -> None:
    hub = LiveHub()
    hub.publish([LiveMessage("search", "de-tham", b"{}", "lan")])
    after = f"{hub.mark().partition('-')[0]}-0"

    def heard(account: str, scope: Scope = EVERYWHERE, *, is_admin: bool = False) -> int:
        return len(hub.join(scope, "k", True, after, account, is_admin=is_admin).take_waiting())

    assert (heard("lan"), heard("minh", is_admin=True), heard("hung")) == (1, 1, 0)
    assert heard("lan", Scope(frozenset({"bo-xuyen"}))) == 0, "of a ward that she has no longer"


def test_a_slow_listener_is_marked_as_stale_and_goes_on() -> None:
    hub = hub_with(MOST_QUEUED)
    listener = hub.join(EVERYWHERE, "k", True, f"{hub.mark().partition('-')[0]}-0")
    assert len(listener.waiting) == MOST_QUEUED
    hub.publish([LiveMessage("event", None, b"1")])
    hub.distribute([NumberedMessage(MOST_QUEUED + 1, LiveMessage("event", None, b"1"))])
    assert [each.content.kind for each in listener.take_waiting()] == ["stale"]
