"""Evidence of a running agent: events and bundles verify, also after a kill."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli.main import main
from edge_agent.evidence.chain.keys import to_pem
from edge_agent.evidence.chain.verify import VerificationVerdict
from edge_agent.evidence.export.check import check_files
from edge_agent.evidence.export.report import VerificationReport
from tests.agent.test_main_path import kind_of, parsed
from tests.commands.test_files_over_mqtt import duration_s
from tests.testbed.agent import AgentProcess, file_camera, wait_until, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber

IN_YARD = {"id": "in-yard", "kind": "zone-intrusion", "zone": "yard", "labels": ["person"]}
YARD = {
    "zones": {"yard": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}},
    "rules": [IN_YARD | {"severity": "alarm", "cooldown_s": 3}],
    "report": {"objects": True, "snapshots": "rules", "clips": "rules"},
    "clip": {"post_s": 1},
}
LINGERS = {"id": "lingers", "kind": "loitering", "zone": "yard", "labels": ["person"], "min_duration_s": 1}


def of_kind(subscriber: Subscriber, kind: str) -> list[dict[str, Any]]:
    return [event for event in parsed(subscriber.events()) if kind_of(event) == kind]


def signed_by_heads(subscriber: Subscriber) -> dict[str, dict[str, Any]]:
    """The chain heads by the sequence that each signs."""
    return {head["data"]["sequence"]: head for head in of_kind(subscriber, "chain-head")}


def report_on(subscriber: Subscriber, folder: Path) -> VerificationReport:
    """Verify what subscribers received, with the keys of the birth messages."""
    lines, keys = folder / "got.jsonl", []
    lines.write_bytes(b"".join(message.payload + b"\n" for message in subscriber.events()))
    births = (json.loads(message.payload) for message in subscriber.on("/up/birth"))
    for number, reported in enumerate(sorted({birth["evidence_key"] for birth in births})):
        path = folder / f"key-{number}.pem"
        path.write_bytes(to_pem(base64.b64decode(reported)))
        keys.append(f"dt-001={path}")
    return check_files([lines], keys, [])


def nothing_against(report: VerificationReport) -> bool:
    """Only events after the last chain head are not signed yet."""
    verdicts = {found.verdict for found in report.findings}
    return verdicts <= {VerificationVerdict.GENUINE, VerificationVerdict.UNSIGNED}


def seconds_between(alarm: dict[str, Any], head: dict[str, Any]) -> float:
    times = (datetime.fromisoformat(event["recordedtime"]) for event in (alarm, head))
    first, second = times
    return (second - first).total_seconds()


def readable_pictures(folder: Path) -> list[Path]:
    """Files that contain parts of a JPEG, an MP4 or a PNG, plain or in base64."""
    # Long enough not to occur by chance in a megabyte of cipher text.
    magic = (b"\xff\xd8\xff\xe0\x00\x10JFIF", b"ftypisom", b"\x89PNG\r\n\x1a\n", b"iVBORw0KGgo")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(begin in path.read_bytes() for begin in magic)]


def test_an_alarm_on_real_footage_is_proven_by_what_the_broker_got_and_by_a_bundle(
    tmp_path: Path, test_data: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    camera = file_camera(test_data / "video" / "one-by-one-person-detection.mp4") | YARD
    model = str(test_data / "models" / "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite")
    config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, detector=model)
    bundle = tmp_path / "bundle"
    with AgentProcess(config, "--repeat-files") as agent:
        centre.wait_for(lambda: bool(of_kind(centre, "evidence")), 90)
        reported = of_kind(centre, "evidence")[0]
        centre.wait_for(lambda: reported["sequence"] in signed_by_heads(centre))
        event_id = reported["data"]["event_id"]
        exported = main(["evidence", "export", event_id, str(config), "--by", "Lan", "--out", str(bundle)])
        assert exported == 0, "while the agent runs"
        assert agent.stop() == 0, agent.log
    heads = signed_by_heads(centre)
    alarm = next(e for e in of_kind(centre, "zone-intrusion") if e["data"]["event_id"] == event_id)
    assert seconds_between(alarm, heads[alarm["sequence"]]) < 2.5
    assert nothing_against(report_on(centre, tmp_path))
    assert main(["evidence", "verify", str(bundle), "--gateway-key", f"dt-001={tmp_path / 'key-0.pem'}"]) == 0
    (clip,) = (bundle / "media").glob("*.mp4")
    ref = reported["data"]["clip"]
    assert duration_s(tmp_path / "clip.mp4", clip.read_bytes()) == pytest.approx(ref["duration_s"], abs=0.05)
    assert 5.0 <= ref["pre_roll_s"] < ref["duration_s"], "five seconds are wanted, from a keyframe on"


def test_after_a_kill_each_event_ends_once_no_half_clip_is_told_and_the_chain_goes_on(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    camera = file_camera(walker) | YARD
    camera["rules"] = [*YARD["rules"], LINGERS | {"severity": "alarm"}]
    config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
    media = tmp_path / "state" / "evidence" / "media"

    def ids(phase: str) -> set[str]:
        return {e["data"]["event_id"] for e in parsed(centre.events()) if e["data"].get("phase") == phase}

    with AgentProcess(config, "--repeat-files") as agent:
        centre.wait_for(lambda: len(ids("start") - ids("end")) >= 3, 60)
        agent.kill()
        opened = ids("start") - ids("end")
        half = media / "2026-11-24" / "120000_17_cam-1_in-yard-cam-1-1_half.mp4.part"
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"what a kill in the middle of a write leaves")
        agent.start()
        centre.wait_for(lambda: opened <= ids("end"), 60)
        wait_until(lambda: not list(media.rglob("*.part")), what="the half file removed")
        # An alarm of the new run is signed: so is all before it.
        last = max(int(event["sequence"]) for event in parsed(centre.events()))
        centre.wait_for(lambda: max(map(int, signed_by_heads(centre)), default=0) >= last, 90)
        assert agent.stop() == 0, agent.log
    ends = [e["data"] for e in parsed(centre.events()) if e["data"].get("phase") == "end"]
    for event_id in opened:
        assert [end["end_reason"] for end in ends if end["event_id"] == event_id] == ["restart"]
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in media.rglob("*.mp4")}
    evidence = [e["data"] for e in of_kind(centre, "evidence")]
    assert {reported["clip"]["sha256"] for reported in evidence if reported["clip"]} <= hashes
    for event_id in opened - {e["data"]["event_id"] for e in of_kind(centre, "object")}:
        assert [reported["event_id"] for reported in evidence].count(event_id) == 1, (
            "told once, with or without a clip"
        )
    report = report_on(centre, tmp_path)
    assert nothing_against(report), report
    assert len({event["epoch"] for event in parsed(centre.events())}) == 1


def test_of_a_stolen_box_that_seals_nobody_is_seen(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    """The broker is down at first, so that pictures wait on the disk."""
    private, public = tmp_path / "centre.pem", tmp_path / "centre.pub.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", str(private)], check=True)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    camera = file_camera(walker) | YARD | {"watch_view": True}
    seals = {"seal_to": str(public)}
    config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, storage=seals)
    state = tmp_path / "state"
    broker.stop()
    with AgentProcess(config, "--repeat-files") as agent:
        agent.wait_for_status(lambda beat: beat["evidence"]["clips"] >= 1, "a clip")
        assert list((state / "media").iterdir()), "a picture waits for the broker"
        assert readable_pictures(state) == []
        broker.start()
        centre.wait_for(lambda: any("/up/media/" in message.topic for message in centre.messages), 60)
        assert agent.stop() == 0, agent.log
    assert readable_pictures(state) == []
    (clip, *_) = state.rglob("*.mp4.sealed")
    picture = next(message for message in centre.messages if "/up/media/" in message.topic)
    assert picture.content_type == "application/vnd.edge-agent.sealed"
    sent = tmp_path / "picture.jpg.sealed"
    sent.write_bytes(picture.payload)
    command = ["evidence", "open", "--private-key", str(private), "--out", str(tmp_path)]
    assert main([*command, str(clip), str(sent)]) == 0
    reported = [e["data"].get(what) for e in parsed(centre.events()) for what in ("snapshot", "clip")]
    plain = {ref["sha256"] for ref in reported if ref}
    for path in (tmp_path / "picture.jpg", tmp_path / clip.name.removesuffix(".sealed")):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in plain, "sealed once, not twice"
