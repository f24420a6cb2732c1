"""The report on paper: a site with four cameras and a remark on each takes two pages of A4 and an annex."""

from __future__ import annotations

import json
import re
import shutil
import string
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from edge_agent.core.languages import Lang
from edge_agent.tools.doctor.check import CheckResult, Figure
from edge_agent.tools.doctor.checks.picture import jpeg
from edge_agent.tools.doctor.paper import make_report
from edge_agent.tools.doctor.words.paper import PAPER
from tests.testbed.chromium import Chromium
from tests.tools.doctor.test_paper import a_document

CHROMIUM = shutil.which("chromium")
STREAM: dict[str, Figure] = {"codec": "H.264", "width": 640, "height": 480, "rate": 10.0, "keyframe_s": 4.0}
BOX = (
    CheckResult("config", "config-good", {"cameras": 4, "hash": "c2e817b2798b"}),
    CheckResult(
        "board",
        "board-known",
        {
            "board": "Raspberry Pi 4 Model B Rev 1.4",
            "profile": "raspberry-pi-4",
            "os": "Debian",
            "version": "1",
        },
    ),
    CheckResult("board/firmware", "firmware-good", {"name": "EEPROM", "version": "2024-04-20"}),
    CheckResult("clock", "clock-synced", {"source": "chrony"}),
    CheckResult("disk", "disk-good", {"free_gb": 20.0, "sync_ms": 5.0, "write_mb_s": 20.0}),
    CheckResult("temperature", "temperature-warm", {"celsius": 76.0, "warn_c": 75.0}),
    CheckResult("power", "power-was-low"),
    CheckResult("agent", "agent-running", {"up": "3 min"}),
    CheckResult(
        "detector",
        "detector-slow",
        {"name": "street", "latency_ms": 90.0, "possible": 5.6, "budget": 20.0},
    ),
    CheckResult("outbox", "outbox-empty"),
    CheckResult("certificate", "certificate-good", {"file": "client.crt", "end": "2027-11-25", "days": 365}),
    CheckResult("certificate/ca", "certificate-ending", {"file": "ca.crt", "end": "2026-12-05", "days": 10}),
    CheckResult("broker", "broker-good", {"address": "broker.example:8883", "host": "broker.example"}),
    CheckResult("broker/rights", "rights-good"),
    CheckResult("broker/delivery", "delivery-confirmed", {"took_s": 0.4}),
)


def of_camera(name: str) -> tuple[CheckResult, ...]:
    return (
        CheckResult(name, "camera-good", STREAM),
        CheckResult(f"{name}/keyframes", "keyframes-rare", STREAM),
        CheckResult(f"{name}/picture", "picture-blurred", {"sharpness": 0.9, "needed": 1.5, "mean": 90.0}),
    )


pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="a sheet of paper is what a browser makes of the page"
)

VOWELS = "aăâeêioôơuưy"
MARKS = ("", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323")
LETTERS = [unicodedata.normalize("NFC", vowel + mark) for vowel in VOWELS for mark in MARKS]
# A letter that the report's font lacks comes from the next font, which differs between the two.
MISSING = """
(async () => {
    await Promise.all([...document.fonts].map(face => face.load()));
    const shape = (letter, font) => {
        const sheet = document.createElement("canvas");
        [sheet.width, sheet.height] = [60, 60];
        const pen = sheet.getContext("2d");
        pen.font = font;
        pen.fillText(letter, 10, 40);
        return sheet.toDataURL();
    };
    const same = (letter, face) =>
        shape(letter, `${face} 30px Report, sans-serif`) === shape(letter, `${face} 30px Report, monospace`);
    const faces = ["400", "700", "italic 400"];
    const missing = [...LETTERS].filter(letter => !faces.every(face => same(letter, face)));
    document.title = missing.join("") || "none";
})()
"""


def a_report(tmp_path: Path, also: Lang | None = None) -> Path:
    """A site with four cameras and a remark on each."""
    names = [f"cam-{number}" for number in range(1, 5)]
    broken = CheckResult("cam-4", "camera-no_video", {"detail": "-"}, accepted="chưa giao camera")
    upright = jpeg(np.full((1280, 960, 3), 90, np.uint8))
    results = (*BOX, *(result for name in names for result in of_camera(name)), broken)
    page = tmp_path / "report.html"
    page.write_bytes(make_report(a_document(tmp_path, *results, ids=names, photo=upright), "vi", also))
    return page


@pytest.mark.parametrize(("also", "pages"), [(None, 3), ("en", 4)])
def test_four_cameras_are_two_pages_and_an_annex(tmp_path: Path, also: Lang | None, pages: int) -> None:
    pdf = printed(a_report(tmp_path, also), tmp_path)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == pages
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    sizes = {(round(float(width)), round(float(height))) for width, height in boxes}
    assert sizes == {(595, 842)}, "A4 in points"


def printed(page: Path, folder: Path) -> bytes:
    """The page as a PDF."""
    pdf = folder / "report.pdf"
    command = [
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
        *(f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={pdf}", page.as_uri()),
    ]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
    return pdf.read_bytes()


def test_every_letter_of_vietnamese_is_in_the_report_itself(tmp_path: Path) -> None:
    used = {letter for words in PAPER.values() for text in words.values() for letter in text}
    letters = used | set(string.printable.strip()) | {"đ", "Đ", "–", "°", *LETTERS, *map(str.upper, LETTERS)}
    with Chromium(tmp_path / "profile") as browser:
        browser.open(a_report(tmp_path).as_uri())
        for sought, missing in (("".join(sorted(letters)), "none"), ("ẵЖ", "Ж")):
            browser.run("document.title = ''")
            browser.run(MISSING.replace("LETTERS", json.dumps(sought)))
            browser.wait_until("document.title !== ''")
            assert browser.run("document.title") == missing
        assert browser.complaints == [], "the page's own policy lets the font in"
