"""Problems as codes with figures, and their sentences in English and Vietnamese: tables and rendering.

The agent sends ``CodedProblem`` beside its English text. The centre renders the code from its own catalogue,
so that either side may reword a sentence.
"""

from __future__ import annotations

from edge_agent.core.languages import Lang, in_lang
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


def text_in(text: str, lang: Lang) -> str:
    """Return the text in that language, by its code or its translation; the text itself if it has neither."""
    problem = problem_of(text) if lang == "vi" else None
    return (CATALOGUE.say(problem, lang) if problem else None) or in_lang(text, lang)


def error_in(error: Exception, lang: Lang) -> str:
    """Return what the error says, in Vietnamese if its text has a code or a translation."""
    text = error.args[0] if error.args else None
    return text_in(text if isinstance(text, str) else str(error), lang)


def command_text(command_id: str, signed_by: str | None) -> ProblemText:
    """Return a text that names the command and the key that signed it, if there is one."""
    if signed_by is None:
        return problem_text("by-command", command=command_id)
    return problem_text("by-signed-command", command=command_id, key=signed_by[:16])
