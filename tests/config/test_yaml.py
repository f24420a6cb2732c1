"""Any file gives Settings or a ConfigError, nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.fields import tree
from edge_agent.config.fields.schema_types import Section
from edge_agent.config.model.camera import CAMERA
from edge_agent.config.model.camera_parts import CLIP
from edge_agent.config.model.rule_kinds import KINDS
from edge_agent.config.model.schedule import SCHEDULE
from edge_agent.config.model.storage import STORAGE
from edge_agent.config.schema import ROOT
from tests.config.places import KNOWN_BOARD, MINIMAL, STEADY, problems_of

_KEYS = sorted(
    {f.key for f in ROOT.fields}
    | {"id", "ward", "brokers", "url", "masks", "labels", "fps", "analyse"}
    | {"zones", "polygon", "rules", "kind", "zone", "schedule", "days", "from", "to", "holidays", "lines"}
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["rtsp://h/s", "mqtt://h", "cam-1", "~", "22:00", "256MB", "/clip", "auto", "mon-fri", "yard"]
    ),
    st.sampled_from(
        ["no", "", "null", "#", "a: b", " x ", "two\nlines\n", "a" * 200, "[", "*a", "p@ss", "5.0", "30s"]
    ),
)
_KEY = st.one_of(st.sampled_from(_KEYS), st.text(max_size=6))
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEY, inner, max_size=4)),
    max_leaves=12,
)
_CONFIGURATIONS = st.fixed_dictionaries({}, optional={field.key: VALUES for field in ROOT.fields})


_POINTS = st.lists(st.one_of(st.floats(0, 1), _SCALARS), min_size=1, max_size=3)
_WAYS = st.one_of(VALUES, st.fixed_dictionaries({"from": _POINTS, "to": _POINTS}))
_SPANS = st.builds(lambda a, b: f"{a}..{b}", st.dates(), st.dates())
_HOLIDAYS = st.lists(st.one_of(st.dates().map(str), _SPANS, st.text("0127-./")))
_SCHEDULES = st.fixed_dictionaries({}, optional={f.key: VALUES for f in SCHEDULE.fields})
_OWN = {"arrow": _WAYS, "schedule": _SCHEDULES, "zone": st.just("yard"), "line": st.just("door")}
_RULES = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"id": st.just("r"), "kind": st.just(str(kind))},
        optional={f.key: _OWN.get(f.key, VALUES) for f in KINDS[kind].fields if f.key not in ("id", "kind")}
        | {"count": VALUES},
    )
)
_CAMERAS = st.fixed_dictionaries(
    {"id": st.just("c"), "url": st.just("rtsp://h/s")},
    optional={f.key: VALUES for f in CAMERA.fields if f.key not in ("id", "url")}
    | {
        "rules": st.lists(_RULES, max_size=3),
        "lines": st.dictionaries(st.sampled_from(["door", "x"]), _WAYS),
        "zones": st.just({"yard": {"polygon": [[0, 0], [1, 0], [1, 1]]}}),
        "clip": st.fixed_dictionaries({}, optional={f.key: VALUES for f in CLIP.fields}),
    },
)
_SITES = st.fixed_dictionaries(
    {
        "profile": st.just("generic-x86_64"),
        "gateway": st.fixed_dictionaries({"id": st.just("g"), "ward": st.just("w"), "holidays": _HOLIDAYS}),
        "mqtt": st.just({"brokers": ["mqtt://h"]}),
        "cameras": st.lists(_CAMERAS, min_size=1, max_size=1),
    },
    optional={"storage": st.fixed_dictionaries({}, optional={f.key: VALUES for f in STORAGE.fields})},
)
"""Complete except for the tested keys: checks across keys get valid and invalid values."""


def _survives(directory: pytest.TempPathFactory, data: bytes) -> None:
    path = directory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    for problem in problems_of(path, no_secrets=True):
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in str(problem)


@settings(STEADY, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    _survives(tmp_path_factory, data)


@settings(STEADY, max_examples=100)
@given(st.text(st.sampled_from("abc:-?[]{},&*!|>'\"%@#~ \n\t<0.1\\x\u00e9\u2028"), max_size=60))
def test_any_yaml_like_text(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    _survives(tmp_path_factory, (KNOWN_BOARD + MINIMAL + text).encode())


def _dumped(configuration: Mapping[str, object]) -> bytes:
    return yaml.safe_dump(configuration, allow_unicode=True).encode("utf-8", "replace")


@settings(STEADY, max_examples=100)
@given(_CONFIGURATIONS.map(_dumped))
def test_any_values_of_the_right_keys(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    _survives(tmp_path_factory, data)


@settings(STEADY, max_examples=200)
@given(_SITES.map(_dumped))
def test_any_rule_line_clip_holiday_or_storage(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    _survives(tmp_path_factory, data)


@settings(STEADY)
@given(VALUES)
def test_positions_point_at_what_was_written(value: object) -> None:
    text = yaml.safe_dump({"key": value}, allow_unicode=False)
    node, problems = tree.parse(text.encode(), "f")
    assert problems == []
    lines = text.splitlines()
    for scalar in _plain_words(node):
        column = scalar.place.column - 1
        assert lines[scalar.place.line - 1][column : column + len(scalar.text)] == scalar.text


def _plain_words(node: tree.Node | None) -> list[tree.Scalar]:
    """Unquoted scalars without blanks, which are in the text exactly as they are read."""
    if isinstance(node, tree.Mapping):
        return [s for entry in node.entries.values() for s in _plain_words(entry.value)]
    if isinstance(node, tree.Sequence):
        return [s for item in node.items for s in _plain_words(item)]
    return [node] if isinstance(node, tree.Scalar) and node.plain and " " not in node.text else []


def test_each_section_documents_itself() -> None:
    for field in ROOT.fields:
        if isinstance(field.kind, Section):
            assert field.kind.doc
            assert all(inner.doc for inner in field.kind.fields)
