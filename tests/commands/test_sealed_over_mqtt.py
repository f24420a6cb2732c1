"""Commands on a gateway that seals: nothing plain at the broker or on the disk, and no clip shows what a
mask hides."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np

from edge_agent.core.delivery import SEALED_TYPE
from edge_agent.evidence.seal import unseal
from tests.agent.test_evidence import readable_pictures
from tests.commands.centre import document
from tests.commands.test_files_over_mqtt import ask, media, site, told_of

OLD = b"\0\0\0\x18ftypisom" + b"film" * 1000
WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]


def stored_before(folder: Path, camera: str, event_id: str) -> None:
    """A clip from before sealing was configured, and before the camera had a mask."""
    day = folder / "state/evidence/media/2026-11-25"
    day.mkdir(parents=True, exist_ok=True)
    (day / f"030000_13_{camera}_{event_id}_0a0b.mp4").write_bytes(OLD)


def key_pair(folder: Path) -> tuple[Path, Path]:
    private, public = folder / "centre.pem", folder / "centre.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", str(private)], check=True)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    return private, public


def test_a_box_that_seals_sends_and_stores_nothing_plain_whatever_is_asked(tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    stored_before(tmp_path, "cam-4", "zone-4")
    cameras: list[dict[str, object]] = [{"id": "cam-1"}, {"id": "cam-4", "privacy_masks": [WHOLE]}]
    with site(tmp_path, cameras, "cam-4", storage={"seal_to": str(public)}) as (_, centre):
        refused = ask(centre, "clip", event_id="zone-4")
        assert (refused["status"], "privacy_masks" in refused["text"]) == ("rejected", True)
        storm = centre.send(document("storm-mode", {"cameras": ["cam-1"], "every_s": 30, "for_s": 60}))
        sent = [
            media(centre, ask(centre, "snapshot", camera="cam-1")["result"]),
            media(centre, ask(centre, "clip", camera="cam-1", last_s=1, next_s=1)["result"]),
        ]
        centre.subscriber.wait_for(lambda: bool(told_of(centre, storm)))
        sent.append(media(centre, told_of(centre, storm)[0]["file"] | {"event_id": f"storm-{storm}-1"}))
        assert readable_pictures(tmp_path / "state/media") == []
        stored_before(tmp_path, "cam-1", "zone-1")
        sent.append(media(centre, ask(centre, "clip", event_id="zone-1")["result"]))
        sent.append(media(centre, ask(centre, "snapshot", camera="cam-4")["result"]))
    assert [message.content_type for message in sent] == [SEALED_TYPE] * 5
    opened = [unseal(message.payload, private.read_bytes()) for message in sent]
    assert [content[:3] == b"\xff\xd8\xff" for content in opened] == [True, False, True, False, True]
    assert opened[3] == OLD
    assert (brightest(opened[0]) > 50, brightest(opened[4])) == (True, 0), "all of cam-4 is masked"


def brightest(jpeg: bytes) -> int:
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return int(pixels.max())
