"""An action that is one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_agent.commands.action import Failed, Handed, Order, Outcome

INTERRUPTED = Failed("the agent was restarted in the middle of it; what was done is not known", "interrupted")


def is_interrupted(order: Order[Any]) -> Failed:
    """What most answer after a restart."""
    return INTERRUPTED


@dataclass(frozen=True)
class PlainAction:
    """``may_be_unwritten``: it runs although the journal cannot be written, and so perhaps a second time."""

    name: str
    arguments: type[Any]
    do: Callable[[Order[Any]], Outcome | Handed]
    after_restart: Callable[[Order[Any]], Outcome | Handed | Failed] = is_interrupted
    signed: bool = False
    slow: bool = False
    within_s: float = 30.0
    may_be_unwritten: bool = False

    def needs_signature(self, args: Any) -> bool:
        return self.signed

    def run(self, order: Order[Any]) -> Outcome | Handed:
        return self.do(order)

    def resume(self, order: Order[Any]) -> Outcome | Handed | Failed:
        return self.after_restart(order)
