"""JSON Schema 2020-12 of a section, generated from the table, for editors and other readers of YAML.

``python -m edge_agent.config.json_schema --write`` renews ``firmware_profiles/schema.json``; a test keeps it
current. Checks across several fields are only in the agent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import Number, Text, WordChoice
from edge_agent.config.fields.schema_types import REQUIRED, Field, FieldType, Section
from edge_agent.config.model.boards import PROFILE
from edge_agent.config.profiles import profile_dir


def json_schema(kind: FieldType) -> dict[str, Any]:
    """Return the schema of ``kind``. Raises ``TypeError`` for a type that profiles do not use."""
    match kind:
        case Section():
            return {
                "type": "object",
                "description": kind.doc,
                "properties": {each.key: _property(each) for each in kind.fields},
                "required": [each.key for each in kind.fields if each.default is REQUIRED],
                "additionalProperties": False,
            }
        case ListOf():
            items = {"items": json_schema(kind.kind), "minItems": kind.least, "maxItems": kind.most}
            return {"type": "array", **items, "uniqueItems": kind.unique}
        case Number():
            number = "integer" if kind.whole else "number"
            return {"type": number, "minimum": kind.low, "maximum": kind.high}
        case WordChoice():
            return {"enum": list(kind.words)}
        case Text():
            return {"type": "string", "pattern": f"^(?:{kind.pattern})$", "maxLength": kind.most}
    raise TypeError(f"no JSON Schema for {type(kind).__name__}")


def profile_schema_text() -> str:
    """Return the schema of a file in ``firmware_profiles/``, as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A board",
        **json_schema(PROFILE),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def schema_file() -> Path:
    return profile_dir() / "schema.json"


def _property(field: Field) -> dict[str, Any]:
    """Return the schema of a key. A key with a default also accepts null, which stands for the default."""
    schema = json_schema(field.kind)
    if field.default is not REQUIRED:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {"description": field.doc, **schema} if "description" not in schema else schema


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m edge_agent.config.json_schema --write")
    schema_file().write_text(profile_schema_text(), encoding="utf-8")
