"""A gateway that asks a server: real signatures, https and environment; ``systemctl`` is a script."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edge_update.manifest import Wheel
from edge_update.wheels import Server
from tests.testbed.mosquitto import Authority
from tests.update.agents import library, wheel
from tests.update.box import UpdatingBox
from tests.update.wheel_server import WheelServer


def test_a_release_is_fetched_tried_and_kept_and_a_bad_one_is_left(pulling: UpdatingBox) -> None:
    wheel(pulling.wheels, "0.1.0", needs="Requires-Dist: depended>=1\n")
    library(pulling.wheels, "1.0")
    pulling.publish("0.1.0")
    newer = library(pulling.releases / "wheels", "2.0")  # of another release
    half = pulling.releases / "0.0.9"  # whose installation failed
    half.mkdir()
    code, said = pulling.update()
    assert (code, pulling.in_force, pulling.systemd.restarts) == (0, "0.1.0", 1), said
    infos = half.with_name("0.1.0").rglob("depended-*.dist-info")
    assert [info.name for info in infos] == ["depended-1.0.dist-info"]
    assert not newer.exists()
    assert not half.exists()
    assert pulling.update() == (0, "edge-update: 0.1.0 is in force\n")
    assert pulling.systemd.restarts == 1

    pulling.have("0.2.0", "deaf")
    code, said = pulling.update()
    assert code == 1
    assert "0.2.0 failed its trial: unhealthy: no broker for 1 s; back to 0.1.0" in said
    assert (pulling.in_force, pulling.systemd.restarts) == ("0.1.0", 3)
    code, said = pulling.update()
    assert (code, pulling.systemd.restarts) == (0, 3), "a release that failed here is not tried again"
    assert "failed its trial here before" in said

    pulling.have("0.3.0", takes=False)  # does not understand the configuration
    assert "refuses this gateway's configuration" in pulling.update()[1]
    assert (pulling.in_force, pulling.systemd.restarts) == ("0.1.0", 3), "nothing was switched"
    (pulling.folder / "edge-agent.yaml").touch()  # an operator corrected it
    said = pulling.updated(0, "0.3.0")


def closed(box: UpdatingBox) -> None:
    """The agent's user makes a request that root's program cannot delete."""
    box.request.parent.rename(box.folder / "elsewhere")
    box.request.parent.symlink_to(box.folder / "elsewhere")
    (box.folder / "elsewhere/update").mkdir()


@pytest.mark.parametrize("asked_before", [False, True])
def test_a_request_that_stays_keeps_no_box_from_a_release(pulling: UpdatingBox, asked_before: bool) -> None:
    """The server is still asked, but not each time that systemd sees the request."""
    pulling.have("0.1.0")
    closed(pulling)
    if asked_before:
        pulling.state.parent.mkdir(parents=True)
        (pulling.state.parent / "pulled").touch()
    code, said = pulling.update()
    assert "is not a folder" in said
    assert (code, pulling.in_force) == (1, "" if asked_before else "0.1.0")


def test_no_code_of_a_release_runs_before_the_check_unit_runs_it(pulling: UpdatingBox) -> None:
    """The check unit runs as the agent's user, root's program does not run it."""
    pulling.have("0.1.0")
    agent = pulling.releases / "0.1.0/bin/edge-agent"
    agent.write_text(f"#!/bin/sh\ntouch {pulling.folder}/ran-as-root\n")
    systemctl = pulling.folder / "systemd/bin/systemctl"
    systemctl.write_text("#!/bin/sh\n[ $1 != start ] || exit 1\n")
    assert "reports another version: " in pulling.update()[1]
    assert not (pulling.folder / "ran-as-root").exists()


def test_a_release_is_not_given_up_for_a_broker_that_was_away_before(pulling: UpdatingBox) -> None:
    pulling.have("0.1.0", "deaf")
    pulling.run_on("0.1.0")
    pulling.have("0.2.0", "deaf")
    assert "unhealthy: no broker" in pulling.update()[1]
    assert "failed" not in json.loads(pulling.state.read_text())


def test_what_the_fleets_key_did_not_sign_is_not_run(pulling: UpdatingBox) -> None:
    wheel(pulling.wheels, "0.1.0")
    pulling.publish("0.1.0")
    manifest = pulling.server.served / "manifest.json"
    manifest.write_text(manifest.read_text().replace("0.1.0", "0.1.1"))
    assert "not signed with the fleet's key" in pulling.update()[1]

    stranger = pulling.folder / "stranger.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(stranger)], check=True)
    pulling.publish("0.1.0", key=stranger)
    assert "not signed with the fleet's key" in pulling.updated(1, "")


def test_another_wheel_than_the_signed_one_is_not_installed(pulling: UpdatingBox) -> None:
    wheel(pulling.wheels, "0.1.0")
    pulling.publish("0.1.0")
    served = next((pulling.server.served / "wheels").glob("*.whl"))
    good = served.read_bytes()
    served.write_bytes(good[:-1] + b"X")
    assert "does not have the SHA-256 of the manifest" in pulling.updated(1, "")
    served.write_bytes(good + b"longer")
    assert "longer than allowed" in pulling.update()[1]


def test_an_older_manifest_is_never_obeyed(pulling: UpdatingBox) -> None:
    pulling.have("0.1.0")
    pulling.remember(json.dumps({"serial": 9_999_999_999}))
    assert "is older" in pulling.updated(1, "")


@pytest.mark.parametrize("damage", ['{"serial": 99', "[]"])
def test_a_damaged_memory_opens_no_way_for_an_older_manifest(pulling: UpdatingBox, damage: str) -> None:
    pulling.have("0.1.0")
    pulling.remember(damage)
    assert "is damaged" in pulling.updated(1, "")
    assert pulling.state.read_text() == damage


def test_a_release_for_some_boxes_waits_on_the_others(pulling: UpdatingBox) -> None:
    wheel(pulling.wheels, "0.1.0")
    pulling.publish("0.1.0", percent=0)
    assert "not yet for this one" in pulling.updated(0, "")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_ends_early_goes_on_where_it_ended(
    box: UpdatingBox, update_authority: Authority, tmp_path: Path, ranges: bool
) -> None:
    with WheelServer(tmp_path / "files", update_authority, ranges=ranges) as server:
        made, part = Wheel("x.whl", "", 1000), tmp_path / "x.part"
        (server.served / "wheels").mkdir()
        served = server.served / "wheels/x.whl"
        source = Server(server.url, str(update_authority.cert))
        served.write_bytes(b"a" * 300)
        source.bring(made, part)
        assert part.read_bytes() == b"a" * 300
        served.write_bytes(b"b" * 1000)  # shows what was fetched again
        source.bring(made, part)
        assert part.read_bytes() == (b"a" * 300 + b"b" * 700 if ranges else b"b" * 1000)


def test_publishing_says_what_is_missing(box: UpdatingBox) -> None:
    box.wheels.mkdir()
    with pytest.raises(ValueError, match=r"there is no edge_agent-9\.9-\*\.whl"):
        box.publish("9.9")
