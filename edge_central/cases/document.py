"""The documents of an exported case: ``case.json``, ``access.csv`` and ``index.html``. Pure.

``index.html`` has no script and loads nothing but the pictures beside it; its words are in both languages.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.cases.facts import PassageFacts, links_of, passages_of
from edge_central.cases.model import CaseItem, CasePicture, CaseView

FORMAT = "edge-agent case 1"
ACCESS_COLUMNS = ("time", "account", "address", "what", "gateway", "camera", "id", "search", "purpose")


class ExportedPicture(Struct, frozen=True, kw_only=True):
    """A picture of an item. One without a file had not come, or did not fit."""

    gateway: str
    passage: int
    status: Annotated[str, Meta(description="received, waiting or too-large")]
    file: Annotated[str | None, Meta(description="below the folder of the export")]
    sha256: str | None
    bytes: int | None
    sealed: Annotated[bool, Meta(description="only the centre's evidence key opens it")]
    path: Annotated[
        list[tuple[float, float, float]],
        Meta(description="x, y of the foot in 0..1 of the camera's picture, seconds after the start"),
    ]


class StruckOut(Struct, frozen=True, kw_only=True):
    """Why an item no longer counts."""

    at: str
    by: str
    why: str


class ExportedItem(Struct, frozen=True, kw_only=True):
    id: int
    kind: Annotated[str, Meta(description="passage, journey, event, picture or note")]
    at: Annotated[str, Meta(description="when it happened; RFC 3339, UTC")]
    added_at: str
    added_by: str
    source: Annotated[str, Meta(description="what it is a copy of")]
    search: str | None
    wards: list[str]
    facts: Annotated[Any, Meta(description="of a passage or journey: edge_central/cases/facts.py")]
    pictures: list[ExportedPicture]
    struck_out: StruckOut | None


class ExportedCase(Struct, frozen=True, kw_only=True):
    """``case.json``."""

    format: str
    number: str
    owner: str
    opened_at: str
    closed_at: str | None
    wards: list[str]
    exported_at: str
    exported_by: str
    items: list[ExportedItem]


def exported_case(case: CaseView, by: str, now_ms: int) -> ExportedCase:
    summary = case.summary
    return ExportedCase(
        format=FORMAT,
        number=summary.number,
        owner=summary.owner,
        opened_at=rfc3339_of_ms(summary.opened_ms),
        closed_at=None if summary.closed_ms is None else rfc3339_of_ms(summary.closed_ms),
        wards=list(summary.wards),
        exported_at=rfc3339_of_ms(now_ms),
        exported_by=by,
        items=[_item(each) for each in case.items],
    )


def _item(item: CaseItem) -> ExportedItem:
    struck = None
    if item.struck_ms is not None:
        at = rfc3339_of_ms(item.struck_ms)
        struck = StruckOut(at=at, by=item.struck_by or "", why=item.struck_why or "")
    return ExportedItem(
        id=item.id,
        kind=item.kind.value,
        at=rfc3339_of_ms(item.at_ms),
        added_at=rfc3339_of_ms(item.added_ms),
        added_by=item.added_by,
        source=item.source,
        search=item.search,
        wards=list(item.wards),
        facts=_readable(item.facts),
        pictures=[_picture(each) for each in item.pictures],
        struck_out=struck,
    )


def _readable(facts: bytes) -> Any:
    """None for bytes that this program has not written."""
    try:
        return msgspec.json.decode(facts)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _picture(picture: CasePicture) -> ExportedPicture:
    return ExportedPicture(
        gateway=picture.gateway,
        passage=picture.passage,
        status=picture.status.value,
        file=None if picture.sha256 is None else f"pictures/{picture.file_name}",
        sha256=picture.sha256,
        bytes=picture.bytes,
        sealed=picture.sealed,
        path=list(picture.path),
    )


def case_json(case: ExportedCase) -> bytes:
    return msgspec.json.format(msgspec.json.encode(case), indent=2) + b"\n"


def access_csv(rows: Iterable[Any]) -> bytes:
    """``rows``: of the table ``access``. UTF-8 with a byte-order mark, which spreadsheets need."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(ACCESS_COLUMNS)
    for row in rows:
        cells = (
            *(rfc3339_of_ms(row.time_ms), row.account, row.address, row.what),
            *(row.gateway, row.camera, row.media_id, row.search, row.purpose),
        )
        writer.writerow([_cell(each) for each in cells])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: str | None) -> str:
    """A spreadsheet runs a cell that begins like a formula (OWASP: CSV injection)."""
    text = value or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


# --- index.html ---

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
}
_HINT = (
    "Màu sắc, hướng đi và mối liên hệ giữa các lượt đi qua chỉ là gợi ý. / "
    "Colours, directions and links between passages are hints, not proofs."
)


Word = Callable[[str, str | None, Literal["vi", "en"]], str]


@dataclass(frozen=True, slots=True)
class PageWording:
    """How the page writes times and words of the wire, such as the name of a colour."""

    zone: tzinfo = UTC
    word: Word = lambda _, word, __: word or ""

    def moment(self, text: str) -> str:
        """28/11/2026 18:29:49 (UTC+07:00) of RFC 3339; as it is where it is none."""
        try:
            time = datetime.fromisoformat(text).astimezone(self.zone)
        except (ValueError, OverflowError):
            return escape(text)
        return f"{time:%d/%m/%Y %H:%M:%S} (UTC{time.isoformat()[-6:]})"

    def description(self, facts: PassageFacts) -> str:
        """Group and colours in both languages."""
        return escape(" / ".join(self._description(facts, lang) for lang in ("vi", "en")))

    def _description(self, facts: PassageFacts, lang: Literal["vi", "en"]) -> str:
        parts = [self.word("group", facts.group, lang)] if facts.group else []
        for part, terms in facts.colours.items():
            colours = "/".join(self.word("colour", term, lang) for term in terms)
            parts.append(f"{self.word('part', part, lang)} {colours}")
        return ", ".join(parts)


WIRE_WORDS = PageWording()
"""UTC, and words as the wire has them."""


def index_html(case: CaseView, exported: ExportedCase, wording: PageWording) -> bytes:
    """The case as one page for people."""
    time = wording.moment
    title = escape(f"Vụ việc / Case {exported.number}")
    closed = "" if exported.closed_at is None else f"<li>Đóng lúc / Closed: {time(exported.closed_at)}"
    head = (
        f'<!doctype html>\n<html lang="vi"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<ul>"
        f"<li>Phụ trách / Owner: {escape(exported.owner)}"
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
        parts.append(_picture_html(pictures.get((facts.gateway, facts.passage))))
    parts.append(
        f"<p><small>{escape(shown.added_by)}, {wording.moment(shown.added_at)}</small></p></section>"
    )
    return "\n".join(parts)


def _passage_html(facts: PassageFacts, wording: PageWording) -> str:
    where = f"{facts.site or facts.gateway} · {facts.camera_name or facts.camera}"
    when = f"{wording.moment(facts.start)}, {facts.for_s:.0f} s"
    ids = f"{facts.gateway} {facts.camera} {facts.passage}"
    return f"<p>{escape(where)} <small>{escape(ids)}</small><br>{when}<br>{wording.description(facts)}</p>"


def _picture_html(picture: ExportedPicture | None) -> str:
    if picture is None:
        return "<p>Không có ảnh. / No picture.</p>"
    if picture.file is None:
        return "<p>Ảnh chưa về trung tâm. / The picture has not come.</p>"
    file, sha256 = escape(picture.file), escape(picture.sha256 or "")
    if picture.sealed:
        shown = f'<p>Ảnh được mã hóa / Sealed picture: <a href="{file}">{file}</a></p>'
    else:
        shown = f'<img src="{file}" alt="{file}">'
    points = " ".join(f"{1600 * x:g},{900 * y:g}" for x, y, _ in picture.path)
    path = f'<svg viewBox="0 0 1600 900"><polyline points="{points}"/></svg>' if len(picture.path) > 1 else ""
    return f"{shown}\n<p>SHA-256 <code>{sha256}</code></p>\n{path}"
