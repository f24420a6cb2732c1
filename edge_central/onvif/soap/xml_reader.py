"""Reads the XML of an unknown client into a bounded tree.

Expat alone would process a document type, whose entities can grow without end or name files. Here the parsing
ends at a document type or a processing instruction (SOAP 1.2, section 5, allows neither), and at too many or
too deeply nested elements. The caller limits the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

MAX_DEPTH = 32
MAX_ELEMENTS = 2_000
MAX_NAMESPACES = 64
"""Limit for the prefixes that are in force at one element: clients declare some thirty."""
_SEPARATOR = " "  # between namespace and name; no name contains it


class XmlRefused(ValueError):
    """The text is not XML, or contains something that no valid request contains."""


@dataclass(eq=False, slots=True)
class XmlElement:
    """An element of the tree. ``name`` and attribute names are ``{namespace}name``; without a namespace,
    ``name``."""

    name: str
    attributes: Mapping[str, str]
    namespaces: Mapping[str, str]
    """The namespace of each prefix that is declared here; the prefix of the default namespace is empty."""
    children: list[XmlElement] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text directly inside, without white space around it."""
        return "".join(self.parts).strip()

    def find(self, name: str) -> XmlElement | None:
        """Return the first child with this name; None: there is none."""
        return next((child for child in self.children if child.name == name), None)


def read_xml(document: bytes) -> XmlElement:
    """Return the root of the document. Raises XmlRefused."""
    tree = _Tree()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.add_text
    parser.StartNamespaceDeclHandler = tree.declare
    parser.StartDoctypeDeclHandler = tree.refuse_document_type
    parser.ProcessingInstructionHandler = tree.refuse_instruction
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise XmlRefused(f"the XML cannot be read: {error}") from None
    assert tree.root is not None
    return tree.root


class _Tree:
    def __init__(self) -> None:
        self.root: XmlElement | None = None
        self._open: list[XmlElement] = []
        self._declared: dict[str, str] = {}
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise XmlRefused("too many elements, or elements nested too deeply")
        namespaces: Mapping[str, str] = self._open[-1].namespaces if self._open else {}
        if self._declared:
            namespaces = {**namespaces, **self._declared}
            self._declared = {}
            if len(namespaces) > MAX_NAMESPACES:
                raise XmlRefused("too many namespaces")
        attributes = {_qualified(key): value for key, value in attributes.items()}
        element = XmlElement(_qualified(name), attributes, namespaces)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def add_text(self, text: str) -> None:
        self._open[-1].parts.append(text)

    def declare(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix or ""] = uri or ""

    def refuse_document_type(self, *_: Any) -> None:
        raise XmlRefused("a request must not have a document type")

    def refuse_instruction(self, *_: Any) -> None:
        raise XmlRefused("a request must not have a processing instruction")


def _qualified(name: str) -> str:
    uri, separator, local = name.rpartition(_SEPARATOR)
    return f"{{{uri}}}{local}" if separator else name
