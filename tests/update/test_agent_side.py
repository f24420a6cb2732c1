"""The agent's part of updates: missing wheels, the request to root's real program, the reply."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.handlers.update import UNHEARD_S, UpdateCommands
from edge_agent.commands.transfer.wheel_cache import WheelCache
from edge_agent.control.updates import UpdateService
from edge_agent.core.problems import CATALOGUE
from edge_agent.host.health.degraded import update_lines
from edge_agent.host.system.root_requests import RootUpdate
from edge_agent.wire import Pieces, UpdateArguments, UpdatePieceArguments
from edge_agent.wire.received.bounds import received_problem
from tests.commands.contexts import GivenContext
from tests.events.parts import maker, valid
from tests.host.fakes import FakeClock
from tests.outbox.parts import outbox_in
from tests.update.agents import installed, library, wheel
from tests.update.box import UpdatingBox

PIECE = 1024
WHEEL = "edge_agent-0.2.0-py3-none-any.whl"


@dataclass
class Ordered:
    """An accepted command and its replies."""

    args: Any
    id: str = "order-1"
    texts: list[str] = field(default_factory=list)
    answer: CommandSucceeded | CommandFailed | None = None
    begun: str = ""  # the reply at the beginning

    @property
    def order(self) -> CommandContext[Any]:
        return GivenContext(self.id, self.args, "key", self.texts.append, self._finish)

    def _finish(self, answer: CommandSucceeded | CommandFailed) -> None:
        assert self.answer is None, "answered once"
        self.answer = answer


class Side:
    """The agent of a gateway, which a test can restart."""

    def __init__(self, box: UpdatingBox) -> None:
        self.box, self.clock = box, FakeClock()
        self.root = RootUpdate(box.folder)
        self.start()

    def start(self) -> None:
        inbox = WheelCache(self.box.inbox, self.root.releases / "wheels")
        self.updates = UpdateCommands(self.root, inbox, self.clock, "0.1.0", wait_s=0)

    def trust(self) -> None:
        """The release server's CA is in root's settings."""
        self.box.set(ca_file=str(self.box.server.ca))

    def begin(self, id_: str = "order-1", **more: Any) -> Ordered:
        """Accept the command with the release that was published last."""
        ordered = Ordered(arguments(self.box, **more), id_)
        ordered.begun = text_of(self.updates.begin(ordered.order))
        return ordered

    @property
    def published(self) -> Path:
        """The wheel at the release server."""
        return self.box.server.served / "wheels" / WHEEL

    def piece(
        self, index: int | None = None, *, name: str = WHEEL, of: str = "order-1"
    ) -> dict[str, list[int]]:
        """Send a piece, or only ask; returns what is still missing."""
        data = None
        if index is not None:
            whole = self.published.read_bytes()
            data = base64.b64encode(whole[index * PIECE : (index + 1) * PIECE]).decode()
        args = UpdatePieceArguments(update=of, wheel=name, index=index, data=data)
        found: dict[str, list[int]] = self.updates.accept_piece(Ordered(args).order).result["missing"]
        return found


@pytest.fixture
def side(box: UpdatingBox) -> Side:
    """0.1.0 runs, and 0.2.0 is published."""
    box.have("0.1.0")
    box.run_on("0.1.0")
    wheel(box.wheels, "0.2.0", needs=f"Summary: {'x' * 700}\n")  # three pieces
    box.publish("0.2.0")
    return Side(box)


def arguments(
    box: UpdatingBox, url: str | None = None, pieces: dict[str, Pieces] | None = None
) -> UpdateArguments:
    served = box.server.served
    found = {path.name: cut(path.read_bytes()) for path in (served / "wheels").iterdir()}
    return UpdateArguments(
        manifest=(served / "manifest.json").read_text(),
        signature=base64.b64encode((served / "manifest.json.sig").read_bytes()).decode(),
        url=url,
        pieces={} if url else found | (pieces or {}),
    )


def cut(whole: bytes) -> Pieces:
    parts = [whole[at : at + PIECE] for at in range(0, len(whole), PIECE)]
    return Pieces(bytes=PIECE, sha256=[hashlib.sha256(part).hexdigest() for part in parts])


def text_of(answer: Struct | CommandSucceeded | InProgress | CommandFailed | None) -> str:
    assert isinstance(answer, (CommandSucceeded, InProgress, CommandFailed))
    return str(answer) if isinstance(answer, CommandFailed) else answer.text


def test_pieces_come_over_a_restart_root_tries_the_release_and_the_centre_is_answered(side: Side) -> None:
    ordered = side.begin()
    assert ordered.begun == "0.2.0 is not complete: pieces missing: 3, of wheels: 1"
    assert side.piece(2) == {WHEEL: [0, 1]}
    side.start()
    resumed = side.updates.resume(ordered.order)
    assert text_of(resumed) == "0.2.0 is not complete: pieces missing: 2, of wheels: 1"
    assert side.piece() == {WHEEL: [0, 1]}
    assert side.piece(0) == {WHEEL: [1]}
    assert not side.box.request.exists()
    assert side.piece(1) == {}
    assert (side.box.inbox / WHEEL).read_bytes() == side.published.read_bytes()
    assert side.box.request.exists()

    installed(side.box.releases, "0.2.0")
    assert side.box.update()[0] == 0
    side.updates.tick()
    assert text_of(ordered.answer) == "0.2.0 is in force and connected; before it was 0.1.0"
    assert list(side.box.inbox.iterdir()) == []


def test_only_wheels_that_the_box_does_not_have_are_waited_for(side: Side) -> None:
    library(side.box.wheels, "1.0")
    side.box.publish("0.2.0")
    library(side.box.releases / "wheels", "1.0")
    # A zip file holds the time it was made at.
    name = "depended-1.0-py3-none-any.whl"
    (side.box.releases / "wheels" / name).write_bytes((side.box.wheels / name).read_bytes())
    side.begin()
    assert side.piece() == {WHEEL: [0, 1, 2]}


def test_a_piece_that_was_not_signed_for_is_refused(side: Side) -> None:
    side.begin()
    served = side.published
    good = served.read_bytes()
    served.write_bytes(b"X" + good[1:])
    with pytest.raises(CommandRefused, match="is not the signed piece 0"):
        side.piece(0)
    with pytest.raises(CommandRefused, match="is not the signed piece 7"):
        side.piece(7)
    with pytest.raises(CommandRefused, match=r"other\.whl is not missing"):
        side.piece(0, name="other.whl")
    with pytest.raises(CommandRefused, match="no update order-9 waits"):
        side.piece(of="order-9")
    assert side.piece() == {WHEEL: [0, 1, 2]}


def test_a_piece_that_a_power_cut_damaged_is_asked_for_again(side: Side) -> None:
    side.begin()
    side.piece(0)
    kept = side.box.inbox / f"{WHEEL}.0"
    kept.write_bytes(bytes(len(kept.read_bytes())))
    side.piece(1)
    assert side.piece(2) == {WHEEL: [0]}
    assert side.piece(0) == {}


def test_a_disk_full_at_the_last_piece_costs_a_question(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(inbox: WheelCache, wheel: object, pieces: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    side.begin()
    side.piece(0)
    side.piece(1)
    with monkeypatch.context() as now:
        now.setattr(WheelCache, "assemble", full)
        with pytest.raises(CommandFailed, match="No space left"):
            side.piece(2)
    assert not side.box.request.exists()
    assert side.piece() == {}
    assert side.box.request.exists()


def test_pieces_of_another_wheel_than_the_manifests_are_told_and_nothing_is_asked_of_root(side: Side) -> None:
    """Else no piece would be missing, and the update would never continue."""
    served = side.published
    served.write_bytes(bytes(len(served.read_bytes())))
    side.begin()
    side.piece(0)
    side.piece(1)
    with pytest.raises(CommandFailed, match="do not make the wheel"):
        side.piece(2)
    assert not side.box.request.exists()


def test_a_second_update_that_is_refused_leaves_the_first_one_waiting(side: Side) -> None:
    first = side.begin()
    without_pieces = Ordered(msgspec.structs.replace(arguments(side.box), pieces={}), "order-2")
    with pytest.raises(CommandRefused, match="not among the pieces"):
        side.updates.begin(without_pieces.order)
    assert first.answer is None
    for index in range(3):
        missing = side.piece(index)
    assert missing == {}


def test_a_download_goes_on_where_it_ended(side: Side) -> None:
    served = side.published
    good = served.read_bytes()
    (side.box.inbox / f"{WHEEL}.part").write_bytes(good[:500])
    served.write_bytes(bytes(500) + good[500:])  # a download from the start would be noticed
    side.trust()
    ordered = side.begin(url=side.box.server.url)
    assert ordered.begun == "0.2.0 is on the gateway; root's program was asked to install it"
    assert (side.box.inbox / WHEEL).read_bytes() == good
    assert ordered.texts == [f"fetching wheel 1 of 1: {WHEEL}"]


def test_a_server_that_breaks_off_leaves_what_came(side: Side) -> None:
    served = side.published
    good = served.read_bytes()
    served.write_bytes(good[:500])
    side.trust()
    with pytest.raises(
        CommandFailed, match=r"ended after 500 of \d+ bytes; the part that was fetched is kept"
    ):
        side.begin(url=side.box.server.url)
    assert (side.box.inbox / f"{WHEEL}.part").read_bytes() == good[:500]
    served.write_bytes(good[:-1] + b"X")
    with pytest.raises(CommandFailed, match="is not the file that the manifest signs"):
        side.begin(url=side.box.server.url)
    assert not side.box.request.exists()


def test_what_went_back_is_answered_by_the_agent_that_came_back(side: Side) -> None:
    installed(side.box.releases, "0.2.0", "deaf")
    ordered = side.begin()
    assert ordered.begun == "0.2.0 is on the gateway; root's program was asked to install it"
    assert side.box.update()[0] == 1
    side.start()
    answer = side.updates.resume(ordered.order)
    assert isinstance(answer, CommandFailed)
    assert str(answer) == "0.2.0 failed its trial: unhealthy: no broker for 1 s; back to 0.1.0"
    reported = side.root.health()
    now = datetime.fromisoformat(reported.reverted_at or "")
    (line,) = update_lines(reported, now, UTC)
    assert line == f"update: went back at {now:%H:%M}: {answer}"


def test_a_verdict_is_told_once_in_an_event_over_restarts(side: Side, tmp_path: Path) -> None:
    box = side.box
    installed(box.releases, "0.2.0", "deaf")
    side.begin()
    box.update()
    state = tmp_path / "state"
    with outbox_in(state) as outbox:
        for _ in range(2):
            room = UpdateService(state, side.clock, maker(), outbox, box.folder)
            room.tick()
            room.tick()
        (event,) = [valid(item.payload) for item in outbox.pending(10)]
    assert event["data"] == {
        "version": "0.2.0",
        "outcome": "reverted",
        "why": "0.2.0 failed its trial: unhealthy: no broker for 1 s; back to 0.1.0",
        "decided_at": box.reported["last"]["time"],
        "command_id": "order-1",
        "problem": event["data"]["problem"],
    }
    said = received_problem(event["data"]["problem"])
    assert said is not None
    assert CATALOGUE.say(said, "en") == event["data"]["why"]
    assert CATALOGUE.say(said, "vi") == (
        "bản 0.2.0 không đạt: hoạt động không tốt: không kết nối được máy chủ nhận tin, kéo dài 1 giây; "
        "đã quay về bản 0.1.0"
    )
    assert event["severitytext"] == "WARN"


def test_an_agent_that_starts_in_the_middle_of_its_trial_answers_after_the_verdict(side: Side) -> None:
    reported = side.box.state.with_name("told.json")
    reported.parent.mkdir(parents=True)
    until = "2026-11-25T04:05:06.000Z"
    now = {"id": "order-1", "version": "0.2.0", "phase": "trial", "until": until}
    reported.write_text(json.dumps({"now": now, "last": None}))
    ordered = Ordered(arguments(side.box))
    assert text_of(side.updates.resume(ordered.order)) == f"0.2.0 is on trial until {until} at the latest"
    side.updates.tick()
    assert ordered.answer is None
    (line,) = update_lines(side.root.health(), datetime(2026, 11, 25, 4, 0, tzinfo=UTC), UTC)
    assert line == "update: 0.2.0 on trial until 04:05"
    last = {"id": "order-1", "version": "0.2.0", "outcome": "in-force", "text": "it stays", "time": until}
    reported.write_text(json.dumps({"now": None, "last": last}))
    side.updates.tick()
    assert text_of(ordered.answer) == "it stays"


def test_a_request_that_a_power_cut_took_is_made_again(side: Side) -> None:
    installed(side.box.releases, "0.2.0")
    ordered = side.begin()
    side.box.request.unlink()
    side.start()
    side.updates.resume(ordered.order)
    assert side.box.request.exists()


def test_one_that_waits_for_pieces_gives_way_and_one_that_root_works_on_does_not(side: Side) -> None:
    first = side.begin()
    installed(side.box.releases, "0.2.0")
    side.begin("order-2")
    assert text_of(first.answer) == "another update has replaced this one; nothing was changed"
    with pytest.raises(CommandRefused, match="update order-2 is under way") as refused:
        side.begin("order-3")
    assert refused.value.code == "busy"


def test_a_root_that_does_not_answer_is_told(side: Side) -> None:
    installed(side.box.releases, "0.2.0")
    ordered = side.begin()
    side.clock.advance(UNHEARD_S + 1)
    side.updates.tick()
    assert text_of(ordered.answer).startswith("root's program does not answer")
    assert not side.box.request.exists()


def test_what_cannot_be_done_is_refused_at_once(side: Side) -> None:
    few = Pieces(bytes=PIECE, sha256=["0" * 64])
    cases = {
        "the manifest cannot be read": UpdateArguments(manifest="{", signature=""),
        "invalid version": UpdateArguments(manifest='{"version": "../x", "wheels": []}', signature=""),
        "give a url": UpdateArguments(manifest=arguments(side.box).manifest, signature=""),
        "do not add up": arguments(side.box, pieces={WHEEL: few}),
    }
    for why, args in cases.items():
        with pytest.raises(CommandRefused, match=why):
            side.updates.begin(Ordered(args).order)
    side.box.settings.unlink()
    with pytest.raises(CommandRefused, match="accepts no signed releases"):
        side.begin()
    assert list(side.box.inbox.iterdir()) == []


def test_the_release_in_force_is_no_work(side: Side) -> None:
    side.box.publish("0.1.0")
    assert side.begin().begun == "0.1.0 is in force"
    assert not side.box.request.exists()
