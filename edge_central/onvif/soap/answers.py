"""The bodies of answers, as the ONVIF schemas define them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from edge_agent.core.clock import rfc3339, rfc3339_of_ms
from edge_central.onvif.notification import Items, ItemValue, Notification
from edge_central.onvif.soap.topic_filter import CONCRETE_SET
from edge_central.onvif.soap.xml_writer import NAMESPACES, XmlText, element, flag, text_element

DEVICE_VERSION = EVENT_VERSION = (21, 6)
"""Major and minor version of the schemas that these answers follow."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The centre as an ONVIF device. The addresses are those at which the client reaches it."""

    device_url: str
    event_url: str
    version: str
    id: str
    max_pull_points: int


# --- the device service ---


def system_date_and_time(now: datetime) -> XmlText:
    time = [("Hour", now.hour), ("Minute", now.minute), ("Second", now.second)]
    date = [("Year", now.year), ("Month", now.month), ("Day", now.day)]
    utc = element("tt:UTCDateTime", _numbers("tt:Time", time), _numbers("tt:Date", date))
    return element(
        "tds:GetSystemDateAndTimeResponse",
        element(
            "tds:SystemDateAndTime",
            text_element("tt:DateTimeType", "NTP"),
            text_element("tt:DaylightSavings", "false"),
            element("tt:TimeZone", text_element("tt:TZ", "UTC0")),
            utc,
        ),
    )


def _numbers(name: str, values: Iterable[tuple[str, int]]) -> XmlText:
    return element(name, *(text_element(f"tt:{each}", str(number)) for each, number in values))


def device_information(facts: DeviceFacts) -> XmlText:
    return element(
        "tds:GetDeviceInformationResponse",
        text_element("tds:Manufacturer", "edge-agent"),
        text_element("tds:Model", "edge-central"),
        text_element("tds:FirmwareVersion", facts.version),
        text_element("tds:SerialNumber", facts.id),
        text_element("tds:HardwareId", "edge-central"),
    )


def services(facts: DeviceFacts, with_capabilities: bool) -> XmlText:
    rows = (
        ("tds", facts.device_url, DEVICE_VERSION, _device_capabilities()),
        ("tev", facts.event_url, EVENT_VERSION, _event_capabilities(facts)),
    )
    return element(
        "tds:GetServicesResponse",
        *(
            element(
                "tds:Service",
                text_element("tds:Namespace", NAMESPACES[prefix]),
                text_element("tds:XAddr", url),
                *([element("tds:Capabilities", capabilities)] if with_capabilities else []),
                _numbers("tds:Version", (("Major", version[0]), ("Minor", version[1]))),
            )
            for prefix, url, version, capabilities in rows
        ),
    )


def capabilities(facts: DeviceFacts, categories: frozenset[str]) -> XmlText:
    """Return the answer to ``GetCapabilities``. ``categories``: Device, Events or both."""
    found = []
    if "Device" in categories:
        found.append(element("tt:Device", text_element("tt:XAddr", facts.device_url)))
    if "Events" in categories:
        found.append(
            element(
                "tt:Events",
                text_element("tt:XAddr", facts.event_url),
                text_element("tt:WSSubscriptionPolicySupport", "true"),
                text_element("tt:WSPullPointSupport", "true"),
                text_element("tt:WSPausableSubscriptionManagerInterfaceSupport", "false"),
            )
        )
    return element("tds:GetCapabilitiesResponse", element("tds:Capabilities", *found))


def device_service_capabilities() -> XmlText:
    return element("tds:GetServiceCapabilitiesResponse", _device_capabilities())


def _device_capabilities() -> XmlText:
    security = {"HttpDigest": flag(True), "UsernameToken": flag(True)}
    return element(
        "tds:Capabilities",
        element("tds:Network"),
        element("tds:Security", attributes=security),
        element("tds:System"),
    )


# --- the event service ---


def event_service_capabilities(facts: DeviceFacts) -> XmlText:
    return element("tev:GetServiceCapabilitiesResponse", _event_capabilities(facts))


def _event_capabilities(facts: DeviceFacts) -> XmlText:
    attributes = {
        "WSSubscriptionPolicySupport": flag(True),  # ChangedOnly
        "WSPullPointSupport": flag(True),
        "WSPausableSubscriptionManagerInterfaceSupport": flag(False),
        "MaxNotificationProducers": "0",
        "MaxPullPoints": str(facts.max_pull_points),
        "PersistentNotificationStorage": flag(False),
    }
    return element("tev:Capabilities", attributes=attributes)


def subscription_created(url: str, now: datetime, until: datetime) -> XmlText:
    return element(
        "tev:CreatePullPointSubscriptionResponse",
        element("tev:SubscriptionReference", text_element("wsa:Address", url)),
        text_element("wsnt:CurrentTime", rfc3339(now)),
        text_element("wsnt:TerminationTime", rfc3339(until)),
    )


def renewed(now: datetime, until: datetime) -> XmlText:
    return element(
        "wsnt:RenewResponse",
        text_element("wsnt:TerminationTime", rfc3339(until)),
        text_element("wsnt:CurrentTime", rfc3339(now)),
    )


def unsubscribed() -> XmlText:
    return element("wsnt:UnsubscribeResponse")


def synchronised() -> XmlText:
    return element("tev:SetSynchronizationPointResponse")


def messages(found: Iterable[Notification], now: datetime, until: datetime) -> XmlText:
    return element(
        "tev:PullMessagesResponse",
        text_element("tev:CurrentTime", rfc3339(now)),
        text_element("tev:TerminationTime", rfc3339(until)),
        *map(_notification, found),
    )


def _notification(each: Notification) -> XmlText:
    attributes = {"UtcTime": rfc3339_of_ms(each.time_ms)}
    if each.operation is not None:
        attributes["PropertyOperation"] = each.operation.value
    content = [_items("tt:Source", each.source_in_city)]
    if each.data:
        content.append(_items("tt:Data", each.data))
    return element(
        "wsnt:NotificationMessage",
        text_element("wsnt:Topic", each.topic.name, {"Dialect": CONCRETE_SET}),
        element("wsnt:Message", element("tt:Message", *content, attributes=attributes)),
    )


def _items(name: str, items: Items) -> XmlText:
    return element(
        name,
        *(
            element("tt:SimpleItem", attributes={"Name": item, "Value": _value(value)})
            for item, value in items
        ),
    )


def _value(value: ItemValue) -> str:
    return flag(value) if isinstance(value, bool) else str(value)
