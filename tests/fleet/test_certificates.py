"""The two certificate slots of a gateway, and renewed certificates for gateways without ssh."""

from __future__ import annotations

import io
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

from edge_agent.mqtt.tls.rotation import CertificateRotation, certificate_in_force, next_slot
from fleet.__main__ import main as fleet_command
from tests.mqtt.conftest import mqtt_settings
from tests.testbed.mosquitto import Authority, Certificate
from tests.update.wheel_server import WheelServer

TOOL = Path(__file__).parents[2] / "ansible/roles/pki/files/edge_certificates.py"
SHEET = (
    "site,ward,name,latitude,longitude,board,ssh_host,ssh_port,camera,camera_name,camera_url,camera_user,note\n"
    "dt-001,de-tham,Chợ,20.4463,106.3366,auto,,,cam-1,Cổng,rtsp://192.168.1.10/sub,,\n"
    "dt-002,de-tham,Ga,20.4473,106.3366,auto,,,cam-1,Cổng,rtsp://192.168.1.10/sub,,\n"
    "dt-003,de-tham,Bến,20.4483,106.3366,auto,10.20.0.7,22,cam-1,Cổng,rtsp://192.168.1.10/sub,,\n"
)


@cache
def main_of_tool() -> Callable[[], int]:
    """In this process: of its own, each call would take 0.1 s of a core to start Python."""
    main: Callable[[], int] = runpy.run_path(str(TOOL))["main"]
    return main


@dataclass
class Box:
    """/etc/edge-agent/tls of a gateway, and the note of its agent."""

    folder: Path
    url: str = ""

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    def tool(self, *words: str, given: object = None) -> tuple[int, str]:
        own = ["--folder", str(self.tls), "--note", str(self.folder / "certificates.json")]
        out, stdin = io.StringIO(), io.StringIO(json.dumps(given))
        with patch.multiple(sys, argv=[str(TOOL), *own, *words], stdin=stdin, stdout=out, stderr=out):
            return main_of_tool()(), out.getvalue()

    def stage(self, own: Certificate | None = None, ca: Path | None = None, *, key: bool = False) -> str:
        given = {} if own is None else {"certificate": own.cert.read_text()}
        given |= {} if ca is None else {"ca": ca.read_text()}
        given |= {"key": own.key.read_text()} if key and own is not None else {}
        return self.tool("stage", "--name", "dt-001", given=given)[1]

    def tend(self) -> tuple[int, str]:
        paths = {name: str(self.folder / name) for name in ("update.json", "site-id", "seen.json")}
        return self.tool(
            "tend", "--settings", paths["update.json"], "--site-id", paths["site-id"],
            "--seen", paths["seen.json"],
        )  # fmt: skip

    def let_in(self) -> None:
        """The agent connects with the next slot, as ``edge_agent.mqtt`` does."""
        rotation = CertificateRotation(self.settings, "dt-001", self.folder)
        assert rotation.choose(0.0) != self.settings, rotation.notice
        rotation.connected(0.0)

    @property
    def settings(self):  # type: ignore[no-untyped-def]
        ca, cert, key = (self.tls / name for name in ("ca.crt", "client.crt", "client.key"))
        return replace(mqtt_settings(1, tls=True), ca_file=ca, cert_file=cert, key_file=key)

    def shown(self) -> bytes:
        """The certificate that an agent would use now."""
        slot = certificate_in_force(self.settings, self.folder)
        assert slot.cert_file is not None
        return slot.cert_file.read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), valid=("20260101000000Z", "20460101000000Z"))


@pytest.fixture
def own(authority: Authority) -> Certificate:
    return authority.issue("dt-001")


@pytest.fixture
def box(tmp_path: Path, authority: Authority, own: Certificate) -> Box:
    made = Box(tmp_path)
    made.tls.mkdir(mode=0o750)
    assert "in force" in made.stage(own, authority.cert, key=True)
    return made


def again(authority: Authority, own: Certificate) -> Certificate:
    """A new certificate for the same key."""
    return authority.renew("dt-001", own.key)


def test_a_renewed_certificate_waits_until_the_agent_was_let_in_with_it(
    box: Box, authority: Authority, own: Certificate
) -> None:
    new = again(authority, own)
    assert box.stage(new, authority.cert).startswith("staged")
    assert box.shown() == own.cert.read_bytes()
    assert box.stage(new, authority.cert).startswith("unchanged"), "a second run changes nothing"
    assert "unchanged" in box.tool("promote")[1]
    box.let_in()
    assert box.shown() == new.cert.read_bytes()
    assert "promoted" in box.tool("promote")[1]
    assert (box.tls / "client.crt").read_bytes() == new.cert.read_bytes() == box.shown()
    assert next_slot(box.settings) is None
    assert box.stage(new, authority.cert).startswith("unchanged")
    assert (os.stat(box.tls / "client.crt").st_mode & 0o777) == 0o640


def test_one_that_is_in_force_but_not_moved_yet_is_not_overwritten(
    box: Box, authority: Authority, own: Certificate
) -> None:
    first, second = again(authority, own), again(authority, own)
    box.stage(first)
    box.let_in()
    assert "the former next slot is in force" in box.stage(second)
    assert (box.tls / "client.crt").read_bytes() == first.cert.read_bytes() == box.shown()
    assert (box.tls / "next/client.crt").read_bytes() == second.cert.read_bytes()


def test_a_power_cut_in_the_move_leaves_the_rest_for_the_next_time(box: Box, authority: Authority) -> None:
    new = authority.issue("dt-001")
    both = box.folder / "both.crt"
    both.write_text(authority.cert.read_text() * 2)
    box.stage(new, both, key=True)
    box.let_in()
    (box.tls / "next/client.key").replace(box.tls / "client.key")  # then a power cut
    assert box.shown() == new.cert.read_bytes()
    assert "promoted" in box.tool("promote")[1]
    assert box.shown() == (box.tls / "client.crt").read_bytes() == new.cert.read_bytes()
    assert not list((box.tls / "next").iterdir())


def test_a_note_of_something_else_moves_nothing(box: Box, authority: Authority, own: Certificate) -> None:
    box.stage(again(authority, own))
    for note in ('{"proven": "00"}', "[]", "no json"):
        (box.folder / "certificates.json").write_text(note)
        assert "unchanged" in box.tool("promote")[1]
    box.let_in()
    (box.folder / "certificates.json").rename(box.folder / "elsewhere")
    (box.folder / "certificates.json").symlink_to("elsewhere")
    assert "unchanged" in box.tool("promote")[1], "no link of the agent is followed"
    assert box.tls.joinpath("client.crt").read_bytes() == own.cert.read_bytes()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda a, o, s: a.issue("dt-001"), "does not belong to this gateway's key"),
        (lambda a, o, s: a.renew("dt-002", o.key), "is for dt-002, not for dt-001"),
        (lambda a, o, s: s.renew("dt-001", o.key), "unable to get local issuer certificate"),
        (
            lambda a, o, s: a.renew("dt-001", o.key, valid=("20200101000000Z", "20200201000000Z")),
            "certificate has expired",
        ),
        (lambda a, o, s: Certificate(o.key, o.key), "does not belong to this gateway's key"),
    ],
    ids=["another key", "another name", "another CA", "expired", "no certificate"],
)
def test_what_cannot_work_is_refused(make, words, box, authority, own, tmp_path) -> None:  # type: ignore[no-untyped-def]
    bad = make(authority, own, Authority(tmp_path, "stranger"))
    said = box.stage(bad)
    assert words in said
    assert "nothing was changed" in said
    assert not (box.tls / "next").exists()


def test_a_box_that_lost_its_key_gets_the_new_one_at_once(box: Box, authority: Authority) -> None:
    (box.tls / "client.key").unlink()
    new = authority.issue("dt-001")
    assert "in force" in box.stage(new, key=True)
    assert box.shown() == new.cert.read_bytes()


def test_a_box_of_another_site_uses_the_new_sites_certificate_at_once(
    box: Box, authority: Authority, own: Certificate
) -> None:
    new = authority.renew("dt-002", own.key)
    given = {"certificate": new.cert.read_text()}
    box.stage(again(authority, own))
    assert box.tool("stage", "--name", "dt-002", given=given)[1].startswith("in force")
    assert box.shown() == (box.tls / "client.crt").read_bytes() == new.cert.read_bytes()
    assert next_slot(box.settings) is None
    assert box.tool("stage", "--name", "dt-002", given=given)[1].startswith("unchanged")


# -- gateways without ssh


@dataclass
class Control:
    """The control machine: the CA as the role pki keeps it, and the server of releases."""

    folder: Path
    authority: Authority
    server: WheelServer

    def issued(self, site: str) -> Path:
        return self.folder / "pki/issued" / f"{site}.crt"

    def publish(self, *more: str) -> int:
        sheet = ["--csv", str(self.folder / "sites.csv"), "--wards", str(self.folder / "wards.csv")]
        return fleet_command(
            ["certificates", str(self.folder / "pki"), str(self.server.served), "--key", str(self.server.key),
             "--passphrase-file", str(self.folder / "passphrase"), *sheet, *more]
        )  # fmt: skip


@pytest.fixture
def control(tmp_path: Path, authority: Authority, own: Certificate) -> Iterator[Control]:
    pki = tmp_path / "pki"
    (pki / "issued").mkdir(parents=True)
    authority.copy_to(pki, "a long passphrase")
    (tmp_path / "passphrase").write_text("a long passphrase\n")
    (tmp_path / "sites.csv").write_text(SHEET, encoding="utf-8")
    (tmp_path / "wards.csv").write_text("ward,name\nde-tham,Đề Thám\n", encoding="utf-8")
    with WheelServer(tmp_path / "server", authority) as server:
        made = Control(tmp_path, authority, server)
        made.issued("dt-001").write_bytes(own.cert.read_bytes())
        made.issued("dt-003").write_bytes(own.cert.read_bytes())
        settings = {"public_key": str(server.public), "url": server.url, "ca_file": str(authority.cert)}
        (tmp_path / "update.json").write_text(json.dumps(settings))
        (tmp_path / "site-id").write_text("dt-001\n")
        yield made


def test_a_box_that_pulls_gets_a_renewed_certificate_for_its_own_key(
    box: Box, control: Control, own: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "has no certificate for dt-001" in box.tend()[1]
    assert control.publish() == 0
    reported = capsys.readouterr()
    assert "1 renewed, 0 are still valid long enough" in reported.out
    assert "dt-002 has no certificate of this CA" in reported.err
    renewed = control.issued("dt-001").read_bytes()
    assert renewed != own.cert.read_bytes()
    assert control.issued("dt-003").read_bytes() == own.cert.read_bytes(), "ssh reaches it: role pki"
    (kept,) = (control.folder / "pki/superseded").iterdir()
    assert kept.read_bytes() == own.cert.read_bytes(), "so that it can be revoked"

    code, said = box.tend()
    assert (code, "staged" in said) == (0, True), said
    assert box.shown() == own.cert.read_bytes()
    box.let_in()
    assert "promoted" in box.tend()[1]
    assert box.tls.joinpath("client.crt").read_bytes() == renewed

    control.publish()
    assert control.issued("dt-001").read_bytes() == renewed, "good for another two years"
    assert "unchanged" in box.tend()[1]


@pytest.mark.parametrize("trick", ["[" * 99_000, "folder", "pipe", "link"])
def test_a_note_that_is_none_keeps_no_renewed_certificate_away(
    box: Box, control: Control, capsys: pytest.CaptureFixture[str], trick: str
) -> None:
    control.publish()
    assert "staged" in box.tend()[1]
    note = box.folder / "certificates.json"
    match trick:
        case "folder":
            note.mkdir()
        case "pipe":
            os.mkfifo(note)
        case "link":
            note.symlink_to(note)
        case text:
            note.write_text(text)
    code, said = box.tend()
    assert (code, "it waits in the next slot" in said) == (0, True), f"the server was not asked: {said}"


def test_a_server_that_gives_an_older_or_a_strangers_certificate_changes_nothing(
    box: Box, control: Control, own: Certificate, authority: Authority, tmp_path: Path
) -> None:
    control.publish()
    served = control.server.served / "certificates/dt-001.crt"
    soon = datetime.now(UTC) + timedelta(days=1)
    period = ("20260101000000Z", f"{soon:%Y%m%d%H%M%SZ}")
    served.write_bytes(authority.renew("dt-001", own.key, valid=period).cert.read_bytes())
    assert "unchanged" in box.tend()[1], "it ends before the one in force"
    served.write_bytes(Authority(tmp_path, "a").renew("dt-001", own.key, days=900).cert.read_bytes())
    code, said = box.tend()
    assert (code, "nothing was changed" in said) == (1, True), said
    assert not (box.tls / "next").exists()


def test_the_ca_changes_for_a_box_that_pulls_only_by_the_fleets_signature(
    box: Box, control: Control, own: Certificate, tmp_path: Path
) -> None:
    control.publish()
    box.tend()
    box.let_in()
    box.tend()
    young = Authority(tmp_path, "young CA")
    trusted = control.folder / "pki/also-trusted"
    trusted.mkdir()
    (trusted / "young.crt").write_bytes(young.cert.read_bytes())
    listed = control.server.served / "certificates/authorities.json"
    seen = json.loads((tmp_path / "seen.json").read_text())
    (tmp_path / "seen.json").write_text(json.dumps({"serial": seen["serial"] - 10}))
    forged = {"serial": seen["serial"] + 1, "ca": young.cert.read_text()}
    listed.write_text(json.dumps(forged))
    assert "not signed with the fleet's key" in box.tend()[1]

    control.publish()
    assert "staged" in box.tend()[1]
    box.let_in()
    box.tend()
    both = box.tls.joinpath("ca.crt").read_text()
    assert both == control.authority.cert.read_text() + young.cert.read_text()

    newest = json.loads((tmp_path / "seen.json").read_text())["serial"]
    (tmp_path / "seen.json").write_text(json.dumps({"serial": newest + 1}))
    assert "is older" in box.tend()[1], "an old list cannot be brought back"


def test_a_second_ca_of_one_name_is_refused(control: Control, capsys: pytest.CaptureFixture[str]) -> None:
    """A broker would use the wrong CA's revocation list, and refuse every gateway."""
    trusted = control.folder / "pki/also-trusted"
    trusted.mkdir()
    trusted.joinpath("2.crt").write_bytes(control.authority.cert.read_bytes())
    assert control.publish() == 1
    assert "two trusted CAs have the same name" in capsys.readouterr().err


def test_without_a_server_nobody_is_asked_and_one_away_is_no_failure(box: Box, control: Control) -> None:
    (box.folder / "update.json").write_text(json.dumps({"url": "https://127.0.0.1:1", "ca_file": ""}))
    code, said = box.tend()
    assert (code, "the next run asks again" in said) == (0, True), said
    (box.folder / "update.json").write_text(json.dumps({"url": ""}))
    assert "no server is configured" in box.tend()[1]
