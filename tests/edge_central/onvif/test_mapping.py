"""Each kind of event has an ONVIF topic, or is listed as one that has none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

from edge_agent import wire
from edge_central.onvif.mapping import ALL_TOPICS, NOT_MAPPED, TOPIC_OF_VIEW, TOPICS_OF_KIND, markdown

PAGE = Path(__file__).parents[3] / "docs/reference/onvif-topics.md"


def test_every_kind_of_event_is_mapped_or_listed() -> None:
    assert TOPICS_OF_KIND.keys() | NOT_MAPPED.keys() == wire.DATA_OF_KIND.keys()
    assert not TOPICS_OF_KIND.keys() & NOT_MAPPED.keys()


def test_every_view_with_a_topic_is_one_that_cameras_report() -> None:
    states = set(get_args(get_type_hints(wire.CameraViewData)["state"]))
    without = {"visibility-degraded", "illumination-change", "colour-mono-switch"}
    assert set(TOPIC_OF_VIEW) | without == states
    assert set(TOPIC_OF_VIEW.values()) == set(TOPICS_OF_KIND["camera-view"])


def test_the_page_of_topics_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m edge_central.onvif.mapping > docs/reference/onvif-topics.md"
    )


def test_every_topic_and_item_has_a_name_that_xml_and_mqtt_can_have() -> None:
    for topic in ALL_TOPICS:
        assert re.fullmatch(r"[A-Za-z]+(/(edge:)?[A-Za-z]+)+", topic.path)
        assert all(re.fullmatch(r"(edge:)?[A-Za-z]+", item.name) for item in topic.data)
        assert all(item.type.partition(":")[0] in ("xs", "tt") for item in topic.data)
