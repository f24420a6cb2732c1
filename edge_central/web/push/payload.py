"""The content of a notification, in the language of its device: JSON for ``static/push-worker.js``. Pure.

It has the lines of a webhook's text and nothing else: no picture, no name of a person.
"""

from __future__ import annotations

import hashlib
from zoneinfo import ZoneInfo

from msgspec import Struct

from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.site_names import Names
from edge_central.web.i18n import Lang, translate
from edge_central.web.push.vapid import base64url
from edge_central.web.push.waiting import NewMessage
from edge_central.web.webhooks.due import DueNotice
from edge_central.web.webhooks.notice import console_path, notice_lines

MOST_TITLE, MOST_BODY = 120, 600
"""Limits of characters, each of at most 4 bytes: both together are less than encryption.MOST_BYTES."""
PAD_TO = 512
"""Payloads are padded to a multiple of this, so that their length says less about their text."""
TEST = "test"
"""Subject of a message with which a user tests a device."""


class PushPayload(Struct, frozen=True, kw_only=True):
    title: str
    body: str
    path: str  # path of the page that a click opens
    tag: str  # a later notification of the same tag replaces this one
    lang: Lang
    time_ms: int


def notice_message(
    due: DueNotice, names: Names, timezone: ZoneInfo, unacknowledged_s: float, lang: Lang
) -> NewMessage:
    """Return the message of a notice. Repeated alarms of one camera and kind replace each other."""
    title, *body = notice_lines(due, names, timezone, unacknowledged_s, lang)
    topic = _topic(f"{due.ward}/{due.gateway}/{due.camera}/{due.kind}")
    payload = PushPayload(
        title=_line(title, MOST_TITLE),
        body=_line("\n".join(body), MOST_BODY),
        path=console_path(due),
        tag=topic,
        lang=lang,
        time_ms=bounded_time(due.time_ms),
    )
    return NewMessage(due.subject, due.ward, topic, _padded(payload))


def trial_message(lang: Lang, now_ms: int) -> NewMessage:
    """Return the message that the button "Send a test" sends."""
    payload = PushPayload(
        title=translate("title", lang),
        body=translate("push-test-body", lang),
        path="/account/notifications",
        tag=_topic(TEST),
        lang=lang,
        time_ms=now_ms,
    )
    return NewMessage(TEST, "", payload.tag, _padded(payload))


def _topic(of: str) -> str:
    """Return a topic: at most 32 characters of base64url (RFC 8030, 5.4)."""
    return base64url(hashlib.sha256(of.encode()).digest()[:24])


def _line(text: str, most: int) -> str:
    plain = "".join(each for each in text if each.isprintable() or each == "\n")
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def _padded(payload: PushPayload) -> bytes:
    document = encode_json(payload)
    return document.ljust(-(-len(document) // PAD_TO) * PAD_TO)
