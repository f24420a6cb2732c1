"""``/account/notifications``: the devices on which the user gets alarms, and what each device is sent."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from starlette.responses import JSONResponse, Response

from edge_central.store.accesses import AccessKind
from edge_central.store.ringing import ALARM, RINGING_KINDS, WARNING
from edge_central.web.auth.account_changes import record_change
from edge_central.web.auth.accounts import Role
from edge_central.web.http_errors import BadRequest, NotFound
from edge_central.web.i18n import LANGS, Lang, translate
from edge_central.web.pages.users.users import WARD_FIELD
from edge_central.web.push.collecting import UNACKNOWLEDGED_S
from edge_central.web.push.devices import (
    MOST_DEVICES,
    MOST_NAME,
    DeviceFilter,
    NewDevice,
    QuietHours,
    TooManyDevices,
    add_device,
    change_device,
    count_waiting,
    devices_of,
    remove_device,
)
from edge_central.web.push.encryption import ReceiverKeys
from edge_central.web.push.endpoint import EndpointRefused, checked_endpoint
from edge_central.web.push.payload import trial_message
from edge_central.web.push.waiting import enqueue, log_name, service_states
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page
from edge_central.web.webhooks.due import newest_deliveries

PAGE = "/account/notifications"
KIND_FIELD = "kind "
"""Beginning of the name of a checkbox; a kind of events follows."""
SEVERITIES = (ALARM, WARNING)
MOST_ENTRIES = 20
"""Maximum number of rows of the delivery log on the page."""


class SubscriptionKeys(Struct, frozen=True):
    p256dh: Annotated[str, Meta(max_length=100)]
    auth: Annotated[str, Meta(max_length=50)]


class BrowserSubscription(Struct, frozen=True):
    """The fields of the browser's ``PushSubscription``, and the user's name for the device."""

    endpoint: Annotated[str, Meta(max_length=2_000)]
    keys: SubscriptionKeys
    name: Annotated[str, Meta(max_length=500)]


_SUBSCRIPTION = msgspec.json.Decoder(BrowserSubscription)


class FilterRefused(Exception):
    """The form of a device is refused. ``key``: key of the sentence for the user."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def notifications_page(visit: UserRequestContext, error: str | None = None, status: int = 200) -> Response:
    name, key = visit.account.name, visit.services.push_key
    services = {each.service: each for each in service_states(visit.connection, name)}
    delivered = newest_deliveries(visit.connection, MOST_ENTRIES, log_name(name))
    return visit.render(
        "notifications.html",
        status,
        push_key="" if key is None else key.public,
        devices=devices_of(visit.connection, name),
        waiting=count_waiting(visit.connection, name),
        services=services,
        deliveries=[each for each in delivered if not each.ward or visit.scope.admits(each.ward)],
        wards=_wards(visit),
        kinds=RINGING_KINDS,
        severities=SEVERITIES,
        delays=UNACKNOWLEDGED_S,
        langs=LANGS,
        most_name=MOST_NAME,
        error=error,
    )


def turn_on(visit: UserRequestContext) -> Response:
    """Store the subscription that the page's script sends. 400 and 409 have a sentence for the user."""
    key, push = visit.services.push_key, visit.services.console.push
    if key is None or push is None:
        raise NotFound
    try:
        sent = _SUBSCRIPTION.decode(visit.body)
        endpoint = checked_endpoint(sent.endpoint, push.services)
        keys = ReceiverKeys(_octets(sent.keys.p256dh), _octets(sent.keys.auth))
    except EndpointRefused as refusal:
        return _refusal(visit, refusal.key, 400)
    except (ValueError, msgspec.MsgspecError):
        return _refusal(visit, "push-endpoint-wrong", 400)
    new = NewDevice(
        account=visit.account.name,
        name=_name(visit, sent.name),
        service=endpoint.service,
        endpoint=sent.endpoint,
        keys=keys,
        console_key=key.public,
        lang=visit.lang,
    )
    try:
        with visit.writing() as connection:
            add_device(connection, new, visit.now_ms)
            record_change(connection, AccessKind.PUSH_ON, visit.account_author, visit.account.name, new.name)
    except TooManyDevices:
        return _refusal(visit, "push-too-many", 409, most=MOST_DEVICES)
    return Response(status_code=201)


def change(visit: UserRequestContext) -> Response:
    try:
        wanted = _filter(visit)
    except FilterRefused as refusal:
        return notifications_page(visit, refusal.key, 400)
    lang: Lang = "en" if visit.form.get("lang") == "en" else "vi"
    name = _name(visit, visit.form.get("name", ""))
    with visit.writing() as connection:
        changed = change_device(connection, visit.account.name, _device(visit), name, lang, wanted)
    if not changed:
        raise NotFound
    return visit.redirect(PAGE)


def send_test(visit: UserRequestContext) -> Response:
    device = _device(visit)
    found = [each for each in devices_of(visit.connection, visit.account.name) if each.id == device]
    if not found or found[0].ended_ms is not None or visit.services.push_key is None:
        raise NotFound
    with visit.writing() as connection:
        enqueue(connection, device, trial_message(found[0].lang, visit.now_ms), visit.now_ms)
    return visit.redirect(PAGE)


def turn_off(visit: UserRequestContext) -> Response:
    name = visit.account.name
    with visit.writing() as connection:
        device = remove_device(connection, name, _device(visit))
        if device is not None:
            record_change(connection, AccessKind.PUSH_OFF, visit.account_author, name, device)
    return visit.redirect(PAGE)


def _refusal(visit: UserRequestContext, key: str, status: int, **values: object) -> Response:
    return JSONResponse({"error": translate(key, visit.lang, **values)}, status)


def _octets(text: str) -> bytes:
    """Decode base64url without padding. Raises ValueError."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("this is not base64url") from error


def _name(visit: UserRequestContext, text: str) -> str:
    plain = "".join(each for each in text if each.isprintable()).strip()[:MOST_NAME]
    return plain or translate("push-unnamed", visit.lang)


def _device(visit: UserRequestContext) -> int:
    """Return the number of the device. Raises NotFound for any other text."""
    text = visit.form.get("device", "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise NotFound
    return int(text)


def _wards(visit: UserRequestContext) -> tuple[str, ...]:
    """Return the wards that the user can choose."""
    is_admin = visit.account.role is Role.ADMIN
    return visit.services.settings.wards if is_admin else visit.account.wards


def _filter(visit: UserRequestContext) -> DeviceFilter:
    """Return the form's filter. Raises FilterRefused; BadRequest for values that it does not offer."""
    form = visit.form
    kinds, alerts = _ticked(visit, KIND_FIELD, RINGING_KINDS), "alerts" in form
    if kinds == () and not alerts:
        raise FilterRefused("push-nothing")
    wards = _ticked(visit, WARD_FIELD, _wards(visit))
    if wards == ():
        raise FilterRefused("user-error-no-ward")
    severity = _choice(form.get("severity", ""), SEVERITIES)
    seconds = _choice(form.get("unacknowledged", ""), UNACKNOWLEDGED_S)
    return DeviceFilter(wards, kinds, alerts, severity, seconds, _quiet_hours(visit))


def _ticked(visit: UserRequestContext, before: str, offered: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the ticked values; None: all, including values that are added later. Raises BadRequest."""
    ticked = {name.removeprefix(before) for name in visit.form if name.startswith(before)}
    if not ticked <= set(offered):
        raise BadRequest("the form does not offer this")
    return None if ticked == set(offered) else tuple(each for each in offered if each in ticked)


def _choice(text: str, offered: tuple[int, ...]) -> int:
    """Return the chosen number. Raises BadRequest if the form does not offer it."""
    for each in offered:
        if text == str(each):
            return each
    raise BadRequest("the form does not offer this")


def _quiet_hours(visit: UserRequestContext) -> QuietHours | None:
    """Return the quiet hours of the form; None: there are none. Raises FilterRefused."""
    texts = [visit.form.get(name, "") for name in ("quiet-from", "quiet-to")]
    if texts == ["", ""]:
        return None
    minutes = []
    for text in texts:
        match = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text)
        if match is None:
            raise FilterRefused("push-quiet-wrong")
        minutes.append(int(match[1]) * 60 + int(match[2]))
    if minutes[0] == minutes[1]:
        raise FilterRefused("push-quiet-wrong")
    return QuietHours(*minutes)


PAGES = (
    Page(PAGE, notifications_page),
    Page(PAGE, turn_on, "POST", json=True),
    Page(f"{PAGE}/change", change, "POST"),
    Page(f"{PAGE}/test", send_test, "POST"),
    Page(f"{PAGE}/off", turn_off, "POST"),
)
