"""Problems as codes with figures, and their sentences in English and Vietnamese: tables and rendering.

The agent sends ``CodedProblem`` beside its English text. The centre renders the code from its own catalogue,
so that either side may reword a sentence.
"""

from __future__ import annotations

from edge_agent.core.problems.analysis import ANALYSIS
from edge_agent.core.problems.cameras import CAMERAS
from edge_agent.core.problems.catalogue import Catalogue
from edge_agent.core.problems.claims import CLAIMS
from edge_agent.core.problems.commands import COMMANDS
from edge_agent.core.problems.connections import CONNECTIONS
from edge_agent.core.problems.delivery import DELIVERY
from edge_agent.core.problems.events import EVENTS
from edge_agent.core.problems.evidence import EVIDENCE
from edge_agent.core.problems.gateway import GATEWAY
from edge_agent.core.problems.operators import OPERATORS
from edge_agent.core.problems.problem import (
    CodedProblem,
    ProblemText,
    error_text,
    masked_problem,
    optional_problem,
    problem_of,
)
from edge_agent.core.problems.releases import RELEASES
from edge_agent.core.problems.results import RESULTS

__all__ = [
    "CATALOGUE",
    "CodedProblem",
    "ProblemText",
    "command_text",
    "error_text",
    "masked_problem",
    "optional_problem",
    "problem_of",
    "problem_text",
]

CATALOGUE = Catalogue(
    {
        **CAMERAS,
        **ANALYSIS,
        **EVIDENCE,
        **DELIVERY,
        **CONNECTIONS,
        **GATEWAY,
        **EVENTS,
        **RESULTS,
        **RELEASES,
        **COMMANDS,
        **OPERATORS,
        **CLAIMS,
    }
)
"""Every code that an agent may send."""

problem_text = CATALOGUE.text


def command_text(command_id: str, signed_by: str | None) -> ProblemText:
    """The command that asked for something, and the key that signed it."""
    if signed_by is None:
        return problem_text("by-command", command=command_id)
    return problem_text("by-signed-command", command=command_id, key=signed_by[:16])
