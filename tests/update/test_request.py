"""Root's program trusts no file of the agent's user, and follows no symbolic link."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_update import request
from edge_update.manifest import Wheel
from edge_update.settings import UpdateError
from edge_update.wheels import Inbox, gather
from tests.update.agents import wheel
from tests.update.box import UpdatingBox


@pytest.fixture
def asked(box: UpdatingBox) -> UpdatingBox:
    """0.1.0 is in force; 0.2.0 is published and requested, and its wheel is in the agent's cache."""
    box.have("0.1.0")
    box.run_on("0.1.0")
    wheel(box.wheels, "0.2.0")
    box.publish("0.2.0")
    box.deliver()
    box.ask("order-1")
    return box


def refused(box: UpdatingBox) -> str:
    """The output of a refusal; the release in force stays, and the request is deleted."""
    code, said = box.update()
    assert (code, box.in_force, box.systemd.restarts) == (1, "0.1.0", 0), said
    assert not os.path.lexists(box.request)
    return said


def secret(box: UpdatingBox) -> Path:
    path = box.folder / "secret"
    path.write_text("SECRET")
    return path


def link(box: UpdatingBox) -> None:
    box.request.unlink()
    box.request.symlink_to(secret(box))


def link_of_folder(box: UpdatingBox) -> None:
    box.request.parent.rename(box.folder / "elsewhere")
    box.request.parent.symlink_to(box.folder / "elsewhere")


def pipe(box: UpdatingBox) -> None:
    box.request.unlink()
    os.mkfifo(box.request)


def folder(box: UpdatingBox) -> None:
    box.request.unlink()
    box.request.mkdir()


def folder_of_files(box: UpdatingBox) -> None:
    folder(box)
    (box.request / "deeper").mkdir()
    (box.request / "deeper/file").write_text("x")
    (box.request / "link").symlink_to(secret(box))


@pytest.mark.parametrize("trick", [link, pipe, folder, folder_of_files])
def test_a_request_must_be_a_plain_file(asked: UpdatingBox, trick: Callable[[UpdatingBox], None]) -> None:
    trick(asked)
    said = refused(asked)
    assert "is not a plain file" in said
    assert "SECRET" not in said
    assert "Traceback" not in said


def test_a_folder_of_requests_that_is_a_link_is_refused(asked: UpdatingBox) -> None:
    link_of_folder(asked)
    code, said = asked.update()
    assert (code, asked.in_force) == (1, "0.1.0")
    assert "is not a folder" in said
    assert (asked.folder / "elsewhere/update").exists(), "nothing is removed behind a link"


def test_a_folder_of_requests_that_cannot_be_looked_into_may_hold_one(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    assert not request.waits(folder / "update")
    # As an unreadable folder: systemd sees the request and starts root's program for it.
    folder.symlink_to(folder)
    assert request.waits(folder / "update"), "or the service would start again and again without a rest"


def test_a_disk_that_takes_nothing_is_told_and_asked_for_once(asked: UpdatingBox) -> None:
    (asked.releases / "wheels").write_text("no folder, and so no room")
    assert "File exists" in refused(asked)
    assert asked.reported["last"].items() >= {"id": "order-1", "outcome": "refused"}.items()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"id": "../x", "manifest": "{}", "signature": "AA=="}',
        '{"id": "x", "manifest": 1, "signature": "AA=="}',
        '{"id": "x", "manifest": "{}", "signature": "?"}',
        "[" * 100_000,
        '{"id": "x", "manifest": "' + "x" * 3_000_000,
    ],
    # Each is part of the environment of what a test starts, and 3 MB is too much for that.
    ids=["empty", "list", "cut", "id", "type", "signature", "deep", "large"],
)
def test_a_request_that_is_none_changes_nothing(asked: UpdatingBox, text: str) -> None:
    asked.request.write_text(text)
    with pytest.raises(UpdateError, match="the request is not valid"):
        request.read(asked.request)


def test_a_manifest_that_the_agent_made_up_is_refused(asked: UpdatingBox) -> None:
    text = (asked.server.served / "manifest.json").read_text()
    asked.ask("order-1", manifest=text.replace('"0.2.0"', '"0.2.1"'))
    assert "not signed with the fleet's key" in refused(asked)
    assert asked.reported["last"]["id"] == "order-1"
    assert asked.reported["last"]["outcome"] == "refused"


def test_an_older_release_is_not_taken_although_it_was_signed(asked: UpdatingBox) -> None:
    asked.remember(json.dumps({"serial": 9_999_999_999}))
    assert "is older" in refused(asked)


def test_the_agent_is_answered_although_the_memory_is_damaged(asked: UpdatingBox) -> None:
    asked.remember("{")
    assert "is damaged" in refused(asked)
    assert "is damaged" in asked.reported["last"]["text"]


def test_what_the_agent_was_sent_is_copied_and_verified(asked: UpdatingBox) -> None:
    listed = json.loads((asked.server.served / "manifest.json").read_text())["wheels"]
    wanted = [Wheel(one["name"], one["sha256"], one["bytes"]) for one in listed]
    gather(wanted, asked.releases / "wheels", Inbox(asked.inbox))
    for one in wanted:
        assert (asked.releases / "wheels" / one.name).read_bytes() == (asked.inbox / one.name).read_bytes()


def other_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"X")


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"X")


def shorter(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def a_link(path: Path) -> None:
    shutil.move(path, path.with_name("x"))
    path.symlink_to("x")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_bytes, "does not have the SHA-256 of the manifest"),
        (longer, "does not have the SHA-256 of the manifest"),
        (shorter, "only a part of"),
        (a_link, "is not a plain file"),
        (Path.unlink, "is not on the gateway"),
    ],
)
def test_another_wheel_is_not_installed(asked: UpdatingBox, change: Callable[[Path], None], why: str) -> None:
    change(asked.inbox / "edge_agent-0.2.0-py3-none-any.whl")
    assert why in refused(asked)
    assert not (asked.releases / "0.2.0").exists()
    assert not list((asked.releases / "wheels").glob("*.whl"))
