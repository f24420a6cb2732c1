"""An image becomes a site that reports, and boots by its own boot loader and kernel."""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent import __version__
from installers import disk, root
from installers.boards import BOARDS
from tests.deploy.boxes import Box, Boxes, wait_until
from tests.deploy.conftest import WHEELHOUSE
from tests.deploy.machine import PC, Machine
from tests.deploy.site import SITE, Provisioning
from tests.testbed.claims import site_bundle

pytestmark = pytest.mark.xdist_group("image")

BOARD = BOARDS["generic-x86_64"]
BOOT_S = 600.0
"""Without KVM qemu needed 60 s to the login on 2 cores."""

ASKED = """
hostname; sudo cat /etc/edge-agent/serial; findmnt -bno SIZE,LABEL /; sudo findmnt -no LABEL /boot/efi
sudo bootctl is-installed; sudo journalctl -b -g '^Using hardware watchdog' --no-pager -o cat
systemctl --failed --plain --no-legend
"""


@dataclass(frozen=True)
class WorkshopFiles:
    """What `fleet bundle` and the release key are: the public key, the bundle and its signature."""

    release_key: Path
    bundle: bytes
    signature: bytes


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> WorkshopFiles:
    key, public = Ed25519PrivateKey.generate(), tmp_path_factory.mktemp("workshop") / "release.pem"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    bundle = msgspec.json.encode(site_bundle())
    return WorkshopFiles(public, bundle, key.sign(bundle))


@pytest.fixture(scope="module")
def image(boxes: Boxes, workshop: WorkshopFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of an image, made as `make image` makes it, with the key of the test."""
    if not WHEELHOUSE.is_dir():
        pytest.skip(f"{WHEELHOUSE} is missing: make wheelhouse ARCH=x86_64")
    try:
        root.require(BOARD)
    except root.NoImage as reason:
        pytest.skip(str(reason))
    folder = tmp_path_factory.mktemp("image")
    content = root.Content(
        WHEELHOUSE, __version__, (boxes.public_key,), None, workshop.release_key, None, None
    )
    root.make(BOARD, content, folder / "root")
    yield folder / "root"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def site(
    boxes: Boxes, image: Path, workshop: WorkshopFiles, tmp_path_factory: pytest.TempPathFactory
) -> Provisioning:
    """A broker, and a box that booted from the image, with files on its boot partition."""
    box = boxes.create(SITE, image, user="fleet")
    card = box.root / BOARD.boot_folder.lstrip("/") / "edge-agent"
    card.mkdir()
    (card / "sites.json").write_bytes(workshop.bundle)
    (card / "sites.json.sig").write_bytes(workshop.signature)
    (card / "enrol-2026-11.key").write_text("key")
    boxes.boot(box)
    folder = tmp_path_factory.mktemp("control")
    return Provisioning(folder, boxes, WHEELHOUSE, "rtsp://192.0.2.1/sub", box)


def identity(box: Box) -> tuple[str, str, str]:
    """The name, the machine id, and the ssh host key."""
    return (
        box.run("cat /etc/hostname"),
        box.run("cat /etc/machine-id"),
        box.run("cat /etc/ssh/ssh_host_ed25519_key.pub"),
    )


def test_a_box_gets_an_identity_of_its_own_at_the_first_boot_and_keeps_it(
    boxes: Boxes, image: Path, site: Provisioning
) -> None:
    box = site.box
    name, machine, key = identity(box)
    serial = box.run("cat /etc/edge-agent/serial")
    assert serial.startswith("box-")
    assert name == f"edge-{serial.removeprefix('box-')}"
    shown = box.run("cat /run/issue.d/edge-agent-ssh-key.issue").split()[-1]
    assert shown in box.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    second = boxes.create("dt-002", image, user="fleet")
    (second.root / "etc/edge-agent/serial").write_text("box-0123456789\n")  # both have this machine's DMI
    boxes.boot(second)
    other = identity(second)
    assert not {name, machine, key} & set(other)
    second.power_off()
    boxes.boot(second)
    assert identity(second) == other


def test_an_unclaimed_box_lets_keys_in_and_runs_no_agent(site: Provisioning) -> None:
    box = site.box
    # In a container the root is no device of fstab; the machine below has it.
    failed = [line.split()[0] for line in box.run("systemctl --failed --plain --no-legend").splitlines()]
    assert failed in ([], ["systemd-remount-fs.service"])
    assert box.run("systemctl is-enabled edge-agent.service || true") == "disabled"
    assert box.run("passwd --status root").split()[1] == "L"
    assert box.run("passwd --status fleet").split()[1] == "L"
    assert "passwordauthentication no" in box.run("sshd -T")
    assert ":5355" not in box.run("ss -lntuH"), "no LLMNR"
    assert "RuntimeWatchdogUSec=1min" in box.run("systemctl show")
    assert '"reboot": true' in box.run("cat /etc/edge-agent/healing.json")


def test_files_of_the_boot_partition_are_moved_to_the_box(
    site: Provisioning, workshop: WorkshopFiles
) -> None:
    box, folder = site.box, "/etc/edge-agent/enrolment"
    assert box.run(f"cat {folder}/sites.json") == workshop.bundle.decode()
    assert box.run(f"stat -c '%U %G %a' {folder}/client.key") == "root edge-agent 640"
    assert box.run(f"ls {BOARD.boot_folder}/edge-agent") == ""


def test_a_box_without_a_site_serves_the_page_of_commissioning(site: Provisioning) -> None:
    box = site.box
    wait_until(lambda: box.ssh("systemctl is-active edge-agent-commission").returncode == 0, 180, "the page")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(f"https://{box.address}/", timeout=30, context=context) as answer:
        assert answer.status == 200
    assert box.run("cat /etc/edge-agent/serial") in box.run("cat /run/issue.d/edge-agent.issue")


def test_a_box_of_the_image_reports_after_commissioning(site: Provisioning) -> None:
    site.play_well("servers.yml")
    site.play_well("commission.yml", site_accepts_red=True)
    wait_until(site.reports, 180, "dt-001 online")
    assert site.retained()["version"] == __version__


def test_the_image_boots_by_itself_and_fills_its_card(image: Path, boxes: Boxes, tmp_path: Path) -> None:
    if reason := PC.missing():
        pytest.skip(reason)
    card = tmp_path / "card.img"
    disk.write(BOARD, image, card, seed="test")
    small = card.stat().st_size
    os.truncate(card, small + (1 << 30))
    with Machine(PC, card, tmp_path, serial="PC-1234-5678") as machine:
        wait_until(lambda: machine.ssh("fleet", boxes.key, "true").returncode == 0, BOOT_S, "ssh")
        said = machine.ssh("fleet", boxes.key, ASKED)
    name, serial, own, boot, installed, watchdog, *failed = said.stdout.splitlines()
    assert (name, serial) == ("edge-pc12345678", "box-pc12345678")
    size, label = own.split()
    assert int(size) > small
    assert (label, boot, installed) == (root.ROOT_LABEL, root.BOOT_LABEL, "yes")
    assert "i6300ESB" in watchdog
    assert failed == []


def test_two_images_of_one_root_are_alike(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795900000")
    digests = set()
    for name in ("a.img", "b.img"):
        disk.write(BOARD, image, tmp_path / name, seed="test")
        with (tmp_path / name).open("rb") as file:
            digests.add(hashlib.file_digest(file, "sha256").hexdigest())
        (tmp_path / name).unlink()
    assert len(digests) == 1
