"""A bundle made by the command and checked with an expert's tools: openssl, sha256sum and a shell."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Storage
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Media
from edge_agent.core.errors import EvidenceError
from edge_agent.core.facts import Phase
from edge_agent.core.model import Severity
from edge_agent.evidence.chain.keys import load_or_make
from edge_agent.evidence.export.bundle_check import BundleCheck
from edge_agent.evidence.export.check import check_files, load_keys
from edge_agent.evidence.export.contents import Contents, open_bundle
from edge_agent.evidence.export.report import VerificationReport
from edge_agent.evidence.store import MediaStore
from tests.evidence.box import box_in
from tests.testbed.command_line import CommandResult, run_command
from tests.testbed.open_python import open_python

CONFIG = """
gateway: {{id: dt-001, ward: de-tham, name: Trường Lý Thường Kiệt}}
state_dir: {state_dir}
mqtt: {{brokers: ["mqtt://localhost:1883"]}}
cameras:
  - {{id: cam-1, url: "rtsp://192.0.2.1/stream"}}
"""
NOBODY = 65534
JPEG = b"\xff\xd8 a picture \xff\xd9"


@pytest.fixture
def tmp_path(open_folder: Path) -> Path:
    """One that the agent's user may enter."""
    return open_folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a gateway with an alarm and its picture among other events."""
    path = tmp_path / "edge-agent.yaml"
    path.write_text(CONFIG.format(state_dir=tmp_path / "state"))
    with box_in(tmp_path / "state") as box:
        for _ in range(3):
            box.fact()
        media = Media("m-1", "yard-night-t1-1", "cam-1", hashlib.sha256(JPEG).hexdigest(), JPEG)
        box.alarm(media=media)
        for _ in range(3):
            box.fact()
        box.seconds(1)
    return path


def evidence(*words: str | Path, code: int = 0) -> CommandResult:
    done = run_command("evidence", *words)
    assert done.returncode == code, done.stderr
    return done


def export(config: Path, out: Path, event_id: str = "yard-night-t1-1", code: int = 0) -> str:
    """What the command says on stderr."""
    return evidence("export", event_id, config, "--by", "Bà Lan", "--out", out, code=code).stderr


@pytest.fixture
def bundle(config: Path, tmp_path: Path) -> Path:
    out = tmp_path / "bundle"
    export(config, out)
    return out


def event_name(tmp_path: Path, sequence: int) -> str:
    (journal,) = (tmp_path / "state" / "evidence" / "journal").iterdir()
    return f"dt-001/{journal.stem.rpartition('-')[2]}/{sequence:016d}"


def shell(folder: Path, command: str) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def known(bundle: Path) -> list[str]:
    """Return ``--gateway-key`` with the key in the bundle, which is the right one here."""
    (pem,) = (bundle / "keys").iterdir()
    return ["--gateway-key", f"dt-001={pem}"]


def read_bundle(path: Path) -> dict[str, bytes]:
    with open_bundle(path) as contents:
        return {name: contents.read(name, 1_000_000) for name in contents.names}


def judged(content: dict[str, bytes], key: str) -> VerificationReport:
    """Verify the bundle with this key of dt-001."""
    report = VerificationReport()
    contents = Contents("b", list(content), lambda name: io.BytesIO(content[name]))
    BundleCheck(contents, "b", load_keys([key]), report).run()
    return report


def commands(bundle: Path, language: str) -> list[str]:
    """Return the commands in the README, one entry per numbered step."""
    text = (bundle / f"README.{language}.txt").read_text()
    steps = re.split(r"^\d\. ", text, flags=re.MULTILINE)[1:]
    return ["\n".join(re.findall(r"^     (.*)$", step, re.MULTILINE)) for step in steps]


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_commands_of_the_readme_hold_on_a_good_bundle(bundle: Path, language: str) -> None:
    sums, key, heads, links, media, manifest = (shell(bundle, step) for step in commands(bundle, language))
    assert "FAILED" not in sums
    assert sums.count(": OK") == len([p for p in bundle.rglob("*") if p.is_file()]) - 1
    (pem,) = (bundle / "keys").iterdir()
    assert key.startswith(pem.stem)
    assert heads.strip() == "Signature Verified Successfully"
    assert links.count("ok events/") == 1
    assert media.startswith("events/")
    assert "\nok media/" in media
    assert "NOT OK" not in heads + links + media + manifest
    assert manifest.startswith("Signature Verified Successfully\nok ")
    assert manifest.count("ok ") == len([p for p in bundle.rglob("*") if p.is_file()]) - 3


def test_verify_calls_it_genuine_and_the_manifest_says_who_and_what_clock(bundle: Path) -> None:
    evidence("verify", bundle, *known(bundle))
    manifest = (bundle / "manifest.json").read_text()
    assert "Bà Lan" in manifest
    assert '"clock": "synced"' in manifest
    assert "never" not in manifest


def test_the_manifest_says_how_far_the_cameras_own_clock_was_off(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / "camera-clocks.json").write_text(
        '{"cameras": {"cam-1": [{"at": "2020-01-01T00:00:00.000Z", "offset_s": -9.0}, '
        '{"at": "2020-01-02T00:00:00.000Z", "offset_s": -3.0}, '
        '{"at": "2999-01-01T00:00:00.000Z", "offset_s": 5.0}], '
        '"cam-9": [{"at": "2020-01-02T00:00:00.000Z", "offset_s": 77.0}]}}'
    )
    out = tmp_path / "bundle"
    export(config, out)
    offsets = json.loads((out / "manifest.json").read_text())["camera_clock_offset"]
    assert list(offsets) == ["cam-1"]
    assert (offsets["cam-1"]["before"]["offset_s"], offsets["cam-1"]["after"]["offset_s"]) == (-3.0, 5.0)


def test_a_zip_and_the_id_of_one_event_do_as_well(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    export(config, out, event_name(tmp_path, 4))
    (pem,) = (tmp_path / "state" / "keys").glob("*.pub.pem")
    evidence("verify", out, "--gateway-key", f"dt-001={pem}")


def test_links_lead_from_an_event_to_the_next_head(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "early"
    export(config, out, event_name(tmp_path, 2))
    assert len(list((out / "events").iterdir())) == 3
    output = shell(out, commands(out, "en")[3])
    assert (output.count("ok"), output.count("NOT OK"), output.count("signed")) == (3, 0, 1)
    assert check_files([out], known(out)[1:], []).genuine


def test_a_head_of_the_next_epoch_proves_what_a_power_cut_left_unsigned(config: Path, tmp_path: Path) -> None:
    with box_in(tmp_path / "state", boot_id="second") as box:
        box.alarm("gate-t2-1")
    with box_in(tmp_path / "state", boot_id="third") as box:
        box.fact()
    with box_in(tmp_path / "state", boot_id="fourth") as box:
        box.fact()
        box.seconds(60)
    out = tmp_path / "bundle"
    assert "missing" not in export(config, out, "gate-t2-1")
    output = shell(out, commands(out, "en")[3])
    assert (output.count("ok"), output.count("NOT OK"), output.count("signed")) == (3, 0, 1)
    assert check_files([out], known(out)[1:], []).genuine


def test_every_changed_byte_of_every_file_is_found(bundle: Path) -> None:
    content, key = read_bundle(bundle), known(bundle)[1]
    assert judged(content, key).genuine
    chosen = random.Random(4)
    for name, whole in content.items():
        places = range(len(whole)) if len(whole) < 400 else chosen.sample(range(len(whole)), 200)
        for place in places:
            bad = whole[:place] + bytes([whole[place] ^ 1 << chosen.randrange(8)]) + whole[place + 1 :]
            assert not judged({**content, name: bad}, key).genuine, (name, place)


def test_a_file_more_or_less_is_found(bundle: Path) -> None:
    content, key = read_bundle(bundle), known(bundle)[1]
    for name in content.keys() - {"SHA256SUMS"}:
        fewer = {file: data for file, data in content.items() if file != name}
        assert not judged(fewer, key).genuine, name
    assert not judged({**content, "media/another.jpg": JPEG}, key).genuine


def new_sums(bundle: Path) -> None:
    """Write SHA256SUMS again, as a forger can."""
    listed = "find . -type f ! -name SHA256SUMS | sed 's,^./,,' | sort"
    (bundle / "SHA256SUMS").write_text(shell(bundle, f"{listed} | xargs -d '\\n' sha256sum"))
    assert "FAILED" not in shell(bundle, "sha256sum -c SHA256SUMS")


def test_a_changed_event_is_found_though_the_one_after_it_was_taken_out(config: Path, tmp_path: Path) -> None:
    """The link to the head is missing, and no other event contradicts the changed one."""
    out = tmp_path / "cut"
    export(config, out, event_name(tmp_path, 2))
    first, second, _ = sorted((out / "events").iterdir())
    first.write_bytes(first.read_bytes().replace(b'"online"', b'"offline"'))
    second.unlink()
    new_sums(out)
    assert f"NOT OK events/{first.name}" in shell(out, commands(out, "en")[3])
    evidence("verify", out, *known(out), code=1)


def new_manifest(bundle: Path, state_dir: Path) -> None:
    """Sign a manifest of the current files with the gateway's key, as a thief can."""
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    text = json.dumps(manifest).encode()
    (bundle / "manifest.json").write_bytes(text)
    (bundle / "manifest.sig").write_bytes(load_or_make(state_dir).sign(text))


@pytest.mark.parametrize("place", ["events", "heads", "media"])
def test_a_file_that_was_put_in_is_found_by_the_commands_too(bundle: Path, place: str) -> None:
    (one, *_) = sorted((bundle / place).iterdir(), reverse=True)  # the text of a head
    (bundle / place / f"more-{one.name}").write_bytes(one.read_bytes() + b"more")
    new_sums(bundle)
    output = "".join(shell(bundle, step) for step in commands(bundle, "vi")[2:])
    assert f"NOT OK {place}/more-" in output


def test_a_bundle_signed_by_a_thief_is_not_among_the_centres_heads(bundle: Path, tmp_path: Path) -> None:
    """A thief of the gateway has the key, so a signature alone proves little."""
    (pem,) = (bundle / "keys").iterdir()
    arrived = tmp_path / "arrived.jsonl"
    (journal,) = (tmp_path / "state" / "evidence" / "journal").iterdir()
    lines = journal.read_bytes().splitlines(True)
    arrived.write_bytes(b"".join(line for line in lines if b"chain-head" in line))
    verify, key = ("verify", bundle, "--heads"), ("--gateway-key", f"dt-001={pem}")
    evidence(*verify, arrived, *key)
    empty = tmp_path / "of another time"
    empty.write_bytes(b"")
    evidence(*verify, empty, *key, code=1)
    assert "--heads needs --gateway-key" in evidence(*verify, arrived, code=1).stderr
    (text,), (sig,) = (list((bundle / "heads").glob(f"*.{end}")) for end in ("txt", "sig"))
    (event,) = (bundle / "events").iterdir()
    event.write_bytes(event.read_bytes().replace(b'"person in yard"', b'"nobody in yard"'))
    signed = text.read_text().splitlines()
    signed[4] = hashlib.sha256(event.read_bytes()).hexdigest()
    text.write_text("\n".join([*signed, ""]))
    sig.write_bytes(load_or_make(tmp_path / "state").sign(text.read_bytes()))
    new_manifest(bundle, tmp_path / "state")
    new_sums(bundle)
    evidence("verify", bundle, *known(bundle))  # alone it looks genuine
    output = evidence(*verify, arrived, *key, code=1).stdout
    assert "not among those that the centre has" in output
    assert "its bytes are not those that were signed" in output


def test_a_damaged_zip_is_refused_or_found_and_never_a_crash(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in read_bundle(bundle).items():
            archive.writestr(name, content)
    whole, chosen = path.read_bytes(), random.Random(7)
    said = set()
    for _ in range(500):
        bad = bytearray(whole)
        bad[chosen.randrange(len(bad))] ^= 1 << chosen.randrange(8)
        path.write_bytes(bad)
        try:
            same = read_bundle(path) == read_bundle(bundle)  # an unused byte
            said.add((same, check_files([path], known(bundle)[1:], []).genuine))
        except EvidenceError:
            continue
    assert (False, True) not in said
    assert (True, True) in said


def test_an_event_that_is_not_there_is_named(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "none"
    said = export(config, out, "no-such-1", code=1)
    assert "no-such-1: this event is not on this gateway: mistyped" in said
    assert not out.exists()


def test_of_an_event_that_goes_on_the_bundle_says_so(config: Path, tmp_path: Path) -> None:
    with box_in(tmp_path / "state") as box:
        box.alarm("yard-night-t2-1", phase=Phase.START)
        box.seconds(1)
        first, second = tmp_path / "first", tmp_path / "second"
        export(config, first, "yard-night-t2-1", code=1)
        box.alarm("yard-night-t2-1", phase=Phase.END)
        box.seconds(1)
        export(config, second, "yard-night-t2-1")
    assert "it goes on, or they are not here" in (first / "README.en.txt").read_text()
    assert "sự kiện chưa kết thúc" in (first / "README.vi.txt").read_text()
    assert "goes on" not in (second / "README.en.txt").read_text()
    evidence("verify", first, second, *known(first))


def test_a_public_key_that_is_gone_is_named(config: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "state" / "keys")
    out = tmp_path / "out"
    export(config, out, code=1)
    assert "ask the centre for it" in (out / "README.en.txt").read_text()
    assert "đề nghị trung tâm cung cấp" in (out / "README.vi.txt").read_text()


def test_what_is_held_is_listed_with_since_when_by_whom_and_its_bytes(config: Path, tmp_path: Path) -> None:
    assert evidence("holds", config).stdout == "nothing is held\n"
    hold = ("hold", "yard-night-t1-1", config)
    evidence(*hold, "--by", "Lan\nx-1  2020-01-01T00:00:00Z  Minh  7", "--why", "case 7")
    (tmp_path / "state" / "evidence" / "holds" / "other-1.json").write_text("a power cut")
    store = MediaStore(tmp_path / "state" / "evidence", Storage(keep_free=0), SystemClock())
    for media_id, size in (("p1", 700), ("p2", 65)):
        at = {"event_id": "yard-night-t1-1", "camera": "gate", "media_id": media_id, "at": datetime.now(UTC)}
        store.save((b"x" * size,), "jpg", severity=Severity.ALARM, **at)  # type: ignore[arg-type]
    head, other, yard = evidence("holds", config).stdout.splitlines()
    assert head.split() == ["EVENT", "SINCE", "BY", "BYTES", "WHY"]
    assert other.split(maxsplit=4) == ["other-1", "?", "?", "0", "its record cannot be read"]
    event, since, rest = yard.split(maxsplit=2)
    assert (event, rest.split()[-3:]) == ("yard-night-t1-1", ["765", "case", "7"])
    assert abs((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()) < 60
    assert "Lan\\nx-1" in yard
    unreadable, listed = json.loads(evidence("holds", config, "--json").stdout)
    assert (unreadable["event"], unreadable["by"], unreadable["bytes"]) == ("other-1", None, 0)
    assert (listed["event"], listed["bytes"], listed["why"]) == ("yard-night-t1-1", 765, "case 7")
    evidence(*hold, "--release")
    evidence(*hold, "--release", code=1)
    assert "yard-night" not in evidence("holds", config).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="what root must not do for another user needs root")
@pytest.mark.parametrize("place", ["evidence", "evidence/holds"])
def test_who_owns_the_state_folder_cannot_have_root_give_away_what_is_roots(
    config: Path, tmp_path: Path, place: str
) -> None:
    state, of_root = tmp_path / "state", tmp_path / "of-root"
    shutil.rmtree(state / "evidence", ignore_errors=True)
    of_root.mkdir(0o755)
    link = state / place
    link.parent.mkdir(exist_ok=True)
    for path in (state, *state.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    link.symlink_to(of_root)
    command = ["-m", "edge_agent", "evidence", "hold", "yard-night-t1-1", str(config), "--by", "Lan"]
    hold = [*open_python(tmp_path), *command]
    done = subprocess.run(hold, check=False, timeout=60)
    assert done.returncode == 1
    assert (of_root.stat().st_uid, list(of_root.iterdir())) == (0, [])
    link.unlink()
    subprocess.run(hold, check=True, timeout=60)
    held = state / "evidence" / "holds" / "yard-night-t1-1.json"
    assert {path.stat().st_uid for path in (held, *held.parents[:2])} == {NOBODY}


@pytest.mark.skipif(os.geteuid() != 0, reason="what root must not do for another user needs root")
def test_who_owns_the_state_folder_cannot_have_root_read_what_is_roots(config: Path, tmp_path: Path) -> None:
    state, secret = tmp_path / "state", tmp_path / "of-root.key"
    secret.write_bytes(b"only root knows")
    secret.chmod(0o600)
    for path in (state, *state.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    of_root = tmp_path / "of-root"  # a folder that the agent's user cannot write to
    of_root.mkdir(0o700)
    picture = state / "media" / "m-1.jpg"
    picture.rename(state / "true.jpg")
    picture.symlink_to(secret)
    command = ["-m", "edge_agent", "evidence", "export", "yard-night-t1-1", str(config), "--by", "x", "--out"]
    export = [*open_python(tmp_path), *command, str(of_root / "case")]
    done = subprocess.run(export, check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, list(of_root.iterdir())) == (1, []), done.stderr
    assert "m-1.jpg: no permission" in done.stderr
    (state / "true.jpg").replace(picture)
    subprocess.run(export, check=True, timeout=60)
    assert (of_root / "case" / "media" / "m-1.jpg").read_bytes() == JPEG


def test_to_hold_what_nobody_knows_is_told(config: Path, tmp_path: Path) -> None:
    """An event without media can be put on hold, but the user is warned in case the id is mistyped."""
    said = evidence("hold", "yard-nigth-t1-1", config, "--by", "Lan", code=1).stdout
    assert "this event is not on this gateway: mistyped?" in said
    assert (tmp_path / "state" / "evidence" / "holds" / "yard-nigth-t1-1.json").exists()


def test_an_opened_picture_is_as_genuine_as_the_bundle_that_names_it(bundle: Path, tmp_path: Path) -> None:
    picture, other = tmp_path / "picture.jpg", tmp_path / "other.jpg"
    picture.write_bytes(JPEG)
    other.write_bytes(JPEG + b"x")
    verify = ["verify", str(bundle), *known(bundle), "--media"]
    evidence(*verify, picture)
    said = evidence(*verify, other, code=1).stdout
    assert "it was altered, or belongs to an event that is not here" in said
