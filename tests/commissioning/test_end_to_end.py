"""From an unclaimed box to a confirmed site, with real processes: the command, its page over HTTPS, a camera
over RTSP, a broker with its access list, and a control machine that answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.commissioning.identity import open_identity
from edge_agent.wire.claims import check_character
from tests.commissioning.centre import ACL, ClaimCentre
from tests.commissioning.phone import PhoneOverTls
from tests.commissioning.prepared_box import CODE, PASSWORD, ROOT, PreparedBox, prepared_box
from tests.testbed.agent import AgentProcess
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import free_port, wait_until
from tests.testbed.rtsp import RtspServer
from tests.testbed.tls_folder import strict_broker

LABEL = f"/s/dt-001-{check_character('dt-001')}"


def picture(suffix: str) -> bytes:
    done, buffer = cv2.imencode(suffix, np.full((60, 80, 3), 200, np.uint8))
    assert done
    return buffer.tobytes()


def serve(box: PreparedBox, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "edge_agent", "commission", "--serve", "--page-port", str(port)]
    return subprocess.Popen([*command, "--sysroot", str(box.folder)], cwd=ROOT, env={**os.environ})


@pytest.mark.long
def test_a_box_becomes_the_gateway_of_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.mp4", size=(640, 360))
    with RtspServer({"/s": clip}, user="edge", password=PASSWORD) as camera:
        box = prepared_box(tmp_path, 0, [camera.url("/s")])
        acl = tmp_path / "acl"
        acl.write_text(
            "topic readwrite #\n" + ACL + "pattern readwrite tb/v1/de-tham/%u/#\n"
        )  # the centre is anonymous, on a listener of its own
        server = box.authority.issue("broker", san="IP:127.0.0.1")
        with (
            strict_broker(tmp_path, server, box.authority.cert, f"acl_file {acl}") as (broker, subscriber),
            box.root_part(monkeypatch),
        ):
            box.broker_port = broker.port
            box.write_bundle()
            centre = ClaimCentre(subscriber, box.authority, box.answer_key)
            port, credentials = free_port(), {"CREDENTIALS_DIRECTORY": str(box.paths.etc)}
            page = serve(box, port)
            try:
                commission(box, opened_page(port, box), centre, tmp_path)
                assert page.wait(60) == 0
                with AgentProcess(box.paths.config, environ=credentials):
                    subscriber.wait_for(lambda: bool(subscriber.on("tb/v1/de-tham/dt-001/up/birth")))
            finally:
                page.kill()
                page.wait()


def opened_page(port: int, box: PreparedBox) -> PhoneOverTls:
    wait_until(lambda: (box.paths.run / "console.txt").exists(), what="the page")
    identity = open_identity(box.paths.etc / "serial", box.paths.state)
    phone = PhoneOverTls("127.0.0.1", port, identity.certificate)

    def answers() -> bool:
        try:
            return phone.ask("/")[0] == 200
        except OSError:
            return False

    wait_until(answers, what="the page answers")
    return phone


def commission(box: PreparedBox, phone: PhoneOverTls, centre: ClaimCentre, folder: Path) -> None:
    assert phone.ask("/state")[0] == 403, "not without the code"
    assert phone.ask(LABEL, f"code={CODE}")[0] == 303
    found = phone.step("/site", label=LABEL)
    assert [camera["fits"] for camera in found["cameras"]] == [True], found
    claimed = phone.step("/claim", by="Nguyễn Văn An", passwords={"": PASSWORD})
    assert claimed["state"] == "claimed", claimed
    assert (box.paths.etc / "credentials/cam-1").read_text() == PASSWORD + "\n"
    claim = centre.claim()
    assert (claim.site, claim.by) == ("dt-001", "Nguyễn Văn An")
    with AgentProcess(box.paths.config, environ={"CREDENTIALS_DIRECTORY": str(box.paths.etc)}) as agent:
        agent.wait_for_status(
            lambda found: found["cameras"]["cam-1"]["state"] == "online" and found["mqtt"]["last_error"],
            "the agent works, and no broker lets it in",
        )
    examined = phone.step("/examine", lang="vi")
    lines = {line["check"]: line for line in examined["verdict"]["lines"]}
    assert lines["cam-1"]["level"] == "green"
    assert "trung tâm chưa xác nhận điểm này" in lines["broker"]["said"]
    centre.answer(claim, "confirmed", folder)
    wait_until(lambda: phone.state["state"] == "confirmed", what="confirmed")
    photo, signature = picture(".jpg"), picture(".png")
    assert phone.ask("/photo", photo)[0] == 200
    assert phone.ask("/signature", signature)[0] == 200
    assert phone.step("/finish", by="Nguyễn Văn An")["finished"]
    newest = max((box.state_dir / "reports").glob("dt-001-*.html"))
    assert "Nguyễn Văn An" in newest.read_text(encoding="utf-8")
    report = json.loads(newest.with_suffix(".json").read_text(encoding="utf-8"))["report"]
    assert report["photo"]
    assert [party["role"] for party in report["parties"] if party["signature"]] == ["contractor"]
    subject = subprocess.run(
        ["openssl", "x509", "-in", box.paths.etc / "tls/client.crt", "-noout", "-subject", "-issuer"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "dt-001" in subject.stdout
    assert "test CA" in subject.stdout
