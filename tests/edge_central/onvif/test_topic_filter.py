"""Topic expressions select topics as ONVIF Core says."""

from __future__ import annotations

import pytest

from edge_central.onvif.soap.topic_filter import (
    CONCRETE,
    CONCRETE_SET,
    MAX_PATHS,
    TopicFilter,
    TopicRefused,
    parse_topics,
)
from edge_central.onvif.soap.xml_writer import NAMESPACES

INSIDE, CROSSED, BLURRY = (
    "RuleEngine/FieldDetector/ObjectsInside",
    "RuleEngine/LineDetector/Crossed",
    "VideoSource/ImageTooBlurry/AnalyticsService",
)
ALL = (INSIDE, CROSSED, BLURRY, "RuleEngine/edge:WrongWay")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tns1:RuleEngine/LineDetector/Crossed", {CROSSED}),
        (" tns1:RuleEngine//. | tns1:VideoSource/ImageTooBlurry//.\n", set(ALL)),
        ("tns1:RuleEngine/FieldDetector//.|tns1:RuleEngine/LineDetector//.", {INSIDE, CROSSED}),
        ("tns1:RuleEngine", set()),  # not its subtree
        ("tns1:RuleEngine/Field//.", set()),  # a part of a name
        ("tns1:VideoAnalytics//.", set()),  # nothing of it here
        ("tns1:RuleEngine/tns1:LineDetector/tns1:Crossed", {CROSSED}),
        ("tns1:RuleEngine/edge:WrongWay", {"RuleEngine/edge:WrongWay"}),
        ("o:RuleEngine/LineDetector/Crossed", {CROSSED}),  # another prefix of the same namespace
    ],
)
def test_what_an_expression_selects(text: str, found: set[str]) -> None:
    topics = TopicFilter((parse_topics(text, CONCRETE_SET, {"o": NAMESPACES["tns1"]}),))
    assert {path for path in ALL if topics.matches(path)} == found


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("", CONCRETE_SET),
        ("RuleEngine/LineDetector", CONCRETE_SET),
        ("tns1:RuleEngine/*", CONCRETE_SET),
        ("tns1:RuleEngine//", CONCRETE_SET),
        ("x:RuleEngine", CONCRETE_SET),
        ("tns1:RuleEngine|", CONCRETE_SET),
        ("|".join(["tns1:A"] * (MAX_PATHS + 1)), CONCRETE_SET),
        ("tns1:RuleEngine//.", CONCRETE),
        ("tns1:RuleEngine|tns1:VideoSource", CONCRETE),
    ],
    ids=range(9),
)
def test_what_is_no_expression_of_its_dialect(text: str, dialect: str) -> None:
    with pytest.raises(TopicRefused):
        parse_topics(text, dialect, {})


def test_a_prefix_that_stands_for_something_else_is_refused() -> None:
    with pytest.raises(TopicRefused):
        parse_topics("tns1:RuleEngine", CONCRETE_SET, {"tns1": "urn:other"})


def test_all_expressions_have_to_match() -> None:
    one, other = (
        parse_topics(text, CONCRETE_SET, {})
        for text in ("tns1:RuleEngine//.", "tns1:RuleEngine/LineDetector//.")
    )
    assert [path for path in ALL if TopicFilter((one, other)).matches(path)] == [CROSSED]
    assert all(TopicFilter().matches(path) for path in ALL)
