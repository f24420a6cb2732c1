"""Contexts as the dispatcher passes them to an action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edge_agent.commands.action import CommandContext, CommandFailed, CommandSucceeded


@dataclass
class Given:
    """A context, and what the action published through it."""

    told: list[str] = field(default_factory=list)
    finished: list[CommandSucceeded | CommandFailed] = field(default_factory=list)

    def order(self, args: Any, id_: str = "c-1", signed_by: str | None = None) -> CommandContext[Any]:
        return CommandContext(id_, args, signed_by, self.told.append, self.finished.append, lambda: False)
