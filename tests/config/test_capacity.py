"""``check`` warns when the cameras exceed what the board's profile is made for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.config.board import BoardIdentity
from tests.config.places import write

PI_4 = BoardIdentity("Raspberry Pi 4 Model B Rev 1.4", "aarch64")
GATEWAY = "gateway: {id: dt-001, ward: de-tham}\nmqtt: {brokers: ['mqtt://broker']}\ncameras:\n"


def cameras(count: int, analyse: str) -> str:
    return GATEWAY + "".join(
        f"  - {{id: cam-{n}, url: 'rtsp://10.0.0.{n}/sub', analyse: {analyse}}}\n"
        for n in range(1, count + 1)
    )


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (cameras(4, "{fps: 20}"), None),  # 80 of 80
        (cameras(5, "{fps: 5}"), "5 cameras, and raspberry-pi-4 is made for 4: edge-agent doctor measures"),
        (
            cameras(4, "{fps: 25}"),
            "analyse.fps is 100 pictures a second, all cameras together, and raspberry-pi-4 decodes 80 "
            "of 640x360: lower analyse.fps",
        ),
        (cameras(4, "{fps: 25, gear: idle}"), None),  # only keyframes are decoded
    ],
)  # fmt: skip
def test_more_than_the_board_is_made_for_is_a_warning(tmp_path: Path, text: str, warning: str | None) -> None:
    path = write(tmp_path, text)
    warnings = load(path, board=PI_4).warnings
    if warning is None:
        assert warnings == ()
    else:
        (reported,) = warnings
        assert reported.startswith(f"{path}:3:1: warning: {warning}")
