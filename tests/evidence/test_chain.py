"""Heads, the key and the journal; and which changes to published events are found."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.config.settings import Storage
from edge_agent.evidence.check import check_files
from edge_agent.evidence.heads import head_text
from edge_agent.evidence.keys import load_or_make, public_keys, to_pem
from edge_agent.evidence.verify import Verdict
from tests.evidence.box import Box, box_in
from tests.outbox.parts import HandClock

V = Verdict


def kinds(box: Box) -> list[str]:
    return [json.loads(payload)["type"].split(".")[3] for payload in box.published()]


# --- heads ---


def test_an_alarm_is_signed_at_once_and_by_name(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        alarm = box.alarm()
        box.fact()
        box.seconds(1)
        head = json.loads(box.published()[-1])
    assert (head["type"].split(".")[3], head["severitytext"]) == ("chain-head", "ERROR")
    assert head["data"]["sequence"] == f"{alarm.sequence:016d}"


def test_other_news_is_signed_once_a_minute_and_heads_are_no_news(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        for _ in range(150):
            box.fact()
            box.seconds(1)
        assert kinds(box).count("chain-head") == 2
        for _ in range(600):
            box.seconds(1)
        assert kinds(box).count("chain-head") == 3


def test_openssl_verifies_a_published_head(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
        head = json.loads(box.published()[-1])["data"]
        der = base64.b64decode(box.chain.public_key or "")
    assert hashlib.sha256(der).hexdigest() == head["key_id"]
    text, sig, key = (tmp_path / name for name in ("head.txt", "head.sig", "key.pem"))
    values = (head[name] for name in ("epoch", "sequence", "sha256", "signed_at"))
    text.write_bytes(head_text("dt-001", *values))
    sig.write_bytes(base64.b64decode(head["signature"]))
    key.write_bytes(to_pem(der))
    command = f"openssl pkeyutl -verify -pubin -inkey {key} -rawin -in {text} -sigfile {sig}"
    assert (
        "Successfully" in subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout
    )


# --- the key ---


def test_the_key_stays_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first, second = load_or_make(tmp_path), load_or_make(tmp_path)
    assert (first.id, first.notice, second.notice) == (second.id, None, None)
    assert (tmp_path / "keys" / "evidence.pem").stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_told(tmp_path: Path) -> None:
    first = load_or_make(tmp_path)
    (tmp_path / "keys" / "evidence.pem").unlink()
    second = load_or_make(tmp_path)
    assert second.id != first.id
    assert "is gone; a new evidence key" in (second.notice or "")


def test_keys_that_are_gone_with_their_public_halves_are_told_too(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
    shutil.rmtree(tmp_path / "keys")
    with box_in(tmp_path) as box:
        assert "is gone; a new evidence key" in (box.chain.degraded or "")


def test_a_damaged_public_key_is_written_anew_and_another_one_left_out(tmp_path: Path) -> None:
    key = load_or_make(tmp_path)
    for name in (f"evidence-{key.id[:16]}.pub.pem", "evidence-0123456789abcdef.pub.pem"):
        (tmp_path / "keys" / name).write_bytes(b"garbage")
    assert load_or_make(tmp_path).notice is None
    assert public_keys(tmp_path) == {key.id: to_pem(key.der)}


def test_a_key_that_cannot_be_understood_is_set_aside_not_overwritten(tmp_path: Path) -> None:
    load_or_make(tmp_path)
    (tmp_path / "keys" / "evidence.pem").write_bytes(b"scrambled")
    with box_in(tmp_path) as box:
        assert "no PEM file" in (box.chain.degraded or "")
    (aside,) = (tmp_path / "keys").glob("evidence.pem.unusable-*")
    assert aside.read_bytes() == b"scrambled"


def test_without_a_place_for_the_key_events_are_signed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"a file where the folder should be")
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
        assert kinds(box)[-1] == "chain-head"
        assert "only lasts until the agent stops" in (box.chain.degraded or "")


# --- the journal ---


def test_the_journal_has_what_was_published_byte_for_byte_after_a_minute_or_an_alarm(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.fact()
        box.seconds(1)
        assert box.journal() == []
        box.alarm()
        box.seconds(1)
        assert len(box.journal()) == 3
        box.fact()
        box.seconds(60)
        assert box.journal() == box.published()


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        box.alarm()
        box.seconds(1)
    (path,) = (tmp_path / "evidence" / "journal").glob("*")
    path.write_bytes(path.read_bytes()[:-40])
    with box_in(tmp_path) as box:
        box.alarm("another-1")
        box.seconds(1)
        published, journal = box.published(), box.journal()
    assert set(published) - set(journal) == {published[1]}


def test_a_disk_that_takes_nothing_costs_the_journal_only_and_little_memory(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        journal = tmp_path / "evidence" / "journal"
        journal.parent.mkdir()
        journal.write_bytes(b"in the way")
        for _ in range(4000):
            box.fact()
        box.seconds(60)
        assert "journal: cannot be written" in (box.chain.degraded or "")
        assert box.outbox.stats().depth >= 4000
        journal.unlink()
        box.fact()
        box.seconds(60)
        assert "events are not in it" in (box.chain.degraded or "")
        assert box.journal()[-1] == box.published()[-1]


def test_old_journals_go_but_not_those_of_held_events(tmp_path: Path) -> None:
    clock = HandClock()
    storage = Storage(max_age_days=3, keep_free=10_000_000)
    with box_in(tmp_path, clock, storage=storage, held=frozenset({"held-1"})) as box:
        for day, event_id in enumerate(["held-1", *(f"other-{n}" for n in range(1, 7))]):
            clock.wall += timedelta(days=bool(day))
            box.alarm(event_id)
            box.seconds(1)
        days = [path.name[:10] for path in sorted((tmp_path / "evidence" / "journal").glob("*"))]
    with_the_next_head = ["2026-11-24", "2026-11-25"]
    assert days == [*with_the_next_head, "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"]


# --- what verification finds ---


@pytest.fixture
def published(tmp_path: Path) -> list[bytes]:
    """Ten facts, a head, five facts, an alarm, its head."""
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


def verdicts(
    folder: Path, lines: list[bytes], end: bytes = b"\n", key: str = "key.pem"
) -> dict[str, list[str]]:
    """Which events, by their numbers or as told, have each verdict that is not "genuine"."""
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(line + end for line in lines))
    found: dict[str, list[str]] = {}
    for finding in check_files([path], [str(folder / key)], []).findings:
        if finding.verdict is not V.GENUINE:
            found.setdefault(finding.verdict, []).append(finding.what.rpartition("/")[2].lstrip("0"))
    return found


def changed(payload: bytes) -> bytes:
    assert b'"detail":""' in payload
    return payload.replace(b'"detail":""', b'"detail":"x"')


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("order", [list, lambda lines: lines[::-1], lambda lines: lines * 2])
def test_what_was_published_is_genuine_in_any_order_and_however_often(
    tmp_path: Path, published: list[bytes], order: Callable[[list[bytes]], list[bytes]], end: bytes
) -> None:
    assert verdicts(tmp_path, order(published), end) == {}


def test_a_changed_event_is_named_and_ends_the_way_to_those_before_it(
    tmp_path: Path, published: list[bytes]
) -> None:
    published[12] = changed(published[12])
    # The head at 11 signs up to 10; 11, itself, and 12 hang on the changed 13.
    assert verdicts(tmp_path, published) == {V.ALTERED: ["13"], V.UNSIGNED: ["12"]}


def test_a_dropped_event_is_a_missing_link(tmp_path: Path, published: list[bytes]) -> None:
    del published[12]
    found = verdicts(tmp_path, published)
    assert found[V.MISSING][0].endswith("event 13")
    assert found[V.UNSIGNED] == ["12"]


def test_an_invented_event_is_found(tmp_path: Path, published: list[bytes]) -> None:
    published.append(changed(published[2]))
    assert verdicts(tmp_path, published) == {V.ALTERED: ["3"]}


def test_what_no_head_signs_yet_is_not_called_genuine(tmp_path: Path, published: list[bytes]) -> None:
    assert verdicts(tmp_path, published[:-1])[V.UNSIGNED] == [str(n) for n in range(12, 18)][:6]


def test_a_history_written_anew_and_signed_with_another_key_is_found(
    tmp_path: Path, published: list[bytes]
) -> None:
    with box_in(tmp_path / "forger") as box:
        box.alarm()
        box.seconds(1)
        forged = box.published()
    assert verdicts(tmp_path, forged) == {V.UNSIGNED: ["1"], V.WRONG_KEY: ["2"]}
    found = verdicts(tmp_path, [*published, *forged])
    assert found == {V.UNSIGNED: ["1"], V.WRONG_KEY: ["2"]}


def test_an_event_of_another_gateway_is_not_taken_for_one_of_this(
    tmp_path: Path, published: list[bytes]
) -> None:
    other = published[3].replace(b"dt-001", b"dt-002")
    assert verdicts(tmp_path, [*published, other]) == {V.UNSIGNED: ["4"]}


def test_every_changed_byte_of_a_signed_event_is_found(tmp_path: Path, published: list[bytes]) -> None:
    target = published[12]
    for place in range(0, len(target), 7):
        bad = target[:place] + bytes([target[place] ^ 0x01]) + target[place + 1 :]
        assert verdicts(tmp_path, [*published[:12], bad, *published[13:]])


def test_a_gap_that_a_loss_event_announces_is_no_missing_link(tmp_path: Path) -> None:
    with box_in(tmp_path / "box", max_bytes=466_000) as box:
        for _ in range(900):
            box.fact()
        box.seconds(60)
        published = []
        for _ in range(4):  # one loss event waits at a time: what was shed since goes into the next
            for event in box.outbox.pending(10_000):
                published.append(event.payload)
                box.outbox.delivered(*event.key)
            box.fact()
            box.seconds(60)
        published += box.published()
        (tmp_path / "key.pem").write_bytes(to_pem(base64.b64decode(box.chain.public_key or "")))
        whole = box.journal()
    assert any(b".loss.v1" in payload for payload in published)
    assert V.MISSING not in verdicts(tmp_path, published)
    without = [payload for payload in published if b".loss.v1" not in payload]
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
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines))
    keys = [str(tmp_path / "first.pem"), str(tmp_path / "second.pem")]
    assert check_files([path], keys, []).genuine
    assert not check_files([path], keys[:1], []).genuine
    assert not check_files([path], [], []).genuine


def test_the_key_of_one_gateway_signs_for_no_other(tmp_path: Path, published: list[bytes]) -> None:
    """A thief has the key of one box, and the centre gives the keys of all."""
    path, key = tmp_path / "events.jsonl", tmp_path / "key.pem"
    path.write_bytes(b"\n".join(published))
    assert check_files([path], [f"dt-001={key}"], []).genuine
    report = check_files([path], [f"dt-002={key}"], [])
    told = {found.why for found in report.findings if found.verdict is V.WRONG_KEY}
    assert told == {"signed with the key of dt-002"}
    assert not any(found.verdict is V.GENUINE for found in report.findings)


@pytest.fixture
def stolen(tmp_path: Path, published: list[bytes]) -> list[bytes]:
    """The history that a thief writes on the same box, from the alarm on, with its key."""
    alarm = next(payload for payload in published if b".zone-intrusion.v1" in payload)
    forged = alarm.replace(b"person in yard", b"nobody in here")
    event, private = json.loads(forged), load_or_make(tmp_path / "box")
    digest, at = hashlib.sha256(forged).hexdigest(), event["time"]
    text = head_text("dt-001", event["epoch"], event["sequence"], digest, at)
    head = json.loads(published[-1])
    head["prevhash"] = digest
    head["data"] |= {"sha256": digest, "signed_at": at}
    head["data"]["signature"] = base64.b64encode(private.sign(text)).decode()
    return [forged, json.dumps(head, separators=(",", ":")).encode()]


def test_what_a_thief_signs_with_the_key_contradicts_the_heads_that_arrived(
    tmp_path: Path, published: list[bytes], stolen: list[bytes]
) -> None:
    assert verdicts(tmp_path, [*published[:-2], *stolen]) == {}, "alone it cannot be told: it is signed"
    found = verdicts(tmp_path, [*published, *stolen])
    assert found[V.ALTERED][:2] == ["17", "17"]


@pytest.mark.parametrize(
    "data", [b"[" * 9999, b'{"snapshot":{"media_id":[1]}}', b'{"event_id":3}', b"7", b""]
)
def test_a_hostile_line_is_a_finding_and_no_crash(
    tmp_path: Path, published: list[bytes], data: bytes
) -> None:
    before, _, _ = published[2].partition(b'"data":')
    assert V.ALTERED in verdicts(tmp_path, [*published, before + b'"data":' + data + b"}"])


def test_what_was_read_writes_no_lines_of_its_own(tmp_path: Path, published: list[bytes]) -> None:
    lie = (
        published[2]
        .replace(b"/dt-001", b"/x\\nRESULT: ALL GENUINE")
        .replace(b"dt-001", b"x\\nRESULT: ALL GENUINE")
    )
    path, out = tmp_path / "events.jsonl", io.StringIO()
    path.write_bytes(lie)
    check_files([path], [], []).write(out)
    assert [line for line in out.getvalue().splitlines() if line.startswith("RESULT")] == [
        "RESULT: NOT ALL PROVEN: nothing speaks against it, but no signature covers what the lines below name"
    ]


def test_many_like_findings_are_one_line(tmp_path: Path, published: list[bytes]) -> None:
    path, out = tmp_path / "events.jsonl", io.StringIO()
    path.write_bytes(b"\n".join(published))
    check_files([path], [], []).write(out)
    assert out.getvalue().count("--key") == 1
    assert f", {len(published)} in all: no public key was given" in out.getvalue()


def test_after_a_kill_the_chain_goes_on_and_what_the_journal_lost_waits_in_the_outbox(tmp_path: Path) -> None:
    with box_in(tmp_path / "box") as box:
        box.fact()
        # What a kill between the commit and the journal leaves.
        shutil.copytree(tmp_path / "box", tmp_path / "killed")
        key = to_pem(base64.b64decode(box.chain.public_key or ""))
    (tmp_path / "key.pem").write_bytes(key)
    with box_in(tmp_path / "killed") as box:
        box.alarm()
        box.seconds(1)
        assert verdicts(tmp_path, box.published()) == {}
        assert len(box.journal()) == 2
