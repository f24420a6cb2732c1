"""Answers searches of the centre for a simulated gateway, with the agent's own dispatcher, signature check,
journal, record of access and search."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_agent.commands.action import Action, CommandContext, CommandSucceeded, InProgress
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.commands.handlers.search import GatewayLimits, SearchCommands
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.clock import Clock

SEARCHES_AT_ONCE = 4
"""Of all gateways of a process. They share its interpreter, while each real gateway has its own processor:
more at once would not end earlier, but all of them late. One waits for its disk while another computes."""


NO_LIMIT = GatewayLimits(heat_step=0, budget_used_up=False, clock_synced=True)


@dataclass
class SearchTurns:
    """Lets few gateways of this process search at once, and counts what their searches cost. Thread-safe."""

    _free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(SEARCHES_AT_ONCE))
    _lock: threading.Lock = field(default_factory=threading.Lock)  # protects the two counts
    count: int = 0
    cpu_s: float = 0.0

    def limited(self, action: Action) -> Action:
        """The same action, which waits for its turn."""

        def run(context: CommandContext[Any]) -> CommandSucceeded | InProgress:
            with self._free:
                began_s = time.thread_time()
                try:
                    return action.run(context)
                finally:
                    self._add(time.thread_time() - began_s)

        return replace(action, run=run)

    def _add(self, cpu_s: float) -> None:
        with self._lock:
            self.count += 1
            self.cpu_s += cpu_s


def make_search_dispatcher(
    gateway: str,
    ward: str,
    folder: Path,
    keys: Sequence[Path],
    turns: SearchTurns,
    clock: Clock,
    *,
    session: Callable[[], str],
    wake: Callable[[], None],
    publish_birth: Callable[[], None],
) -> CommandDispatcher:
    """A dispatcher that knows the four types of searches and ``rebirth``, and refuses all other types.

    ``keys``: the centre's public search keys; ``session``, ``wake``: see ``CommandDispatcher``.
    """

    def rebirth(context: CommandContext[Any]) -> CommandSucceeded:
        publish_birth()
        return CommandSucceeded("the birth is sent again")

    search_keys = OperatorKeyring((), keys)
    dispatcher = CommandDispatcher(
        gateway,
        CommandJournal(folder / "commands"),
        search_keys,
        clock=clock,
        synced=lambda: True,
        session=session,
        wake=wake,
    )
    searches = SearchCommands(folder, clock, search_keys, ward, lambda: NO_LIMIT).actions()
    rebirths = Action("rebirth", rebirth, may_be_unwritten=True)
    dispatcher.register((rebirths, *(turns.limited(action) for action in searches)))
    return dispatcher
