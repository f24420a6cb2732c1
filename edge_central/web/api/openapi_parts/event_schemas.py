"""The schema of each type of event, from ``edge_agent/wire``, chosen by the field ``type``."""

from __future__ import annotations

from typing import Any

from edge_agent import wire
from edge_central.web.api.openapi_parts.operations import Document

OTHER = "OtherEvent"
_NAME = "#/components/schemas/{name}"


def event_types() -> list[Any]:
    """Return the type of each kind's event, envelope with data, in the order of ``wire.DATA_OF_KIND``."""
    return [wire.CloudEvent[data] for data in wire.DATA_OF_KIND.values()]  # type: ignore[valid-type]


def schema_name(kind: str) -> str:
    """Return the name of the schema of a kind, such as ``ZoneIntrusionEvent``."""
    return f"{kind.title().replace('-', '')}Event"


def add_event_schemas(schemas: dict[str, Document], references: list[Document]) -> Document:
    """Give the schemas of ``references`` (of ``event_types``) their names and fixed values, and return the
    schema of any event."""
    mapping: dict[str, str] = {}
    for kind, reference in zip(wire.DATA_OF_KIND, references, strict=True):
        schema = schemas.pop(reference["$ref"].rpartition("/")[2])
        type_, name = f"{wire.TYPE_PREFIX}{kind}.v1", schema_name(kind)
        schema["title"] = name
        schema["properties"]["type"] = {"const": type_}
        schema["properties"]["dataschema"] = {"const": f"{wire.SCHEMA_BASE}{kind}.json"}
        # These fields have defaults, because they never change, but each event has them.
        schema["required"] = [*schema["required"], "specversion", "datacontenttype"]
        schemas[name] = schema
        mapping[type_] = _NAME.format(name=name)
    schemas[OTHER] = _other(list(mapping))
    return {
        "oneOf": [{"$ref": each} for each in (*mapping.values(), _NAME.format(name=OTHER))],
        "discriminator": {"propertyName": "type", "mapping": mapping},
    }


def _other(types: list[str]) -> Document:
    return {
        "title": OTHER,
        "type": "object",
        "description": "An event of a type that this version of the centre does not know: a gateway may have "
        "a newer agent. Ignore it.",
        "properties": {"type": {"type": "string", "not": {"enum": types}}},
        "required": ["specversion", "id", "source", "type", "time"],
    }
