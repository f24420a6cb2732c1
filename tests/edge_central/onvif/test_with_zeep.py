"""``onvif-zeep`` does everything at the real server, and all answers that it gets fit the schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
from zeep.transports import Transport

from tests.edge_central.onvif.onvif_schemas import WSDL_FOLDER, envelope_schema
from tests.edge_central.onvif.parts import DECLARATIONS, entered
from tests.edge_central.onvif.test_logins import password_of
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import House, answers

BOX, THEIRS = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
GUIDE = Path(__file__).parents[3] / "docs/guide/onvif.md"
TEV = "{http://www.onvif.org/ver10/events/wsdl}"
TT = "{http://www.onvif.org/ver10/schema}"
WSNT = "http://docs.oasis-open.org/wsn/b-2"


class CheckedTransport(Transport):  # type: ignore[misc]
    """Validates each answer, faults too."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []

    def topics(self) -> list[str]:
        """Of the last answer: zeep leaves them out, because their type has mixed content."""
        return [each.text for each in self.answers[-1].iter(f"{{{WSNT}}}Topic")]

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
        response = super().post(address, message, headers)
        self.answers.append(etree.fromstring(response.content))
        envelope_schema().assertValid(self.answers[-1])
        return response


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("zeep"), onvif_events=True) as built:
        built.token("vms", "de-tham")
        assert answers(built.start().port)  # its key, from which the password comes, is there
        yield built


@pytest.fixture(scope="module")
def transport() -> Iterator[CheckedTransport]:
    made = CheckedTransport()
    yield made
    made.session.close()


@pytest.fixture(scope="module")
def camera(house: House, transport: CheckedTransport) -> ONVIFCamera:
    return client_of(house, transport, password_of(house))


def client_of(house: House, transport: CheckedTransport, password: str) -> ONVIFCamera:
    """The centre, as the library sees a device."""
    files = str(WSDL_FOLDER)
    return ONVIFCamera("127.0.0.1", house.port, "vms", password, files, transport=transport, no_cache=True)


def topic_filter(
    text: str, dialect: str = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
) -> Any:
    element = etree.fromstring(
        f'<wsnt:TopicExpression {DECLARATIONS} Dialect="{dialect}">{text}</wsnt:TopicExpression>'
    )
    return {"_value_1": [element]}


def test_the_library_does_everything(house: House, camera: ONVIFCamera, transport: CheckedTransport) -> None:
    # --- the device ---
    assert camera.devicemgmt.GetDeviceInformation().Manufacturer == "edge-agent"
    date = camera.devicemgmt.GetSystemDateAndTime().UTCDateTime.Date
    assert abs(datetime(date.Year, date.Month, date.Day) - datetime.now()) < timedelta(days=2)
    services = camera.devicemgmt.GetServices({"IncludeCapability": True})
    assert [each.XAddr.rpartition("/")[2] for each in services] == ["device_service", "event_service"]
    assert camera.devicemgmt.GetServiceCapabilities().Security.HttpDigest
    # --- the event service ---
    events = camera.create_events_service()
    assert events.GetServiceCapabilities().WSPullPointSupport
    properties = events.GetEventProperties()
    assert "FieldDetector" in etree.tostring(properties.TopicSet._value_1[0]).decode()
    created = events.CreatePullPointSubscription(
        {"Filter": topic_filter("tns1:RuleEngine//.|tns1:VideoSource//."), "InitialTerminationTime": "PT60S"}
    )
    assert created.TerminationTime - created.CurrentTime == pytest.approx(
        timedelta(seconds=60), abs=timedelta(seconds=1)
    )
    address = created.SubscriptionReference.Address._value_1
    client = events.zeep_client
    pull_point = client.create_service(f"{TEV}PullPointSubscriptionBinding", address)
    manager = client.create_service(f"{TEV}SubscriptionManagerBinding", address)
    # --- messages ---
    house.take(entered(BOX, 1), entered(THEIRS, 1), BOX.view(2, "covered", "start"))
    pulled = pull_point.PullMessages(Timeout=timedelta(seconds=20), MessageLimit=1)
    (message,) = pulled.NotificationMessage
    inside = message.Message._value_1
    assert transport.topics() == ["tns1:RuleEngine/FieldDetector/ObjectsInside"]
    found = [(item.get("Name"), item.get("Value")) for item in inside.iter(f"{TT}SimpleItem")]
    assert found[:3] == [("VideoSource", "dt-001/cam-1"), ("Rule", "yard"), ("IsInside", "true")]
    assert inside.get("PropertyOperation") == "Changed"
    pulled = pull_point.PullMessages(Timeout=timedelta(seconds=20), MessageLimit=10)
    assert transport.topics() == ["tns1:VideoSource/GlobalSceneChange/AnalyticsService"], (
        "nothing of another ward"
    )
    pull_point.SetSynchronizationPoint()
    pulled = pull_point.PullMessages(Timeout=timedelta(), MessageLimit=10)
    operations = [each.Message._value_1.get("PropertyOperation") for each in pulled.NotificationMessage]
    assert operations == ["Initialized", "Initialized"]
    # --- its life ---
    renewed = manager.Renew(TerminationTime="PT10M")
    assert renewed.TerminationTime > datetime.now(UTC) + timedelta(minutes=9)
    manager.Unsubscribe()
    with pytest.raises(Exception, match="no such subscription"):
        pull_point.PullMessages(Timeout=timedelta(), MessageLimit=1)
    with pytest.raises(ONVIFError, match="dialect"):
        events.CreatePullPointSubscription({"Filter": topic_filter("tns1:RuleEngine", "urn:other")})
    with pytest.raises(ONVIFError, match="termination"):
        events.CreatePullPointSubscription({"InitialTerminationTime": "P1D"})
    assert len(transport.answers) > 15


def test_the_library_with_a_wrong_password_gets_nothing(house: House, transport: CheckedTransport) -> None:
    stranger = client_of(house, transport, "x")
    with pytest.raises(ONVIFError, match="wrong"):
        stranger.devicemgmt.GetDeviceInformation()


def test_the_example_of_the_guide_prints_events(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # the library stores what it has parsed
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    code = found[1].replace("8443", str(house.port)).replace("while True:", "for _ in range(1):")
    house.take(entered(FakeGateway("dt-009"), 1))
    names: dict[str, Any] = {"password": password_of(house)}
    exec(code, names)
    for service in names["centre"].services.values():
        service.zeep_client.transport.session.close()
    printed = capsys.readouterr().out
    assert "tns1:RuleEngine/FieldDetector/ObjectsInside [('VideoSource', 'dt-009/cam-1')" in printed
