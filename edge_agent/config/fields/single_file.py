"""Reads a configuration of one file without drop-ins: the centre's, or a scenario."""

from __future__ import annotations

from pathlib import Path

from edge_agent.config.fields import tree
from edge_agent.config.fields.files import reason
from edge_agent.config.fields.schema_types import ReadContext
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase


def read_mapping(path: Path, reading: ReadContext, shape: str) -> tree.Mapping | None:
    """Return the mapping, or report why not and return None. ``shape``: the expected content, for people."""
    start = tree.SourcePosition(str(path), 1, 1)
    try:
        with path.open("rb") as file:
            data = file.read(tree.MAX_BYTES + 1)
        node, problems = tree.parse(data, str(path))
    except OSError as error:
        reading.refuse(start, message("file-unreadable", reason=reason(error)))
        return None
    except tree.NotYaml as error:
        reading.problems.append(error.problem)
        return None
    reading.problems.extend(problems)
    if not isinstance(node, tree.Mapping):
        reading.refuse(start, message("file-must-be", shape=phrase(shape)))
        return None
    return node
