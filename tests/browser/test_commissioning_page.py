"""The commissioning page in a real browser of a phone's size: from the label of the site to the signature."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.commissioning.identity import open_identity
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.network import ModemView
from edge_agent.commissioning.page.service import CommissionService
from edge_agent.commissioning.papers import PaperFiles
from edge_agent.host.system.addresses import own_addresses
from edge_agent.host.system.network_settings import FOLDER
from edge_agent.wire.claims import check_character
from tests.browser.monitoring_room import axe_violations
from tests.commissioning.prepared_box import CODE, PASSWORD, PreparedBox, prepared_box
from tests.commissioning.steps import steps_of
from tests.testbed.chromium import Chromium, installed
from tests.testbed.clips import make_clip
from tests.testbed.modem_bus import FakeModem, FakeModemManager, bus_daemon
from tests.testbed.mosquitto import free_port, wait_until
from tests.testbed.rtsp import RtspServer

SHOWN = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
LABEL = f"s/dt-001-{check_character('dt-001')}"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PreparedBox, str]]:
    if not installed():
        pytest.skip("no chromium here")
    clip = make_clip(tmp_path / "clip.mp4", size=(320, 180))
    with RtspServer({"/s": clip}, user="edge", password=PASSWORD) as camera:
        box = prepared_box(tmp_path, free_port(), [camera.url("/s"), "rtsp://127.0.0.1:1/2"])
        (box.folder / "opt/edge-agent/current/bin/edge-agent").write_text("#!/bin/sh\nexit 0\n")
        loopback = [
            each for each in own_addresses() if each.address.is_loopback and each.address.version == 4
        ]
        port = free_port()
        service = CommissionService(steps_of(box), lambda: loopback, port)
        stop, ready = threading.Event(), threading.Event()
        thread = threading.Thread(target=service.run, args=(stop, ready.set), daemon=True)
        with box.root_part(monkeypatch):
            thread.start()
            wait_until(ready.is_set, what="the page")
            try:
                yield box, f"https://127.0.0.1:{port}/"
            finally:
                stop.set()
                thread.join()


def refuse_to_store(*_: object) -> None:
    raise CommissioningError("disk-full")


def test_a_technician_commissions_a_site(
    served: tuple[PreparedBox, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, url = served
    with Chromium(tmp_path / "profile", flags=("--ignore-certificate-errors",)) as phone:
        phone.open(url + LABEL)
        phone.wait_until("document.getElementById('say')?.textContent.startsWith('Nhập mã 8')")
        words = open_identity(box.paths.etc / "serial", box.paths.state).words
        assert words in phone.run("document.body.innerText"), "compared before the code is typed"
        check(phone, "code")
        phone.run(f"document.forms[0].code.value = '{CODE}'; document.forms[0].requestSubmit()")
        phone.wait_until(
            "!document.getElementById('claim')?.hidden && document.querySelector('#cameras .good')"
        )
        for words in (
            "dt-001: Ngã tư dt-001",
            "cam-1 – Cổng – đã tìm thấy",
            "cam-2 – Cổng – không tìm thấy tại 127.0.0.1",
        ):
            assert words in phone.run("document.body.innerText")
        check(phone, "site")
        assert phone.run("location.pathname") == "/", "the label counts once, not at each reload"
        phone.run("document.getElementById('other').click()")
        phone.wait_until("!document.getElementById('choose').hidden && !working")
        phone.run(
            "fetch('/state').then((answer) => answer.json())"
            ".then((found) => { state = found; show(); window.polled = 1; })"
        )
        phone.wait_until("window.polled")
        assert not phone.run("document.getElementById('choose').hidden"), "the poll brings no site back"
        phone.run(
            f"document.getElementById('site-label').value = '{LABEL[2:]}'; at('site-form').requestSubmit()"
        )
        phone.wait_until("document.querySelector('#claim:not([hidden]) #cameras .good')")
        claim(phone, "wrong")
        phone.wait_until("document.getElementById('error').textContent.includes('camera không chấp nhận')")
        assert phone.run("document.getElementById('error').textContent").startswith("cam-1: camera không")
        assert phone.run("sentence('dt-003-x không đúng với mã trên nhãn')").startswith("dt-003-x ")
        assert phone.run("sentence('hãy nhập họ tên')") == "Hãy nhập họ tên"
        check(phone, "wrong-password")
        phone.run("document.getElementById('differ').click()")
        assert "Mật khẩu camera cam-2" in phone.run("document.getElementById('logins').innerText")
        check(phone, "passwords")
        claim(phone, PASSWORD)
        phone.wait_until("document.querySelector('#lines .good')")
        assert (box.paths.etc / "site-id").read_text() == "dt-001\n"
        assert "Ngã tư dt-001" in phone.run("document.getElementById('claimed-name').textContent")
        lines = phone.run("document.getElementById('lines').innerText").splitlines()
        assert lines[0] == "LỖI: máy chủ nhận tin: refused", "what has to be done comes first"
        check(phone, "verdict")
        phone.run("document.getElementById('lang').click()")
        assert "Examine again" in phone.run("document.body.innerText")
        check(phone, "verdict-en")
        phone.run("document.getElementById('lang').click()")
        phone.open(f"{url}s/dt-002-{check_character('dt-002')}")
        phone.wait_until("document.getElementById('error')?.textContent.includes('đã nhận điểm dt-001')")
        phone.open(url + LABEL)
        phone.wait_until("location.pathname === '/' && document.querySelector('#lines .good')")
        assert phone.run("document.getElementById('error').hidden"), "the label of its own site is right"
        with monkeypatch.context() as full_card:
            full_card.setattr(PaperFiles, "put_verdict", refuse_to_store)
            phone.run("document.getElementById('examine').click()")
            phone.wait_until("document.getElementById('error').textContent.includes('thẻ nhớ')")
            assert phone.run("document.getElementById('examined').innerText").splitlines()[2:] == []
        phone.run("document.getElementById('examine').click()")
        phone.wait_until("document.querySelector('#lines .good')")
        phone.run("drawn = true; window.confirm = (text) => { window.asked = text; return false; }")
        phone.run("document.getElementById('finish-form').requestSubmit()")
        assert phone.run("window.asked").startswith("Chưa có ảnh biển thông báo"), (
            "it could not be added later"
        )
        held, put = threading.Event(), PaperFiles.put_verdict
        monkeypatch.setattr(PaperFiles, "put_verdict", lambda *each: (held.wait(30), put(*each)))
        phone.run("document.getElementById('examine').click()")
        phone.wait_until("document.getElementById('status').textContent.startsWith('Đang kiểm tra')")
        phone.open(url)
        phone.wait_until("document.getElementById('status')?.textContent.includes('đang thực hiện')")
        assert phone.run("document.getElementById('examine').disabled"), "it would only be refused"
        held.set()
        phone.wait_until("!document.getElementById('examine').disabled")
        held.clear()
        phone.run("document.getElementById('examine').click()")
        sign(phone)
        phone.wait_until("document.getElementById('photo-label').textContent.startsWith('Ảnh sẽ được lưu')")
        held.set()
        phone.wait_until("document.getElementById('photo-label').textContent.startsWith('Đã có ảnh')")
        check(phone, "signed")
        phone.run("document.getElementById('finish-form').requestSubmit()")
        phone.wait_until("!document.getElementById('done').hidden")
        check(phone, "done")
        papers = list((box.state_dir / "reports").glob("dt-001-*.html"))
        assert papers
        phone.run("document.getElementById('examine').click()")
        phone.wait_until("!document.getElementById('examine').disabled")
        assert phone.run("document.querySelector('#examined:not([hidden]) #sentence').textContent") == "ĐẠT"
        check(phone, "done-examined")
        assert list((box.state_dir / "reports").glob("dt-001-*.html")) == papers, "the signed one is sent"
        answers = [each for each in phone.complaints if "409" not in each and "favicon" not in each]
        assert [each for each in answers if "404" not in each and "403" not in each] == []


def claim(phone: Chromium, password: str) -> None:
    phone.wait_until("!document.getElementById('take').disabled")
    phone.run(
        "document.getElementById('by').value = 'Nguyễn Văn An';"
        f"for (const each of document.querySelectorAll('#logins input')) each.value = '{password}';"
        "document.getElementById('take').click()"
    )


def sign(phone: Chromium) -> None:
    """Draw a line with a finger, and take a photo."""
    phone.run(
        """
        (() => {
          const pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
          pad.setPointerCapture = () => {};
          const at = (type, x, y) => pad.dispatchEvent(new PointerEvent(type,
            { clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true }));
          at("pointerdown", 20, 20);
          for (let x = 20; x < 200; x += 10) at("pointermove", x, 40 + 20 * Math.sin(x / 15));
          at("pointerup", 200, 40);
          const canvas = document.createElement("canvas");
          canvas.width = 2000;
          canvas.height = 1500;
          canvas.toBlob((blob) => {
            const files = new DataTransfer();
            files.items.add(new File([blob], "sign.png"));
            document.getElementById("photo").files = files.files;
            document.getElementById("photo").dispatchEvent(new Event("change"));
          });
        })()
        """
    )


def test_a_phone_that_loses_the_box_finds_it_again(served: tuple[PreparedBox, str], tmp_path: Path) -> None:
    with Chromium(tmp_path / "profile", flags=("--ignore-certificate-errors",)) as phone:
        phone.open(served[1])
        phone.wait_until("document.getElementById('say')?.textContent.startsWith('Nhập mã 8')")
        phone.run(f"document.forms[0].code.value = '{CODE}'; document.forms[0].requestSubmit()")
        phone.wait_until("document.querySelector('#choose:not([hidden])')")
        is_away(phone, away=True)
        phone.wait_until("document.getElementById('error').textContent.startsWith('Mất kết nối')")
        phone.run("document.getElementById('lang').click()")
        assert phone.run("document.getElementById('error').textContent").startswith("The box cannot be")
        is_away(phone, away=False)
        phone.wait_until("document.getElementById('error').hidden")
        is_away(phone, away=True)
        phone.run(f"at('site-label').value = '{LABEL[2:]}'; at('site-form').requestSubmit()")
        phone.wait_until("document.getElementById('error').textContent.includes('during this step')")
        is_away(phone, away=False)
        phone.run("window.polled = fetch('/state').then(() => { window.polled = 1; })")
        phone.wait_until("window.polled === 1")
        assert not phone.run("document.getElementById('error').hidden"), "it may have to be repeated"


def is_away(phone: Chromium, *, away: bool) -> None:
    phone.ask("Network.enable")
    speed = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    phone.ask("Network.emulateNetworkConditions", offline=away, **speed)


def check(phone: Chromium, name: str) -> None:
    """Nothing is cut off, axe finds nothing, and people may see it."""
    assert phone.run("document.documentElement.scrollWidth") <= 390, name
    assert axe_violations(phone) == [], name
    if SHOWN.is_dir():
        phone.screenshot(SHOWN / f"commission-{name}.png")


def test_a_technician_sees_the_modem_and_sets_up_the_sim_card(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with bus_daemon(tmp_path) as address:
        manager = FakeModemManager(address, FakeModem(state=7, registration=2, signal_percent=31))
        monkeypatch.setattr(
            "edge_agent.commissioning.page.pages.ModemView", lambda: ModemView(lambda: address)
        )
        box, url = request.getfixturevalue("served")
        (box.folder / FOLDER).mkdir(parents=True)
        with Chromium(tmp_path / "profile", flags=("--ignore-certificate-errors",)) as phone:
            phone.open(url)
            phone.wait_until("document.getElementById('say')?.textContent.startsWith('Nhập mã 8')")
            phone.run(f"document.forms[0].code.value = '{CODE}'; document.forms[0].requestSubmit()")
            phone.wait_until("document.getElementById('modem')?.textContent.includes('đang tìm mạng')")
            phone.run("document.getElementById('network').open = true")
            check(phone, "network")
            phone.run(
                "document.getElementById('apn').value = 'v internet';"
                "document.getElementById('pin').value = '0123';"
                "document.getElementById('network-form').requestSubmit()"
            )
            phone.wait_until("document.getElementById('error').textContent.includes('điểm truy cập')")
            assert phone.run("document.getElementById('pin').value") == ""
            check(phone, "network-refused")
        manager.stop()
