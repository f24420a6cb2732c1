"""The commissioning report as a biên bản: one self-contained HTML page to read, print on A4 and sign.

It is made from the document of the examination alone, so a stored document gives the same bytes. Form: decree
30/2020/NĐ-CP, annex I (page, letters, state name and motto, number, place and date, receivers) and form 1.9
of annex III. The letters of Vietnamese and English are in the page: Tinos, which has the widths of Times New
Roman, in regular, bold and italic. A name in other letters is shown in the reader's font.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Bilingual, Lang, day_text, decimal, ward_text
from edge_agent.tools.doctor.check import CheckLevel
from edge_agent.tools.doctor.checks.still import CODECS
from edge_agent.tools.doctor.document import has_clock
from edge_agent.tools.doctor.words.paper import ACCEPTED_RESULT, PAPER, RESULTS
from edge_agent.wire import Doctor, DoctorCamera, DoctorLine, DoctorParty, DoctorReport, DoctorText

STYLE = Path(__file__).with_name("report.css")
FONTS = Path(__file__).with_name("fonts")
FACES = {"400": ("400", "normal"), "700": ("700", "normal"), "400i": ("400", "italic")}
_POLICY = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'"
_DOTS = "." * 40
_GAP = "." * 10


@dataclass(frozen=True, slots=True)
class _Words:
    """Gives phrases in the language ``lang``, each with its translation if ``also`` names another one."""

    lang: Lang
    also: Lang | None

    def __call__(self, phrase: str, **values: str) -> str:
        """Return the phrase as HTML."""
        return self.beside(
            PAPER[self.lang][phrase].format(**values),
            None if self.also is None else PAPER[self.also][phrase].format(**values),
        )

    def text(self, text: DoctorText | None, other: str = "") -> str:
        """Return a text of the document as HTML; ``other`` if the document has no such text."""
        if text is None:
            return escape(other)
        return self.beside(_in(text, self.lang), None if self.also is None else _in(text, self.also))

    def beside(self, first: str, second: str | None) -> str:
        if second is None or second == first:
            return escape(first)
        return f'{escape(first)} <span class="gloss">({escape(second.strip("()- "))})</span>'


def make_report(document: Doctor, lang: Lang, also: Lang | None = None) -> bytes:
    """Return the page in UTF-8. ``also``: a language beside ``lang``.

    Raises EdgeAgentError for a document without the data of a report, or with an invalid picture.
    """
    report = document.report
    if report is None:
        raise EdgeAgentError(
            Bilingual(
                "the findings have no data of a report: they were made without --report",
                "tệp kết quả kiểm tra không có dữ liệu của biên bản vì khi ghi không dùng --report",
            )
        )
    words = _Words(lang, None if also == lang else also)
    title = f"{PAPER[lang]['kind']} {report.number}: {document.name}"
    return _page(lang, title, _body(document, report, words))


def make_follow_up(document: Doctor, earlier: Doctor | None) -> bytes:
    """Return the page of a later examination, which belongs to the report of ``earlier``, in UTF-8.

    It says what has changed, and has no signatures. Raises EdgeAgentError as ``make_report`` does."""
    words = _Words(document.lang, None)
    title = f"{PAPER[document.lang]['again']}: {document.name}"
    return _page(document.lang, title, _follow_up(document, earlier, words))


def _page(lang: Lang, title: str, body: Iterable[str]) -> bytes:
    style = "\n".join([*(_font(name) for name in FACES), STYLE.read_text(encoding="utf-8")])
    head = (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>\n{style}</style></head><body>\n"
    )
    return (head + "\n".join(body) + "\n</body></html>\n").encode()


def _body(document: Doctor, report: DoctorReport, words: _Words) -> Iterator[str]:
    yield _heads(document, report, words)
    name = document.name
    yield f'<h1>{words("kind")}<br><span class="subject">{words("subject", name=name)}</span></h1>'
    yield f"<p>{_today(document, words)}{_clock_remark(document, words)}</p>"
    yield f"<h2>{words('parties')}</h2>"
    yield from (_party(number, each, words) for number, each in enumerate(report.parties, 1))
    yield f"<h2>{words('devices')}</h2>"
    yield _devices(document, words)
    yield _place(document, words)
    yield f"<h2>{words('results')}</h2>"
    yield _table(("no", "check", "level", "found"), _results(document, words), words)
    yield f"<h2>{words('accepted')}</h2>"
    yield _accepted(document, words)
    yield f'<section class="end"><h2>{words("conclusion")}</h2>'
    yield f'<p class="verdict"><b>{words.text(document.sentences, document.sentence)}</b></p>'
    ending = "accepted_end" if document.verdict == "accepted" else document.verdict
    yield f"<p>{words(ending)}</p><p>{words('copies')}</p>"
    yield _signatures(report.parties, words)
    receivers = f"<b><i>{words('to')}</i></b><br>{words('to_parties')}<br>{words('to_file')}"
    yield f'<p class="to">{receivers}</p></section>'
    yield f'<section class="annex"><h2>{words("annex")}</h2><div class="pictures">'
    yield from (_picture(camera, words) for camera in document.cameras)
    yield f"</div>{_notice(report, words)}</section>"


def _follow_up(document: Doctor, earlier: Doctor | None, words: _Words) -> Iterator[str]:
    ward = ward_text(_ward(document) or _DOTS, words.lang)
    subject = words("again_subject", name=document.name, site=document.gateway, ward=ward)
    yield f'<h1>{words("again")}<br><span class="subject">{subject}</span></h1>'
    yield f"<p>{words('again_at', **_moment(document, words.lang))}{_clock_remark(document, words)}</p>"
    if earlier is not None:
        report = earlier.report
        number = _full_number(report) if report is not None and report.number else _DOTS
        of = words("again_of", number=number, **_moment(earlier, words.lang))
        yield f"<p>{of}{_clock_remark(earlier, words)}</p>"
        yield f"<p>{words('again_was')}: {words.text(earlier.sentences, earlier.sentence)}</p>"
    now = words.text(document.sentences, document.sentence)
    yield f'<p class="verdict">{words("again_is")}: <b>{now}</b></p>'
    if earlier is not None:
        rows = [(str(number), *row) for number, row in enumerate(_changes(earlier, document, words), 1)]
        yield f"<h2>{words('again_changed')}</h2>"
        yield _table(("no", "check", "before", "now"), rows, words) if rows else f"<p>{words('none')}</p>"
    yield f"<h2>{words('again_results')}</h2>"
    yield _table(("no", "check", "level", "found"), _results(document, words), words)


def _changes(before: Doctor, now: Doctor, words: _Words) -> Iterator[tuple[str, ...]]:
    """Yield name, former and present result of each check with a level or finding that has changed. A result
    is empty if that examination did not make the check."""
    for check in dict.fromkeys(line.check for line in (*now.lines, *before.lines)):
        was = [line for line in before.lines if line.check == check]
        is_ = [line for line in now.lines if line.check == check]
        if [(each.level, each.finding) for each in was] != [(each.level, each.finding) for each in is_]:
            label = _label((is_ or was)[0], now, words)
            yield label, *("<br>".join(_outcome(each, words) for each in lines) for lines in (was, is_))


def _outcome(line: DoctorLine, words: _Words) -> str:
    return f"{_result(line, words)}: {_found(line, words)}"


def _moment(document: Doctor, lang: Lang) -> dict[str, str]:
    """Return hour, minute and date of the examination for a sentence; dots if the clock was not set."""
    at = _local_time(document)
    if not has_clock(document):
        return {"hour": _GAP, "minute": _GAP, "date": _GAP}
    return {"hour": f"{at:%H}", "minute": f"{at:%M}", "date": day_text(at.date(), lang)}


def _local_time(document: Doctor) -> datetime:
    """Return the local time of the examination. Raises EdgeAgentError if a stored time or zone is invalid."""
    try:
        zone = ZoneInfo(document.timezone or "UTC")
        return datetime.fromisoformat(document.time).astimezone(zone)
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        raise EdgeAgentError("the findings have a time or a time zone that does not exist") from None


def _heads(document: Doctor, report: DoctorReport, words: _Words) -> str:
    """Return the top: organisation and number on the left; state name, motto, place, date on the right."""
    superior = f"{escape(report.authority.upper())}<br>" if report.authority else ""
    organisation = escape(report.organisation.upper()) or _DOTS
    also = None if words.also is None else _date(words.also, document)
    date = words.beside(_date(words.lang, document), also)
    return (
        f'<div class="heads"><p>{superior}<b class="ruled">{organisation}</b><br>'
        f"{words('number')}: {escape(_full_number(report))}</p>"
        f'<p><b>{words("state")}</b><br><b class="motto">{words("motto")}</b><br>'
        f"<i>{escape(report.place) or _DOTS}, {date}</i></p></div>"
    )


def _full_number(report: DoctorReport) -> str:
    """Return the number with the symbol of the organisation, such as dt-001.28112026/BB-CSGT."""
    return f"{report.number}/BB-{report.symbol}" if report.symbol else f"{report.number}/BB"


def _date(lang: Lang, document: Doctor) -> str:
    at = _local_time(document)
    if not has_clock(document):
        return PAPER[lang]["date"].format(day=_GAP, month=_GAP, year=_GAP)
    # Decree 30/2020/NĐ-CP: a 0 before days below 10 and before the months 1 and 2, none before the others.
    month = f"{at.month}" if lang == "vi" and at.month > 2 else f"{at:%m}"
    return PAPER[lang]["date"].format(day=f"{at:%d}", month=month, year=f"{at:%Y}")


def _today(document: Doctor, words: _Words) -> str:
    def said(lang: Lang) -> str:
        return PAPER[lang]["today"].format(
            **_moment(document, lang),
            name=document.name,
            site=document.gateway,
            ward=ward_text(_ward(document) or _DOTS, lang),
        )

    return words.beside(said(words.lang), None if words.also is None else said(words.also))


def _clock_remark(document: Doctor, words: _Words) -> str:
    """Return a paragraph on the clock, to follow the time of the examination; empty if it was right."""
    if all(line.check != "clock" or line.level == "green" for line in document.lines):
        return ""
    return f"</p><p><i>({words('clock' if has_clock(document) else 'no_clock')})</i>"


def _ward(document: Doctor) -> str:
    """Return the ward's name; empty if the configuration has only the ward's id, which no report shows."""
    named = document.ward_name or ""
    return "" if named == document.ward else named


def _party(number: int, party: DoctorParty, words: _Words) -> str:
    organisation = escape(party.organisation) or f"{_DOTS}{_DOTS}"
    return (
        f'<p class="party"><b>{number}. {words(party.role)}:</b> {organisation}<br>'
        f"{words('person')}: {escape(party.name) or _DOTS} "
        f"{words('position')}: {escape(party.position) or _DOTS}</p>"
    )


def _devices(document: Doctor, words: _Words) -> str:
    software = words("software", version=document.version, hash=document.config_hash[:12])
    board = "" if document.board == "unknown" else document.board
    box = (
        words("box", site=document.gateway),
        escape(board),
        escape(document.serial or ""),
        software,
    )
    rows = [box, *(_device(camera, words) for camera in document.cameras)]
    numbered = ((str(number), *row) for number, row in enumerate(rows, 1))
    return _table(("no", "device", "make", "serial", "details"), numbered, words)


def _device(camera: DoctorCamera, words: _Words) -> tuple[str, ...]:
    make = " ".join(each for each in (camera.manufacturer, camera.model) if each)
    details = [
        words(phrase, **{phrase: value})
        for phrase, value in (("address", camera.address), ("mac", camera.mac), ("firmware", camera.firmware))
        if value
    ]
    return (
        words("camera", camera=camera.id),
        escape(make) or "&nbsp;",
        escape(camera.serial or "") or "&nbsp;",
        "; ".join(details),
    )


def _place(document: Doctor, words: _Words) -> str:
    place = document.location
    where = words("no_place") if place is None else f"{place.latitude:.6f}, {place.longitude:.6f}"
    return f"<p>{words('place')}: {where}.</p>"


def _results(document: Doctor, words: _Words) -> Iterator[tuple[str, ...]]:
    for number, line in enumerate(document.lines, 1):
        yield str(number), _label(line, document, words), _result(line, words), _found(line, words)


def _label(line: DoctorLine, document: Doctor, words: _Words) -> str:
    """Return the name of the check, with a capital letter unless it begins with the id of a camera."""
    label = line.label or DoctorText(en=line.check, vi=line.check)
    if line.check.partition("/")[0] not in {camera.id for camera in document.cameras}:
        label = DoctorText(en=label.en[:1].upper() + label.en[1:], vi=label.vi[:1].upper() + label.vi[1:])
    return words.text(label)


def _result(line: DoctorLine, words: _Words) -> str:
    def said(lang: Lang) -> str:
        return ACCEPTED_RESULT[lang] if line.accepted is not None else RESULTS[lang][CheckLevel(line.level)]

    level = "yellow" if line.accepted is not None else line.level
    shown = words.beside(said(words.lang), None if words.also is None else said(words.also))
    return f'<span class="{level}">{shown}</span>'


def _found(line: DoctorLine, words: _Words) -> str:
    return words.text(line.words, line.said)


def _accepted(document: Doctor, words: _Words) -> str:
    accepted = (line for line in document.lines if line.accepted is not None)
    rows = [
        (str(number), _label(line, document, words), _found(line, words), escape(line.accepted or ""))
        for number, line in enumerate(accepted, 1)
    ]
    return _table(("no", "check", "found", "reason"), rows, words) if rows else f"<p>{words('none')}</p>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], words: _Words) -> str:
    """Return a table as HTML. ``rows``: cells that are HTML already."""
    head = "".join(f"<th>{words(phrase)}</th>" for phrase in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _signatures(parties: Sequence[DoctorParty], words: _Words) -> str:
    cells = (
        f"<p><b>{words(f'sign_{party.role}')}</b><br><i>{words('signature')}</i>"
        f'<span class="drawn">{_drawn(party)}</span>{escape(party.name)}</p>'
        for party in parties
    )
    return f'<div class="signatures">{"".join(cells)}</div>'


def _drawn(party: DoctorParty) -> str:
    return "" if party.signature is None else _image(party.signature, "png", party.name or party.role)


def _picture(camera: DoctorCamera, words: _Words) -> str:
    if camera.picture is None:
        picture = f'<div class="nothing">{words("no_picture")}</div>'
    else:
        picture = _image(camera.picture, "jpeg", camera.id)
    caption = ", ".join([f"<b>{words('camera', camera=camera.id)}</b>", *_measures(camera, words)])
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _measures(camera: DoctorCamera, words: _Words) -> Iterator[str]:
    if camera.codec and camera.width:
        yield escape(f"{CODECS.get(camera.codec, camera.codec)} {camera.width}x{camera.height}")
    if camera.frame_rate:
        yield f"{decimal(round(camera.frame_rate, 1), words.lang)} {words('rate')}"


def _notice(report: DoctorReport, words: _Words) -> str:
    if report.photo is None:
        return f"<p>{words('no_notice')}</p>"
    photo = _image(report.photo, "jpeg", "")
    return f'<figure class="notice">{photo}<figcaption><b>{words("notice")}</b></figcaption></figure>'


def _in(text: DoctorText, lang: Lang) -> str:
    return text.vi if lang == "vi" else text.en


def _font(name: str) -> str:
    content = base64.b64encode((FONTS / f"tinos-{name}.woff2").read_bytes()).decode()
    weight, style = FACES[name]
    return (
        f'@font-face {{ font-family: "Report"; font-weight: {weight}; font-style: {style}; '
        f'src: url("data:font/woff2;base64,{content}") format("woff2"); }}'
    )


def _image(content: str, kind: str, alt: str) -> str:
    """Return an image as HTML. Raises EdgeAgentError if ``content``, which may be foreign, is no base64."""
    try:
        base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EdgeAgentError(f"the findings have a picture that is not base64: {error}") from None
    return f'<img alt="{escape(alt)}" src="data:image/{kind};base64,{content}">'
