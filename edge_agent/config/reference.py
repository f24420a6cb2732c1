"""Prints ``docs/reference/configuration.md`` from the table: ``python -m edge_agent.config.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from edge_agent.config.many import ListOf, MapOf
from edge_agent.config.schema import ROOT
from edge_agent.config.spec import REQUIRED, Field, Kind, Reload, Section

_HEAD = """\
# Configuration reference

Generated from `edge_agent/config/schema.py` by `python -m edge_agent.config.reference`; a test keeps it
current. How files and drop-ins are found and merged is in [the design](../design/configuration.md).

`edge-agent check FILE` lists everything that is wrong, with file, line and column, and exits 78; a valid
file is one line and exit 0. `--conf-dir DIR` reads the drop-ins from DIR, `--no-secrets` checks a copy
on a machine that has no password, key and certificate files.

A drop-in changes what it names: in `cameras` the one with its `id`, there in `zones` the one under its key
and in `rules` the one with its `id`. What is not there yet is added at the end. Any other list is replaced as
a whole.

An explicit `null` takes a value back to its default, and a zone away: `zones: {yard: null}`. A single rule
cannot be taken away, `rules: null` takes all of a camera's. *Restarts* says what a change restarts: that
camera only, or the agent.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_section("", ROOT, Reload.AGENT)])


def _section(path: str, section: Section, reload: Reload) -> Iterator[str]:
    yield f"## {f'`{path}`' if path else 'The file'}\n"
    yield f"{section.doc}\n"
    yield "| key | value | default | what it is | restarts |"
    yield "|---|---|---|---|---|"
    for each in section.fields:
        yield _row(each, each.reload or reload)
    yield ""
    for each in section.fields:
        inner, suffix = _inner(each.kind)
        if isinstance(inner, Section):
            yield from _section(f"{path}.{each.key}{suffix}".lstrip("."), inner, each.reload or reload)


def _inner(kind: Kind) -> tuple[Kind, str]:
    """What a list or a mapping by id holds, and how that is written after its key."""
    if isinstance(kind, ListOf):
        return kind.kind, "[]"
    if isinstance(kind, MapOf):
        return kind.kind, ".ID"
    return kind, ""


def _row(each: Field, reload: Reload) -> str:
    value = each.kind.describe()
    if isinstance(each.kind, ListOf) and not isinstance(each.kind.kind, Section):
        value = each.kind.describe_items()
    cells = (f"`{each.key}`", value, _default(each), each.doc, reload.value)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(each: Field) -> str:
    if each.default is REQUIRED:
        return "**required**"
    if isinstance(each.kind, Section) and each.default is not None:
        return "as below"
    if each.default_text:
        return each.default_text
    if each.default == ():
        return "`[]`"
    if isinstance(each.default, bool):
        return f"`{str(each.default).lower()}`"
    if isinstance(each.default, float):
        return f"`{each.default:g}`"
    return f"`{each.default}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
