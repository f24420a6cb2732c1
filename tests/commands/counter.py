"""A dispatcher with every command of the agent, whose actions are only counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.agent import Agent
from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandSucceeded,
    InProgress,
    report_interrupted,
)
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.config.pushed import ConfigSource
from edge_agent.wire.topics import DownKind, DownMessage
from tests.commands.centre import FINAL, GATEWAY, REPLY, encoded, signed, write_public
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import wait_until

OPERATOR = Ed25519PrivateKey.generate()
SEARCHER = Ed25519PrivateKey.generate()
"""The centre's key for searches."""
STRANGER = Ed25519PrivateKey.generate()


class Clock:
    """The system's clock, which a test can move forward."""

    def __init__(self) -> None:
        self.shift = timedelta()
        self.synced = True
        self._mono = 1000.0

    def monotonic(self) -> float:
        return self._mono + self.shift.total_seconds()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class Counted:
    """An action of the agent that only counts its runs."""

    real: Action
    does: Callable[[CommandContext[Any]], CommandSucceeded | InProgress] = lambda order: CommandSucceeded(
        "it is done", {"n": 1}
    )
    ran: list[str] = field(default_factory=list)  # ids
    resumed: list[str] = field(default_factory=list)
    waits_for: str | None = None  # why it must wait

    @property
    def action(self) -> Action:
        return replace(self.real, run=self.run, resume=self.resume, must_wait=lambda: self.waits_for)

    def hang(self) -> threading.Event:
        """Let each run wait until the event is set."""
        gate = threading.Event()

        def hangs(order: CommandContext[Any]) -> CommandSucceeded:
            gate.wait(60)
            return CommandSucceeded("it is done")

        self.does = hangs
        return gate

    def run(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress:
        self.ran.append(order.id)
        return self.does(order)

    def resume(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress | CommandFailed:
        self.resumed.append(order.id)
        return report_interrupted(order)


def all_actions(folder: Path) -> dict[str, Action]:
    """Actions of the real agent, which is not started."""
    folder.mkdir()
    source = ConfigSource(write_config(folder, cameras=[], broker_port=1, detector="none"))
    return dict(Agent(source.load(), threading.Event(), source=source).commands.dispatcher.actions)


@dataclass
class Counter:
    """The dispatcher, seen from the broker."""

    state_dir: Path
    actions: dict[str, Counted]
    keys: Path
    clock: Clock = field(default_factory=Clock)
    sent: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def opened(self) -> Iterator[Counter]:
        """Run the dispatcher during the ``with``; its replies reach the broker."""
        self.dispatcher = CommandDispatcher(
            GATEWAY,
            CommandJournal(self.state_dir / "commands"),
            OperatorKeyring([self.keys], [self.search_keys]),
            clock=self.clock,
            synced=lambda: self.clock.synced,
            session=lambda: "session-1",
            wake=lambda: None,
        )
        self.dispatcher.register(each.action for each in self.actions.values())
        self.dispatcher.start()
        try:
            yield self
        finally:
            self.dispatcher.stop()
            self.dispatcher.join(5)
            assert [loop.failure for loop in self.dispatcher.loops] == [None]

    def deliver(self, type_: str, payload: bytes, expires_in_s: int | None = None) -> None:
        """Send one message; returns when the dispatcher has processed it."""
        taken = threading.Event()
        self.dispatcher.accept(DownMessage(DownKind.COMMAND, type_, payload, taken.set, expires_in_s))
        assert taken.wait(10), "the dispatcher has not processed it"

    def ask(self, asked: Mapping[str, Any], key: Ed25519PrivateKey | None = None) -> dict[str, Any]:
        """Send this document, signed with ``key``; returns the last reply."""
        self.deliver(asked["type"], encoded(asked) if key is None else signed(asked, key))
        return self.answer(asked["id"])

    def replies(self, id_: str) -> list[dict[str, Any]]:
        """All replies to this command that the broker received."""
        while (waiting := self.dispatcher.replies.pending(())) is not None:
            reply = msgspec.json.decode(waiting.payload)
            REPLY.validate(reply)
            self.sent.append(reply)
            self.dispatcher.replies.delivered(waiting.number)
        return [reply for reply in self.sent if reply["id"] == id_]

    def answer(self, id_: str) -> dict[str, Any]:
        wait_until(lambda: any(each["status"] in FINAL for each in self.replies(id_)), what=f"answer {id_}")
        return self.replies(id_)[-1]

    @property
    def search_keys(self) -> Path:
        return self.keys.with_name("searches")

    @property
    def ran(self) -> list[str]:
        """Ids of the commands that were started."""
        return [id_ for action in self.actions.values() for id_ in (*action.ran, *action.resumed)]

    def files(self) -> dict[str, bytes]:
        """All records on the disk."""
        return {str(path): path.read_bytes() for path in self.state_dir.rglob("*") if path.is_file()}


def counter_in(folder: Path, actions: dict[str, Action]) -> Counter:
    write_public(folder / "operators/one.pem", OPERATOR)
    write_public(folder / "searches/centre.pem", SEARCHER)
    state_dir = folder / "state"
    state_dir.mkdir(exist_ok=True)
    return Counter(state_dir, {name: Counted(each) for name, each in actions.items()}, folder / "operators")
