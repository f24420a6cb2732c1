"""Claims at the centre: what is stored, what does not fit, and what the control machine is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from edge_agent.commands.signature import sign
from edge_agent.core.problems import problem_of, problem_text
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire import ClaimAnswer, ClaimCamera, PhoneLocation, VerdictCounts
from edge_agent.wire.topics import CentralTopics, ClaimTopics
from edge_central.claims import intake, records
from edge_central.claims.boxes_file import BoxesFile
from edge_central.claims.misfits import judge_claims
from edge_central.claims.model import BoxList, ClaimWithdrawal, StoredClaim, StoredClaimState
from edge_central.claims.publisher import ClaimPublisher
from edge_central.claims.records import read_claims, withdraw
from edge_central.console.site_names import CameraNames, FleetSheet, Names, SiteNames
from edge_central.measures import Measure
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.web.house import WARDS, House
from tests.testbed.claiming_box import ClaimingBox, withdrawal
from tests.testbed.claims import SERIAL, TIME

OTHER = "box-20000000a1b2c3d4"
SITE = SiteNames("de-tham", "Chợ", 20.4463, 106.3366, {"cam-1": CameraNames("Cổng")})
NAMES = Names({}, {"dt-001": SITE, "dt-002": SITE})
TOPICS = CentralTopics("tb/v1", "central")
OPERATOR = Ed25519PrivateKey.generate()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made


@pytest.fixture
def box() -> ClaimingBox:
    return ClaimingBox()


def take(house: House, jws: bytes, serial: str = SERIAL) -> int:
    """Return the number of rejected messages."""
    return house.take((ClaimTopics("tb/v1", serial).claim, jws)).rejected


def answered(house: House, decision: str, claim_id: str = "c1", **more: Any) -> None:
    answer = ClaimAnswer(claim_id=claim_id, serial=SERIAL, decision=decision, time=TIME, **more)  # type: ignore[arg-type]
    jws = sign(msgspec.json.encode(answer), Ed25519PrivateKey.generate())
    assert house.take((ClaimTopics("tb/v1", SERIAL).answer, jws)).rejected == 0


def stored(house: House, scope: Scope = EVERYWHERE) -> list[StoredClaim]:
    with house.connections.reading() as connection:
        return read_claims(connection, scope)


def states(house: House) -> dict[str, str]:
    return {each.claim.claim_id: each.state.value for each in stored(house)}


def test_a_claim_is_stored_once_as_it_arrived(house: House, box: ClaimingBox) -> None:
    jws = box.claims()
    assert take(house, jws) == take(house, jws) == 0
    (row,) = stored(house)
    assert (row.claim.claim_id, row.claim.site, row.state) == ("c1", "dt-001", StoredClaimState.PENDING)
    with house.connections.reading() as connection:
        assert connection.scalar(select(tables.claim.c.jws)) == jws


@pytest.mark.parametrize(
    "what", ["nothing", "no jws", "another box", "forged", "another ward", "another fingerprint", "large"]
)
def test_what_is_no_claim_of_this_box_is_rejected(house: House, box: ClaimingBox, what: str) -> None:
    head, _, signature = box.claims().split(b".")
    jws = {
        "nothing": b"",
        "no jws": b'{"schema": "claim/1"}',
        "another box": ClaimingBox(OTHER).claims(),
        "forged": b".".join([head, ClaimingBox().claims().split(b".")[1], signature]),
        "another ward": box.claims(ward="tran-lam"),
        "another fingerprint": box.claims(key_sha256="ab" * 32),
        "large": box.claims() + b"A" * 70_000,
    }[what]
    assert take(house, jws) == 1
    assert stored(house) == []


@pytest.mark.parametrize("changes", [{}, {"site": "dt-002"}, {"by": "Bình"}, {"csr": "other"}])
def test_a_claim_that_is_sent_again_gets_its_verdict_and_nothing_else(
    house: House, box: ClaimingBox, changes: dict[str, str]
) -> None:
    request, verdict = {"csr": "same"}, VerdictCounts(green=5, yellow=1, red=0)
    take(house, box.claims(**request))
    assert take(house, box.claims(verdict=verdict, **request | changes)) == 0
    (row,) = stored(house)
    assert row.claim.verdict == (None if changes else verdict)
    assert (row.claim.site, row.claim.by, row.claim.csr) == ("dt-001", "Nguyễn Văn An", "same")
    take(house, box.claims(**request))
    assert stored(house) == [row], "an older message that comes late takes no verdict away"


def test_a_new_claim_replaces_the_one_that_waits(house: House, box: ClaimingBox) -> None:
    take(house, box.claims())
    take(house, box.claims(claim_id="c2", site="dt-002"))
    assert states(house) == {"c1": "replaced", "c2": "pending"}
    take(house, ClaimingBox().claims(claim_id="c3"))
    assert states(house)["c2"] == "pending", "another key under this serial replaces nothing"


def test_the_number_of_claims_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [take(house, ClaimingBox().claims(claim_id=f"c{n}")) for n in range(4)] == [0, 0, 0, 1]
    monkeypatch.setattr(records, "MAX_PENDING", 4)
    assert take(house, ClaimingBox(OTHER).claims(), OTHER) == 0
    assert take(house, ClaimingBox("box-30000000").claims(), "box-30000000") == 1
    answered(house, "refused", "c0")
    assert take(house, ClaimingBox("box-30000000").claims(), "box-30000000") == 0


@pytest.fixture
def listed(tmp_path: Path, box: ClaimingBox) -> Iterator[House]:
    """A centre whose list has the box with its key, and another one without a key."""
    path = tmp_path / "boxes.csv"
    path.write_text(f"serial;key\n{SERIAL};{box.key_sha256}\n{OTHER};\n", encoding="utf-8")
    with House(tmp_path / "centre", boxes_file=str(path)) as made:
        yield made


def invented(number: int) -> tuple[bytes, str]:
    """What a stolen enrolment certificate can send."""
    serial = f"box-9000000{number}"
    return ClaimingBox(serial).claims(claim_id=f"x{number}"), serial


def test_invented_serials_leave_a_place_for_listed_boxes(
    listed: House, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_PENDING", 2)
    assert [take(listed, *invented(number)) for number in range(3)] == [0, 0, 1]
    assert [take(listed, ClaimingBox().claims(claim_id=f"t{n}")) for n in range(2)] == [1, 1], "another key"
    assert take(listed, box.claims()) == 0
    assert take(listed, ClaimingBox(OTHER).claims(claim_id="o1"), OTHER) == 0
    assert take(listed, *invented(4)) == 1
    with listed.connections.reading() as connection:
        ranked = read_claims(connection, EVERYWHERE, BoxesFile(listed.folder.parent / "boxes.csv").boxes())
    assert [each.claim.claim_id for each in ranked] == ["o1", "c1", "x1", "x0"]


def test_other_keys_under_its_serial_do_not_keep_a_listed_box_out(listed: House, box: ClaimingBox) -> None:
    assert [take(listed, ClaimingBox().claims(claim_id=f"t{n}")) for n in range(4)] == [0, 0, 0, 1]
    assert take(listed, box.claims()) == 0
    assert [take(listed, ClaimingBox(OTHER).claims(claim_id=f"t{n}"), OTHER) for n in range(4)] == [
        0,
        0,
        0,
        1,
    ]


def test_the_control_machine_gets_the_claims_of_listed_boxes(
    listed: House, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        take(listed, *invented(number))
    jws = box.claims()
    take(listed, jws)
    monkeypatch.setattr(records, "MAX_PENDING", 1)
    wire = Wire(listed, listed.folder.parent / "boxes.csv")
    wire.tick()
    assert len(wire.retained) == 2
    assert jws.decode() in [each["claim"] for each in wire.retained.values()]


def test_a_flood_leaves_a_place_in_each_batch_for_listed_boxes(
    listed: House, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_CLAIMS_OF_BATCH", 2)
    flood = [invented(number) for number in range(4)]
    flood += [(ClaimingBox().claims(claim_id=f"t{n}"), SERIAL) for n in range(2)]
    own = [(box.claims(claim_id=f"c{n}"), SERIAL) for n in range(4)]
    topics = [(ClaimTopics("tb/v1", serial).claim, jws) for jws, serial in [*flood, *own]]
    assert listed.take(*topics).rejected == len(flood) - 2 + 1, "a box that is stolen itself is bounded too"
    assert {"x0", "x1", "c2"} <= states(listed).keys()


def test_replaced_claims_do_not_hide_a_claim_in_force(
    house: House, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a claim on the page can be withdrawn."""
    take(house, box.claims())
    answered(house, "confirmed")
    thief = ClaimingBox(OTHER)
    for number in range(4):
        take(house, thief.claims(claim_id=f"x{number}"), OTHER)
    monkeypatch.setattr(records, "MAX_LISTED", 2)
    assert states(house) == {"x3": "pending", "c1": "confirmed"}


def test_old_answered_claims_are_forgotten(
    house: House, box: ClaimingBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_ANSWERED", 2)
    for number in range(4):
        take(house, box.claims(claim_id=f"c{number}"))
    assert list(states(house)) == ["c3", "c2"]


def test_a_flood_of_claims_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_CLAIMS_OF_BATCH", 2)
    serials = [f"box-1000000{n}" for n in range(4)]
    messages = [(ClaimTopics("tb/v1", each).claim, ClaimingBox(each).claims()) for each in serials]
    assert house.take(*messages).rejected == 2


def test_an_answer_is_recorded_with_its_reason(house: House, box: ClaimingBox) -> None:
    take(house, box.claims())
    why = problem_of(problem_text("claim-site-unknown", site="dt-001"))
    answered(house, "refused", problem=why)
    (row,) = stored(house)
    assert (row.state, row.problem) == (StoredClaimState.REFUSED, why)


@pytest.mark.parametrize("payload", [b"{}", b"a.b.c", b"\xff\xfe"])
def test_what_is_no_answer_is_rejected(house: House, payload: bytes) -> None:
    assert house.take((ClaimTopics("tb/v1", SERIAL).answer, payload)).rejected == 1
    assert house.take((ClaimTopics("tb/v1", SERIAL).answer, b"")).rejected == 0, "it was cleared"


class Wire:
    """The broker: what is retained below ``central/claim``."""

    def __init__(self, house: House, boxes: Path | None = None) -> None:
        self._house, self._boxes = house, boxes
        self.retained: dict[str, dict[str, Any]] = {}
        self.published = 0
        self.restart()

    def restart(self) -> None:
        self.claims = ClaimPublisher(TOPICS, WARDS, FleetSheet(None, None), BoxesFile(self._boxes))

    def tick(self, session: str = "s") -> None:
        with self._house.connections.writing() as connection:
            self.claims.publish(connection, session, self._publish)

    def _publish(self, message: MqttMessage) -> None:
        assert message.retain
        self.published += 1
        if message.payload:
            self.retained[message.topic] = json.loads(message.payload)
        else:
            self.retained.pop(message.topic, None)


def test_a_claim_is_retained_until_it_is_answered(house: House, box: ClaimingBox) -> None:
    wire, jws = Wire(house), box.claims()
    take(house, jws)
    wire.tick()
    wire.tick()
    assert list(wire.retained) == ["tb/v1/central/claim/1"]
    assert wire.retained["tb/v1/central/claim/1"]["claim"] == jws.decode()
    assert wire.published == 1
    wire.tick("another session")
    assert wire.published == 2, "the broker may have lost it"
    answered(house, "confirmed")
    wire.tick("another session")
    assert wire.retained == {}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_claim_that_was_replaced_without_a_session_is_cleared(
    house: House, box: ClaimingBox, restarts: bool
) -> None:
    """The control machine would confirm the site that the box has left."""
    wire = Wire(house)
    take(house, box.claims())
    wire.tick()
    take(house, box.claims(claim_id="c2", site="dt-002"))
    if restarts:
        wire.restart()
    wire.tick("another session")
    assert list(wire.retained) == ["tb/v1/central/claim/2"]
    before = wire.published
    wire.tick("a third session")
    assert wire.published == before + 1, "the first claim is cleared once"


def test_a_box_that_asks_again_gets_its_answer_again(house: House, box: ClaimingBox) -> None:
    wire = Wire(house)
    take(house, box.claims())
    answered(house, "confirmed")
    wire.tick()
    assert wire.retained == {}
    with house.connections.writing() as connection:
        connection.execute(tables.claim.update().values(answered_ms=1))
    take(house, box.claims())
    wire.tick()
    assert len(wire.retained) == 1


def test_a_withdrawal_is_given_to_the_control_machine(house: House, box: ClaimingBox) -> None:
    wire, back = Wire(house), withdrawal(OPERATOR)
    take(house, box.claims())
    answered(house, "confirmed")
    by = ClaimWithdrawal(house.now_ms(), "lan", "the neighbouring pole")
    with house.connections.writing() as connection:
        assert withdraw(connection, 1, back, by, Scope(frozenset({"bo-xuyen"}))) is None, "not in this scope"
        assert withdraw(connection, 1, back, by, EVERYWHERE) is not None
        assert withdraw(connection, 1, back, by, EVERYWHERE) is None, "once"
    wire.tick()
    assert wire.retained["tb/v1/central/claim/1"]["withdrawal"] == back.decode()
    assert stored(house)[0].is_being_withdrawn
    answered(house, "withdrawn")
    wire.tick()
    assert wire.retained == {}
    assert not stored(house)[0].is_being_withdrawn


def misfits(
    *claims: StoredClaim, names: Names = NAMES, boxes: BoxList | None = None, active: str = ""
) -> list[list[str]]:
    """The codes of what does not fit, by claim."""
    judged = judge_claims(claims, names, boxes or BoxList(), [active])
    return [[each.problem.code for each in one.misfits] for one in judged]


def row(box: ClaimingBox, state: StoredClaimState = StoredClaimState.PENDING, **changes: Any) -> StoredClaim:
    return StoredClaim(1, box.claim(**changes), state, 0, None, None, None)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"site": "dt-009"}, ["claim-site-unknown"]),
        ({"ward": "bo-xuyen"}, ["claim-ward-differs"]),
        ({"cameras": []}, ["claim-cameras-missing"]),
        ({"cameras": [ClaimCamera(id="cam-1")]}, ["claim-cameras-missing"]),  # configured, not found
        (
            {"cameras": [ClaimCamera(id=f"cam-{n}", address="192.0.2.1") for n in (1, 2)]},
            ["claim-cameras-unknown"],
        ),
        ({"location": PhoneLocation(latitude=20.4470, longitude=106.3366, accuracy_m=10)}, []),
        ({"location": PhoneLocation(latitude=20.4500, longitude=106.3366, accuracy_m=10)}, ["claim-far"]),
        ({"location": PhoneLocation(latitude=20.4500, longitude=106.3366, accuracy_m=200)}, []),
        ({"location": PhoneLocation(latitude=20.5, longitude=106.3366, accuracy_m=1e9)}, ["claim-far"]),
    ],
)
def test_what_does_not_fit_the_sheet(box: ClaimingBox, changes: dict[str, Any], codes: list[str]) -> None:
    assert misfits(row(box, **changes)) == [codes]


def test_without_a_sheet_and_a_list_nothing_is_unknown(box: ClaimingBox) -> None:
    assert misfits(row(box, site="dt-009"), names=Names()) == [[]]


def test_the_distance_is_in_metres(box: ClaimingBox) -> None:
    """A minute of latitude is a nautical mile."""
    there = PhoneLocation(latitude=20.4463 + 1 / 60, longitude=106.3366, accuracy_m=5)
    (judged,) = judge_claims([row(box, location=there)], NAMES, BoxList(), [])
    assert judged.distance_m == pytest.approx(1853, abs=3)
    assert "1,853 m" in judged.misfits[0]


def test_a_box_of_no_list_or_with_another_key(box: ClaimingBox) -> None:
    assert misfits(row(box), boxes=BoxList({}, is_there=True)) == [["claim-box-unknown"]]
    assert misfits(row(box), boxes=BoxList({SERIAL: "ab" * 32}, is_there=True)) == [["claim-key-differs"]]
    assert misfits(row(box), boxes=BoxList({SERIAL: box.key_sha256}, is_there=True)) == [[]]
    assert misfits(row(box), row(ClaimingBox(), claim_id="c2")) == [["claim-key-differs"]] * 2


def test_a_site_and_a_box_belong_together_once(box: ClaimingBox) -> None:
    first = row(box, StoredClaimState.CONFIRMED)
    assert misfits(first, row(ClaimingBox(OTHER)))[1] == ["claim-site-taken"]
    assert misfits(first, row(box, claim_id="c2", site="dt-002"))[1] == ["claim-box-elsewhere"]
    assert misfits(row(box), active="dt-001") == [["claim-site-has-certificate"]]
    assert misfits(first, active="dt-001") == [[]], "it is this box that reports"


def test_claims_become_measures_of_their_ward(house: House, box: ClaimingBox) -> None:
    boxes = house.folder / "boxes.csv"
    boxes.write_text("serial;key\n")
    wire, ms = Wire(house, boxes), house.now_ms()
    take(house, box.claims())
    with house.connections.reading() as connection:
        found = wire.claims.measurements(connection, ms + 3_600_000)
    assert found[Measure.CLAIM_PENDING_S]["de-tham"].value == pytest.approx(3600, abs=60)
    assert "the oldest for 60 min (dt-001)" in found[Measure.CLAIM_PENDING_S]["de-tham"].text
    wrong = found[Measure.CLAIM_WRONG]
    assert wrong["de-tham"].text == (
        f"1 claims do not fit: dt-001, {SERIAL}: {SERIAL} is not in the list of boxes"
    )
    assert (wrong["bo-xuyen"].value, found[Measure.CLAIM_PENDING_S]["bo-xuyen"].value) == (0, 0)


def test_the_list_of_boxes_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(f"serial;key\n{SERIAL.upper()};{'AB' * 32}\nbox-1;\n")
    boxes = BoxesFile(path)
    assert boxes.boxes() == BoxList({SERIAL: "ab" * 32}, is_there=True)
    path.write_text(f"serial\n{SERIAL}\n{OTHER}\n")
    assert boxes.boxes().keys == {SERIAL: "", OTHER: ""}
    path.unlink()
    assert boxes.boxes().keys == {SERIAL: "", OTHER: ""}, "the last one stays in use"
    assert not BoxesFile(None).boxes().is_there


def test_a_list_of_boxes_that_cannot_be_read_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each batch of messages asks for the list."""
    path = tmp_path / "boxes.csv"
    boxes = BoxesFile(path)
    assert not boxes.boxes().keys
    boxes.boxes()
    assert len(caplog.records) == 1, "it does not exist"
    path.write_text(f"serial\n{SERIAL}\n")
    assert boxes.boxes().keys == {SERIAL: ""}
    path.write_text('serial\n"' + "x" * 200_000)
    assert boxes.boxes().keys == {SERIAL: ""}
    assert "field larger" in caplog.records[-1].message


def test_a_scope_shows_the_claims_of_its_wards(house: House, box: ClaimingBox) -> None:
    take(house, box.claims())
    assert len(stored(house, Scope(frozenset({"de-tham"})))) == 1
    assert stored(house, Scope(frozenset({"bo-xuyen"}))) == []
    with house.connections.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.claim)) == 1
