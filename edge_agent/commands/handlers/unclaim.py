"""``unclaim``: takes the site away from the box. Root's program does it; see docs/design/commissioning.md.

The agent only writes the request. Root's program stops the agent, moves the events of the site aside, and
removes certificate and configuration.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_agent.commands.action import Action, CommandContext, CommandRefused, CommandSucceeded, always
from edge_agent.core.problems import problem_text
from edge_agent.host.system.root_requests import RequestNotRead, RootRequest
from edge_agent.wire import UnclaimArguments

REQUEST = "unclaim"
ANSWER = Path("run/edge-agent-unclaim/answer.json")
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

    def __init__(self, request: RootRequest) -> None:
        self._request = request

    def action(self) -> Action:
        return Action("unclaim", self.run, needs_signature=always, slow=True)

    def run(self, context: CommandContext[UnclaimArguments]) -> CommandSucceeded:
        args, begins = context.args, problem_text("unclaim-begins")
        request = UnclaimRequest(args.claim_id, args.why[:MAX_WHY], context.id, context.signed_by)
        context.progress(begins)  # first: root's program may stop the agent before the last reply is sent
        try:
            refused = self._request.ask_and_wait(msgspec.json.encode(request), context.stopping)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandRefused(problem_text("root-not-asked", error=reason)) from error
        except RequestNotRead:
            raise CommandRefused(problem_text("unclaim-not-handled")) from None
        if refused is not None:
            raise CommandRefused(problem_text("unclaim-refused", why=refused))
        return CommandSucceeded(begins)
