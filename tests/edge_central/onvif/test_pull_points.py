"""Subscriptions of ONVIF clients at a console that runs: raw requests, also hostile ones."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from edge_central.onvif import pull_points
from edge_central.onvif.feed import NotificationFeed
from edge_central.onvif.properties import PropertyTracker
from edge_central.onvif.pull_points import (
    MAX_OF_ACCOUNT,
    MAX_PULL_POINTS,
    PullPoint,
    PullPoints,
    TooManyPullPoints,
)
from edge_central.onvif.soap.topic_filter import TopicFilter
from edge_central.onvif.soap.xml_writer import NAMESPACES
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Role
from tests.edge_central.onvif.parts import entered, inside, pulling, soap, subscribing
from tests.edge_central.onvif.test_xml import LAUGHS
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import House
from tests.host.fakes import FakeClock
from tests.testbed.mosquitto import wait_until

SERVICE = "/onvif/event_service"
SOAP = "application/soap+xml; charset=utf-8"
CHANGED_ONLY = "<tev:SubscriptionPolicy><tev:ChangedOnly/></tev:SubscriptionPolicy>"


class OnvifClient:
    """A program with a token, which sends envelopes."""

    def __init__(self, house: House, token: str) -> None:
        self.http = house.program(token)

    def post(self, body: bytes, path: str = SERVICE) -> httpx.Response:
        return self.http.post(path, content=body, headers={"Content-Type": SOAP})

    def subscribe(self, topics: str = "", **more: str) -> str:
        """The path of the new pull point."""
        answer = self.post(subscribing(topics, **more))
        assert answer.status_code == 200, answer.text
        address = found(answer, "wsa:Address")[0].text or ""
        return address.removeprefix(str(self.http.base_url).rstrip("/"))

    def pull(self, path: str, timeout: str = "PT0S", limit: int = 100) -> list[str]:
        """The states of zones in the answer."""
        answer = self.post(pulling(timeout, limit), path)
        assert answer.status_code == 200, answer.text
        return items(answer, "IsInside")


def found(answer: httpx.Response, name: str) -> list[ET.Element]:
    prefix, _, local = name.partition(":")
    return list(ET.fromstring(answer.content).iter(f"{{{NAMESPACES[prefix]}}}{local}"))


def items(answer: httpx.Response, name: str) -> list[str]:
    return [each.attrib["Value"] for each in found(answer, "tt:SimpleItem") if each.attrib["Name"] == name]


def fault(answer: httpx.Response) -> str:
    """The innermost code."""
    return (found(answer, "env:Value")[-1].text or "").partition(":")[2]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), onvif_events=True) as built:
        yield built.start()


@pytest.fixture
def house(running: House) -> Iterator[House]:
    """Without the programs of the test before."""
    yield running
    with running.connections.writing() as connection:
        for account in accounts.all_accounts(connection):
            accounts.remove_account(connection, account.name)


@pytest.fixture
def vms(house: House, box: FakeGateway) -> OnvifClient:
    """A program of the ward of ``box``."""
    return OnvifClient(house, house.token(f"vms-{box.epoch}", box.ward))


@pytest.fixture
def box(request: pytest.FixtureRequest) -> FakeGateway:
    """A gateway with an epoch of its own, so that its numbers begin at 1."""
    return FakeGateway("dt-001", epoch=f"{zlib.crc32(request.node.name.encode()):08x}")


def test_changes_come_once_and_in_order(house: House, vms: OnvifClient, box: FakeGateway) -> None:
    path = vms.subscribe("tns1:RuleEngine/FieldDetector//.", more=CHANGED_ONLY)
    house.take(entered(box, 1), entered(box, 2, "end"))
    assert vms.pull(path, limit=1) == ["true"]
    assert vms.pull(path) == ["false"]
    assert vms.pull(path) == []


def test_a_new_subscription_begins_with_the_states(house: House, vms: OnvifClient, box: FakeGateway) -> None:
    house.take(entered(box, 1))
    path = vms.subscribe("tns1:RuleEngine//.")
    answer = vms.post(pulling(), path)
    assert "true" in items(answer, "IsInside")
    assert {each.attrib["PropertyOperation"] for each in found(answer, "tt:Message")} == {"Initialized"}
    assert set(items(answer, "VideoSource")) == {"dt-001/cam-1"}
    assert vms.post(soap("<tev:SetSynchronizationPoint/>"), path).status_code == 200
    assert "true" in vms.pull(path)
    house.take(entered(box, 2, "end"))
    assert vms.pull(path) == ["false"]


def test_a_ward_gets_its_own_events_only(house: House, vms: OnvifClient, box: FakeGateway) -> None:
    theirs = FakeGateway("bx-001", "bo-xuyen", box.epoch)
    path = vms.subscribe(more=CHANGED_ONLY)
    house.take(entered(theirs, 1), entered(theirs, 2, "end"))
    assert vms.pull(path) == []
    other = OnvifClient(house, house.token("both", "de-tham", "bo-xuyen"))
    seen = other.subscribe()
    house.take(entered(theirs, 3), entered(theirs, 4, "end"))
    assert other.pull(seen)[-2:] == ["true", "false"]
    assert vms.pull(path) == []


def test_a_program_that_loses_a_ward_gets_nothing_of_it_any_more(house: House, box: FakeGateway) -> None:
    theirs = FakeGateway("bx-001", "bo-xuyen", box.epoch)
    client = OnvifClient(house, house.token("both", "de-tham", "bo-xuyen"))
    path = client.subscribe(more=CHANGED_ONLY)
    house.take(entered(theirs, 1), entered(box, 1))
    assert client.pull(path, limit=1) == ["true"]
    with house.connections.writing() as connection:
        accounts.change_account(connection, "both", wards="bo-xuyen")
    house.take(entered(theirs, 2, "end"), entered(box, 2, "end"))
    assert client.pull(path) == ["false"]


def test_a_subscription_of_another_account_does_not_exist(house: House, vms: OnvifClient) -> None:
    path = vms.subscribe(more=CHANGED_ONLY)
    thief = OnvifClient(house, house.token("thief", "bo-xuyen", "de-tham"))
    renew = soap("<wsnt:Renew><wsnt:TerminationTime>PT60S</wsnt:TerminationTime></wsnt:Renew>")
    for body in (pulling(), renew, soap("<wsnt:Unsubscribe/>"), soap("<tev:SetSynchronizationPoint/>")):
        for address in (path, path + "x", "/onvif/subscription/-", SERVICE):
            answer = thief.post(body, address)
            assert (answer.status_code, fault(answer)) == (500, "ResourceUnknownFault")
    assert vms.pull(path) == []


def test_a_renewed_subscription_lives_and_an_ended_one_does_not(vms: OnvifClient) -> None:
    path = vms.subscribe(lasts="PT30S")
    answer = vms.post(
        soap("<wsnt:Renew><wsnt:TerminationTime>PT1H</wsnt:TerminationTime></wsnt:Renew>"), path
    )
    assert answer.status_code == 200
    assert vms.post(soap("<wsnt:Unsubscribe/>"), path).status_code == 200
    assert fault(vms.post(pulling(), path)) == "ResourceUnknownFault"


def test_a_disabled_program_is_out(house: House, vms: OnvifClient, box: FakeGateway) -> None:
    path = vms.subscribe()
    with house.connections.writing() as connection:
        accounts.change_account(connection, f"vms-{box.epoch}", disabled_ms=1)
    answer = vms.post(pulling(), path)
    assert (answer.status_code, fault(answer)) == (401, "NotAuthorized")


def test_people_and_cookies_do_not_log_in(house: House) -> None:
    browser = house.login("lan", Role.ADMIN)
    answer = browser.client.post(SERVICE, content=subscribing(), headers={"Content-Type": SOAP})
    assert answer.status_code == 401
    challenges = answer.headers.get_list("www-authenticate")
    assert [each.partition(" ")[0] for each in challenges] == ["Digest", "Bearer"]


def test_what_needs_no_login_says_nothing_of_gateways(house: House) -> None:
    anybody = house.anybody()
    for call in ("tds:GetSystemDateAndTime", "tds:GetServices", "tds:GetServiceCapabilities",
                 "tev:GetServiceCapabilities", "tds:GetCapabilities"):  # fmt: skip
        answer = anybody.post("/onvif/device_service", content=soap(f"<{call}/>"))
        assert answer.status_code == 200
        assert "dt-001" not in answer.text
    for call in ("tev:GetEventProperties", "tds:GetDeviceInformation", "wsnt:Unsubscribe"):
        assert anybody.post(SERVICE, content=soap(f"<{call}/>")).status_code == 401


def test_subscriptions_of_a_program_are_few(vms: OnvifClient) -> None:
    paths = [vms.subscribe() for _ in range(MAX_OF_ACCOUNT)]
    answer = vms.post(subscribing())
    assert (answer.status_code, fault(answer)) == (500, "SubscribeCreationFailedFault")
    vms.post(soap("<wsnt:Unsubscribe/>"), paths[0])
    assert vms.post(subscribing()).status_code == 200


def test_too_many_unfetched_messages_end_the_subscription(
    house: House, vms: OnvifClient, box: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull_points, "MAX_WAITING", 3)
    slow = vms.subscribe("tns1:RuleEngine/LineDetector//.")
    crossed = {"phase": "moment", "rule_id": "gate", "label": "car"}
    house.take(*(box.of_kind("line-crossing", n, event_id=f"c{n}", **crossed) for n in range(1, 5)))
    answer = vms.post(pulling(), slow)
    assert (answer.status_code, fault(answer)) == (500, "ResourceUnknownFault")


def test_the_states_of_a_whole_city_fit_into_a_queue(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """465 sites with 4 cameras of 12 states each."""
    (state,) = PropertyTracker().apply(inside("start"))
    monkeypatch.setattr(NotificationFeed, "alive", lambda _: [state] * 465 * 4 * 12)
    points = PullPoints(FakeClock())
    with house.connections.reading() as connection:
        point = points.create(connection, "vms", EVERYWHERE, TopicFilter(), 60.0, changed_only=False)
    assert not points.has_ended(point)


def test_one_request_at_a_time_waits_for_the_next_event(
    house: House, vms: OnvifClient, box: FakeGateway
) -> None:
    path = vms.subscribe()
    vms.pull(path)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pull_when_free, vms, path)
        wait_until(lambda: is_busy(vms.post(pulling(), path)), what="the first one waits")
        house.take(entered(box, 1))
        assert waiting.result(20) == ["true"]
    house.take(entered(box, 2, "end"))


def is_busy(answer: httpx.Response) -> bool:
    return answer.status_code == 500 and fault(answer) == "UnableToGetMessagesFault"


def pull_when_free(vms: OnvifClient, path: str) -> list[str]:
    """Wait for messages, and again while the other request is the one that waits."""
    while is_busy(answer := vms.post(pulling("PT20S"), path)):
        pass
    return items(answer, "IsInside")


HOSTILE = {
    "billion laughs": LAUGHS,
    "deep": b"<a>" * 5_000,
    "no xml": b"\xff\xfe\x00",
    "empty": b"",
    "SOAP 1.1": b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>',
    "wrong namespace": soap("<tev:PullMessages/>").replace(b"ver10/events", b"ver99/events"),
    "no call": soap(""),
    "two calls": soap("<tev:GetEventProperties/><tev:GetEventProperties/>"),
    "unknown call": soap("<tds:SystemReboot/>"),
    "must understand": soap("<tev:GetEventProperties/>", '<ter:x env:mustUnderstand="1"/>'),
    "no timeout": soap("<tev:PullMessages/>"),
    "too large": b"<a>" + b"x" * 70_000 + b"</a>",
}
SUBSCRIPTIONS = {
    "dialect": subscribing("tns1:RuleEngine").replace(b"ConcreteSet", b"Full"),
    "expression": subscribing("tns1:RuleEngine/..//."),
    "message content": subscribing("x").replace(b"wsnt:TopicExpression", b"wsnt:MessageContent"),
    "a year": subscribing(lasts="P1Y"),
    "a day": subscribing(lasts="P1D"),
    "in the past": subscribing(lasts="2020-01-01T00:00:00Z"),
    "no time": subscribing(lasts="soon"),
    "many paths": subscribing("|".join(["tns1:A"] * 500)),
}


@pytest.mark.parametrize("body", [*HOSTILE.values(), *SUBSCRIPTIONS.values()], ids=[*HOSTILE, *SUBSCRIPTIONS])
def test_a_hostile_request_gets_a_fault(vms: OnvifClient, body: bytes) -> None:
    answer = vms.post(body)
    assert answer.status_code in (400, 413, 500)
    assert answer.headers["content-type"] == SOAP
    assert found(answer, "env:Fault")
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("timeout", ["PT1H", "P9999D", "-PT1S", "PT", "1"])
@pytest.mark.parametrize("limit", [1, 10**9])
def test_a_timeout_is_bounded(vms: OnvifClient, timeout: str, limit: int) -> None:
    path = vms.subscribe()
    assert vms.post(pulling(timeout, limit), path).status_code in (400, 500)


@pytest.mark.parametrize(
    "body",
    [pulling(limit="0" * 5_000 + "1"), subscribing(lasts="0001-01-01T00:00:00+14:00")],
    ids=["limit of 5,001 digits", "time before the year 1"],
)
def test_a_number_or_time_that_python_cannot_have_gets_a_fault(vms: OnvifClient, body: bytes) -> None:
    answer = vms.post(body, vms.subscribe())
    assert answer.headers["content-type"] == SOAP
    assert fault(answer) == "InvalidArgVal"


def test_a_hostile_text_of_a_gateway_stays_a_text(house: House, vms: OnvifClient, box: FakeGateway) -> None:
    path = vms.subscribe("tns1:RuleEngine/FieldDetector//.")
    rule = '"/><x>&\x01]]>'
    house.take(entered(box, 1, rule_id=rule), entered(box, 2, "end", rule_id=rule))
    answer = vms.post(pulling(), path)
    assert set(items(answer, "Rule")) >= {'"/><x>&]]>'}


def test_requests_that_wait_end_when_the_console_stops(tmp_path: Path) -> None:
    with House(tmp_path, onvif_events=True) as stopping, ThreadPoolExecutor(1) as pool:
        client = OnvifClient(stopping.start(), stopping.token("vms", "de-tham"))
        path = client.subscribe()
        waiting = pool.submit(pull_when_free, client, path)
        wait_until(lambda: is_busy(client.post(pulling(), path)), what="it waits")
        stopping.stop()
        assert waiting.result(10) == []


def test_without_the_setting_there_is_no_service(tmp_path: Path) -> None:
    with House(tmp_path) as plain:
        client = OnvifClient(plain.start(), plain.token("vms", "de-tham"))
        assert client.post(subscribing()).status_code == 404


def test_the_address_of_a_subscription_cannot_be_guessed(vms: OnvifClient) -> None:
    paths = {vms.subscribe() for _ in range(3)}
    assert len(paths) == 3
    assert all(re.fullmatch(r"/onvif/subscription/[\w-]{22}", path) for path in paths)


def test_all_programs_together_have_few_subscriptions_which_expire(house: House) -> None:
    clock = FakeClock()
    points = PullPoints(clock)
    with house.connections.reading() as connection:

        def create(account: str) -> PullPoint:
            return points.create(connection, account, EVERYWHERE, TopicFilter(), 60.0, changed_only=True)

        first, *_ = [create(f"program-{number}") for number in range(MAX_PULL_POINTS)]
        with pytest.raises(TooManyPullPoints):
            create("one more")
        clock.advance(61.0)
        assert points.find(first.id, first.account) is None
        assert create("one more").account == "one more"


def test_nothing_of_another_ward_waits_in_a_queue(house: House, box: FakeGateway) -> None:
    points, own = PullPoints(FakeClock()), Scope(frozenset({"de-tham"}))
    with house.connections.reading() as connection:
        point = points.create(connection, "vms", own, TopicFilter(), 60.0, changed_only=True)
    for each in (box, FakeGateway("bx-001", "bo-xuyen", box.epoch)):
        house.take(entered(each, 1), entered(each, 2, "end"))
    with house.connections.reading() as connection:
        points.advance(connection)
    assert [(each.ward, dict(each.data)["IsInside"]) for each in point.waiting] == [
        ("de-tham", True),
        ("de-tham", False),
    ]
