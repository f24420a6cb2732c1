"""Generates ``docs/reference/configuration.md`` from the table: ``python -m edge_agent.config.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from edge_agent.config.fields.collections import KIND_KEY, ListOf, MapOf, TaggedUnion
from edge_agent.config.fields.field_types import ByteSize, size_text
from edge_agent.config.fields.schema_types import REQUIRED, Field, FieldType, ReloadScope, Section
from edge_agent.config.schema import ROOT

_HEAD = """\
# Configuration reference

Generated from `edge_agent/config/schema.py` by `python -m edge_agent.config.reference`; a test keeps it
current. How files and drop-ins are found and merged is in [the design](../design/configuration.md).

`edge-agent check FILE` lists all mistakes with file, line and column, and exits with 78; for a valid file it
prints one line and exits with 0. `--conf-dir DIR` reads the drop-ins from DIR, `--no-secrets` checks a copy
on a machine without password, key and certificate files, `--lang vi` prints Vietnamese, `--json` prints JSON.

A drop-in changes only what it contains: cameras and rules are matched by `id`, zones and lines by their key.
New ones are added at the end. Any other list is replaced as a whole.

An explicit `null` stands for the default, and removes a zone or line: `zones: {yard: null}`. A single rule
cannot be removed, but disabled: `{id: yard-night, enabled: false}`; `rules: null` removes all rules of a
camera. *Restarts* says what a change restarts: only that camera, the agent, or nothing.
"""


def markdown() -> str:
    return page_of(_HEAD, ROOT)


def page_of(head: str, root: Section) -> str:
    """Return a page on every key of the table, below ``head``."""
    return "\n".join([head, *_section("", root, ReloadScope.AGENT)])


def _section(path: str, section: Section, reload: ReloadScope) -> Iterator[str]:
    yield from _table(f"`{path}`" if path else "The file", section.doc, section.fields, reload)
    yield from _below(path, section.fields, reload)


def _choice(path: str, choice: TaggedUnion, reload: ReloadScope) -> Iterator[str]:
    """Yield the keys that all sections share, then each section with its own keys."""
    yield from _table(f"`{path}`", choice.doc, choice.shared, reload)
    for word, section in choice.sections.items():
        own = choice.own_fields(word)
        yield from _table(f"`{path}` with `{KIND_KEY}: {word}`", section.doc, own, reload)
        yield from _below(path, own, reload)
    yield from _below(path, choice.shared, reload)


def _table(title: str, doc: str, fields: Iterable[Field], reload: ReloadScope) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{doc}\n"
    yield "| key | value | default | what it is | restarts |"
    yield "|---|---|---|---|---|"
    for each in fields:
        yield _row(each, each.reload or reload)
    yield ""


def _below(path: str, fields: Iterable[Field], reload: ReloadScope) -> Iterator[str]:
    for each in fields:
        inner, suffix = _inner(each.kind)
        below, effect = f"{path}.{each.key}{suffix}".lstrip("."), each.reload or reload
        if isinstance(inner, Section):
            yield from _section(below, inner, effect)
        elif isinstance(inner, TaggedUnion):
            yield from _choice(below, inner, effect)


def _inner(kind: FieldType) -> tuple[FieldType, str]:
    """Return the type inside a list or a mapping by id, and how it is written after the key."""
    if isinstance(kind, ListOf):
        return kind.kind, "[]"
    if isinstance(kind, MapOf):
        return kind.kind, ".ID"
    return kind, ""


def _row(each: Field, reload: ReloadScope) -> str:
    value = each.kind.describe()
    if isinstance(each.kind, ListOf) and not isinstance(each.kind.kind, Section | TaggedUnion):
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
    if isinstance(each.kind, ByteSize) and each.default is not None:
        return size_text(each.default)
    if each.default in ((), frozenset()):
        return "`[]`"
    if isinstance(each.default, bool):
        return f"`{str(each.default).lower()}`"
    if isinstance(each.default, float):
        return f"`{each.default:g}`"
    return f"`{each.default}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
