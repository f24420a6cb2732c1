"""The answer to ``GetEventProperties``: the topics with the descriptions of their messages."""

from __future__ import annotations

from functools import cache

from edge_central.onvif.mapping import ALL_TOPICS, ItemDescription, OnvifTopic, SourceForm
from edge_central.onvif.soap.topic_filter import DIALECTS
from edge_central.onvif.soap.xml_writer import XmlText, element, flag, text_element

NAMESPACE_LOCATION = "http://www.onvif.org/onvif/ver10/topics/topicns.xml"
SCHEMA_LOCATION = "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"
TYPES = {
    "VideoSource": "tt:ReferenceToken",
    "Source": "tt:ReferenceToken",
    "Rule": "xs:string",
    "edge:Gateway": "xs:string",
}
"""Types of the items of sources."""


@cache
def event_properties() -> XmlText:
    """Return the answer. Its set of topics is fixed: it does not depend on the rules of gateways."""
    return element(
        "tev:GetEventPropertiesResponse",
        text_element("tev:TopicNamespaceLocation", NAMESPACE_LOCATION),
        text_element("wsnt:FixedTopicSet", "true"),
        element("wstop:TopicSet", *_levels({topic.path: topic for topic in ALL_TOPICS}, "tns1:")),
        *(text_element("wsnt:TopicExpressionDialect", dialect) for dialect in DIALECTS),
        text_element("tev:MessageContentFilterDialect", ""),  # one empty address: no dialect is supported
        text_element("tev:MessageContentSchemaLocation", SCHEMA_LOCATION),
    )


def _levels(topics: dict[str, OnvifTopic], prefix: str = "") -> list[XmlText]:
    """Return an element for each first part of the paths, with elements for the next parts inside.
    ``prefix``: namespace prefix of these elements; only the root of a topic is in the namespace of ONVIF
    (WS-Topics, section 6)."""
    found = []
    for name in dict.fromkeys(path.partition("/")[0] for path in topics):
        inside = {
            path.partition("/")[2]: topic for path, topic in topics.items() if path.startswith(f"{name}/")
        }
        topic = topics.get(name)
        attributes = {} if topic is None else {"wstop:topic": "true"}
        content = [] if topic is None else [_description(topic)]
        found.append(element(f"{prefix}{name}", *content, *_levels(inside), attributes=attributes))
    return found


def _description(topic: OnvifTopic) -> XmlText:
    names = topic.source.value if topic.source is not SourceForm.GATEWAY else ("edge:Gateway",)
    source = [ItemDescription(name, TYPES[name]) for name in names]
    return element(
        "tt:MessageDescription",
        _list("tt:Source", source),
        _list("tt:Data", topic.data),
        attributes={"IsProperty": flag(topic.is_property)},
    )


def _list(name: str, items: tuple[ItemDescription, ...] | list[ItemDescription]) -> XmlText:
    return element(
        name,
        *(
            element("tt:SimpleItemDescription", attributes={"Name": item.name, "Type": item.type})
            for item in items
        ),
    )
