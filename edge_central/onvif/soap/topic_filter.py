"""Topic expressions of subscriptions: the dialects Concrete and ConcreteSet (ONVIF Core, "Topic Filter")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge_central.onvif.mapping import VENDOR_NAMESPACE, VENDOR_PREFIX
from edge_central.onvif.soap.xml_writer import NAMESPACES

CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
DIALECTS = (CONCRETE, CONCRETE_SET)
MAX_PATHS = 64
_NAME = re.compile(r"(?:([\w.-]{1,64}):)?([^\W\d][\w.-]{0,127})")
_SUBTREE = "//."


class TopicRefused(ValueError):
    """The expression is not valid in its dialect."""


@dataclass(frozen=True, slots=True)
class TopicPath:
    path: str  # in the form of ``OnvifTopic.path``
    with_subtree: bool

    def matches(self, path: str) -> bool:
        return path == self.path or (self.with_subtree and path.startswith(f"{self.path}/"))


@dataclass(frozen=True, slots=True)
class TopicFilter:
    """Matches the topics that match at least one path of each expression; without expressions all topics."""

    expressions: tuple[tuple[TopicPath, ...], ...] = ()

    def matches(self, path: str) -> bool:
        return all(any(each.matches(path) for each in paths) for paths in self.expressions)


def parse_topics(text: str, dialect: str, namespaces: Mapping[str, str]) -> tuple[TopicPath, ...]:
    """Return the paths of one expression. ``namespaces``: by prefix, as declared at the expression's element.
    Raises TopicRefused."""
    paths = text.split("|")
    if len(paths) > (MAX_PATHS if dialect == CONCRETE_SET else 1):
        raise TopicRefused("there are too many topics in this expression, or its dialect has no |")
    return tuple(_path(each.strip(), dialect, namespaces) for each in paths)


def _path(text: str, dialect: str, namespaces: Mapping[str, str]) -> TopicPath:
    with_subtree = dialect == CONCRETE_SET and text.endswith(_SUBTREE)
    levels = text.removesuffix(_SUBTREE if with_subtree else "").split("/")
    names = [_level(level, namespaces) for level in levels]
    if ":" not in levels[0]:
        raise TopicRefused("the first level of a topic must have a prefix, such as tns1:RuleEngine")
    return TopicPath("/".join(names), with_subtree)


def _level(text: str, namespaces: Mapping[str, str]) -> str:
    match = _NAME.fullmatch(text)
    if match is None:
        raise TopicRefused(f"this is not the name of a topic: {text[:64]!r}")
    prefix, name = match[1], match[2]
    if prefix is None:
        return name
    # Some clients paste an expression as text and do not declare its prefix.
    uri = namespaces.get(prefix, NAMESPACES.get(prefix) if prefix in ("tns1", VENDOR_PREFIX) else None)
    if uri == VENDOR_NAMESPACE:
        return f"{VENDOR_PREFIX}:{name}"
    if uri != NAMESPACES["tns1"]:
        raise TopicRefused(f"the prefix {prefix!r} is not that of a known topic namespace")
    return name
