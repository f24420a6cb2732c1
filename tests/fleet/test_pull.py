"""A box that pulls: real signatures, a real https server, a real environment; ``systemctl`` is a script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleet.wheel_server import WheelServer
from tests.testbed.mosquitto import Authority

ROOT = Path(__file__).parents[2]
PULL = ROOT / "ansible/roles/pull/files/edge_pull.py"

# What edge-pull asks of an agent, and no more: its version, a check, and whether it is connected.
AGENT = """import json, os, sys
version, good, takes = "{version}", {good}, {takes}
def main():
    if sys.argv[1:] == ["--version"]:
        print("edge-agent", version)
    elif sys.argv[1] == "check":
        return 0 if takes or os.path.exists(sys.argv[2]) else 78
    else:
        print(json.dumps({{"connected": good, "heartbeat": {{"version": version}}}}))
"""


# A library of the fixture's agent, in two versions; which of them is installed is what counts.
def library(folder: Path, version: str) -> Path:
    meta = f"depended-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"depended-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{meta}/METADATA", f"Metadata-Version: 2.1\nName: depended\nVersion: {version}\n")
        archive.writestr(f"{meta}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{meta}/RECORD", "")
    return path


def wheel(folder: Path, version: str, *, good: bool = True, takes: bool = True, needs: str = "") -> None:
    meta = f"edge_agent-{version}.dist-info"
    files = {
        "agent_of_the_test.py": AGENT.format(version=version, good=good, takes=takes),
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: edge-agent\nVersion: {version}\n{needs}",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{meta}/entry_points.txt": "[console_scripts]\nedge-agent = agent_of_the_test:main\n",
        f"{meta}/RECORD": "",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"edge_agent-{version}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def installed(box: PullingBox, version: str, *, good: bool = True) -> None:
    """As ``edge-pull`` leaves a release, without the seconds that an environment takes; and published."""
    agent = box.folder / "opt" / version / "bin/edge-agent"
    agent.parent.mkdir(parents=True)
    text = AGENT.format(version=version, good=good, takes=True)
    agent.write_text(f"#!{sys.executable}\n{text}sys.exit(main())\n")
    agent.chmod(0o755)
    (agent.parents[1] / ".complete").touch()
    wheel(box.wheels, version, good=good)
    box.publish(version)


@dataclass
class PullingBox:
    folder: Path
    wheels: Path
    server: WheelServer

    def publish(self, version: str, percent: int = 100, key: Path | None = None) -> None:
        self.server.publish(self.wheels, version, percent, key)

    def pull(self) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, str(PULL), str(self.folder / "pull.json")],
            capture_output=True, text=True, timeout=120, check=False,
            env=os.environ | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    @property
    def in_force(self) -> str:
        link = self.folder / "opt/current"
        return os.readlink(link) if link.is_symlink() else ""

    @property
    def restarts(self) -> int:
        log = self.folder / "systemctl.log"
        return log.read_text().count("restart edge-agent.service") if log.exists() else 0

    @property
    def state(self) -> Path:
        return self.folder / "state.json"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def box(tmp_path: Path, authority: Authority) -> Iterator[PullingBox]:
    (tmp_path / "opt").mkdir()
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/systemctl.log\n')
    systemctl.chmod(0o755)
    with WheelServer(tmp_path / "server", authority) as server:
        settings = {
            "url": server.url,
            "gateway": "dt-001",
            "public_key": str(server.public),
            "ca_file": str(authority.cert),
            "releases": str(tmp_path / "opt"),
            "state": str(tmp_path / "state.json"),
            "configuration": str(tmp_path / "edge-agent.yaml"),
            "settle_s": 1.5,
        }
        (tmp_path / "pull.json").write_text(json.dumps(settings))
        yield PullingBox(tmp_path, tmp_path / "wheels", server)


def test_a_release_is_fetched_tried_and_kept_and_a_bad_one_is_left(box: PullingBox) -> None:
    wheel(box.wheels, "0.1.0", needs="Requires-Dist: depended>=1\n")
    library(box.wheels, "1.0")
    box.publish("0.1.0")
    newer = library(box.folder / "opt/wheels", "2.0")  # of another release
    half = box.folder / "opt/0.0.9"  # whose installation failed
    half.mkdir()
    code, said = box.pull()
    assert (code, box.in_force, box.restarts) == (0, "0.1.0", 1), said
    infos = half.with_name("0.1.0").rglob("depended-*.dist-info")
    assert [info.name for info in infos] == ["depended-1.0.dist-info"]
    assert not newer.exists()
    assert not half.exists()
    assert box.pull() == (0, "edge-pull: 0.1.0 is in force\n")
    assert box.restarts == 1

    installed(box, "0.2.0", good=False)  # never connects
    code, said = box.pull()
    assert code == 1
    assert "0.2.0 did not come up; back to 0.1.0" in said
    assert (box.in_force, box.restarts) == ("0.1.0", 3)
    code, said = box.pull()
    assert (code, box.restarts) == (0, 3), "a release that failed here is not tried again"
    assert "was tried and failed here" in said

    wheel(box.wheels, "0.3.0", takes=False)  # does not understand the configuration
    box.publish("0.3.0")
    assert "does not take this box's configuration" in box.pull()[1]
    assert (box.in_force, box.restarts) == ("0.1.0", 3), "nothing was switched"
    (box.folder / "edge-agent.yaml").touch()  # somebody put it right
    code, said = box.pull()
    assert (code, box.in_force) == (0, "0.3.0"), said


def test_a_power_cut_between_switch_and_verdict_ends_with_a_verdict(box: PullingBox) -> None:
    installed(box, "0.1.0")
    box.pull()
    installed(box, "0.2.0", good=False)
    # As it was when the power went: the bad release in force, and a note that it is being tried.
    (box.folder / "opt/current").unlink()
    (box.folder / "opt/current").symlink_to("0.2.0")
    kept = json.loads(box.state.read_text())
    box.state.write_text(json.dumps(kept | {"trying": {"version": "0.2.0", "before": "0.1.0"}}))
    code, said = box.pull()
    assert code == 1
    assert "back to 0.1.0" in said
    assert box.in_force == "0.1.0"


def test_a_power_cut_before_the_switch_condemns_nobody(box: PullingBox) -> None:
    installed(box, "0.1.0")
    box.pull()
    installed(box, "0.2.0")
    kept = json.loads(box.state.read_text())
    box.state.write_text(json.dumps(kept | {"trying": {"version": "0.2.0", "before": "0.1.0"}}))
    code, said = box.pull()
    assert (code, box.in_force) == (0, "0.2.0"), said


def test_what_the_fleets_key_did_not_sign_is_not_run(box: PullingBox) -> None:
    wheel(box.wheels, "0.1.0")
    box.publish("0.1.0")
    manifest = box.server.served / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.1.0", "0.1.1"))
    assert "not signed with the fleet's key" in box.pull()[1]

    stranger = box.folder / "stranger.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(stranger)], check=True)
    box.publish("0.1.0", key=stranger)
    code, said = box.pull()
    assert (code, box.in_force) == (1, ""), said
    assert "not signed with the fleet's key" in said


def test_another_wheel_than_the_signed_one_is_not_installed(box: PullingBox) -> None:
    wheel(box.wheels, "0.1.0")
    box.publish("0.1.0")
    served = next((box.server.served / "wheels").glob("*.whl"))
    good = served.read_bytes()
    served.write_bytes(good[:-1] + b"X")
    code, said = box.pull()
    assert (code, box.in_force) == (1, ""), said
    assert "is not what the manifest says" in said
    served.write_bytes(good + b"longer")
    assert "longer than it may be" in box.pull()[1]


def test_an_older_manifest_is_never_obeyed(box: PullingBox) -> None:
    wheel(box.wheels, "0.1.0")
    box.publish("0.1.0")
    box.state.write_text(json.dumps({"serial": 9_999_999_999}))
    code, said = box.pull()
    assert code == 1
    assert "is older" in said


@pytest.mark.parametrize("damage", ['{"serial": 99', "[]"])
def test_a_damaged_memory_does_not_open_the_way_for_an_older_manifest(box: PullingBox, damage: str) -> None:
    installed(box, "0.1.0")
    box.state.write_text(damage)
    code, said = box.pull()
    assert (code, box.in_force) == (1, ""), said
    assert "is damaged" in said
    assert box.state.read_text() == damage


def test_a_release_for_some_boxes_waits_on_the_others(box: PullingBox) -> None:
    wheel(box.wheels, "0.1.0")
    box.publish("0.1.0", percent=0)
    code, said = box.pull()
    assert (code, box.in_force) == (0, ""), said
    assert "not yet to this one" in said


def test_an_interrupted_download_goes_on(box: PullingBox) -> None:
    installed(box, "0.1.0")
    whole = next(box.wheels.glob("*.whl"))
    part = box.folder / "opt/wheels" / f"{whole.stem}.part"
    part.parent.mkdir()
    part.write_bytes(whole.read_bytes()[:100])
    code, said = box.pull()
    assert (code, box.in_force) == (0, "0.1.0"), said
    assert not part.exists()
    assert (part.parent / whole.name).read_bytes() == whole.read_bytes()


def test_a_wheel_that_ends_early_is_kept_for_the_next_time(box: PullingBox) -> None:
    installed(box, "0.1.0")
    served = next((box.server.served / "wheels").glob("*.whl"))
    whole = served.read_bytes()
    served.write_bytes(whole[:300])
    code, said = box.pull()
    assert (code, box.in_force) == (1, ""), said
    assert (box.folder / "opt/wheels" / f"{served.stem}.part").read_bytes() == whole[:300]
    served.write_bytes(whole)
    code, said = box.pull()
    assert (code, box.in_force) == (0, "0.1.0"), said


def test_publishing_says_what_is_missing(box: PullingBox) -> None:
    box.wheels.mkdir()
    with pytest.raises(ValueError, match=r"there is no edge_agent-9\.9-\*\.whl"):
        box.publish("9.9")
