"""The aiming page in a real browser of a phone's size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.tools.local_page.access import AccessGate
from tests.testbed.chromium import Chromium, installed
from tests.tools.doctor.aim.parts import page, walker_camera, watching

SHOWN = Path(os.environ.get("EDGE_AGENT_SCREENSHOTS") or "/nowhere")


def test_a_technician_sees_what_is_detected_and_how_large(tmp_path: Path) -> None:
    if not installed():
        pytest.skip("no chromium here")
    gate = AccessGate(SystemClock())
    with (
        walker_camera(tmp_path) as config,
        watching(config) as (settings, watch),
        page(settings, watch, gate) as server,
        Chromium(tmp_path / "profile") as phone,
    ):
        phone.open(server.urls[-1])
        phone.wait_until("document.getElementById('say')?.textContent.startsWith('Nhập mã')")
        shoot(phone, "code")
        phone.run(f"document.forms[0].code.value = '{gate.code}'; document.forms[0].requestSubmit()")
        phone.wait_until("/^người: rộng \\d+, cao 1[0-9]{2} điểm ảnh: đủ lớn$/m.test(" + THINGS + ")")
        phone.wait_until(f"/^[0-9]+,[0-9]+ . [0-9]+,[0-9]+$/.test({SHARPNESS})")
        shoot(phone, "vi")
        phone.run("document.getElementById('lang').click()")
        phone.wait_until("/^person: \\d+ wide, \\d+ high in pixels: large enough$/m.test(" + THINGS + ")")
        shoot(phone, "en")
        for words in ("Analysed stream 640 × 360 pixels", "Light enough.", "14:"):
            assert words in phone.run("document.body.innerText")
        assert phone.run("document.documentElement.scrollWidth") <= 390, "nothing is cut off"
        assert phone.run(PIXEL.format(x=0.9, y=0.1)) == [0, 0, 0], "private"
        assert phone.run(PIXEL.format(x=0.1, y=0.05))[0] > 80, "above the walker, wherever he is"
        assert phone.complaints == []
        server.stop()
        phone.wait_until("document.getElementById('trouble').textContent.startsWith('The page was closed')")


SHARPNESS = "document.getElementById('focus-value')?.textContent"
THINGS = "document.getElementById('things')?.innerText"
PIXEL = (
    "(() => {{ const c = document.getElementById('picture'); return Array.from(c.getContext('2d')"
    ".getImageData({x} * c.width, {y} * c.height, 1, 1).data.slice(0, 3)); }})()"
)


def shoot(phone: Chromium, name: str) -> None:
    """Store a screenshot for people, if EDGE_AGENT_SCREENSHOTS names a folder."""
    if SHOWN.is_dir():
        phone.screenshot(SHOWN / f"aim-{name}.png")
