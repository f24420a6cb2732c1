"""SOAP 1.2 envelopes with WS-Addressing: parses requests, and makes answers and faults."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from edge_central.onvif.soap.xml_reader import XmlElement, XmlRefused, read_xml
from edge_central.onvif.soap.xml_writer import (
    DECLARATIONS,
    NAMESPACES,
    XmlText,
    element,
    qualified,
    text_element,
)

CONTENT_TYPE = "application/soap+xml; charset=utf-8"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
MAX_MESSAGE_ID = 512
FAULT_ACTION = "http://www.w3.org/2005/08/addressing/soap/fault"
_UNDERSTOOD = (f"{{{NAMESPACES['wsa']}}}", f"{{{WSSE}}}")
_SOAP_1_1 = "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"

FaultCode = Literal["Sender", "Receiver", "VersionMismatch", "MustUnderstand"]


class SoapFault(Exception):
    """A request is refused, and this is the answer. ``subcodes``: from the general one to the special one."""

    def __init__(
        self,
        code: FaultCode,
        subcodes: tuple[str, ...],
        reason: str,
        *,
        detail: XmlText | None = None,
        status: int | None = None,
        message_id: str = "",
    ) -> None:
        super().__init__(reason)
        self.code, self.subcodes, self.reason, self.detail = code, subcodes, reason, detail
        of_code = HTTPStatus.BAD_REQUEST if code == "Sender" else HTTPStatus.INTERNAL_SERVER_ERROR
        self.status = status or of_code
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """The login in a request, unverified."""

    name: str
    password: str
    type: str
    nonce: str
    created: str


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """A parsed SOAP request; ``call`` is the first element of its body."""

    call: XmlElement
    message_id: str
    token: UsernameToken | None


def parse_request(document: bytes) -> SoapRequest:
    """Parse a request. Raises SoapFault."""
    try:
        root = read_xml(document)
    except XmlRefused as error:
        raise SoapFault("Sender", ("ter:WellFormed",), str(error)) from None
    if root.name == _SOAP_1_1:
        raise SoapFault("VersionMismatch", (), "the envelope must be SOAP 1.2")
    body = root.find(qualified("env:Body")) if root.name == qualified("env:Envelope") else None
    if body is None or len(body.children) != 1:
        raise SoapFault(
            "Sender", ("ter:WellFormed",), "the envelope must have a body with exactly one element"
        )
    header = root.find(qualified("env:Header"))
    blocks = [] if header is None else header.children
    for block in blocks:
        required = block.attributes.get(qualified("env:mustUnderstand"), "false").strip()
        if required in ("1", "true") and not block.name.startswith(_UNDERSTOOD):
            raise SoapFault("MustUnderstand", (), f"the header {block.name[:200]} is not understood")
    named = next((block for block in blocks if block.name == qualified("wsa:MessageID")), None)
    security = next((block for block in blocks if block.name == f"{{{WSSE}}}Security"), None)
    return SoapRequest(
        body.children[0],
        "" if named is None else named.text[:MAX_MESSAGE_ID],
        None if security is None else _username_token(security),
    )


def _username_token(security: XmlElement) -> UsernameToken | None:
    token = security.find(f"{{{WSSE}}}UsernameToken")
    if token is None:
        return None
    password = token.find(f"{{{WSSE}}}Password")
    texts = [
        "" if (child := token.find(name)) is None else child.text
        for name in (f"{{{WSSE}}}Username", f"{{{WSSE}}}Nonce", f"{{{WSU}}}Created")
    ]
    return UsernameToken(
        name=texts[0],
        password="" if password is None else password.text,
        type="" if password is None else password.attributes.get("Type", ""),
        nonce=texts[1],
        created=texts[2],
    )


def answer(call: XmlText, action: str, message_id: str) -> bytes:
    """Return the envelope of an answer. ``message_id``: the id of the request."""
    header = [text_element("wsa:Action", action)]
    if message_id:
        header.append(text_element("wsa:RelatesTo", message_id))
    return _document(element("env:Header", *header), element("env:Body", call))


def fault(of: SoapFault) -> bytes:
    """Return the envelope of a fault."""
    code = text_element("env:Value", f"env:{of.code}")
    inner = XmlText("")
    for subcode in reversed(of.subcodes):
        inner = element("env:Subcode", text_element("env:Value", subcode), inner)
    reason = element("env:Reason", text_element("env:Text", of.reason, {"xml:lang": "en"}))
    detail = XmlText("") if of.detail is None else element("env:Detail", of.detail)
    body = element("env:Fault", element("env:Code", code, inner), reason, detail)
    return answer(body, FAULT_ACTION, of.message_id)


def _document(*content: XmlText) -> bytes:
    envelope = element("env:Envelope", *content, attributes=DECLARATIONS)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{envelope}'.encode()
