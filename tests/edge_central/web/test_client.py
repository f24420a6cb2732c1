"""The guide's typed client against a real centre."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

import edge_client
from edge_central.web.auth.accounts import Role
from edge_client import ApiError, Centre, CursorLost
from tests.edge_central.parts import JPEG, WARD, FakeGateway
from tests.edge_central.web.hostile import event
from tests.edge_central.web.house import House
from tests.testbed.mosquitto import wait_until

OURS = FakeGateway("dt-001")
PROGRAM = Path(__file__).parents[3] / "docs" / "guide" / "edge_client.py"


def centre_of(house: House) -> Centre:
    return Centre(house.url, house.token("bridge", WARD, role=Role.API_OFFICER))


def test_it_reads_events_with_filters_and_follows_them(house: House) -> None:
    centre = centre_of(house)
    house.take(OURS.heartbeat("s"), OURS.event(1, "car"), event(OURS, 2, {"label": "person"}))
    page = centre.events(label="car", gateway="dt-001", kinds=["object"], ward=WARD)
    (car,) = page.events
    assert (car.kind, car.gateway, car.camera, car.data["label"]) == ("object", "dt-001", "cam-1", "car")
    assert (car.time, car.severity) == (datetime(2026, 11, 24, 13, 42, 15, 123_000, UTC), "warning")
    assert [each.severity for each in centre.events(severity="alarm").events] == ["alarm"]
    assert centre.events(begin=datetime(2026, 11, 25, tzinfo=UTC)).events == ()
    assert len(centre.events(end=datetime(2026, 11, 25, tzinfo=UTC)).events) == 2
    following = centre.follow(camera="cam-1", gateway="dt-001")
    assert len(next(following).events) == 2
    late = threading.Timer(0.3, lambda: house.take(OURS.event(3, "bus")))
    late.start()
    assert [each.data["label"] for each in next(following).events] == ["bus"]
    late.join()


def test_it_handles_an_incident_and_reads_what_was_done(house: House) -> None:
    centre = centre_of(house)
    house.person("lan", Role.OFFICER, WARD)
    house.take(event(OURS, 1, {"phase": "start", "event_id": "a1", "why": "why"}))
    (alarm,) = centre.events(severity="alarm").events
    (incident,) = centre.incidents()
    assert incident.subject == alarm.incident == "event dt-001 a1"
    cursor = centre.steps("now").next
    assert centre.acknowledge(incident.subject).acknowledged_by == "bridge"
    assert centre.assign(incident.subject, "lan").owner == "lan"
    centre.note(incident.subject, "đã gọi")
    assert centre.close(incident.subject, "false").outcome == "false"
    with pytest.raises(ApiError, match="bridge has closed this as false") as refused:
        centre.close(incident.subject, "real")
    assert (refused.value.status, type(refused.value)) == (409, ApiError)
    assert centre.reopen(incident.subject).outcome is None
    done = [(each.step, each.by, each.value) for each in centre.steps(cursor).steps]
    assert done == [
        ("acknowledged", "bridge", ""),
        ("owner", "bridge", "lan"),
        ("note", "bridge", "đã gọi"),
        ("outcome", "bridge", "false"),
        ("reopened", "bridge", ""),
    ]


def test_it_reads_pictures_and_the_inventory(house: House) -> None:
    house.take(OURS.heartbeat("s"))
    house.picture(OURS, "m1")
    centre = centre_of(house)
    assert centre.picture("dt-001", "m1") == JPEG
    assert [each["id"] for each in centre.inventory()["gateways"]] == ["dt-001"]


def test_its_errors_say_what_is_wrong(house: House) -> None:
    centre = centre_of(house)
    with pytest.raises(ApiError, match="there is no kind 'loiter'") as refused:
        centre.events(kinds=["loiter"])
    assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (
        400,
        "bad-request",
        None,
    )
    with pytest.raises(CursorLost):
        centre.events("7-00000000")
    with pytest.raises(ValueError, match="time zone"):
        centre.events(begin=datetime(2026, 11, 24))
    with pytest.raises(ApiError, match="401 not-logged-in"):
        next(Centre(house.url, "wrong").follow())
    house.stop()
    with pytest.raises(OSError):
        centre.inventory()


def test_it_follows_after_an_outage_but_not_with_a_wrong_certificate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = ssl.SSLCertVerificationError("self-signed certificate")
    errors = iter((ConnectionRefusedError("refused"), urllib.error.URLError(wrong)))

    def fail(*_: object, **__: object) -> None:
        raise next(errors)

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    monkeypatch.setattr(edge_client, "RETRY_S", 0.0)
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        next(Centre("https://centre.example", "t").follow())
    assert caplog.messages == ["https://centre.example: refused; asked again in 0 s"]


def test_as_a_program_it_prints_what_comes(house: House, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(house.token("app", WARD) + "\n")
    out = tmp_path / "out"
    command = [sys.executable, str(PROGRAM), house.url, str(tmp_path / "token"), WARD]
    with out.open("wb") as file, subprocess.Popen(command, stdout=file) as running:
        try:
            number = iter(range(1, 1_000))

            def printed() -> bool:  # it may not have asked yet
                house.take(OURS.event(next(number)))
                return "dt-001 cam-1 object" in out.read_text()

            wait_until(printed, 30, "an event")
        finally:
            running.terminate()
