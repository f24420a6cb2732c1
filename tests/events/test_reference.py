"""The examples in the documentation are real."""

from __future__ import annotations

import re
from pathlib import Path

from edge_agent import wire
from tests.events.parts import valid

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"


def test_every_kind_has_an_example_and_every_example_is_valid() -> None:
    examples = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    types = [valid(example.encode())["type"] for example in examples]
    assert types == [f"{wire.TYPE_PREFIX}{kind}.v1" for kind in wire.DATA_OF_KIND]
