"""The rules of Milestone's ``AnalyticsEvent.xsd`` (version 1.0), and a strict reader that applies them.

The schema itself is in the MIP SDK samples; the table says the same: the elements of each type in their
order, which are required, and the form of their texts. Attributes are not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

NAMESPACE = "urn:milestone-systems"
_BYTE = r"\s*(25[0-5]|2[0-4]\d|1?\d?\d)\s*"
_DOUBLE = r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"
FORMS: dict[str, str] = {
    "text": r"(?s:.*)",
    "guid": r"[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}",
    "time": _TIME,
    "flag": r"\s*(true|false|0|1)\s*",
    "number": r"\s*\d{1,9}\s*",
    "byte": _BYTE,
    "double": _DOUBLE,
}
TYPES: dict[str, str] = {
    "AnalyticsEvent": "EventHeader!:EventHeader Description:text StartTime:time EndTime:time Location:text "
    "Count:number RuleList:RuleList ObjectList:ObjectList ReferenceList:ReferenceList "
    "SnapshotList:SnapshotList Vendor:Vendor",
    "EventHeader": "ID!:guid Timestamp!:time Class:text Type:text Version:text Priority:number Name:text "
    "Message!:text CustomTag:text Source:Source",
    "Source": "Name:text Description:text FQID:FQID",
    "FQID": "ServerId:ServerId ParentId:guid ObjectId:guid ObjectIdString:text FolderType!:byte Kind!:guid",
    "ServerId": "Type:text Hostname:text Port:number Id!:guid",
    "RuleList": "Rule*:Rule",
    "Rule": "ID:guid Name:text Type:text PolygonList:PolygonList",
    "ObjectList": "Object*:Object",
    "Object": "ID:guid Name:text Type:text Description:text Confidence:double Value:text AlarmTrigger:flag "
    "Removed:flag Color:text Size:double SizeUnit:text BoundingBox:BoundingBox",
    "BoundingBox": "Top!:double Left!:double Bottom!:double Right!:double Color:Color",
    "Color": "A!:byte R!:byte G!:byte B!:byte",
    "Vendor": "Name:text CustomData:text",
}
"""``Name!`` is required, ``Name*`` may be repeated. Polygons, motion, masks, snapshots and references, which
edge-agent does not send, have no type here: the reader refuses them."""


def breaches(document: bytes) -> list[str]:
    """What an event server that validates would refuse."""
    root = fromstring(document)
    if root.tag != f"{{{NAMESPACE}}}AnalyticsEvent":
        return [f"the root is {root.tag}"]
    return list(_breaches(root, "AnalyticsEvent", "AnalyticsEvent"))


def _breaches(element: Element, kind: str, path: str) -> Iterator[str]:
    if element.attrib:
        yield f"{path} has attributes"
    if kind in FORMS:
        if len(element) or not re.fullmatch(FORMS[kind], element.text or ""):
            yield f"{path} is no {kind}: {element.text!r}"
        return
    if kind not in TYPES:
        yield f"{path} is of a type that is not in the table"
        return
    if any((text or "").strip() for text in (element.text, *(child.tail for child in element))):
        yield f"{path} has text beside its elements"
    left = list(element)
    for entry in TYPES[kind].split():
        name, _, inner = entry.partition(":")
        plain = name.rstrip("!*")
        taken = 0
        while left and left[0].tag == f"{{{NAMESPACE}}}{plain}" and (not taken or name.endswith("*")):
            yield from _breaches(left.pop(0), inner, f"{path}/{plain}")
            taken += 1
        if name.endswith("!") and not taken:
            yield f"{path} lacks {plain}"
    yield from (f"{path} does not allow {each.tag} there" for each in left)
