"""The commissioning report: one self-contained HTML page to read, print on A4 and sign. Also writes it,
and a copy on the gateway, to be fetched later.

It looks the same everywhere: it contains the letters of Vietnamese and English (Noto Sans, 12 kB each for
regular and bold). A name in other letters is shown in the reader's font.
"""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

import cv2
import numpy as np

from edge_agent.control.commissioning import FOLDER
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.tools.doctor.check import CheckLevel, CheckResult
from edge_agent.tools.doctor.checks.cameras import CODECS, CameraMeasurement
from edge_agent.tools.doctor.checks.picture import jpeg
from edge_agent.tools.doctor.run import Examination
from edge_agent.tools.doctor.words import level_of, said_of, todo_of
from edge_agent.tools.doctor.words.wording import ACCEPTED, MARKS, REPORT, label_of
from edge_agent.wire import Doctor

PHOTO_SIDE = 1280
MAX_PHOTO_BYTES = 64_000_000
STYLE = Path(__file__).with_name("report.css")
FONTS = Path(__file__).with_name("fonts")
WEIGHTS = (400, 700)
_POLICY = "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo file of the caller."""

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: Path) -> Photo:
        """Read the file. Raises EdgeAgentError."""
        try:
            return cls(path, path.read_bytes())
        except OSError as error:
            raise EdgeAgentError(f"--photo {path} cannot be read: {error.strerror}") from error

    def scaled(self) -> bytes:
        """Return a JPEG, upright as its EXIF data say, and without them: a phone writes its owner's name into
        them. Raises EdgeAgentError for a file that is no picture."""
        picture = None
        if self.content and len(self.content) <= MAX_PHOTO_BYTES:
            picture = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise EdgeAgentError(f"--photo {self.path} is no picture that can be read; take a JPEG or PNG")
        scale = PHOTO_SIDE / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return jpeg(picture)  # type: ignore[arg-type]


def make_report(found: Examination, document: Doctor, lang: Lang, *, photo: bytes | None, by: str) -> bytes:
    """Return the page in UTF-8. ``document``: the examination as JSON; ``photo``: a JPEG of the sign."""
    words = REPORT[lang]
    style = "\n".join([*map(_font, WEIGHTS), STYLE.read_text(encoding="utf-8")])
    parts = [
        f"<h1>{words['title']}</h1>",
        _facts(found, document, words, by),
        f'<p class="verdict {document.verdict}">{escape(document.sentence)}</p>',
        f"<h2>{words['results']}</h2>",
        _results(found, words, lang),
        f"<h2>{words['accepted']}</h2>",
        _accepted(found, words, lang),
        f"<h2>{words['cameras']}</h2>",
        '<div class="pictures">',
        *(_camera(measurement, words) for measurement in found.measurements.values()),
        "</div>",
        '<div class="end"><section class="photo">',
        f"<h2>{words['notice']}</h2>",
        _notice(photo, words),
        "</section><section>",
        f"<h2>{words['sign']}</h2>",
        _signatures(words, by),
        "</section></div>",
    ]
    head = (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(document.gateway)}: {words['title']}</title><style>\n{style}</style></head><body>\n"
    )
    return (head + "\n".join(parts) + "\n</body></html>\n").encode()


def _facts(found: Examination, document: Doctor, words: Mapping[str, str], by: str) -> str:
    gateway, place = found.settings.gateway, document.location
    where = words["no_place"] if place is None else f"{place.latitude:.6f}, {place.longitude:.6f}"
    at = datetime.fromisoformat(document.time).astimezone(gateway.timezone).strftime(words["moment"])
    if any(r.check == "clock" and level_of(r) is not CheckLevel.GREEN for r in found.results):
        at += f" ({words['clock']})"
    rows = {
        words["site"]: f"{gateway.id} – {gateway.name}",
        words["ward"]: gateway.ward_shown,
        words["place"]: where,
        words["time"]: at,
        words["by"]: by,
        words["box"]: f"{document.board} ({document.profile})",
        words[
            "software"
        ]: f"edge-agent {document.version}, {words['configuration']} {document.config_hash[:12]}",
    }
    cells = (f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    return f'<table class="facts">{"".join(cells)}</table>'


def _results(found: Examination, words: Mapping[str, str], lang: Lang) -> str:
    head = "".join(f"<th>{words[name]}</th>" for name in ("check", "level", "found"))
    rows = "".join(_result(result, lang) for result in found.results)
    return f'<table class="results"><tr>{head}</tr>{rows}</table>'


def _result(result: CheckResult, lang: Lang) -> str:
    level, accepted = level_of(result), result.accepted is not None
    mark = ACCEPTED[lang] if accepted else MARKS[lang][level]
    colour = CheckLevel.YELLOW if accepted else level
    todo = None if accepted else todo_of(result, lang)
    more = f'<div class="todo">{escape(todo)}</div>' if todo else ""
    return (
        f'<tr><td>{escape(label_of(result.check, lang))}</td><td class="level {colour}">{mark}</td>'
        f"<td>{escape(said_of(result, lang))}{more}</td></tr>"
    )


def _accepted(found: Examination, words: Mapping[str, str], lang: Lang) -> str:
    if not found.accepted:
        return f"<p>{words['none']}</p>"
    head = "".join(f"<th>{words[name]}</th>" for name in ("check", "found", "reason"))
    cells = ((label_of(r.check, lang), said_of(r, lang), r.accepted or "") for r in found.accepted)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
    return f'<table class="results short"><tr>{head}</tr>{rows}</table>'


def _camera(measurement: CameraMeasurement, words: Mapping[str, str]) -> str:
    caption = ", ".join(
        [f"<b>{escape(measurement.measured.id)}</b>", *map(escape, _measures(measurement, words))]
    )
    if measurement.picture is None:
        picture = f'<div class="nothing">{words["no_picture"]}</div>'
    else:
        picture = _image(jpeg(measurement.picture), measurement.measured.id)
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _measures(measurement: CameraMeasurement, words: Mapping[str, str]) -> Iterator[str]:
    measured = measurement.measured
    if measured.codec and measured.width:
        codec = CODECS.get(measured.codec, measured.codec)
        yield f"{codec} {measured.width}x{measured.height}"
    if measured.frame_rate:
        yield f"{measured.frame_rate:.3g} {words['rate']}"


def _notice(photo: bytes | None, words: Mapping[str, str]) -> str:
    if photo is None:
        return f"<p>{words['no_notice']}</p>"
    return f'<figure class="notice">{_image(photo, words["notice"])}</figure>'


def _signatures(words: Mapping[str, str], by: str) -> str:
    roles = (f"{words['technician']}{': ' + by if by else ''}", words["ward_side"], words["centre"])
    cells = (f"<div><b>{escape(role)}</b><small>({words['signature']})</small></div>" for role in roles)
    return f'<div class="sign">{"".join(cells)}</div>'


def _font(weight: int) -> str:
    content = base64.b64encode((FONTS / f"noto-sans-{weight}.woff2").read_bytes()).decode()
    return (
        f'@font-face {{ font-family: "Report"; font-weight: {weight}; '
        f'src: url("data:font/woff2;base64,{content}") format("woff2"); }}'
    )


def _image(content: bytes, alt: str) -> str:
    return f'<img alt="{escape(alt)}" src="data:image/jpeg;base64,{base64.b64encode(content).decode()}">'


# --- the files ---

KEPT = 10


class ResultFile:
    """A file of the caller: opened with root's rights, written with the agent's."""

    def __init__(self, path: Path) -> None:
        """Open the file and leave its content until ``write``. Raises EdgeAgentError."""
        self._path = path
        self._left_over = not path.exists()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise EdgeAgentError(f"{path} cannot be written: {error.strerror}") from error

    def write(self, content: bytes) -> None:
        """Replace the content. Raises EdgeAgentError."""
        self._left_over = False
        try:
            if self._file.seekable():  # false for a pipe
                self._file.truncate(0)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise EdgeAgentError(f"{self._path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; a new and empty file is removed, if that is allowed."""
        with contextlib.suppress(OSError):
            self._file.close()
            if self._left_over:
                self._path.unlink()


@contextlib.contextmanager
def result_file(path: Path | None) -> Iterator[ResultFile | None]:
    """Open the file at ``path``; None for None. Raises EdgeAgentError."""
    if path is None:
        yield None
        return
    with contextlib.closing(ResultFile(path)) as opened:
        yield opened


def store_report(state_dir: Path, document: Doctor, page: bytes) -> None:
    """Store a copy in ``state_dir/reports`` with the document beside it, and delete the oldest beyond
    ``KEPT``. A disk error is printed and is no failure: the report itself was written."""
    folder = state_dir / FOLDER
    stamp = document.time[:19].replace("-", "").replace(":", "")
    path = folder / f"{document.gateway}-{stamp}Z.html"
    try:
        folder.mkdir(mode=0o750, exist_ok=True)
        path.write_bytes(page)
        path.with_suffix(".json").write_bytes(encode_json(document))
        for old in sorted(folder.glob("*.html"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()
                old.with_suffix(".json").unlink()
    except OSError as error:
        print(f"no copy is kept in {folder}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
