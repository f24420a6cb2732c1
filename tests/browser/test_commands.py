"""An operator signs a command in a real Chromium, and a real agent obeys it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from edge_agent.commands.signature import make_key, read_private
from edge_agent.wire.topics import ClaimTopics
from edge_central.store import tables
from tests.browser.monitoring_room import FAINT, FITS_WIDTH, NAMELESS, PHONE, WALL, axe_violations
from tests.browser.signing_room import SigningRoom, signing_room
from tests.testbed.chromium import installed
from tests.testbed.claiming_box import ClaimingBox
from tests.testbed.claims import SERIAL
from tests.testbed.mosquitto import wait_until

SHOTS = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")
PAGE = "/sites/dt-001/commands"
MUTE = "type=mask&rule=cam-1/yard&for_s=3600&reason=hội+chợ"
STORED = """
(async () => JSON.stringify([
    document.cookie, {...localStorage}, {...sessionStorage}, await indexedDB.databases(), await caches.keys(),
    document.documentElement.outerHTML,
    Array.from(document.querySelectorAll("input:not([type=file])"), (field) => field.value),
]))()
"""

pytestmark = pytest.mark.skipif(not installed(), reason="no chromium here")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningRoom]:
    with signing_room(tmp_path_factory.mktemp("signing"), SigningRoom) as room:
        make_key(room.folder / "stranger.pem")
        lan = room.house.browser("lan")
        wait_until(lambda: "cam-1/yard" in lan.get(PAGE).text, 60, "the rules of the camera")
        yield room


def spellings(path: Path) -> set[str]:
    """The private key, in the ways in which a program could write it."""
    raw = read_private(path).private_bytes_raw()
    pem = path.read_text(encoding="ascii")
    body = "".join(line for line in pem.splitlines() if "-----" not in line)
    encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
    others = {each.decode().rstrip("=") for each in encoded} | {raw.hex(), raw.hex().upper()}
    return {body, body[-20:], "PRIVATE KEY"} | others


def test_an_operator_mutes_a_rule_and_the_private_key_never_leaves_the_browser(room: SigningRoom) -> None:
    room.browser.requests.clear()
    room.open(PAGE)
    fill = "document.querySelector('#of-rule [name=reason]').value = 'hội chợ'"
    room.browser.run(fill)
    room.browser.run("document.body.dataset.left = 'yes'")
    room.browser.click("#of-rule button")
    room.browser.wait_until("document.getElementById('signed-form') && !document.body.dataset.left")
    assert "tạm không báo động theo quy tắc yard trong 60 phút" in room.browser.run(
        "document.querySelector('#sign .what').textContent"
    )
    assert room.browser.run("document.querySelector('#signed-form button').disabled"), "no key yet"
    room.choose(room.folder / "operator.pem")
    assert "Đã đọc khóa" in room.state()
    stored_before = room.browser.run(STORED)
    room.sign()
    wait_until(lambda: "Xong" in room.log(), 60, "the reply, live on the page")
    assert "yard" in room.log()
    assert room.overridden() == ["mask"]
    sent = json.dumps(room.browser.requests)
    assert "signed=ey" in sent, "the form was recorded"
    for spelling in spellings(room.folder / "operator.pem"):
        assert spelling not in sent
        assert spelling not in stored_before
        assert spelling not in room.browser.run(STORED)
    assert room.browser.complaints == []


def test_a_key_that_the_gateway_does_not_know_is_refused_in_words(room: SigningRoom) -> None:
    room.open(f"{PAGE}?{MUTE}")
    room.choose(room.folder / "stranger.pem")
    assert "Đã đọc khóa" in room.state()
    room.sign()
    wait_until(lambda: "Bị từ chối" in room.log(), 60, "the refusal")
    assert "không thuộc người vận hành nào của thiết bị này" in room.log()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("public", None, "không phải khóa bí mật"),
        ("encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END", "có mật khẩu"),
        ("letter", "Kính gửi", "không phải khóa bí mật"),
        ("short", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", "không phải khóa"),
        ("large", "x" * 20_000, "không phải khóa bí mật"),
    ],
)
def test_another_file_is_refused_in_words(room: SigningRoom, name: str, text: str | None, words: str) -> None:
    file = room.folder / f"{name}.pem"
    file.write_text(text or (room.folder / "operators/lan.pem").read_text(), encoding="utf-8")
    room.open(f"{PAGE}?{MUTE}")
    room.choose(file)
    assert words in room.state()
    assert room.browser.run("document.querySelector('#signed-form button').disabled")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("Object.defineProperty(Crypto.prototype, 'subtle', {value: undefined})", "trang https"),
        (
            "crypto.subtle.importKey = async () => { throw new DOMException('', 'NotSupportedError'); }",
            "chưa hỗ trợ Ed25519",
        ),
    ],
)
def test_a_browser_that_cannot_sign_says_what_is_missing(room: SigningRoom, script: str, words: str) -> None:
    room.open(f"{PAGE}?{MUTE}")
    room.browser.run(f"void ({script})" if "=>" in script else script)
    room.choose(room.folder / "operator.pem")
    assert words in room.state()


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("size", [WALL, (1366, 768), PHONE])
def test_the_page_fits_has_names_and_can_be_read(room: SigningRoom, size: tuple[int, int], lang: str) -> None:
    room.browser.resize(*size, phone=size == PHONE)
    room.open(f"/language/{lang}?next={PAGE}")
    for path in (PAGE, f"{PAGE}?{MUTE}", "/sites/dt-001"):
        room.open(path)
        assert room.browser.run(FITS_WIDTH), f"{path}: sideways"
        assert room.browser.run(NAMELESS) == [], path
        assert room.browser.run(FAINT) == {}, path
        assert axe_violations(room.browser) == [], path
        if SHOTS.is_dir() and lang == "vi":
            room.browser.screenshot(SHOTS / f"commands-{size[0]}-{path.count('=')}-{len(path)}.png")
    room.open("/language/vi?next=/")


def test_a_button_brings_a_picture(room: SigningRoom) -> None:
    room.browser.resize(1366, 768)
    room.open("/sites/dt-001")
    room.browser.click(".cameras .command-buttons button")
    wait_until(lambda: "Xong" in _first_row(room), 60, "the reply, live on the page")
    wait_until(lambda: "Xem ảnh" in _first_row(room), 60, "the picture's link")


def _first_row(room: SigningRoom) -> Any:
    return room.browser.run("document.querySelector('.log tbody tr')?.innerText || ''")


def test_a_claim_is_withdrawn_with_the_operator_s_key(room: SigningRoom) -> None:
    """The signed text is for the control machine and for the box, which has no root part here."""
    room.house.take((ClaimTopics("tb/v1", SERIAL).claim, ClaimingBox().claims()))
    with room.house.connections.writing() as connection:
        now = {"state": "confirmed", "answered_ms": room.house.now_ms() + 60_000}
        connection.execute(update(tables.claim).values(now))
    for size in (WALL, PHONE):
        room.browser.resize(*size, phone=size == PHONE)
        for path in ("/fleet/claims", "/fleet/claims/1?reason=cột+bên+cạnh"):
            room.open(path)
            assert room.browser.run(FITS_WIDTH), path
            assert room.browser.run(NAMELESS) == []
            assert room.browser.run(FAINT) == {}
    room.choose(room.folder / "operator.pem")
    assert "Đã đọc khóa" in room.state()
    room.sign()
    assert room.browser.run("location.pathname") == "/fleet/claims"
    assert "lan đã hủy, lý do: cột bên cạnh" in str(room.browser.run("document.body.innerText"))

    def statuses() -> list[tuple[str, str]]:
        with room.house.connections.reading() as connection:
            columns = tables.request.c
            wanted = select(columns.status, columns.signed_by).where(columns.type == "unclaim")
            return [(row.status, row.signed_by) for row in connection.execute(wanted)]

    wait_until(lambda: [status for status, _ in statuses()] == ["rejected"], what="the reply of the box")
