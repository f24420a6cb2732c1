"""Root's program after faults: a full disk, a damaged state file, releases that others have changed."""

from __future__ import annotations

import json
import socket
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from edge_update.manifest import Manifest
from edge_update.releases import Releases
from edge_update.running import status
from edge_update.settings import Settings
from edge_update.update import Order, Updater
from edge_update.wheels import Inbox
from tests.testbed.mosquitto import wait_until
from tests.update.agents import installed
from tests.update.box import UpdatingBox


@pytest.fixture
def tried(box: UpdatingBox) -> UpdatingBox:
    """0.2.0, which never connects, is on trial after 0.1.0; the program was killed meanwhile."""
    box.have("0.1.0")
    box.have("0.2.0", "deaf")
    box.run_on("0.2.0")
    wait_until((box.folder / "status.sock").exists, what="the agent")
    box.state.parent.mkdir(parents=True)
    note(box)
    return box


def note(box: UpdatingBox, **changes: object) -> None:
    trial = {"id": "order-1", "version": "0.2.0", "before": "0.1.0", "cameras": ["cam-1"], "connected": True}
    (box.state.parent / "trial.json").write_text(json.dumps(trial | changes))


def no_room(box: UpdatingBox) -> None:
    """No file can be written: each is written under another name first."""
    no_room_in(box.state.parent)


def no_room_in(folder: Path) -> None:
    for name in ("state", "trial", "told"):
        (folder / f"{name}.new").mkdir()


def test_a_bad_release_goes_back_although_the_disk_is_full(tried: UpdatingBox) -> None:
    no_room(tried)
    assert "the trial of 0.2.0 could not be stored" in tried.updated(1, "0.1.0")


def test_a_bad_release_goes_back_although_the_memory_is_damaged(tried: UpdatingBox) -> None:
    tried.state.write_text("{")
    note(tried, bad="unhealthy: no broker for 300 s")
    tried.updated(1, "0.1.0")


@pytest.mark.parametrize("obstacle", ["var/lib/edge-agent-update/trial.new", "opt/edge-agent/.current.new"])
def test_an_update_that_cannot_begin_its_trial_is_refused(box: UpdatingBox, obstacle: str) -> None:
    box.have("0.1.0")
    box.run_on("0.1.0")
    box.have("0.2.0")
    box.state.parent.mkdir(parents=True)
    (box.folder / obstacle).mkdir()
    box.ask("order-1")
    box.updated(1, "0.1.0")
    assert box.reported["now"] is None
    assert (box.reported["last"]["id"], box.reported["last"]["outcome"]) == ("order-1", "refused")
    assert not (box.state.parent / "trial.json").exists()
    assert box.systemd.restarts == 0


def test_a_disk_that_becomes_full_before_the_trial_leaves_no_phase_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    updater = Updater(Settings(tmp_path / "key", state=tmp_path, releases=tmp_path), print)
    (tmp_path / "told.json").write_text("{}")
    manifest = Manifest("0.2.0", 1, 100, ())
    monkeypatch.setattr(updater, "_prepare", lambda _: no_room_in(tmp_path))
    with pytest.raises(OSError, match="trial"):
        updater._install_and_try(Order("order-1", manifest, Inbox(tmp_path)))
    assert not (tmp_path / "told.json").exists(), "the agent does not wait for the end of this phase"


def test_a_roll_back_that_cannot_be_stored_restarts_the_agent_once(tried: UpdatingBox) -> None:
    """The path unit starts root's program again and again while there is trial.json."""
    tried.state.write_text("{")
    note(tried, bad="unhealthy: no broker for 300 s")
    tried.updated(1, "0.1.0")
    wait_until(partial(answers_as, tried, "0.1.0"), what="the former release")
    tried.updated(1, "0.1.0")
    assert (tried.state.parent / "trial.json").exists()
    assert tried.systemd.restarts == 1


def test_a_roll_back_that_was_cut_off_before_the_restart_is_completed(tried: UpdatingBox) -> None:
    (tried.releases / "current").unlink()
    (tried.releases / "current").symlink_to("0.1.0")
    note(tried, bad="unhealthy: no broker for 300 s")
    tried.updated(1, "0.1.0")
    assert tried.systemd.restarts == 1


def answers_as(box: UpdatingBox, version: str) -> bool:
    found = status(box.folder / "status.sock")
    return found is not None and found.version == version


def test_what_somebody_else_has_put_in_force_stays(tried: UpdatingBox) -> None:
    tried.have("0.3.0")
    (tried.releases / "current").unlink()
    tried.run_on("0.3.0")
    note(tried, bad="unhealthy: 0.3.0 answers for 300 s")
    tried.update()
    assert tried.in_force == "0.3.0"
    assert tried.reported["last"]["text"].endswith("meanwhile release 0.3.0 was put in force and stays so")


def test_a_release_that_is_gone_is_not_gone_back_to(tried: UpdatingBox) -> None:
    note(tried, before="0.0.9", bad="unhealthy: no broker for 300 s")
    tried.update()
    assert tried.in_force == "0.2.0", "a bad agent can be told what to do, none cannot"
    assert tried.reported["last"]["text"].endswith("there is no 0.0.9 to go back to, so it stays")


def test_a_damaged_note_of_a_trial_stops_no_update(tried: UpdatingBox) -> None:
    (tried.state.parent / "trial.json").write_text("{}")
    assert "trial.json is damaged" in tried.update()[1]
    assert tried.update() == (0, "")


def test_of_releases_that_failed_only_the_last_stays_on_the_disk(tried: UpdatingBox) -> None:
    for version in ("0.1.8", "0.1.9"):
        tried.have(version)
    note(tried, bad="unhealthy: no broker for 300 s")
    tried.update()
    assert {path.name for path in tried.releases.glob("[0-9]*")} == {"0.1.0", "0.2.0"}


def test_half_of_a_deleted_release_does_not_count_as_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, "0.1.0")
    monkeypatch.setattr("edge_update.releases.shutil.rmtree", lambda *_, **__: None)  # the power fails
    releases = Releases(tmp_path, tmp_path / "check.txt")
    assert releases.complete("0.1.0")
    releases.prune("0.2.0")
    assert not releases.complete("0.1.0")


def test_an_agent_that_answers_a_byte_now_and_then_does_not_hold_root(tmp_path: Path) -> None:
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        asker, _ = server.accept()
        with asker:
            while not over.wait(0.05):
                asker.sendall(b" ")

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "status.sock"))
        server.listen()
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        began = time.monotonic()
        threading.Timer(10, over.set).start()
        assert status(tmp_path / "status.sock", timeout_s=0.3) is None
        assert time.monotonic() - began < 5
        over.set()
