"""The operations of the device service and the event service that answer at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from edge_agent.core.clock import Clock
from edge_central.onvif.pull_points import PullPoint, PullPoints, TooManyPullPoints
from edge_central.onvif.soap import answers
from edge_central.onvif.soap.answers import DeviceFacts
from edge_central.onvif.soap.envelope import SoapFault
from edge_central.onvif.soap.event_properties import event_properties
from edge_central.onvif.soap.faults import (
    invalid_argument,
    subscription_fault,
    unacceptable_time,
    unknown_subscription,
)
from edge_central.onvif.soap.topic_filter import DIALECTS, TopicFilter, TopicPath, TopicRefused, parse_topics
from edge_central.onvif.soap.values import parse_duration, parse_time
from edge_central.onvif.soap.xml_reader import XmlElement
from edge_central.onvif.soap.xml_writer import NAMESPACES, XmlText, qualified, text_element
from edge_central.web.auth.accounts import Account

MIN_TERMINATION_S, MAX_TERMINATION_S = 1.0, 3_600.0
DEFAULT_TERMINATION_S = 60.0
MAX_EXPRESSIONS = 16
_WSNW = "http://docs.oasis-open.org/wsn/bw-2"


@dataclass(frozen=True, slots=True)
class OnvifCall:
    """A request, and what an operation needs to answer it. ``account`` None: the operation needs no login.
    ``subscription``: the id in the address; empty: the address is that of a service."""

    body: XmlElement
    connection: Connection
    account: Account | None
    points: PullPoints
    clock: Clock
    facts: DeviceFacts
    subscription: str
    subscription_url: Callable[[str], str]

    @property
    def user(self) -> Account:
        assert self.account is not None
        return self.account

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def until(self, point: PullPoint) -> datetime:
        """Return when the pull point ends, by wall time."""
        return self.now + timedelta(seconds=point.until_mono - self.clock.monotonic())

    def point(self) -> PullPoint:
        """Return the pull point that the address names. Raises SoapFault."""
        found = self.points.find(self.subscription, self.user.name)
        if found is None:
            raise unknown_subscription(self.now)
        return found


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. ``answer`` runs on a worker thread; None: the request waits for messages."""

    action: str  # the action of the answer
    answer: Callable[[OnvifCall], XmlText] | None
    needs_login: bool = True


# --- the device service ---


def _services(call: OnvifCall) -> XmlText:
    wanted = call.body.find(qualified("tds:IncludeCapability"))
    return answers.services(call.facts, wanted is not None and wanted.text in ("true", "1"))


def _capabilities(call: OnvifCall) -> XmlText:
    wanted = {each.text for each in call.body.children if each.name == qualified("tds:Category")}
    categories = frozenset({"Device", "Events"} if not wanted or "All" in wanted else wanted)
    if not categories <= {"Device", "Events"}:
        raise invalid_argument("the only services here are Device and Events")
    return answers.capabilities(call.facts, categories)


# --- the event service ---


def _create(call: OnvifCall) -> XmlText:
    lasts_s = _termination_s(
        call, "tev:InitialTerminationTime", "wsnt:UnacceptableInitialTerminationTimeFault"
    )
    topics, changed_only = _filter(call), _is_changed_only(call)
    account = call.user
    try:
        point = call.points.create(
            *(call.connection, account.name, account.scope, topics, lasts_s), changed_only=changed_only
        )
    except TooManyPullPoints:
        why = "there are too many subscriptions: end those that are not used"
        raise subscription_fault("wsnt:SubscribeCreationFailedFault", why, call.now) from None
    return answers.subscription_created(call.subscription_url(point.id), call.now, call.until(point))


def _filter(call: OnvifCall) -> TopicFilter:
    """Return the filter of the request. Raises SoapFault."""
    found = call.body.find(qualified("tev:Filter"))
    children = [] if found is None else found.children
    if len(children) > MAX_EXPRESSIONS:
        raise _filter_fault(call, "InvalidFilter", "there are too many filters")
    return TopicFilter(tuple(_topics(call, each) for each in children))


def _topics(call: OnvifCall, found: XmlElement) -> tuple[TopicPath, ...]:
    if found.name != qualified("wsnt:TopicExpression"):
        raise _filter_fault(call, "InvalidFilter", "only TopicExpression is supported")
    dialect = found.attributes.get("Dialect", "").strip()
    if dialect not in DIALECTS:
        raise _filter_fault(call, "TopicExpressionDialectUnknown", "this dialect is not supported")
    try:
        return parse_topics(found.text, dialect, found.namespaces)
    except TopicRefused as refused:
        raise _filter_fault(call, "InvalidTopicExpression", str(refused)) from None


def _filter_fault(call: OnvifCall, name: str, why: str) -> SoapFault:
    # The schema requires the name of a filter that is not supported.
    more = [text_element("wsnt:UnknownFilter", "wsnt:MessageContent")] if name == "InvalidFilter" else []
    return subscription_fault(f"wsnt:{name}Fault", why, call.now, *more)


def _is_changed_only(call: OnvifCall) -> bool:
    policy = call.body.find(qualified("tev:SubscriptionPolicy"))
    return policy is not None and policy.find(qualified("tev:ChangedOnly")) is not None


def _termination_s(call: OnvifCall, name: str, fault: str) -> float:
    """Return the requested termination time as seconds from now. Raises SoapFault."""
    found = call.body.find(qualified(name))
    if found is None or not found.text:
        return DEFAULT_TERMINATION_S
    lasts_s = parse_duration(found.text)
    if lasts_s is None:
        until = parse_time(found.text)
        if until is None:
            raise invalid_argument("a termination time must be a duration such as PT60S, or a time")
        lasts_s = (until - call.now).total_seconds()
    if not MIN_TERMINATION_S <= lasts_s <= MAX_TERMINATION_S:
        limits = [call.now + timedelta(seconds=each) for each in (MIN_TERMINATION_S, MAX_TERMINATION_S)]
        raise unacceptable_time(fault, call.now, *limits)
    return lasts_s


def _renew(call: OnvifCall) -> XmlText:
    point = call.point()
    lasts_s = _termination_s(call, "wsnt:TerminationTime", "wsnt:UnacceptableTerminationTimeFault")
    call.points.renew(point, lasts_s)
    return answers.renewed(call.now, call.until(point))


def _unsubscribe(call: OnvifCall) -> XmlText:
    call.points.remove(call.point())
    return answers.unsubscribed()


def _synchronise(call: OnvifCall) -> XmlText:
    call.points.synchronise(call.connection, call.point())
    return answers.synchronised()


_TDS, _TEV = NAMESPACES["tds"], NAMESPACES["tev"]
_EVENTS, _PULL_POINT = f"{_TEV}/EventPortType", f"{_TEV}/PullPointSubscription"
_MANAGER = f"{_WSNW}/SubscriptionManager"
PULL_MESSAGES = qualified("tev:PullMessages")
OPERATIONS: dict[str, Operation] = {
    qualified("tds:GetSystemDateAndTime"): Operation(
        f"{_TDS}/GetSystemDateAndTimeResponse", lambda call: answers.system_date_and_time(call.now), False
    ),
    qualified("tds:GetServices"): Operation(f"{_TDS}/GetServicesResponse", _services, False),
    qualified("tds:GetCapabilities"): Operation(f"{_TDS}/GetCapabilitiesResponse", _capabilities, False),
    qualified("tds:GetServiceCapabilities"): Operation(
        f"{_TDS}/GetServiceCapabilitiesResponse", lambda _: answers.device_service_capabilities(), False
    ),
    qualified("tds:GetDeviceInformation"): Operation(
        f"{_TDS}/GetDeviceInformationResponse", lambda call: answers.device_information(call.facts)
    ),
    qualified("tev:GetServiceCapabilities"): Operation(
        f"{_EVENTS}/GetServiceCapabilitiesResponse",
        lambda call: answers.event_service_capabilities(call.facts),
        False,
    ),
    qualified("tev:GetEventProperties"): Operation(
        f"{_EVENTS}/GetEventPropertiesResponse", lambda _: event_properties()
    ),
    qualified("tev:CreatePullPointSubscription"): Operation(
        f"{_EVENTS}/CreatePullPointSubscriptionResponse", _create
    ),
    PULL_MESSAGES: Operation(f"{_PULL_POINT}/PullMessagesResponse", None),
    qualified("tev:SetSynchronizationPoint"): Operation(
        f"{_PULL_POINT}/SetSynchronizationPointResponse", _synchronise
    ),
    qualified("wsnt:Renew"): Operation(f"{_MANAGER}/RenewResponse", _renew),
    qualified("wsnt:Unsubscribe"): Operation(f"{_MANAGER}/UnsubscribeResponse", _unsubscribe),
}
"""The operations by the name of the first element of the body. Each may be called at any of the addresses."""
