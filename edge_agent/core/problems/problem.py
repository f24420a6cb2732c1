"""A problem as it travels: a code and named figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import msgspec

from edge_agent.core.secrets import masked


class CodedProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The meaning of a sentence for people: ``code`` names the sentence in the catalogue, ``params`` fill
    it. A parameter may be a problem itself, such as the reason: its sentence is inserted.
    """

    code: str
    params: dict[str, str | int | float | list[str | CodedProblem] | CodedProblem] = msgspec.field(
        default_factory=dict
    )


Param = str | int | float | list[str | CodedProblem] | CodedProblem


class ProblemText(str):
    """The English text of a problem, which carries its code and figures to where a message is made.

    msgspec cannot encode it: ``str()`` gives the plain text.
    """

    __slots__ = ("problem",)
    problem: CodedProblem

    def __new__(cls, text: str, problem: CodedProblem) -> Self:
        made = super().__new__(cls, text)
        made.problem = problem
        return made

    def __reduce__(self) -> tuple[type[ProblemText], tuple[str, CodedProblem]]:
        """Keep the code in copies."""
        return type(self), (str(self), self.problem)


def problem_of(text: str | None) -> CodedProblem | None:
    """Return the code and figures of a text; None if it has none."""
    return text.problem if isinstance(text, ProblemText) else None


def optional_problem(text: str | None) -> CodedProblem | msgspec.UnsetType:
    """Return ``problem_of(text)`` for a message field that is left out if there is no problem."""
    return problem_of(text) or msgspec.UNSET


def with_code_of(shown: str, text: str) -> str:
    """Return ``shown``, another form of ``text``, with the code of ``text``, if it has one."""
    problem = problem_of(text)
    return shown if problem is None else ProblemText(shown, problem)


def masked_problem(text: str) -> str:
    """Mask a text. Only a text without a secret keeps its code, because figures are not masked."""
    safe = masked(text)
    return text if safe == text else safe


def encode_text(value: object) -> str:
    """Encode a coded text as plain text, for msgspec. Raises NotImplementedError for other types."""
    if isinstance(value, ProblemText):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be encoded")


_ENCODE = msgspec.json.Encoder(enc_hook=encode_text).encode


def encode_json(value: object) -> bytes:
    """Return the JSON of a document that may hold texts with codes, which msgspec alone refuses."""
    return _ENCODE(value)


def error_text(error: Exception) -> str:
    """Return ``str(error)`` or, if the error was made with a coded text, that text with its code."""
    text = error.args[0] if error.args else None
    return text if isinstance(text, ProblemText) else str(error)


def as_params(params: Mapping[str, object]) -> dict[str, Param]:
    """Convert figures for the wire: a text with a code becomes its problem."""
    return {name: _as_param(value) for name, value in params.items()}


def _as_param(value: object) -> Param:
    if isinstance(value, str):
        return _as_item(value)
    if isinstance(value, int | float | CodedProblem):
        return value
    if isinstance(value, list):
        return [_as_item(each) for each in value]
    raise TypeError(f"{type(value).__name__} cannot be a parameter of a problem")


def _as_item(text: str) -> str | CodedProblem:
    return problem_of(text) or str(text)
