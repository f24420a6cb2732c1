"""``index.html`` of an exported case: the case for people. Pure.

The page has no script and loads only the pictures of the export. Its words are in both languages. A file from
outside is a link; the page never shows its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Literal

from edge_central.cases.document import (
    ExportedCase,
    ExportedCopy,
    ExportedFile,
    ExportedItem,
    ExportedOnvif,
    ExportedPicture,
)
from edge_central.cases.facts import PassageFacts, event_of, file_of, links_of, note_of, passages_of
from edge_central.cases.model import JPEG, PNG, AttachmentKind, CaseItem, CaseView
from edge_central.cases.onvif_texts import reason

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}"
    "section{border-top:1px solid #999;padding-top:.5rem;break-inside:avoid}"
    ".struck{opacity:.55}img{max-height:12rem;display:block}code{overflow-wrap:anywhere}"
    "svg{width:24rem;max-width:100%;background:#eee;display:block}"
    "polyline{fill:none;stroke:#b00;stroke-width:6}dt{color:#555}"
)
_KINDS: Mapping[str, str] = {
    "passage": "Lượt đi qua / Passage",
    "journey": "Hành trình / Journey",
    "event": "Sự kiện / Event",
    "picture": "Ảnh / Picture",
    "note": "Ghi chú / Note",
    "file": "Tệp từ bên ngoài / File from outside",
}
_HINT = (
    "Màu sắc, hướng đi và mối liên hệ giữa các lượt đi qua chỉ là gợi ý. / "
    "Colours, directions and links between passages are hints, not proofs."
)


Word = Callable[[str, str | None, Literal["vi", "en"]], str]


@dataclass(frozen=True, slots=True)
class PageWording:
    """How the page writes times, and words of the wire such as the name of a colour."""

    zone: tzinfo = UTC
    word: Word = lambda _, word, __: word or ""

    def moment(self, text: str) -> str:
        """Return a time of RFC 3339 as 28/11/2026 18:29:49 (UTC+07:00); any other text unchanged."""
        try:
            time = datetime.fromisoformat(text).astimezone(self.zone)
        except (ValueError, OverflowError):
            return escape(text)
        return f"{time:%d/%m/%Y %H:%M:%S} (UTC{time.isoformat()[-6:]})"

    def description(self, facts: PassageFacts) -> str:
        """Return group and colours in both languages."""
        return escape(" / ".join(self._description(facts, lang) for lang in ("vi", "en")))

    def _description(self, facts: PassageFacts, lang: Literal["vi", "en"]) -> str:
        parts = [self.word("group", facts.group, lang)] if facts.group else []
        for part, terms in facts.colours.items():
            colours = "/".join(self.word("colour", term, lang) for term in terms)
            parts.append(f"{self.word('part', part, lang)} {colours}")
        return ", ".join(parts)


WIRE_WORDS = PageWording()
"""Wording with UTC times and the unchanged words of the wire."""


def index_html(case: CaseView, exported: ExportedCase, wording: PageWording) -> bytes:
    """Return the case as one page for people."""
    time = wording.moment
    title = escape(f"Vụ việc / Case {exported.number}")
    closed = "" if exported.closed_at is None else f"<li>Đóng lúc / Closed: {time(exported.closed_at)}"
    head = (
        f'<!doctype html>\n<html lang="vi"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<ul>"
        f"<li>Người phụ trách / Owner: {escape(exported.owner)}"
        f"<li>Mở lúc / Opened: {time(exported.opened_at)}{closed}"
        f"<li>Xuất lúc / Exported: {time(exported.exported_at)}, {escape(exported.exported_by)}"
        f"</ul>\n<p>{_HINT}</p>\n"
    )
    pairs = zip(case.items, exported.items, strict=True)
    return (
        head + "\n".join(_section(item, shown, wording) for item, shown in pairs) + "\n</html>\n"
    ).encode()


def _section(item: CaseItem, shown: ExportedItem, wording: PageWording) -> str:
    struck, kind = shown.struck_out, _KINDS.get(shown.kind, escape(shown.kind))
    parts = [
        f"<section{'' if struck is None else ' class=struck'}>",
        f"<h2>{kind} <small>{wording.moment(shown.at)}</small></h2>",
    ]
    if struck is not None:
        words = f"{escape(struck.by)}, {wording.moment(struck.at)}: {escape(struck.why)}"
        parts.append(f"<p><b>Đã gạch bỏ / Struck out: {words}</b></p>")
    pictures = {(each.gateway, each.passage): each for each in shown.pictures}
    links = links_of(item.facts)
    for number, facts in enumerate(passages_of(item.facts)):
        if 0 < number <= len(links):
            lines = "".join(f"<li>{escape(line)}" for line in links[number - 1].lines)
            parts.append(f"<ul>{lines}</ul>")
        parts.append(_passage_html(facts, wording))
        parts.append(_picture_html(pictures.get((facts.gateway, facts.passage)), wording))
    parts += [_words_html(item, wording), *(_file_html(each, wording) for each in shown.files)]
    parts.append(
        f"<p><small>{escape(shown.added_by)}, {wording.moment(shown.added_at)}</small></p></section>"
    )
    return "\n".join(parts)


def _passage_html(facts: PassageFacts, wording: PageWording) -> str:
    where = f"{facts.site or facts.gateway} · {facts.camera_name or facts.camera}"
    when = f"{wording.moment(facts.start)}, {facts.for_s:.0f} s"
    ids = f"{facts.gateway} {facts.camera} {facts.passage}"
    return f"<p>{escape(where)} <small>{escape(ids)}</small><br>{when}<br>{wording.description(facts)}</p>"


def _picture_html(picture: ExportedPicture | None, wording: PageWording) -> str:
    if picture is None:
        return "<p>Không có ảnh. / No picture.</p>"
    if picture.file is None:
        return (
            "<p>Ảnh chưa được mở, hoặc chưa về trung tâm. / The picture was not opened, or has not come.</p>"
        )
    file, sha256 = escape(picture.file), escape(picture.sha256 or "")
    if picture.sealed:
        shown = f'<p>Ảnh được mã hóa / Sealed picture: <a href="{file}">{file}</a></p>'
    else:
        shown = f'<img src="{file}" alt="{file}">'
    points = " ".join(f"{1600 * x:g},{900 * y:g}" for x, y, _ in picture.path)
    path = f'<svg viewBox="0 0 1600 900"><polyline points="{points}"/></svg>' if len(picture.path) > 1 else ""
    copy = _copy_html(picture.altered_copy, wording)
    return f"{shown}\n<p>SHA-256 <code>{sha256}</code></p>\n{path}{copy}"


def _words_html(item: CaseItem, wording: PageWording) -> str:
    """Return the known facts of an event, a note or a file from outside, as HTML."""
    event, note, file = event_of(item.facts), note_of(item.facts), file_of(item.facts)
    if event is not None:
        where = f"{event.site or event.gateway} · {event.camera_name or event.camera}"
        kind = " / ".join(wording.word("kind", event.kind, lang) for lang in ("vi", "en"))
        label = " / ".join(wording.word("label", event.label, lang) for lang in ("vi", "en"))
        ids = f"{event.gateway} {event.camera} {event.event_id}"
        rule, place = _named(event.rule_name, event.rule), _named(event.place_name, event.place)
        ids += f" · quy tắc / rule: {rule}" if rule else ""
        ids += f" · vùng, vạch ảo / zone, line: {place}" if place else ""
        return (
            f"<p>{escape(kind)}{f': {escape(label)}' if event.label else ''}<br>{escape(where)} "
            f"<small>{escape(ids)}</small><br>{wording.moment(event.time)}</p>"
        )
    if note is not None:
        return f"<p>{escape(note.text).replace(chr(10), '<br>')}</p>"
    if file is not None:
        from_whom = f"Người cung cấp / From: {escape(file.brought_by)}"
        return f"<p>{escape(file.name)}<br>{from_whom}<br>{escape(file.note)}</p>"
    return ""


def _named(name: str, id_: str) -> str:
    return f"{name} ({id_})" if name else id_


def _file_html(file: ExportedFile, wording: PageWording) -> str:
    path, is_ours = escape(file.file), file.kind != AttachmentKind.OUTSIDE.value
    shown = f'<img src="{path}" alt="{path}">' if is_ours and file.type in (JPEG, PNG) else ""
    return (
        f'{shown}<p><a href="{path}" download>{path}</a> ({file.bytes} B)<br>'
        f"SHA-256 <code>{escape(file.sha256)}</code></p>"
        f"{_onvif_html(file.onvif, wording)}{_copy_html(file.altered_copy, wording)}"
    )


def _onvif_html(onvif: ExportedOnvif | None, wording: PageWording) -> str:
    if onvif is None:
        return ""
    title = "Tệp xuất chuẩn ONVIF / ONVIF Export File"
    if onvif.file is None:
        words = " / ".join(reason(onvif.left_out or "", onvif.codec or ""))
        return f"<p>{title}: không có / none: {escape(words)}</p>"
    path = escape(onvif.file)
    start = "" if onvif.start is None else f"<br>Bắt đầu / Starts: {wording.moment(onvif.start)}"
    return (
        f'<p>{title}: <a href="{path}" download>{path}</a>{start}<br>'
        f"SHA-256 <code>{escape(onvif.sha256 or '')}</code></p>"
    )


def _copy_html(copy: ExportedCopy | None, wording: PageWording) -> str:
    if copy is None:
        return ""
    path = escape(copy.file)
    return (
        f'<p><b>Bản đã che / Altered copy</b>: <a href="{path}">{path}</a><br>'
        f"SHA-256 <code>{escape(copy.sha256)}</code><br>"
        f"Người kiểm tra / Checked by: {escape(copy.checked_by)}</p>{_onvif_html(copy.onvif, wording)}"
    )
