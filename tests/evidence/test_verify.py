"""Which changes to published events are found, and their verdicts."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.evidence.chain.keys import load_or_make, to_pem
from edge_agent.evidence.chain.records import head_text
from edge_agent.evidence.chain.verify import VerificationVerdict
from edge_agent.evidence.export.check import check_files
from edge_agent.evidence.export.report import VerificationReport
from tests.evidence.box import box_in

V = VerificationVerdict
Events = list[bytes]


@pytest.fixture
def sent(tmp_path: Path) -> Events:
    """Return the events: ten infos, a head, five infos, an alarm, its head."""
    with box_in(tmp_path / "box") as box:
        for _ in range(10):
            box.fact()
        box.seconds(60)
        for _ in range(5):
            box.fact()
        box.alarm()
        box.seconds(1)
        (tmp_path / "key.pem").write_bytes(to_pem(base64.b64decode(box.chain.public_key or "")))
        return box.published()


def report_on(folder: Path, lines: Events, *keys: str, end: bytes = b"\n") -> VerificationReport:
    """Check the lines of ``events.jsonl`` with these keys."""
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(line + end for line in lines))
    return check_files([path], list(keys), [])


def verdicts(folder: Path, lines: Events, end: bytes = b"\n") -> dict[str, list[str]]:
    """Return the events, by number or text, of each verdict that is not "genuine"."""
    found: dict[str, list[str]] = {}
    for finding in report_on(folder, lines, f"dt-001={folder / 'key.pem'}", end=end).findings:
        if finding.verdict is not V.GENUINE:
            found.setdefault(finding.verdict, []).append(finding.what.rpartition("/")[2].lstrip("0"))
    return found


def changed(payload: bytes) -> bytes:
    assert b'"detail":""' in payload
    return payload.replace(b'"detail":""', b'"detail":"x"')


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("order", [list, lambda lines: lines[::-1], lambda lines: lines * 2])
def test_what_was_published_is_genuine_in_any_order_and_however_often(
    tmp_path: Path, sent: Events, order: Callable[[Events], Events], end: bytes
) -> None:
    assert verdicts(tmp_path, order(sent), end) == {}


def test_a_changed_event_is_named_and_ends_the_way_to_those_before_it(tmp_path: Path, sent: Events) -> None:
    sent[12] = changed(sent[12])
    # The head at 11 signs up to 10; 11 and 12 are proven only through 13, which was changed.
    assert verdicts(tmp_path, sent) == {V.ALTERED: ["13"], V.UNSIGNED: ["12"]}


def test_a_dropped_event_is_a_missing_link(tmp_path: Path, sent: Events) -> None:
    del sent[12]
    found = verdicts(tmp_path, sent)
    assert found[V.MISSING][0].endswith("event 13")
    assert found[V.UNSIGNED] == ["12"]


def test_an_invented_event_is_found(tmp_path: Path, sent: Events) -> None:
    sent.append(changed(sent[2]))
    assert verdicts(tmp_path, sent) == {V.ALTERED: ["3"]}


def test_what_no_head_signs_yet_is_not_called_genuine(tmp_path: Path, sent: Events) -> None:
    assert verdicts(tmp_path, sent[:-1])[V.UNSIGNED] == [str(n) for n in range(12, 18)][:6]


def test_a_history_written_anew_and_signed_with_another_key_is_found(tmp_path: Path, sent: Events) -> None:
    with box_in(tmp_path / "forger") as box:
        box.alarm()
        box.seconds(1)
        forged = box.published()
    assert verdicts(tmp_path, forged) == {V.UNSIGNED: ["1"], V.WRONG_KEY: ["2"]}
    found = verdicts(tmp_path, [*sent, *forged])
    assert found == {V.UNSIGNED: ["1"], V.WRONG_KEY: ["2"]}


def test_an_event_of_another_gateway_is_not_taken_for_one_of_this(tmp_path: Path, sent: Events) -> None:
    other = sent[3].replace(b"dt-001", b"dt-002")
    assert verdicts(tmp_path, [*sent, other]) == {V.UNSIGNED: ["4"]}


def test_every_changed_byte_of_a_signed_event_is_found(tmp_path: Path, sent: Events) -> None:
    target = sent[12]
    for place in range(0, len(target), 7):
        bad = target[:place] + bytes([target[place] ^ 0x01]) + target[place + 1 :]
        assert verdicts(tmp_path, [*sent[:12], bad, *sent[13:]])


def test_a_gap_that_a_loss_event_announces_is_no_missing_link(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", max_bytes=466_000) as box:
        for _ in range(900):
            box.fact()
        box.seconds(60)
        sent = []
        for _ in range(4):  # one loss event waits at a time: the next one announces what was shed since
            for event in box.outbox.pending(10_000):
                sent.append(event.payload)
                box.outbox.delivered(*event.key)
            box.fact()
            box.seconds(60)
        sent += box.published()
        (tmp_path / "key.pem").write_bytes(to_pem(base64.b64decode(box.chain.public_key or "")))
        whole = box.journal()
    assert any(b".loss.v1" in payload for payload in sent)
    assert V.MISSING not in verdicts(tmp_path, sent)
    without = [payload for payload in sent if b".loss.v1" not in payload]
    assert V.MISSING in verdicts(tmp_path, without)
    assert V.MISSING not in verdicts(tmp_path, whole), "the journal keeps what the outbox gave up"


def test_two_epochs_are_two_chains(tmp_path: Path) -> None:
    lines = []
    for name in ("first", "second"):
        with box_in(tmp_path / name) as box:
            box.alarm()
            box.seconds(1)
            lines += box.published()
            key = to_pem(base64.b64decode(box.chain.public_key or ""))
            (tmp_path / f"{name}.pem").write_bytes(key)
    keys = [f"dt-001={tmp_path / name}.pem" for name in ("first", "second")]
    assert report_on(tmp_path, lines, *keys).genuine
    assert not report_on(tmp_path, lines, keys[0]).genuine
    assert not report_on(tmp_path, lines).genuine


def test_the_key_of_one_gateway_signs_for_no_other(tmp_path: Path, sent: Events) -> None:
    """A thief has the key of one gateway, and the check uses the keys of all gateways."""
    key = tmp_path / "key.pem"
    assert report_on(tmp_path, sent, f"dt-001={key}").genuine
    report = report_on(tmp_path, sent, f"dt-002={key}")
    reasons = {found.why for found in report.findings if found.verdict is V.WRONG_KEY}
    assert reasons == {"signed with the key of dt-002"}
    assert not any(found.verdict is V.GENUINE for found in report.findings)


@pytest.fixture
def stolen(tmp_path: Path, sent: Events) -> Events:
    """Return the events that a thief writes from the alarm on, with the gateway's key."""
    alarm = next(payload for payload in sent if b".zone-intrusion.v1" in payload)
    forged = alarm.replace(b"person in yard", b"nobody in here")
    event, private = json.loads(forged), load_or_make(tmp_path / "box")
    digest, at = hashlib.sha256(forged).hexdigest(), event["time"]
    text = head_text("dt-001", event["epoch"], event["sequence"], digest, at)
    head = json.loads(sent[-1])
    head["prevhash"] = digest
    head["data"] |= {"sha256": digest, "signed_at": at}
    head["data"]["signature"] = base64.b64encode(private.sign(text)).decode()
    return [forged, json.dumps(head, separators=(",", ":")).encode()]


def test_what_a_thief_signs_with_the_key_contradicts_the_heads_that_arrived(
    tmp_path: Path, sent: Events, stolen: Events
) -> None:
    assert verdicts(tmp_path, [*sent[:-2], *stolen]) == {}, "alone it looks genuine: it is signed"
    found = verdicts(tmp_path, [*sent, *stolen])
    assert found[V.ALTERED][:2] == ["17", "17"]


@pytest.mark.parametrize(
    "data", [b"[" * 9999, b'{"snapshot":{"media_id":[1]}}', b'{"event_id":3}', b"7", b""]
)
def test_a_hostile_line_is_a_finding_and_no_crash(tmp_path: Path, sent: Events, data: bytes) -> None:
    before, _, _ = sent[2].partition(b'"data":')
    assert V.ALTERED in verdicts(tmp_path, [*sent, before + b'"data":' + data + b"}"])


def test_what_was_read_writes_no_lines_of_its_own(tmp_path: Path, sent: Events) -> None:
    said = b"x\\nRESULT: ALL GENUINE"
    lie = sent[2].replace(b"/dt-001", b"/" + said).replace(b"dt-001", said)
    out = io.StringIO()
    report_on(tmp_path, [lie]).write(out)
    assert [line for line in out.getvalue().splitlines() if line.startswith("RESULT")] == [
        "RESULT: NOT ALL PROVEN: nothing speaks against it, but no signature covers what the lines below name"
    ]


def test_it_is_said_that_fields_around_the_newest_head_are_not_signed(tmp_path: Path, sent: Events) -> None:
    notes = report_on(tmp_path, sent, f"dt-001={tmp_path / 'key.pem'}").notes
    newest = json.loads(sent[-1])["id"]
    assert [note for note in notes if "fields around it" in note] == [
        f"{newest}: its own signature is valid; the fields around it, such as its time, are signed by the "
        f"next head only"
    ]


def test_media_written_into_the_newest_head_are_not_genuine(tmp_path: Path, sent: Events) -> None:
    forged, head = tmp_path / "forged.jpg", json.loads(sent[-1])
    forged.write_bytes(b"forged")
    ref = {"media_id": "evil", "sha256": hashlib.sha256(b"forged").hexdigest()}
    head["data"] |= {"event_id": "yard-1", "phase": "end", "snapshot": ref, "clip": ref, "still": ref}
    lines = tmp_path / "events.jsonl"
    lines.write_bytes(b"\n".join([*sent[:-1], json.dumps(head).encode()]))
    report = check_files([lines], [f"dt-001={tmp_path / 'key.pem'}"], [forged])
    doubts = [(found.what, found.verdict) for found in report.findings if found.verdict is not V.GENUINE]
    assert doubts == [(str(forged), V.UNSIGNED)]


def test_many_like_findings_are_one_line(tmp_path: Path, sent: Events) -> None:
    out = io.StringIO()
    report_on(tmp_path, sent).write(out)
    assert out.getvalue().count("--gateway-key") == 1
    assert f", {len(sent)} in all: no public key was given" in out.getvalue()


def test_after_a_kill_the_chain_goes_on_and_what_the_journal_lost_waits_in_the_outbox(tmp_path: Path) -> None:
    with box_in(tmp_path / "box") as box:
        box.fact()
        # As after a kill between the commit and the write of the journal.
        shutil.copytree(tmp_path / "box", tmp_path / "killed")
        key = to_pem(base64.b64decode(box.chain.public_key or ""))
    (tmp_path / "key.pem").write_bytes(key)
    with box_in(tmp_path / "killed") as box:
        box.alarm()
        box.seconds(1)
        assert verdicts(tmp_path, box.published()) == {}
        assert len(box.journal()) == 2


CAPTURED = {
    b"tb/v1/dt-001/up/heartbeat ": b'{"gateway":"dt-001","outbox":{"epoch":"3f2a0b1c","sequence":7}}',
    b"tb/v1/dt-001/up/state ": b'{"online":true}',
    b"tb/v1/dt-001/up/media/ab12 ": b"\xff\xd8\xff\xe0 half a picture",
    b"": b"Client subscriber received PINGRESP",
}


def capture(sent: Events) -> Events:
    """Return the lines that ``mosquitto_sub -v -t tb/v1/#`` prints."""
    other = [topic + payload for topic, payload in CAPTURED.items()]
    return other + [b"tb/v1/dt-001/up/event/cam-1 " + payload for payload in sent]


def test_a_capture_with_topics_is_genuine_and_other_lines_are_counted(tmp_path: Path, sent: Events) -> None:
    path, out = tmp_path / "events.jsonl", io.StringIO()
    report = report_on(tmp_path, capture(sent), f"dt-001={tmp_path / 'key.pem'}")
    report.write(out)
    assert report.genuine, out.getvalue()
    assert [found.verdict for found in report.findings] == [V.GENUINE] * len(sent)
    assert f"no event, passed over: 4 ({path}:1, {path}:2, {path}:3, ...)\n" in out.getvalue()


def test_of_no_event_at_all_it_is_not_said_that_all_is_genuine(tmp_path: Path) -> None:
    assert not report_on(tmp_path, capture([])).genuine


@pytest.mark.parametrize(
    "broken",
    [
        lambda line: line[:-1],
        lambda line: line[:40],
        lambda line: line.replace(b'"source":"/tb/', b'"source":"/xx/'),
        lambda line: line.partition(b" ")[2][:-1],
        lambda line: line.partition(b" ")[2].replace(b'"sequence":', b'"sequenze":'),
        lambda line: line.partition(b" ")[0] + b" nothing of it",
    ],
    ids=["cut", "cut to its topic", "other source", "cut, no topic", "a field less", "only its topic"],
)
def test_a_broken_event_is_altered_and_not_passed_over(
    tmp_path: Path, sent: Events, broken: Callable[[bytes], bytes]
) -> None:
    lines = capture(sent)
    lines[6] = broken(lines[6])
    report = report_on(tmp_path, lines, f"dt-001={tmp_path / 'key.pem'}")
    broken_lines = [found for found in report.findings if found.where == "" and "events.jsonl" in found.what]
    assert [found.verdict for found in broken_lines] == [V.ALTERED]
    assert report.passed_over_count == 4


def test_an_event_that_lost_all_that_marks_it_is_a_missing_link(tmp_path: Path, sent: Events) -> None:
    sent[4] = b'{"hello":"world"}'
    assert V.MISSING in verdicts(tmp_path, sent)
