"""Faults of subscriptions, in the forms of WS-BaseNotification and WS-ResourceFramework.

They count as faults of the receiver, so the HTTP status is 500 (ONVIF Core, "SOAP Fault Messages").
"""

from __future__ import annotations

from datetime import datetime

from edge_agent.core.clock import rfc3339
from edge_central.onvif.soap.envelope import SoapFault
from edge_central.onvif.soap.values import duration
from edge_central.onvif.soap.xml_writer import XmlText, element, text_element


def subscription_fault(name: str, why: str, now: datetime, *more: XmlText) -> SoapFault:
    """Return a fault of a subscription. ``name``: name of the fault's element, such as
    ``wsnt:InvalidFilterFault``."""
    detail = element(
        name,
        text_element("wsrf-bf:Timestamp", rfc3339(now)),
        text_element("wsrf-bf:Description", why),
        *more,
    )
    return SoapFault("Receiver", (name,), why, detail=detail)


def unknown_subscription(now: datetime) -> SoapFault:
    """Return the fault for an unknown subscription, which is also the one for another account's
    subscription."""
    why = "there is no such subscription: it has ended, or was never here"
    return subscription_fault("wsrf-r:ResourceUnknownFault", why, now)


def unacceptable_time(name: str, now: datetime, earliest: datetime, latest: datetime) -> SoapFault:
    """Return the fault for a termination time that is not between ``earliest`` and ``latest``."""
    return subscription_fault(
        name,
        "this termination time is not possible",
        now,
        text_element("wsnt:MinimumTime", rfc3339(earliest)),
        text_element("wsnt:MaximumTime", rfc3339(latest)),
    )


def timeout_too_long(max_timeout_s: float, max_messages: int) -> SoapFault:
    detail = element(
        "tev:PullMessagesFaultResponse",
        text_element("tev:MaxTimeout", duration(max_timeout_s)),
        text_element("tev:MaxMessageLimit", str(max_messages)),
    )
    return SoapFault("Receiver", ("ter:InvalidArgVal",), "this timeout is too long", detail=detail)


def invalid_argument(why: str) -> SoapFault:
    return SoapFault("Sender", ("ter:InvalidArgVal",), why)


def not_authorized(why: str) -> SoapFault:
    return SoapFault("Sender", ("ter:NotAuthorized",), why, status=401)
