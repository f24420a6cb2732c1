"""``unclaim``: takes the site away from the box. Root's program does it; see docs/design/commissioning.md.

The agent only writes the request. Root's program stops the agent, moves the events of the site aside, and
removes certificate and configuration.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_agent.commands.action import Action, CommandContext, CommandRefused, CommandSucceeded, always
from edge_agent.core.problems import problem_text
from edge_agent.host.system.root_requests import RootRequest
from edge_agent.wire import UnclaimArguments

REQUEST = "unclaim"
ANSWER = Path("run/edge-agent-unclaim/answer.json")
PICKED_UP_WITHIN_S = 15.0
"""If the request is still there after this time, systemd's path unit for root's program does not run."""
ANSWERED_WITHIN_S = 5.0
"""Longest wait for root's program to answer after deleting the request; seconds later it stops the agent."""
POLL_INTERVAL_S = 0.1
MAX_WHY = 200
"""Longest reason in the request, in characters; root's program reads at most 2000 bytes."""


class UnclaimRequest(msgspec.Struct, frozen=True):
    """The content of the request file, which root's program records as the reason."""

    claim_id: str
    why: str
    command: str
    key: str | None  # id of the operator's key


class UnclaimCommand:
    """The command ``unclaim``."""

    def __init__(
        self,
        request: RootRequest,
        picked_up_within_s: float = PICKED_UP_WITHIN_S,
        answered_within_s: float = ANSWERED_WITHIN_S,
    ) -> None:
        self._request = request
        self._picked_up_within_s = picked_up_within_s
        self._answered_within_s = answered_within_s
        self._poll = threading.Event()  # never set, only used to wait

    def action(self) -> Action:
        return Action("unclaim", self.run, needs_signature=always, slow=True)

    def run(self, context: CommandContext[UnclaimArguments]) -> CommandSucceeded:
        args, begins = context.args, problem_text("unclaim-begins")
        request = UnclaimRequest(args.claim_id, args.why[:MAX_WHY], context.id, context.signed_by)
        context.progress(begins)  # first: root's program may stop the agent before the last reply is sent
        before = self._request.answer()  # the answer to an earlier request
        try:
            self._request.ask(msgspec.json.encode(request))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandRefused(problem_text("root-not-asked", error=reason)) from error
        self._wait(lambda: not self._request.is_pending, self._picked_up_within_s, context)
        if self._request.is_pending and not context.stopping():
            self._request.withdraw()
            raise CommandRefused(problem_text("unclaim-not-handled"))
        self._wait(lambda: self._request.answer() not in (None, before), self._answered_within_s, context)
        answer = self._request.answer()
        if answer is not None and answer != before and answer.outcome == "refused":
            raise CommandRefused(problem_text("unclaim-refused", why=answer.detail))
        return CommandSucceeded(begins)

    def _wait(
        self, true: Callable[[], bool], within_s: float, context: CommandContext[UnclaimArguments]
    ) -> None:
        waited_s = 0.0
        while not true() and waited_s < within_s and not context.stopping():
            self._poll.wait(POLL_INTERVAL_S)
            waited_s += POLL_INTERVAL_S
