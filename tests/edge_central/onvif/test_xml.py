"""XML of strangers is bounded, and what is written is XML whatever a gateway has sent."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from edge_central.onvif.soap.xml_reader import MAX_DEPTH, MAX_ELEMENTS, MAX_NAMESPACES, XmlRefused, read_xml
from edge_central.onvif.soap.xml_writer import element, text_element

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><l>&c;</l>"""
NAMESPACES = "".join(f' xmlns:p{number}="urn:{number}"' for number in range(MAX_NAMESPACES + 1))


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS,
        b'<!DOCTYPE l SYSTEM "file:///etc/passwd"><l/>',
        b'<!DOCTYPE l [<!ENTITY e SYSTEM "file:///etc/passwd">]><l>&e;</l>',
        b"<l>&e;</l>",
        b"<?run this?><l/>",
        b"<l>" * (MAX_DEPTH + 1) + b"</l>" * (MAX_DEPTH + 1),
        b"<l>" + b"<a/>" * MAX_ELEMENTS + b"</l>",
        f"<l{NAMESPACES}/>".encode(),
        b'<?xml version="1.0" encoding="no-such"?><l/>',
        b"<l><a></l></a>",
        b"<p:l/>",
        b"<l/><l/>",
        b"<l>\x00</l>",
        b"",
        b"\xff\xfe",
    ],
    ids=lambda document: document[:24].decode("latin-1"),
)
def test_hostile_xml_is_refused(document: bytes) -> None:
    with pytest.raises(XmlRefused):
        read_xml(document)


def test_names_are_qualified_and_prefixes_are_those_in_scope() -> None:
    root = read_xml(b'<a xmlns="urn:a" xmlns:p="urn:p"><p:b p:x="1"> t<c xmlns:p="urn:q"/> u</p:b></a>')
    child = root.children[0]
    assert (root.name, child.name, child.text) == ("{urn:a}a", "{urn:p}b", "t u")
    assert child.attributes == {"{urn:p}x": "1"}
    assert (child.namespaces["p"], child.children[0].namespaces["p"]) == ("urn:p", "urn:q")


def test_whatever_is_written_is_xml() -> None:
    hostile = "".join(map(chr, [*range(0x100), 0xFFFE, 0xFFFF, 0x1F600])) + "]]></a><!--"
    written = element("a", text_element("b", hostile, {"c": hostile}))
    parsed = ET.fromstring(written)
    assert "]]></a><!--" in (parsed[0].text or "")
    assert chr(0x1F600) in parsed[0].attrib["c"]
    assert "\x00" not in written
