"""Writes XML: escapes every text, and leaves out characters that XML does not permit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NewType
from xml.sax.saxutils import escape, quoteattr

from edge_central.onvif.mapping import VENDOR_NAMESPACE, VENDOR_PREFIX

XmlText = NewType("XmlText", str)
"""Well-formed XML, without a declaration."""

NAMESPACES = {
    "env": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "ter": "http://www.onvif.org/ver10/error",
    "tns1": "http://www.onvif.org/ver10/topics",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsrf-bf": "http://docs.oasis-open.org/wsrf/bf-2",
    "wsrf-r": "http://docs.oasis-open.org/wsrf/r-2",
    "xs": "http://www.w3.org/2001/XMLSchema",
    VENDOR_PREFIX: VENDOR_NAMESPACE,
}
DECLARATIONS = {f"xmlns:{prefix}": uri for prefix, uri in NAMESPACES.items()}
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not permit (production 2)."""


def qualified(prefixed: str) -> str:
    """Return ``{http://…}Filter`` for ``tev:Filter``."""
    prefix, _, name = prefixed.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{name}"


def element(name: str, *content: XmlText, attributes: Mapping[str, str] | None = None) -> XmlText:
    """Return an element whose content is XML. ``name``: the name with its prefix."""
    pairs = "".join(f" {key}={_attribute(value)}" for key, value in (attributes or {}).items())
    inside = "".join(content)
    return XmlText(f"<{name}{pairs}>{inside}</{name}>" if inside else f"<{name}{pairs}/>")


def text_element(name: str, text: str, attributes: Mapping[str, str] | None = None) -> XmlText:
    """Return an element whose content is a text."""
    return element(name, XmlText(escape(_NO_CHARACTER.sub("", text))), attributes=attributes)


def flag(value: bool) -> str:
    return "true" if value else "false"


def _attribute(value: str) -> str:
    return quoteattr(_NO_CHARACTER.sub("", value))
