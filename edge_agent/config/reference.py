"""Prints ``docs/reference/configuration.md`` from the table: ``python -m edge_agent.config.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from edge_agent.config.schema import ROOT
from edge_agent.config.spec import REQUIRED, Field, ListOf, Reload, Section

_HEAD = """\
# Configuration reference

Generated from `edge_agent/config/schema.py` by `python -m edge_agent.config.reference`; a test keeps it
current. How files and drop-ins are found and merged is in [the design](../design/configuration.md).

`edge-agent check FILE` lists everything that is wrong, with file, line and column, and exits 78; a valid
file is one line and exit 0. `--conf-dir DIR` reads the drop-ins from DIR, `--no-secrets` checks a copy
on a machine that has no password, key and certificate files.

An explicit `null` takes a value back to its default. *Restarts* says what a change restarts: that
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
        inner, suffix = (each.kind.kind, "[]") if isinstance(each.kind, ListOf) else (each.kind, "")
        if isinstance(inner, Section):
            yield from _section(f"{path}.{each.key}{suffix}".lstrip("."), inner, each.reload or reload)


def _row(each: Field, reload: Reload) -> str:
    value = each.kind.describe()
    if isinstance(each.kind, ListOf) and not isinstance(each.kind.kind, Section):
        value = each.kind.describe_items()
    cells = (f"`{each.key}`", value, _default(each), each.doc, reload.value)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(each: Field) -> str:
    if each.default is REQUIRED:
        return "**required**"
    if isinstance(each.kind, Section):
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
