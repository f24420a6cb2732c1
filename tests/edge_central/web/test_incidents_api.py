"""Programs read open incidents, record steps of their handling, and follow those of people."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from edge_agent.cli.main import main
from edge_central.console.alarms import subjects
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.web.auth.accounts import Role
from tests.edge_central.parts import OURS, THEIRS, WARD
from tests.edge_central.prepared import configured
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House
from tests.edge_central.web.listening import Ear

SUBJECT = "event dt-001 a1"
STEPS = "/api/incidents/steps"


@pytest.fixture
def centre(database: Database, tmp_path: Path) -> Iterator[House]:
    """A centre with an alarm of each ward and an officer ``lan``, on each database."""
    with House(tmp_path, database=configured(database)) as house:
        with_alarms(house)
        yield house


@pytest.fixture
def alarms(house: House) -> House:
    with_alarms(house, started=True)
    return house


def with_alarms(house: House, *, started: bool = False) -> None:
    if not started:
        house.start()
    house.person("lan", Role.OFFICER, WARD)
    house.take(OURS.heartbeat("s"), THEIRS.heartbeat("s"))
    alarm = {"phase": "start", "why": "person in yard for 1 s"}
    house.take(
        event(OURS, 1, {**alarm, "event_id": "a1"}),
        event(OURS, 2, {**alarm, "event_id": "a2"}, camera="cam-2"),
        event(THEIRS, 1, {**alarm, "event_id": "a1"}),
    )


def acting(house: House) -> httpx.Client:
    return house.program(house.token("bridge", WARD, role=Role.API_OFFICER))


def record(
    client: httpx.Client, step: str, subject: str = SUBJECT, count: int = 1, **more: str | None
) -> dict[str, Any]:
    answer = client.post(STEPS, json={"step": step, "subject": subject, **more})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert document["count"] == count
    incident: dict[str, Any] = document["incident"]
    return incident


def steps(client: httpx.Client, **params: str) -> dict[str, Any]:
    answer = client.get(STEPS, params=params)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def values(page: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["data"]["step"], each["data"]["by"], each["data"]["value"]) for each in page["events"]]


def test_without_a_sheet_an_incident_has_the_name_that_its_gateway_reports(alarms: House) -> None:
    alarms.take(OURS.birth("s", name="Chợ mới"))
    found = acting(alarms).get("/api/incidents").json()["incidents"]
    assert {each["name"] for each in found} == {"Chợ mới"}


def test_the_list_is_what_the_console_lists_in_the_wards_of_the_token(alarms: House) -> None:
    found = alarms.program(alarms.token("app", WARD)).get("/api/incidents").json()
    assert [each["subject"] for each in found["incidents"]] == [SUBJECT, "event dt-001 a2"]
    assert (found["open"], found["alarms"], found["ringing"], found["next"]) == (2, 2, 2, None)
    first = found["incidents"][0]
    assert (first["severity"], first["kind"], first["camera"]) == ("alarm", "zone-intrusion", "cam-1")
    assert (first["text"], first["ringing"]) == ("person in yard for 1 s", True)
    assert alarms.login("minh", Role.ADMIN).get(first["page"]).status_code == 200


def test_alarms_of_one_camera_and_rule_are_one_entry_and_handled_together(centre: House) -> None:
    more = [event(OURS, 10 + n, {"phase": "start", "event_id": f"b{n}"}) for n in range(5)]
    centre.take(*more)
    bridge = acting(centre)
    first = bridge.get("/api/incidents", params={"limit": "1"}).json()
    (entry,) = first["incidents"]
    assert (entry["count"], entry["waiting"], entry["subject"]) == (6, 6, "event dt-001 b4")
    assert (first["open"], first["alarms"]) == (2, 7)
    rest = bridge.get("/api/incidents", params={"after": first["next"]}).json()
    assert [each["subject"] for each in rest["incidents"]] == ["event dt-001 a2"]
    assert bridge.get("/api/incidents", params={"after": "x"}).status_code == 400
    centre.take(event(OURS, 20, {"phase": "start", "event_id": "later"}))
    body = {"step": "outcome", "subject": entry["row"], "outcome": "false"}
    answer = bridge.post(STEPS, json=body)
    assert (answer.status_code, answer.json()["count"]) == (201, 6), "what came later was not seen"
    left = bridge.get("/api/incidents", params={"gateway": "dt-001"}).json()["incidents"]
    assert [(each["subject"], each["count"]) for each in left] == [
        ("event dt-001 a2", 1),
        ("event dt-001 later", 1),
    ]
    foreign = {"step": "acknowledged", "subject": "row 3 3"}
    assert bridge.post(STEPS, json=foreign).status_code == 404


def test_a_program_that_may_act_acknowledges_and_closes_with_its_own_name(centre: House) -> None:
    bridge, browser = acting(centre), centre.browser("lan")
    after = record(bridge, "acknowledged")
    assert (after["acknowledged_by"], after["owner"], after["outcome"]) == ("bridge", "bridge", None)
    again = record(bridge, "acknowledged", count=0, owner="lan")
    assert again == after, "it was acknowledged before"
    assert "bridge" in browser.get("/alerts").text
    assert bridge.get("/api/incidents").json()["ringing"] == 1
    assert record(bridge, "owner", owner="lan")["owner"] == "lan"
    record(bridge, "note", note="đã gọi bảo vệ")
    closed = record(bridge, "outcome", outcome="false", note="con mèo")
    assert (closed["outcome"], closed["owner"]) == ("false", "lan")
    assert closed["closed_at"] >= closed["acknowledged_at"]
    assert [each["subject"] for each in bridge.get("/api/incidents").json()["incidents"]] == [
        "event dt-001 a2"
    ]
    assert record(bridge, "outcome", outcome="false") == closed, "as before"
    refused = bridge.post(STEPS, json={"step": "outcome", "subject": SUBJECT, "outcome": "real"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "bridge has closed this as false: reopen it first"
    assert record(bridge, "reopened")["outcome"] is None
    assert values(steps(bridge)) == [
        ("acknowledged", "bridge", ""),
        ("owner", "bridge", "lan"),
        ("note", "bridge", "đã gọi bảo vệ"),
        ("outcome", "bridge", "false"),
        ("note", "bridge", "con mèo"),
        ("reopened", "bridge", ""),
    ]
    assert "con mèo" in browser.get("/events/1").text


def test_acknowledging_a_row_leaves_the_alarms_of_others_alone(
    centre: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects.find_subjects, "__kwdefaults__", {"only_waiting": False, "most": 2})
    centre.take(*(event(OURS, 10 + n, {"phase": "start", "event_id": f"b{n}"}) for n in range(3)))
    bridge = acting(centre)
    other = centre.program(centre.token("other", WARD, role=Role.API_OFFICER))
    record(other, "acknowledged")
    listed = bridge.get("/api/incidents").json()["incidents"]
    (entry,) = (each for each in listed if (each["count"], each["waiting"]) == (4, 3))
    for count in (2, 1, 0):
        record(bridge, "acknowledged", entry["row"], count=count, owner="lan")
    with centre.connections.reading() as connection:
        columns = tables.handling.c
        rows = connection.execute(select(columns.subject, columns.owner))
        owners = {row.subject: row.owner for row in rows}
    assert owners == {SUBJECT: "other", **{f"event dt-001 b{n}": "lan" for n in range(3)}}


def test_an_acknowledgement_names_the_person_on_whose_behalf_it_is(alarms: House) -> None:
    after = record(acting(alarms), "acknowledged", owner="lan")
    assert (after["acknowledged_by"], after["owner"]) == ("bridge", "lan")


def test_a_program_may_name_itself_as_owner_but_no_other_program(alarms: House) -> None:
    bridge = acting(alarms)
    assert record(bridge, "acknowledged", owner="bridge")["owner"] == "bridge"
    record(bridge, "owner", owner="lan")
    assert record(bridge, "owner", owner="bridge")["owner"] == "bridge"
    alarms.token("other", WARD, role=Role.API_OFFICER)
    body = {"step": "owner", "subject": SUBJECT, "owner": "other"}
    assert bridge.post(STEPS, json=body).status_code == 400


def test_what_a_person_does_at_the_console_comes_to_a_waiting_program(centre: House) -> None:
    app, browser = centre.program(centre.token("app", WARD)), centre.browser("lan")
    cursor = steps(app, after="now")["next"]
    assert values(steps(app, after=cursor, wait="0.2")) == []
    form = {"subject": SUBJECT, "outcome": "real", "note": "trộm"}
    late = threading.Timer(0.3, lambda: browser.post("/alerts/close", form, page="/alerts"))
    late.start()
    began = time.monotonic()
    page = steps(app, after=cursor, wait="30")
    assert time.monotonic() - began < 25, "not at the end of the time"
    late.join()
    found = values(page)
    assert found == [("acknowledged", "lan", ""), ("outcome", "lan", "real"), ("note", "lan", "trộm")]
    assert {(each["subject"], each["ward"]) for each in page["events"]} == {(SUBJECT, WARD)}
    assert values(steps(app, after=page["next"])) == []


def test_steps_are_read_page_by_page_in_the_wards_of_the_token(alarms: House) -> None:
    bridge, app = acting(alarms), alarms.program(alarms.token("app", "bo-xuyen"))
    other = alarms.program(alarms.token("other", "bo-xuyen", role=Role.API_OFFICER))
    record(bridge, "note", note="1")
    record(other, "note", "event bx-001 a1", note="2")
    record(bridge, "note", "event dt-001 a2", note="3")
    record(bridge, "note", note="4")
    first = steps(bridge, limit="2")
    assert (values(first), first["more"]) == ([("note", "bridge", "1"), ("note", "bridge", "3")], True)
    rest = steps(bridge, after=first["next"])
    assert (values(rest), rest["more"]) == ([("note", "bridge", "4")], False)
    assert values(steps(app)) == [("note", "other", "2")]
    assert values(steps(bridge, subject=SUBJECT)) == [("note", "bridge", "1"), ("note", "bridge", "4")]
    assert app.get(STEPS, params={"ward": WARD}).status_code == 404
    wrong = f"{first['next'].partition('-')[0]}-00000000"
    assert bridge.get(STEPS, params={"after": wrong}).status_code == 409
    assert bridge.get(STEPS, params={"after": "999"}).status_code == 409


def test_the_live_stream_names_the_step(alarms: House) -> None:
    bridge = acting(alarms)
    with Ear(alarms.program(alarms.token("app", WARD))) as ear:
        record(bridge, "acknowledged")
        assert ear.wait_for("step")[0]["subject"] == SUBJECT


def test_hiding_an_event_is_no_step_for_programs(alarms: House) -> None:
    alarms.person("minh", Role.ADMIN)
    record(acting(alarms), "note", note="seen")
    alarms.browser("minh").post("/events/1/hide", {"note": "secret"})
    page = steps(alarms.program(alarms.token("app", WARD)))
    assert (values(page), page["more"]) == ([("note", "bridge", "seen")], False)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"step": "acknowledged", "subject": "event bx-001 a1"}, 404),
        ({"step": "acknowledged", "subject": "event dt-001 none"}, 404),
        ({"step": "acknowledged", "subject": "alert 99"}, 404),
        ({"step": "acknowledged", "subject": "event dt-001"}, 400),
        ({"step": "acknowledged", "subject": "event dt-001 a\0"}, 400),
        ({"step": "acknowledged", "subject": SUBJECT, "owner": "nobody"}, 400),
        ({"step": "owner", "subject": SUBJECT}, 400),
        ({"step": "owner", "subject": SUBJECT, "owner": "other"}, 400),
        ({"step": "outcome", "subject": SUBJECT, "outcome": "maybe"}, 400),
        ({"step": "note", "subject": SUBJECT, "note": ""}, 400),
        ({"step": "note", "subject": SUBJECT, "note": "x" * 2_001}, 400),
        ({"step": "hidden", "subject": SUBJECT}, 400),
        ({"step": "acknowledged", "subject": SUBJECT, "who": "lan"}, 400),
        (["acknowledged"], 400),
    ],
)
def test_a_step_that_makes_no_sense_changes_nothing(alarms: House, body: Any, status: int) -> None:
    assert acting(alarms).post(STEPS, json=body).status_code == status
    with alarms.connections.reading() as connection:
        assert connection.execute(select(tables.handling_step)).all() == []


def test_a_wrong_outcome_is_answered_with_the_right_ones(alarms: House) -> None:
    body = {"step": "outcome", "subject": SUBJECT, "outcome": "maybe"}
    refused = acting(alarms).post(STEPS, json=body).json()["detail"]
    assert refused.endswith("`$.outcome`; outcome must be one of real, false, handled")


def test_only_a_token_that_was_made_to_act_may_act(alarms: House) -> None:
    body = {"step": "acknowledged", "subject": SUBJECT}
    assert alarms.program(alarms.token("app", WARD)).post(STEPS, json=body).status_code == 403
    alarms.person("tuong", Role.VIEWER, WARD)
    for person, status in (("tuong", 403), ("lan", 403)):
        client = alarms.browser(person).client
        assert client.post(STEPS, json=body).status_code == status, "a browser sends the token of its page"
    bridge = acting(alarms)
    assert bridge.get("/alerts").status_code == 403, "pages are for people"
    assert bridge.post("/alerts/acknowledge", data={"subject": SUBJECT}).status_code == 403
    assert bridge.get("/api/events").status_code == 200
    page = alarms.browser("lan").get("/alerts").text
    assert 'value="bridge"' not in page, "a program is no owner to choose"


def test_the_command_line_makes_such_a_token(alarms: House, capsys: pytest.CaptureFixture[str]) -> None:
    def user(*words: str) -> tuple[int, str]:
        code = main(["central", "user", *words, "--config", str(alarms.config)])
        return code, capsys.readouterr().out.strip()

    code, token = user("token", "zalo", "--ward", WARD, "--may-act")
    assert code == 0
    assert record(alarms.program(token), "acknowledged")["acknowledged_by"] == "zalo"
    assert "zalo                 api-officer" in user("list")[1]
    assert user("token", "zalo", "--renew", "--may-act")[0] == 1
    code, renewed = user("token", "zalo", "--renew")
    assert code == 0
    assert alarms.program(token).get("/api/events").status_code == 401
    assert record(alarms.program(renewed), "note", note="still may")["acknowledged_by"] == "zalo"
    assert user("passwd", "zalo")[0] == 1, "a program has no password"


def test_steps_of_two_writers_become_visible_in_the_order_of_their_numbers(centre: House) -> None:
    """Otherwise a reader that has seen the later one would never get the earlier one."""
    begun, order = threading.Event(), list[str]()

    def second() -> None:
        begun.set()
        with centre.connections.writing() as connection:
            connection.execute(select(1))
            order.append("second")

    with centre.connections.writing() as connection:
        thread = threading.Thread(target=second)
        thread.start()
        begun.wait(10)
        connection.execute(select(1))
        time.sleep(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
