"""Takes commands, rejects or journals them, has them done, and answers. See docs/design/commands.md."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from edge_agent.commands.action import Action, Failed, Handed, Order, Outcome, Refused
from edge_agent.commands.journal import Journal
from edge_agent.commands.lanes import Lanes
from edge_agent.commands.open_commands import OpenCommand, OpenCommands
from edge_agent.commands.reception import Arrival, Reception
from edge_agent.commands.replies import Replies, ReplyMaker
from edge_agent.commands.signature import Operators
from edge_agent.commands.validity import Validity
from edge_agent.core.clock import Clock
from edge_agent.core.worker import Loop
from edge_agent.wire import CommandsHealth, Reply

log = logging.getLogger(__name__)


class Desk:
    """``take`` is for the publisher's thread, ``tend`` for the main one; actions run on the threads of
    ``lanes.py``."""

    def __init__(
        self,
        gateway: str,
        journal: Journal,
        operators: Operators,
        *,
        clock: Clock,
        synced: Callable[[], bool],
        session: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        """``synced``: the clock is right; ``session``: of the broker; ``wake`` who sends the ``replies``."""
        self.actions: dict[str, Action[Any]] = {}
        self.replies = Replies(wake, self._note_sent)
        self._stopping = threading.Event()
        maker = ReplyMaker(gateway, clock, session, self.actions)
        self._open = OpenCommands(journal, self.replies, maker, Validity(clock, synced), clock)
        self._lanes = Lanes(self._look_at, self._open.keep_sent, self._do)
        self._reception = Reception(
            gateway, self.actions, operators, self._open, self.replies, maker, clock, self._lanes.queue
        )

    def register(self, actions: Iterable[Action[Any]]) -> None:
        """Before the start."""
        self.actions.update((action.name, action) for action in actions)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """To be watched."""
        return (self._lanes.loop,)

    # --- any thread ---

    def start(self) -> None:
        """Go on with what was not done when the agent ended."""
        for open_ in self._open.left_over(self.actions):
            self._lanes.queue(open_)
        self._lanes.start()

    def stop(self) -> None:
        """Ask for the end; does not wait."""
        self._stopping.set()
        self._lanes.stop()

    def join(self, timeout_s: float) -> None:
        self._lanes.join(timeout_s)

    def take(self, arrival: Arrival) -> None:
        """Returns at once; what finds no room is not ``taken``, and comes again with the next session."""
        if not self._lanes.arrive(arrival):
            log.warning("commands: they come faster than they are read; one is left with the broker")

    def tend(self) -> None:
        """Answer for what takes too long."""
        self._open.end_late()

    def health(self) -> CommandsHealth:
        return CommandsHealth(
            waiting=self._open.count,
            rejected=self._reception.rejected,
            unanswerable=self._reception.unanswerable,
            degraded=self._open.trouble,
        )

    def _note_sent(self, reply: Reply) -> None:
        """On the publisher's thread, which must not wait for a disk."""
        self._lanes.sent(reply)

    # --- the threads of the lanes ---

    def _look_at(self, arrival: Arrival) -> None:
        self._reception.look_at(arrival)

    def _do(self, open_: OpenCommand) -> None:
        """Never raises."""
        if not self._open.start(open_):
            return
        try:
            outcome: Outcome | Handed | Failed | Refused = self._perform(open_)
        except (Refused, Failed) as error:
            outcome = error
        except Exception:
            log.exception("command %s: %s failed", open_.entry.id, open_.entry.type)
            outcome = Failed("the gateway failed at it; its log says more")
        if isinstance(outcome, Failed) and self._stopping.is_set():
            log.info("command %s: the agent stops in the middle of it: %.200s", open_.entry.id, outcome)
            return  # the next start goes on with it, or says that it was interrupted
        self._open.settle(open_, outcome)

    def _perform(self, open_: OpenCommand) -> Outcome | Handed | Failed:
        order = Order(
            id=open_.entry.id,
            args=open_.args,
            signed_by=open_.entry.signed_by,
            progress=partial(self._open.progress, open_),
            finish=partial(self._open.settle, open_),
            stopping=self._stopping.is_set,
        )
        return open_.action.resume(order) if open_.resumed else open_.action.run(order)
