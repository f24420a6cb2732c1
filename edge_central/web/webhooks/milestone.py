"""The analytics event of Milestone XProtect for an event or an alert, as XML. Pure.

Order and types of the elements are those of ``AnalyticsEvent.xsd`` in Milestone's MIP SDK samples
(``TriggerAnalyticsEventXML``). XProtect finds the event's definition by ``Message``, and the camera by
``Source``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from edge_agent.core.problems.problem import encode_json
from edge_central.web.i18n import Lang, translate_word
from edge_central.web.pages.rules.event_scene import corners
from edge_central.web.webhooks.due import DueNotice
from edge_central.web.webhooks.notice import WebhookNotice
from edge_central.webhook_settings import MilestoneFormat

CONTENT_TYPE = "text/xml; charset=utf-8"
NAMESPACE = "urn:milestone-systems"
CAMERA_KIND = "5135BA21-F1DC-4321-806A-6CE2017343C0"
"""The kind of items that are cameras, as the schema lists it."""
UNKNOWN_EVENT = "Event message not known"
"""The event server's answer, with status 200, to an event that is not defined in the Management Client.
Milestone's sample checks for this text."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow, even escaped."""


def analytics_event(notice: WebhookNotice, due: DueNotice, settings: MilestoneFormat) -> bytes:
    """Return the document of an event or alert. It has the same ID when it is sent again."""
    lang: Lang = "en" if settings.lang == "en" else "vi"
    event = Element(_tag("AnalyticsEvent"))
    _add_header(event, notice, due, settings, lang)
    text = notice.text.en if lang == "en" else notice.text.vi
    _add(event, "Description", f"{text}\n{notice.links.console}")
    _add(event, "Location", ", ".join(filter(None, (notice.site_name, notice.ward_name))))
    if due.event is not None:
        _add_rule(event, due.event.data.rule_id, due.kind)
        _add_object(event, due.event.data.label, due.event.data.box)
    vendor = _add(event, "Vendor")
    _add(vendor, "Name", "edge-agent")
    _add(vendor, "CustomData", encode_json(notice).decode())
    document: bytes = tostring(event, encoding="utf-8", xml_declaration=True, default_namespace=NAMESPACE)
    return document


def _add_header(
    event: Element, notice: WebhookNotice, due: DueNotice, settings: MilestoneFormat, lang: Lang
) -> None:
    header = _add(event, "EventHeader")
    _add(header, "ID", str(uuid5(NAMESPACE_URL, f"edge-agent:{notice.id}")))
    # A gateway whose clock is not synchronised may say 1970, where no operator looks for an alarm.
    unsynced = due.event is not None and not due.event.synced
    _add(header, "Timestamp", notice.received if unsynced else notice.time)
    _add(header, "Class", "Analytics")
    _add(header, "Type", due.kind)
    _add(header, "Name", translate_word("rule" if due.event is None else "kind", due.kind, lang))
    _add(header, "Message", due.kind)
    _add(header, "CustomTag", notice.ward)
    _add_source(header, notice, settings.sources)


def _add_source(header: Element, notice: WebhookNotice, sources: Mapping[str, Mapping[str, str]]) -> None:
    camera = "" if notice.camera == "gateway" else notice.camera or ""
    found = sources.get(notice.gateway or "", {}).get(camera, "")
    source = _add(header, "Source")
    if _GUID.fullmatch(found):
        identity = _add(source, "FQID")
        _add(identity, "ObjectId", found)
        _add(identity, "FolderType", "0")
        _add(identity, "Kind", CAMERA_KIND)
    else:
        named = notice.camera_name if camera else notice.site_name or notice.ward_name
        _add(source, "Name", found or named)


def _add_rule(event: Element, rule: str | None, kind: str) -> None:
    if rule:
        found = _add(_add(event, "RuleList"), "Rule")
        _add(found, "Name", rule)
        _add(found, "Type", kind)


def _add_object(event: Element, label: str | None, box: object) -> None:
    """Add the object. ``box``: as the gateway wrote it, x1, y1, x2, y2 in 0..1 of the picture."""
    found = corners(box)
    if found is None:
        return
    shown = _add(_add(event, "ObjectList"), "Object")
    if label:
        _add(shown, "Name", label)
        _add(shown, "Type", label)
    _add(shown, "AlarmTrigger", "true")
    bounds = _add(shown, "BoundingBox")
    left, top, right, bottom = found
    for name, value in (("Top", top), ("Left", left), ("Bottom", bottom), ("Right", right)):
        _add(bounds, name, repr(value))


def _add(parent: Element, name: str, text: str | None = None) -> Element:
    child = SubElement(parent, _tag(name))
    child.text = None if text is None else _NOT_XML.sub("", text)
    return child


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
