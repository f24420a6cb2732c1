"""Each button of the console and its effect at the real agent, through the real ingest and broker."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from edge_agent.commands.signature import PUBLIC_DER, key_id, sign
from edge_agent.core.clock import rfc3339_of_ms
from edge_central.commands.draft import prepare
from edge_central.commands.model import CommandAuthor, GatewayCommand
from edge_central.commands.records import LoggedCommand, list_commands, store_signed
from edge_central.commands.submission import SubmittedCommand
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from edge_central.web.auth.accounts import Role
from tests.commands.centre import centre_at, write_public
from tests.commands.test_over_mqtt import YARD
from tests.edge_central.commands.parts import OPERATOR, STRANGER, command
from tests.edge_central.parts import Centre
from tests.edge_central.web.house import Browser, House
from tests.edge_central.web.test_command_pages import DOCUMENT, PAGE, UNSIGNED
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.onvif_camera import OnvifCamera
from tests.testbed.synced import COMMAND

CONFIRMED = {"delivery": "confirmed", "spread_s": 0}
RULE = {"camera": "cam-1", "rule": "yard"}
YARD_RULE = "cam-1/yard"
TYPED = ("event_id", "port", "reason")
"""Fields of forms whose value is typed."""
FINAL = ("succeeded", "failed", "rejected", "expired")


@dataclass
class CommandedSite:
    """A gateway with its centre, and the console's side of the database."""

    agent: AgentProcess
    connections: DatabaseConnections
    camera: OnvifCamera
    media: Path
    officer: Browser

    @property
    def now_ms(self) -> int:
        return round(time.time() * 1000)

    def press(self, key: Ed25519PrivateKey = OPERATOR, /, **form: str) -> LoggedCommand:
        """Fill in a form of the page, sign what the page shows, and send it; return its final reply."""
        fields = {"reason": "vụ 12", **form}
        assert offers(self.officer.get(PAGE).text, fields), fields
        shown = self.officer.get(PAGE, params=fields).text
        found = DOCUMENT.search(shown)
        assert found is not None, shown
        text = html.unescape(found[1])
        signed = {"signed": sign(text.encode(), key).decode(), "reason": fields["reason"]}
        assert self.officer.post(PAGE, signed).status_code == 303
        return self.answered(msgspec.json.decode(text)["id"])

    def ask(self, type_: str, timeout_s: float = 60) -> LoggedCommand:
        """Press a button without a signature; return its final reply."""
        fields = {"type": type_, "camera": "" if type_ == "status" else "cam-1"}
        assert offers(self.officer.get("/sites/dt-001").text, fields), type_
        assert self.officer.post(UNSIGNED, fields).status_code == 303
        return self.answered(self.log()[0].id, timeout_s)

    def log(self) -> tuple[LoggedCommand, ...]:
        with self.connections.reading() as connection:
            return list_commands(connection, EVERYWHERE, "dt-001", 100)

    def line(self, id_: str) -> LoggedCommand:
        (found,) = (each for each in self.log() if each.id == id_)
        return found

    def answered(self, id_: str, timeout_s: float = 60) -> LoggedCommand:
        wait_until(lambda: self.line(id_).status in FINAL, timeout_s, f"the reply to {id_}")
        return self.line(id_)

    def overridden(self) -> list[tuple[str, str]]:
        """Rules that are overridden now, and how."""
        status = self.agent.status()
        assert status is not None
        return [(each["rule"], each["what"]) for each in status["heartbeat"]["commands"]["rules"]]

    def chained(self, id_: str) -> list[dict[str, Any]]:
        """Data of the rule-override events of a command that have reached the centre."""
        columns = tables.event.c
        with self.connections.reading() as connection:
            payloads = connection.scalars(select(columns.payload).where(columns.kind == "rule-override"))
            found = [msgspec.json.decode(payload)["data"] for payload in payloads]
        return [each for each in found if each["command_id"] == id_]


def offers(page: str, fields: dict[str, str]) -> bool:
    """Whether one form of the page has all these fields, and each value that is not typed."""

    def has(form: str, name: str, value: str) -> bool:
        return f'name="{name}"' in form and (name in TYPED or f'value="{value}"' in form)

    forms = re.findall(r"<form.*?</form>", page, re.S)
    return any(all(has(form, *field) for field in fields.items()) for form in forms)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandedSite]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "cam.pass").write_text("right")
    keys = write_public(folder / "operators/lan.pem", OPERATOR).parent
    clip = make_clip(folder / "clip.mp4", seconds=5)
    away: dict[str, object] = {"id": "cam-2", "url": "rtsp://127.0.0.1:1/away", "username": "admin"}
    cameras: list[dict[str, object]] = [
        {"id": "cam-1", "url": str(clip), **YARD},
        away | {"password_file": str(folder / "cam.pass")},
    ]
    with (
        Mosquitto(folder) as broker,
        House(folder / "centre") as house,
        Centre(folder / "centre", broker.port) as centre,  # on the database of the house
        centre_at(broker.port) as operator,
        OnvifCamera("127.0.0.1") as camera,
    ):
        mqtt = {"brokers": [f"mqtt://127.0.0.1:{broker.port}"], **CONFIRMED}
        more: dict[str, object] = {"mqtt": mqtt, "commands": {"operator_keys": [str(keys)]}}
        config = write_config(folder, cameras=cameras, broker_port=broker.port, detector="none", **more)
        with AgentProcess(config, "--repeat-files", command=COMMAND) as agent:
            agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")
            operator.wait_for_gateway()
            house.person("lan", Role.OFFICER, "de-tham")
            lan = house.start().browser("lan")
            wait_until(lambda: YARD_RULE in lan.get(PAGE).text, 60, "the rules of the camera")
            yield CommandedSite(agent, house.connections, camera, centre.state_dir / "media", lan)


def test_status_says_what_is_wrong(site: CommandedSite) -> None:
    answer = site.ask("status")
    assert answer.status == "succeeded"
    assert "cam-2" in answer.words


@pytest.mark.parametrize(("type_", "suffix"), [("snapshot", "*.jpg"), ("clip", "*.mp4")])
def test_a_picture_and_a_clip_come_and_the_log_names_them(
    site: CommandedSite, type_: str, suffix: str
) -> None:
    answer = site.ask(type_)
    assert answer.status == "succeeded", answer.words
    wait_until(lambda: bool(site.line(answer.id).media), 60, "the file")
    assert list(site.media.rglob(suffix))


@pytest.mark.long
def test_live_pictures_come_one_after_another(site: CommandedSite) -> None:
    answer = site.ask("live-pictures", 120)
    assert answer.status == "succeeded", answer.words
    columns = tables.media.c
    named = select(columns.event_id).where(columns.event_id.startswith(f"live-{answer.id}-"))

    def arrived() -> int:
        with site.connections.reading() as connection:
            return len(connection.scalars(named).all())

    count = int(answer.words.split()[0])
    assert count >= 10
    wait_until(lambda: arrived() == count, 60, "the pictures")


def test_a_picture_in_full_size_needs_the_signature(site: CommandedSite) -> None:
    answer = site.press(type="snapshot", camera="cam-1")
    assert answer.status == "succeeded", answer.words
    wait_until(lambda: bool(site.line(answer.id).media), 60, "the picture")


@pytest.mark.parametrize("type_", ["mask", "disarm", "arm"])
def test_a_rule_is_overridden_and_returned_to_its_configuration(site: CommandedSite, type_: str) -> None:
    answer = site.press(type=type_, rule=YARD_RULE, for_s="3600")
    assert answer.status == "succeeded", answer.words
    assert site.overridden() == [("yard", type_)]
    ended = site.press(type=type_, rule=YARD_RULE, for_s="0")
    assert (ended.status, site.overridden()) == ("succeeded", [])
    wait_until(lambda: len(site.chained(answer.id)) == 2, 60, "start and end in the chain")
    signer = key_id(PUBLIC_DER + OPERATOR.public_key().public_bytes_raw())
    assert site.chained(answer.id)[0]["signed_by"] == signer == answer.signed_by


def test_a_view_is_learned_again(site: CommandedSite) -> None:
    answer = site.press(type="relearn", camera="cam-1")
    assert answer.status == "succeeded", answer.words
    wait_until(lambda: bool(site.chained(answer.id)), 60, "the event")
    assert site.chained(answer.id)[0]["what"] == "relearn"


def test_a_camera_is_rebooted(site: CommandedSite) -> None:
    answer = site.press(type="camera-reboot", camera="cam-2", port=str(site.camera.port))
    assert answer.status == "succeeded", answer.words
    assert site.camera.writes == ["reboot"]


def test_storm_mode_begins_and_ends(site: CommandedSite) -> None:
    storm_mode = {"type": "storm-mode", "camera": "cam-1", "every_s": "30"}
    assert site.press(**storm_mode, for_s="3600").status == "succeeded"
    storm = site.agent.wait_for_status(lambda beat: beat["storm"], "the storm")["storm"]
    assert (storm["cameras"], storm["every_s"]) == (["cam-1"], 30)
    assert site.press(**storm_mode, for_s="0").status == "succeeded"
    site.agent.wait_for_status(lambda beat: beat["storm"] is None, "its end")


def test_evidence_is_held_and_released(site: CommandedSite) -> None:
    hold = {"type": "evidence-hold", "event_id": "zone-1"}
    assert site.press(**hold, release="").status == "succeeded"
    assert site.press(**hold, release="1").status == "succeeded"
    again = site.press(**hold, release="1")
    assert (again.status, "zone-1" in again.words) == ("rejected", True), "it is held no more"


def test_a_key_that_the_gateway_does_not_know_moves_nothing(site: CommandedSite) -> None:
    answer = site.press(STRANGER, type="disarm", rule=YARD_RULE, for_s="3600")
    stranger = key_id(PUBLIC_DER + STRANGER.public_key().public_bytes_raw())
    assert answer.status == "rejected"
    assert stranger[:16] in answer.words
    assert "belongs to no operator" in answer.words
    assert site.overridden() == []


def submitted_as(found: GatewayCommand, jws: Callable[[str], bytes], expires_ms: int) -> SubmittedCommand:
    prepared = prepare(found, "dt-001", expires_ms - 600_000)
    return SubmittedCommand(found, prepared.id, jws(prepared.text), "0" * 64, expires_ms)


def sent(site: CommandedSite, submitted: SubmittedCommand) -> LoggedCommand:
    """As a console sends it that checks nothing."""
    with site.connections.writing() as connection:
        author = CommandAuthor("lan", "192.0.2.7", site.now_ms)
        assert store_signed(connection, author, "dt-001", "de-tham", submitted, "x")
    return site.answered(submitted.id)


def test_a_changed_text_moves_nothing(site: CommandedSite) -> None:
    """An attacker who has taken over the console puts other words under a signature."""

    def forged(text: str) -> bytes:
        header, _, signature = sign(text.encode(), OPERATOR).split(b".")
        other = sign(text.replace("3600", "7200").encode(), STRANGER).split(b".")[1]
        return b".".join((header, other, signature))

    found = command("disarm", {**RULE, "for_s": 3600})
    answer = sent(site, submitted_as(found, forged, site.now_ms + 600_000))
    assert (answer.status, site.overridden()) == ("rejected", [])
    assert "was not made with key" in answer.words


def test_an_expired_command_moves_nothing(site: CommandedSite) -> None:
    """Its row claims that it is still valid."""

    def expired(text: str) -> bytes:
        document = msgspec.json.decode(text)
        early = {
            "issued": rfc3339_of_ms(site.now_ms - 700_000),
            "expires": rfc3339_of_ms(site.now_ms - 60_000),
        }
        return sign(msgspec.json.encode(document | early), OPERATOR)

    found = command("disarm", {**RULE, "for_s": 3600})
    answer = sent(site, submitted_as(found, expired, site.now_ms + 600_000))
    assert (answer.status, site.overridden()) == ("expired", [])
    assert "it expired at" in answer.words


def test_a_replayed_row_is_executed_once(site: CommandedSite) -> None:
    """An attacker who has taken over the database sends an old row again."""
    first = site.press(type="mask", rule=YARD_RULE, for_s="3600")
    site.press(type="mask", rule=YARD_RULE, for_s="0")
    with site.connections.writing() as connection:
        again = tables.request.update().where(tables.request.c.id == first.id)
        connection.execute(again.values(status="asked", words="", problem=None, asked_ms=site.now_ms))
    repeated = site.answered(first.id)
    assert (repeated.status, repeated.words) == ("succeeded", first.words), "the first reply is repeated"
    assert site.overridden() == []
