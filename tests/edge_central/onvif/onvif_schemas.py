"""The WSDL and XSD files of ONVIF that come with ``onvif-zeep``, as one schema of whole envelopes."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onvif
from lxml import etree

WSDL_FOLDER = Path(onvif.__file__).parents[1] / "wsdl"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XSD = "http://www.w3.org/2001/XMLSchema"

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ENVELOPE = f"""<schema xmlns="{XSD}" xmlns:env="{SOAP}" targetNamespace="{SOAP}"
 elementFormDefault="qualified">
<import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"/>
<complexType name="anything"><sequence>
<any namespace="##any" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
</sequence></complexType>
<element name="Envelope"><complexType><sequence>
<element name="Header" type="env:anything" minOccurs="0"/><element name="Body" type="env:anything"/>
</sequence></complexType></element>
<complexType name="subcode"><sequence>
<element name="Value" type="QName"/><element name="Subcode" type="env:subcode" minOccurs="0"/>
</sequence></complexType>
<element name="Fault"><complexType><sequence>
<element name="Code" type="env:subcode"/>
<element name="Reason"><complexType><sequence><element name="Text" maxOccurs="unbounded"><complexType>
<simpleContent><extension base="string"><attribute ref="xml:lang" use="required"/></extension></simpleContent>
</complexType></element></sequence></complexType></element>
<element name="Detail" type="env:anything" minOccurs="0"/>
</sequence></complexType></element></schema>"""
"""Of SOAP 1.2, which onvif-zeep does not bring: the parts that our answers have."""


@cache
def envelope_schema() -> Any:
    """An ``lxml.etree.XMLSchema`` of envelopes with calls, answers and faults of both services."""
    with TemporaryDirectory() as made:
        folder = Path(made) / "wsdl"
        shutil.copytree(WSDL_FOLDER, folder)
        (folder / "soap-1.2.xsd").write_text(ENVELOPE, encoding="utf-8")
        imports = [
            (SOAP, "soap-1.2.xsd"),
            ("http://docs.oasis-open.org/wsrf/r-2", "r-2.xsd"),
        ]
        for name in ("devicemgmt", "events"):
            tree = etree.parse(folder / f"{name}.wsdl")
            schema = tree.find(f"{WSDL}types").find(f"{{{XSD}}}schema")
            (folder / f"{name}.xsd").write_bytes(etree.tostring(schema))
            imports.append((schema.get("targetNamespace"), f"{name}.xsd"))
        lines = "".join(f'<import namespace="{uri}" schemaLocation="{file}"/>' for uri, file in imports)
        everything = folder / "everything.xsd"
        everything.write_text(f'<schema xmlns="{XSD}">{lines}</schema>', encoding="utf-8")
        return etree.XMLSchema(etree.parse(everything))
