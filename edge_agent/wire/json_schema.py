"""JSON Schema 2020-12 of every message, generated from ``wire/``.

``python -m edge_agent.wire.json_schema --write`` rewrites the files that ship in the package; a test keeps
them current. ``object.json`` is the ``data`` of an event, ``event-object.json`` the whole event.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any, TextIO

import msgspec

from edge_agent import wire
from edge_agent.core.command_line.parser import nearest
from edge_agent.wire.base import END

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).with_name("schemas")

Schema = dict[str, Any]


def message_types() -> dict[str, Any]:
    """Return the type of every message by the name of its schema."""
    types: dict[str, Any] = {
        "state": wire.State,
        "birth": wire.Birth,
        "heartbeat": wire.Heartbeat,
        "doctor": wire.Doctor,
        "reply": wire.Reply,
        "ack": wire.Ack,
        "central-alert": wire.CentralAlert,
        "rehearsal": wire.RehearsalResult,
        "rules": wire.ConfiguredRules,
        "claim": wire.Claim,
        "claim-answer": wire.ClaimAnswer,
        "central-claim": wire.CentralClaim,
        "site-bundle": wire.SiteBundle,
    }
    for kind, data in wire.DATA_OF_KIND.items():
        types[kind] = data
        types[f"event-{kind}"] = wire.CloudEvent[data]  # type: ignore[valid-type]
    for kind, args in wire.ARGUMENTS.items():
        types[f"command-{kind}"] = wire.Command[args]  # type: ignore[valid-type]
    return types


def schema_of(name: str) -> Schema:
    """Return the self-contained schema of a message. Raises ``KeyError`` for an unknown name."""
    (reference,), parts = msgspec.json.schema_components(
        [message_types()[name]], ref_template="#/$defs/{name}"
    )
    root = parts.pop(reference["$ref"].rsplit("/", 1)[1])
    if name.startswith("event-"):
        kind = name.removeprefix("event-")
        root["properties"]["type"] = {"const": f"{wire.TYPE_PREFIX}{kind}.v1"}
        root["properties"]["dataschema"] = {"const": f"{wire.SCHEMA_BASE}{kind}.json"}
        root["title"] = f"Event {kind}"
    if name.startswith("command-"):
        kind = name.removeprefix("command-")
        root["properties"]["type"] = {"const": kind}
        root["title"] = f"Command {kind}"
    if "specversion" in root["properties"]:
        # These fields have defaults only because they never change; the messages always contain them.
        root["required"] = [*root["required"], "specversion", "datacontenttype"]
    if "schema" in root["properties"]:
        root["required"] = ["schema", *root["required"]]
    head = {"$schema": DIALECT, "$id": f"{wire.SCHEMA_BASE}{name}.json"}
    schema = {**head, **root, **({"$defs": parts} if parts else {})}
    simplify(schema)
    return schema


def simplify(node: object) -> None:
    """Normalise the descriptions and patterns of a schema in place.

    Python 3.13 removes the indentation of docstrings, 3.11 does not; both must give the same schema. ``END``
    becomes ``$``, because in ECMA-262, the language of a schema's patterns, ``$`` matches at the end only.
    """
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            node["description"] = inspect.cleandoc(node["description"])
        if isinstance(node.get("pattern"), str):
            node["pattern"] = node["pattern"].replace(END, "$")
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            simplify(part)


def schema_text(name: str) -> str:
    return json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"


def run_schema(name: str | None, stdout: TextIO, as_json: bool = False) -> int:
    """Print one schema, or all names: ``edge-agent schema [NAME]``. Returns 2 for an unknown name."""
    names = sorted(path.stem for path in FOLDER.glob("*.json"))
    if name is None:
        stdout.write((json.dumps(names, indent=2) if as_json else "\n".join(names)) + "\n")
        return 0
    if name not in names:
        text = f"there is no message {name!r}{nearest(name, names)}; `edge-agent schema` lists all"
        print(f"edge-agent schema: {text}", file=sys.stderr)
        return 2
    stdout.write((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return 0


def write_schemas() -> None:
    """Rewrite all files and remove those of messages that no longer exist."""
    names = message_types()
    for path in FOLDER.glob("*.json"):
        if path.stem not in names:
            path.unlink()
    for name in names:
        (FOLDER / f"{name}.json").write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m edge_agent.wire.json_schema --write")
    write_schemas()
