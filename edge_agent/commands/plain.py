"""An action that is one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_agent.commands.action import CommandContext, CommandFailed, CommandSucceeded, InProgress

INTERRUPTED = CommandFailed(
    "the agent was restarted in the middle of it; what was done is not known", "interrupted"
)


def report_interrupted(order: CommandContext[Any]) -> CommandFailed:
    """What most answer after a restart."""
    return INTERRUPTED


@dataclass(frozen=True)
class FunctionAction:
    """``may_be_unwritten``: it runs although the journal cannot be written, and so perhaps a second time."""

    name: str
    arguments: type[Any]
    do: Callable[[CommandContext[Any]], CommandSucceeded | InProgress]
    after_restart: Callable[[CommandContext[Any]], CommandSucceeded | InProgress | CommandFailed] = (
        report_interrupted
    )
    signed: bool = False
    slow: bool = False
    within_s: float = 30.0
    may_be_unwritten: bool = False

    def needs_signature(self, args: Any) -> bool:
        return self.signed

    def run(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress:
        return self.do(order)

    def resume(self, order: CommandContext[Any]) -> CommandSucceeded | InProgress | CommandFailed:
        return self.after_restart(order)
