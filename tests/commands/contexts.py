"""Contexts as the dispatcher passes them to an action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge_agent.commands.action import CommandContext, CommandFailed, CommandSucceeded


@dataclass(frozen=True)
class GivenContext:
    """A ``CommandContext`` whose functions are the test's."""

    id: str
    args: Any
    signed_by: str | None = None
    progress: Callable[[str], None] = lambda text: None
    finish: Callable[[CommandSucceeded | CommandFailed], None] = lambda outcome: None
    stopping: Callable[[], bool] = lambda: False


@dataclass
class ContextRecorder:
    """Makes contexts, and records what actions publish through them."""

    progress_texts: list[str] = field(default_factory=list)
    finished: list[CommandSucceeded | CommandFailed] = field(default_factory=list)

    def context(self, args: Any, id_: str = "c-1", signed_by: str | None = None) -> CommandContext[Any]:
        return GivenContext(
            id_, args, signed_by, self.progress_texts.append, self.finished.append, lambda: False
        )
