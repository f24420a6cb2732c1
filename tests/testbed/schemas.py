"""Validators of messages by their schemas. tests/wire/test_schemas.py checks the schemas themselves."""

from __future__ import annotations

from functools import cache

from jsonschema import Draft202012Validator

from edge_agent.wire.json_schema import schema_of


@cache
def schema_validator(name: str) -> Draft202012Validator:
    """Making one takes as long as validating tens of messages."""
    return Draft202012Validator(schema_of(name))


def check_message(message: object, name: str) -> None:
    """Raise ValidationError for a document that the schema ``name`` does not allow."""
    schema_validator(name).validate(message)
