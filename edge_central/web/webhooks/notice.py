"""The document that a webhook posts: names, a text for people in both languages, and links. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.received.bounds import bounded_text, bounded_time
from edge_central.console.site_names import Names
from edge_central.store.ringing import ALARM, WARNING
from edge_central.web.i18n import Lang, translate, translate_duration, translate_word
from edge_central.web.templates import line_text
from edge_central.web.webhooks.due import DueNotice


class NoticeTexts(Struct, frozen=True, kw_only=True):
    """Some lines for people, which the receiver can show unchanged."""

    vi: str
    en: str


class NoticeLinks(Struct, frozen=True, kw_only=True):
    """Addresses of the console; they need a login, and the access log names who opens a picture."""

    console: str
    picture: str | None


class WebhookNotice(Struct, frozen=True, kw_only=True):
    """One event or alert. Fields may be added: ignore what you do not know."""

    schema: Literal["webhook/1"] = "webhook/1"
    id: Annotated[str, Meta(description="deduplicate on it: after a crash the last post comes twice")]
    subject: Annotated[str, Meta(description="names it in /api/incidents")]
    unacknowledged_s: Annotated[float, Meta(description="nobody acknowledged it for so long; 0: it is new")]
    kind: str
    severity: Literal["info", "warning", "alarm"]
    ward: str
    ward_name: str
    gateway: str | None
    site_name: str
    camera: str | None
    camera_name: str
    rule: Annotated[str | None, Meta(description="id of the camera's rule")]
    rule_name: Annotated[str, Meta(description="its name in the configuration, or its id")]
    label: Annotated[str | None, Meta(description="class of the object, as in the event")]
    time: str
    received: str
    text: NoticeTexts
    links: NoticeLinks


def notice_of(
    due: DueNotice, names: Names, url: str, timezone: ZoneInfo, webhook: str, unacknowledged_s: float
) -> WebhookNotice:
    """Return the document. ``url``: address of the console, without a slash at its end."""
    vi, en = ("\n".join(notice_lines(due, names, timezone, unacknowledged_s, lang)) for lang in ("vi", "en"))
    return WebhookNotice(
        id=f"{webhook}/{due.subject}/{due.came_ms}",
        subject=due.subject,
        unacknowledged_s=unacknowledged_s,
        kind=due.kind,
        severity="alarm" if due.severity >= ALARM else "warning" if due.severity >= WARNING else "info",
        ward=due.ward,
        ward_name=names.ward(due.ward),
        gateway=due.gateway or None,
        site_name=names.site_name(due.gateway, due.reported_name) if due.gateway else "",
        camera=due.camera or None,
        camera_name=names.camera(due.gateway, due.camera).name if due.camera else "",
        rule=due.rule or None,
        rule_name=due.rule_name,
        label=_label(due),
        time=rfc3339_of_ms(bounded_time(due.time_ms)),
        received=rfc3339_of_ms(bounded_time(due.came_ms)),
        text=NoticeTexts(vi=vi, en=en),
        links=_links(due, url),
    )


def _label(due: DueNotice) -> str | None:
    label = None if due.event is None else due.event.data.label
    return bounded_text(label) if label else None


def notice_lines(
    due: DueNotice, names: Names, timezone: ZoneInfo, unacknowledged_s: float, lang: Lang
) -> list[str]:
    """Return lines for people: what, where, why and when. If the notice is overdue, the first line says that
    nobody has acknowledged it."""
    kind, label = translate_word("rule" if due.event is None else "kind", due.kind, lang), _label(due)
    what = f"{kind}: {translate_word('label', label, lang)}" if label else kind
    severity = ALARM if due.severity >= ALARM else WARNING if due.severity >= WARNING else 9
    places = [names.site_name(due.gateway, due.reported_name)] if due.gateway else []
    if due.camera and due.camera != "gateway":
        places.append(names.camera(due.gateway, due.camera).name)
    places.append(translate("notice-ward", lang, ward=names.ward(due.ward)))
    local = datetime.fromtimestamp(bounded_time(due.time_ms) / 1000, UTC).astimezone(timezone)
    lines = [
        f"{translate(f'severity-{severity}', lang)}: {what}",
        " · ".join(places),
        f"{translate('rule', lang)}: {due.rule_name}" if due.rule_name != due.rule else "",
        bounded_text(line_text(due.words, lang)),
        f"{local:%H:%M:%S %d/%m/%Y}",
    ]
    if unacknowledged_s:
        span = translate_duration(unacknowledged_s * 1000, lang)
        lines.insert(0, translate("notice-unacknowledged", lang, span=span))
    return [line for line in lines if line]


def console_path(due: DueNotice) -> str:
    """Return the path of the page of the event, or of the list of open alarms and alerts."""
    return "/alerts" if due.event is None else f"/events/{due.event.cursor}"


def _links(due: DueNotice, url: str) -> NoticeLinks:
    snapshot = None if due.event is None else due.event.data.snapshot
    picture = None if snapshot is None else f"{url}/media/{due.gateway}/{snapshot.media_id}"
    return NoticeLinks(console=url + console_path(due), picture=picture)
