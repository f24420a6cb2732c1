"""Attacks on a bundle, and the output of ``edge-agent evidence verify``."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.core.delivery import Media
from edge_agent.core.facts import Phase
from edge_agent.evidence.chain.keys import load_or_make
from edge_agent.evidence.chain.links import LossRange, LossRanges
from edge_agent.evidence.chain.records import NoEvent, read_record
from tests.evidence.box import box_in
from tests.evidence.test_bundle import CONFIG, new_manifest, new_sums
from tests.testbed.command_line import CommandResult, run_command

EVENT = "yard-night-t1-1"
Attack = Callable[[Path], None]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the ``bundle`` of an alarm and the ``state`` folder of its gateway."""
    folder = tmp_path_factory.mktemp("honest")
    config = folder / "edge-agent.yaml"
    config.write_text(CONFIG.format(state_dir=folder / "state"))
    with box_in(folder / "state") as box:
        box.fact()
        for phase in (Phase.START, Phase.END):
            box.alarm(EVENT, phase=phase)
            box.seconds(1)
    done = run_command("evidence", "export", EVENT, config, "--by", "Lan", "--out", folder / "bundle")
    assert done.returncode == 0
    return folder


@pytest.fixture
def bundle(honest: Path, tmp_path: Path) -> Path:
    shutil.copytree(honest, tmp_path / "case")
    return tmp_path / "case" / "bundle"


@pytest.fixture
def published_line(tmp_path: Path) -> bytes:
    with box_in(tmp_path / "box") as box:
        media = Media("m-1", EVENT, "cam-1", hashlib.sha256(b"p").hexdigest(), b"p")
        box.alarm(EVENT, media=media)
        return box.published()[0]


def key_of(state: Path, gateway: str = "dt-001") -> list[str]:
    (pem,) = (state / "keys").glob("*.pub.pem")
    return ["--gateway-key", f"{gateway}={pem}"]


def verify(bundle: Path, *options: str, code: int) -> CommandResult:
    done = run_command("evidence", "verify", bundle, *options)
    assert done.returncode == code
    return done


def verify_with_key(bundle: Path, *, code: int) -> str:
    """The output with the key of the gateway that made the bundle."""
    return verify(bundle, *key_of(bundle.parent / "state"), code=code).stdout


# --- keys ---


def test_without_a_known_key_a_forged_bundle_is_never_called_genuine(bundle: Path) -> None:
    """A forger of a whole bundle can also make a key, so it looks like a real one."""
    said = verify(bundle, code=3).stdout
    assert said.startswith("RESULT: CONSISTENT, NOT CHECKED AGAINST A KNOWN KEY")
    assert "genuine: 0\n" in said


def test_a_key_without_its_gateway_makes_nothing_genuine(bundle: Path) -> None:
    _, owned = key_of(bundle.parent / "state")
    done = verify(bundle, "--gateway-key", owned.partition("=")[2], code=3)
    assert "NOT CHECKED AGAINST A KNOWN KEY" in done.stdout
    verify(bundle, "--gateway-key", owned.replace("dt-001", "dt-002"), code=1)


def test_a_key_without_its_gateway_signs_for_none_whose_key_is_given(bundle: Path, tmp_path: Path) -> None:
    with box_in(tmp_path / "other") as box:
        box.fact()
    _, stolen = key_of(bundle.parent / "state")
    verify(bundle, *key_of(tmp_path / "other"), "--gateway-key", stolen.partition("=")[2], code=1)


def birth(topic: str, gateway: str, state: Path) -> bytes:
    birth = {"gateway": gateway, "evidence_key": base64.b64encode(load_or_make(state).der).decode()}
    return f"{topic} {json.dumps(birth)}\n".encode()


def test_births_as_the_broker_gave_them_say_whose_the_keys_are(bundle: Path, tmp_path: Path) -> None:
    births = tmp_path / "births.txt"
    births.write_bytes(birth("tb/v1/de-tham/dt-001/up/birth", "dt-001", bundle.parent / "state"))
    verify(bundle, "--gateway-key", str(births), code=0)
    # None of that gateway: it is not left unsaid.
    verify(bundle, "--gateway-key", f"dt-002={births}", code=1)


def test_a_birth_that_speaks_for_another_gateway_is_refused(bundle: Path, tmp_path: Path) -> None:
    births = tmp_path / "births.txt"
    births.write_bytes(birth("tb/v1/de-tham/dt-002/up/birth", "dt-001", bundle.parent / "state"))
    said = verify(bundle, "--gateway-key", str(births), code=1).stderr
    assert "the birth on the topic of dt-002 says that it is of 'dt-001'" in said


# --- files that the signatures cover ---


def edit(name: str, old: bytes, new: bytes) -> Attack:
    def attack(bundle: Path) -> None:
        (path,) = bundle.glob(name)
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new))

    return attack


def add(name: str) -> Attack:
    def attack(bundle: Path) -> None:
        (bundle / name).parent.mkdir(exist_ok=True)
        (bundle / name).write_bytes(b"<script>")

    return attack


def remove(name: str, which: int = 0) -> Attack:
    return lambda bundle: sorted(bundle.glob(name))[which].unlink()


def as_of_before(bundle: Path) -> None:
    """Return the bundle as an older agent exported it, without a signed manifest."""
    (bundle / "manifest.sig").unlink()
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    del manifest["signed_by"], manifest["asked_for"]
    for name in ("README.en.txt", "README.vi.txt"):
        del manifest["files"][name]
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def both(*attacks: Attack) -> Attack:
    def attack(bundle: Path) -> None:
        for each in attacks:
            each(bundle)

    return attack


def swap_names(bundle: Path) -> None:
    first, second = sorted((bundle / "events").iterdir())
    between = first.rename(bundle / "between")
    second.rename(first)
    between.rename(second)


def of_another_bundle(bundle: Path) -> None:
    """Use the validly signed manifest of another bundle of the same gateway."""
    config = bundle.parent / "edge-agent.yaml"
    config.write_text(CONFIG.format(state_dir=bundle.parent / "state"))
    with box_in(bundle.parent / "state") as box:
        box.alarm("gate-t2-1")
        box.seconds(1)
    other = bundle.parent / "other"
    run_command("evidence", "export", "gate-t2-1", config, "--by", "x", "--out", other)
    for name in ("manifest.json", "manifest.sig"):
        (other / name).replace(bundle / name)


@pytest.mark.parametrize(
    ("attack", "code", "said"),
    [
        (edit("manifest.json", b'"Lan"', b'"Nam"'), 1, "something in this manifest was changed"),
        (edit("README.en.txt", b"nothing", b"clip 7 "), 1, "README.en.txt: not what manifest.json says"),
        (remove("manifest.sig"), 1, "something in this manifest was changed"),
        (remove("manifest.*"), 1, "manifest.sig is there, and it is not"),
        (of_another_bundle, 1, "manifest.json does not list it"),
        (remove("events/*", 0), 1, "manifest.json lists it, it is not there"),
        (remove("events/*", 1), 1, "manifest.json names this event, it is not there"),
        (add("read-me-first.html"), 1, "no export writes a file of this name"),
        (add("media/look.html"), 1, "no export writes a file of this name"),
        (add(".DS_Store"), 1, "no export writes a file of this name"),
        (add("media/look.jpg"), 1, "media/look.jpg: manifest.json does not list it"),
        (add("heads/e-0000000000000001-0123456789abcdef.sig"), 1, "a signature whose text is not there"),
        (swap_names, 1, "its name is not that of the event in it"),
        (as_of_before, 3, "no signature covers: {bundle}: manifest.json\n"),
        (both(as_of_before, edit("manifest.json", b'"Lan"', b'"Nam"')), 3, "README.vi.txt"),
        (both(as_of_before, edit("README.en.txt", b"Lan", b"Nam")), 3, "README.en.txt"),
    ],
    ids=[
        "edited manifest",
        "edited README",
        "signature taken away",
        "manifest taken away",
        "manifest of another bundle",
        "start taken away",
        "end taken away",
        "page added",
        "page added to the media",
        "file of a file manager",
        "picture added",
        "signature added",
        "names of events swapped",
        "old bundle",
        "edited manifest of an old bundle",
        "edited README of an old bundle",
    ],
)
def test_an_attack_with_new_sums_is_named(bundle: Path, attack: Attack, code: int, said: str) -> None:
    attack(bundle)
    new_sums(bundle)
    out = verify_with_key(bundle, code=code)
    assert said.format(bundle=bundle) in out
    assert "ALL GENUINE" not in out.replace("NOT ALL GENUINE", "")


def test_of_heads_without_an_event_nothing_is_called_genuine(bundle: Path) -> None:
    for name in ("manifest.json", "manifest.sig", "events"):
        path = bundle / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    new_sums(bundle)
    assert "there is no event in this bundle" in verify_with_key(bundle, code=1)


def test_the_gateways_are_named_whose_events_they_are(bundle: Path) -> None:
    """A genuine bundle of another gateway could be presented as one of this gateway."""
    assert "RESULT: ALL GENUINE\nevents of: dt-001\n" in verify_with_key(bundle, code=0)


def test_of_an_unsigned_bundle_a_start_that_is_left_out_is_named(bundle: Path) -> None:
    as_of_before(bundle)
    start, _ = sorted((bundle / "events").iterdir())
    start.unlink()
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    del manifest["files"][f"events/{start.name}"], manifest["events"][0]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    new_sums(bundle)
    said = verify_with_key(bundle, code=3)
    assert f"{EVENT}: its start is not in this bundle: it was not exported, or was left out" in said


def test_a_manifest_of_another_gateway_does_not_speak_for_these_events(bundle: Path, tmp_path: Path) -> None:
    with box_in(tmp_path / "thief") as box:
        box.fact()
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    manifest["device"]["gateway"], manifest["signed_by"] = "dt-666", load_or_make(tmp_path / "thief").id
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    new_manifest(bundle, tmp_path / "thief")
    new_sums(bundle)
    keys = [*key_of(bundle.parent / "state"), *key_of(tmp_path / "thief", "dt-666")]
    assert "signed by dt-666, with events of dt-001" in verify(bundle, *keys, code=1).stdout


# --- files that must not be read ---


def zipped(bundle: Path, out: Path, *more: tuple[str | zipfile.ZipInfo, bytes], tail: bytes = b"") -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(bundle))
        for name, content in more:
            archive.writestr(name, content)
        archive.comment = tail
    return out


def entry(name: str, *, extra: bytes = b"", mode: int = 0o100644, comment: bytes = b"") -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.extra, info.external_attr, info.comment = extra, mode << 16, comment
    return info


OTHER_NAME = b"\x01" + struct.pack("<I", 0) + b"../../.bashrc"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (entry("../../.bashrc"), "which no export gives"),
        (entry("/etc/cron.d/x"), "which no export gives"),
        (entry("media/../../x.jpg"), "which no export gives"),
        (entry("media\\..\\x.jpg"), "which no export gives"),
        (entry("C:/x.jpg"), "which no export gives"),
        (entry("./manifest.json"), "which no export gives"),
        (entry("media/.."), "which no export gives"),
        (entry("html/"), "a folder with bytes"),
        (entry("a\nRESULT: ALL GENUINE"), "which no export gives"),
        (entry("media/\u200b.jpg"), "which no export gives"),
        (entry("SHA256SUMS"), "two files of one name"),  # another program may unpack the other one
        (entry("media/x.jpg", mode=0o120777), "is a link"),
        (entry("media/x.jpg", comment=b"trust me"), "has a comment"),
        (entry("media/x.jpg", extra=struct.pack("<HH", 0x7075, 18) + OTHER_NAME), "has a second name"),
    ],
    ids=lambda value: repr(value.filename) if isinstance(value, zipfile.ZipInfo) else "",
)
def test_a_zip_that_may_be_unpacked_elsewhere_is_refused(
    bundle: Path, tmp_path: Path, more: zipfile.ZipInfo, said: str
) -> None:
    out = zipped(bundle, tmp_path / "case.zip", (more, b"x"))
    done = verify(out, *key_of(bundle.parent / "state"), code=1)
    assert said in done.stderr
    assert "RESULT" not in done.stdout


@pytest.mark.parametrize("where", ["before", "behind", "comment"])
def test_what_stands_around_the_zip_is_refused(bundle: Path, tmp_path: Path, where: str) -> None:
    out = zipped(bundle, tmp_path / "case.zip", tail=b"see http://" if where == "comment" else b"")
    if where != "comment":
        page = b"<html>read this</html>"
        out.write_bytes(page + out.read_bytes() if where == "before" else out.read_bytes() + page)
    said = verify(out, *key_of(bundle.parent / "state"), code=1).stderr
    assert "something stands before or behind the zip" in said


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_folder_with_a_link_or_a_pipe_is_refused(bundle: Path, kind: str) -> None:
    path = bundle / "media" / "x.jpg"
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("/etc/passwd") if kind == "link" else os.mkfifo(path)
    assert "is a link or a device, not a file" in verify(bundle, code=1).stderr


# --- costly files ---


def limited(*command: str) -> subprocess.CompletedProcess[str]:
    """Run with an address space of 200 MB, most of which Python and its libraries use."""
    arguments = [sys.executable, "-m", "edge_agent", "evidence", "verify", *command]
    return subprocess.run(
        arguments,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (200_000_000, 200_000_000)),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_small_zip_that_unpacks_to_more_than_the_memory_is_refused(bundle: Path, tmp_path: Path) -> None:
    out = zipped(bundle, tmp_path / "case.zip", *((f"media/{n}.mp4", bytes(20_000_000)) for n in range(12)))
    done = limited(str(out))
    assert (done.returncode, done.stdout) == (1, "")
    assert "would unpack to 24" in done.stderr


def test_a_zip_that_lies_of_its_sizes_is_refused(bundle: Path, tmp_path: Path) -> None:
    out = zipped(bundle, tmp_path / "case.zip", ("media/bomb.mp4", bytes(30_000_000)))
    out.write_bytes(out.read_bytes().replace(struct.pack("<I", 30_000_000), struct.pack("<I", 3_000)))
    done = limited(str(out))
    assert done.returncode == 1
    assert "cannot be read: Bad CRC-32" in done.stderr


def test_a_zip_with_more_files_than_any_export_is_refused(tmp_path: Path) -> None:
    """The entries are counted before zipfile makes objects of them."""
    listed = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"x"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 7, 7, 60_000 * len(listed), 0, 0)
    out = tmp_path / "case.zip"
    out.write_bytes(60_000 * listed + end)
    assert "a bundle has at most 50000 files" in verify(out, code=1).stderr


def test_a_large_event_or_manifest_is_refused(bundle: Path, tmp_path: Path) -> None:
    large = os.urandom(1_000_001)
    (bundle / "events" / "e-0000000000000009.json").write_bytes(large)
    new_sums(bundle)
    said = verify(zipped(bundle, tmp_path / "case.zip"), code=1).stderr
    assert "e-0000000000000009.json is larger than 1000000 bytes" in said


@pytest.mark.parametrize("field", [b'"event_id":"', b'"epoch":"', b'"media_id":"'])
def test_an_event_with_a_name_of_a_megabyte_is_not_kept(published_line: bytes, field: bytes) -> None:
    with pytest.raises(NoEvent, match="length <= 500"):
        read_record(published_line.replace(field, field + b"x" * 900_000), "a line")


def test_many_overlapping_losses_cost_no_square_of_their_count() -> None:
    """A quadratic algorithm would take minutes."""
    count = 100_000
    losses = LossRanges([LossRange(n, n + 50_000, "x", n % 2 == 0) for n in range(1, count)])
    gaps = [part for n in range(0, 2 * count, 2) for part in losses.unproven_parts(n, n)]
    assert len(gaps) == (2 * count - 150_000) // 2 + 1


def test_the_newest_loss_that_covers_a_number_is_found_and_what_none_covers() -> None:
    lost = [LossRange(3, 5, "a", True), LossRange(5, 7, "b", False), LossRange(10, 20, "c", False)]
    losses = LossRanges(lost)
    parts = [(low, high, lost and lost.by) for low, high, lost in losses.unproven_parts(1, 12)]
    assert parts == [(1, 2, None), (6, 7, "b"), (8, 9, None), (10, 12, "c")]


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.write(b'{"specversion":"1.0"')
        file.truncate(200_000_000)
    done = limited(str(path))
    assert done.returncode == 1
    assert "altered: 1" in done.stdout


def test_the_hash_of_a_large_clip_is_made_a_piece_at_a_time(bundle: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with clip.open("wb") as file:
        file.truncate(200_000_000)
    done = limited(str(bundle), "--media", str(clip))
    assert done.returncode == 1
    assert "clip.mp4: no event in these files has its hash" in done.stdout
