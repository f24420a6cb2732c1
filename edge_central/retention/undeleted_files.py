"""Expired files that a run could not delete: counted and shown, so that an administrator repairs the disk."""

from __future__ import annotations

import msgspec

from edge_agent.core.problems import ProblemText
from edge_central.sentences import problem_text


class UndeletedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The expired files that one run could not delete. Their rows stay, and the next run tries again."""

    files: int
    path: str  # of the first one
    error: str

    @property
    def text(self) -> ProblemText:
        return problem_text("deletion-fails", files=self.files, path=self.path, error=self.error)


def undeleted_key(central_id: str) -> str:
    """Return the key in ``meta``, one per centre, because several centres may use one database."""
    return f"deletions-failed {central_id}"
