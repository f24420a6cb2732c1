"""The page of claims: what it shows to whom, and the withdrawal that an operator signs."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from edge_agent.commands.signature import read_unverified, sign
from edge_agent.wire import ClaimCamera, PhoneLocation, VerdictCounts
from edge_central.claims.model import StoredClaimState
from edge_central.claims.records import read_claims
from edge_central.store import tables
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from edge_central.web.i18n import ALL, LANGS
from tests.edge_central.commands.parts import MASK, OPERATOR, signed_as_browser
from tests.edge_central.parts import FakeGateway
from tests.edge_central.web.house import Browser, House
from tests.testbed.claiming_box import ClaimingBox
from tests.testbed.claims import SERIAL

OTHER = "box-20000000a1b2c3d4"
PAGE = "/fleet/claims"
SHEET = (
    "site;ward;name;latitude;longitude;camera\n"
    "dt-001;de-tham;Chợ;20,4463;106,3366;cam-1\n"
    "bx-001;bo-xuyen;Ga;20,4581;106,3402;cam-1\n"
)
FAR = PhoneLocation(latitude=20.4563, longitude=106.3366, accuracy_m=12)
DOCUMENT = re.compile(r'<pre id="document">(.*?)</pre>', re.S)


@pytest.fixture
def city(tmp_path: Path) -> Iterator[House]:
    (tmp_path / "sites.csv").write_text(SHEET, encoding="utf-8")
    (tmp_path / "boxes.csv").write_text(f"serial\n{SERIAL}\n")
    sites, boxes = str(tmp_path / "sites.csv"), str(tmp_path / "boxes.csv")
    with House(tmp_path, sites_file=sites, boxes_file=boxes) as house:
        claims(house, ClaimingBox(), location=FAR)
        claims(house, ClaimingBox(OTHER), site="bx-001", ward="bo-xuyen")
        house.person("minh", Role.ADMIN)
        house.person("lan", Role.OFFICER, "de-tham")
        house.person("tuong", Role.VIEWER, "de-tham")
        yield house.start()


def claims(house: House, box: ClaimingBox, **changes: Any) -> None:
    assert house.take((f"tb/v1/unclaimed/{box.serial}/up/claim", box.claims(**changes))).rejected == 0


def confirm(house: House) -> None:
    with house.connections.writing() as connection:
        connection.execute(tables.claim.update().values(state="confirmed", answered_ms=house.now_ms()))


def document(browser: Browser, number: int = 1, reason: str = "cột bên cạnh") -> str:
    """The text that the page shows to be signed."""
    page = browser.get(f"{PAGE}/{number}", params={"reason": reason})
    found = DOCUMENT.search(page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def withdraw(browser: Browser, signed: bytes, number: int = 1, reason: str = "cột bên cạnh") -> int:
    form = {"signed": signed.decode(), "reason": reason}
    return browser.post(f"{PAGE}/{number}/withdraw", form, page=PAGE).status_code


def requests(house: House) -> list[Any]:
    with house.connections.reading() as connection:
        return list(connection.execute(select(tables.request)))


def test_the_page_says_what_does_not_fit(city: House) -> None:
    minh = city.browser("minh")
    shown = html.unescape(minh.get(PAGE).text)
    for text in (SERIAL, "Nguyễn Văn An", "điện thoại ở cách 1.112 m so với tọa độ của điểm dt-001", "Chợ"):
        assert text in shown
    assert f"thiết bị {OTHER} không có trong danh sách" in shown
    minh.get("/language/en")
    shown = html.unescape(minh.get(PAGE).text)
    assert "1112 m (±12 m)" in shown
    assert f"{OTHER} is not in the list of boxes" in shown


def test_a_board_that_the_box_does_not_recognise_is_said_in_the_language_of_the_page(city: House) -> None:
    claims(city, ClaimingBox(), claim_id="c9", board="unknown")
    shown = city.browser("lan").get(PAGE).text
    assert "không rõ bo mạch" in shown
    assert "unknown" not in shown


def test_a_claim_without_a_verdict_says_where_it_is(city: House) -> None:
    minh, missing = city.browser("minh"), "xem biên bản ở trang của điểm"
    assert all(missing in minh.get(page).text for page in (PAGE, f"{PAGE}/1"))
    box = ClaimingBox()
    verdict = VerdictCounts(green=5, yellow=1, red=0)
    claims(city, box, claim_id="c9", csr="same")
    claims(city, box, claim_id="c9", csr="same", verdict=verdict)
    shown = minh.get(f"{PAGE}/3").text
    assert ALL["claim-verdict-is"][0].format(green=5, yellow=1, red=0) in shown
    assert missing not in shown


def test_a_person_of_a_ward_sees_its_claims_only(city: House) -> None:
    for name in ("lan", "tuong"):
        shown = city.browser(name).get(PAGE).text
        assert SERIAL in shown
        assert OTHER not in shown
    lan = city.browser("lan")
    assert lan.get(f"{PAGE}/1").status_code == 200
    assert lan.get(f"{PAGE}/2").status_code == 404
    assert withdraw(lan, signed(lan, 1), 2) == 404
    tuong = city.browser("tuong")
    assert f'href="{PAGE}/1"' not in tuong.get(PAGE).text
    assert tuong.get(f"{PAGE}/1").status_code == 403
    assert tuong.post(f"{PAGE}/1/withdraw", {}, page=PAGE).status_code == 403


def signed(browser: Browser, number: int = 1) -> bytes:
    return sign(document(browser, number).encode(), OPERATOR)


def test_a_claim_of_a_connected_box_is_withdrawn_and_the_box_is_told(city: House) -> None:
    confirm(city)
    lan = city.browser("lan")
    jws = signed(lan)
    assert withdraw(lan, jws) == 303
    with city.connections.reading() as connection:
        withdrawn = next(each for each in read_claims(connection, EVERYWHERE) if each.number == 1)
        kinds = [row.what for row in connection.execute(select(tables.access))]
    assert withdrawn.is_being_withdrawn
    (command,) = requests(city)
    assert (command.type, command.gateway, command.signed) == ("unclaim", "dt-001", jws)
    assert read_unverified(command.signed)[0].decode().count("cột bên cạnh") == 1
    assert "claim-withdrawal" in kinds
    assert "lan đã hủy, lý do: cột bên cạnh" in html.unescape(lan.get(PAGE).text)
    assert withdraw(lan, jws) == 409, "once"


def test_a_claim_that_waits_is_withdrawn_without_a_command(city: House) -> None:
    """Another box may be the gateway of this site."""
    lan = city.browser("lan")
    assert withdraw(lan, signed(lan)) == 303
    assert requests(city) == []


@pytest.mark.parametrize("what", ["unsigned", "another command", "another claim", "no reason"])
def test_what_is_no_signed_withdrawal_of_this_claim_changes_nothing(city: House, what: str) -> None:
    confirm(city)
    minh = city.browser("minh")
    jws = {
        "unsigned": document(minh).encode(),
        "another command": signed_as_browser(MASK, city.now_ms()),
        "another claim": sign(document(minh).replace(SERIAL, OTHER).encode(), OPERATOR),
        "no reason": signed(minh),
    }[what]
    assert withdraw(minh, jws, reason="" if what == "no reason" else "cột bên cạnh") == 400
    assert requests(city) == []
    with city.connections.reading() as connection:
        assert not any(each.withdrawal for each in read_claims(connection, EVERYWHERE))


def test_a_claim_that_is_over_cannot_be_withdrawn(city: House) -> None:
    minh = city.browser("minh")
    jws = signed(minh)
    with city.connections.writing() as connection:
        connection.execute(tables.claim.update().values(state=StoredClaimState.REFUSED.value))
    assert 'id="document"' not in minh.get(f"{PAGE}/1", params={"reason": "x"}).text
    assert withdraw(minh, jws) == 409


def test_the_command_page_of_a_gateway_takes_no_withdrawal(city: House) -> None:
    gateway = FakeGateway("dt-001")
    city.take(gateway.state("online", "s"), gateway.heartbeat("s"), gateway.birth("s"))
    minh = city.browser("minh")
    form = {"signed": signed(minh).decode(), "reason": "x"}
    assert minh.post("/sites/dt-001/commands", form, page="/sites/dt-001/commands").status_code == 400
    assert requests(city) == []


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.just(
    "<script>alert(1)</script>"
)
HOSTILE = st.fixed_dictionaries(
    {"by": TEXT, "board": TEXT, "version": TEXT, "site": st.sampled_from(["dt-001", "all", "x" * 63])},
    optional={
        "location": st.builds(
            PhoneLocation,
            latitude=st.floats(-90, 90),
            longitude=st.floats(-180, 180),
            accuracy_m=st.floats(0, allow_infinity=False),
        ),
        "cameras": st.lists(
            st.builds(ClaimCamera, id=st.just("cam-1"), address=TEXT, model=TEXT), max_size=64
        ),
        "previous_claim_id": st.just("c0"),
    },
)


@given(changes=HOSTILE)
@settings(
    max_examples=5, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def test_whatever_a_box_claims_the_pages_open(city: House, changes: dict[str, Any]) -> None:
    box = ClaimingBox()
    with city.connections.writing() as connection:
        connection.execute(tables.claim.delete())
    claims(city, box, **changes)
    minh = city.browser("minh")
    with city.connections.reading() as connection:
        (number,) = connection.scalars(select(tables.claim.c.id))
    for lang in LANGS:
        minh.get(f"/language/{lang}")
        for path in (PAGE, f"{PAGE}/{number}", f"{PAGE}/{number}?reason=x"):
            shown = minh.get(path)
            assert shown.status_code == 200
            assert "<script>alert" not in shown.text
            assert ALL["cannot-be-shown"][LANGS.index(lang)] not in shown.text
