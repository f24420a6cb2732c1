"""Reads a CSV file as spreadsheets write it: ``;``, ``,`` or tab, with or without a byte order mark.

This module does not know what the columns mean. Cells are trimmed and their Vietnamese letters composed (NFC:
a Mac writes ế as three characters, and then "Đề Thám" is not "Đề Thám").
"""

from __future__ import annotations

import csv
import difflib
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.problems import Problems

_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"
_SAVE_AS = "in the spreadsheet choose 'Save as: CSV UTF-8' and try again"


@dataclass(frozen=True, slots=True)
class Row:
    line: int  # first line of the row
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def read(problems: Problems, required: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Return the rows of ``problems.path`` that are not empty. Raises OSError when the file cannot be read.

    A sheet with a wrong header gives no rows, because the cells below cannot be understood.
    """
    text = _text(problems)
    if text is None:
        return []
    first, delimiter = _delimiter(text)
    body = text if first == 1 else text.split("\n", 1)[1]
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows = []
    line = first
    while True:
        try:
            cells = [_clean(cell) for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error:
            text = (
                f"the quotation marks do not match, or a cell has more than {csv.field_size_limit()} letters"
            )
            problems.error(line, text, 'write a " in a cell as ""')
            break
        if any(cells):
            if header is None:
                header = [cell.lower() for cell in cells]
                if not _header_is_right(problems, line, header, required, optional):
                    return []
            elif len(cells) > len(header) and any(cells[len(header) :]):
                _too_many(problems, line, len(cells), len(header), delimiter)
            else:
                rows.append(Row(line, dict(zip(header, cells, strict=False))))
        line = first + reader.line_num
    if header is None:
        problems.error(1, "the sheet is empty", f"the first line names the columns: {', '.join(required)}")
    return rows


def _text(problems: Problems) -> str | None:
    raw = problems.path.read_bytes()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.error(1, "this is UTF-16, as 'Unicode text' of a spreadsheet is", _SAVE_AS)
        return None
    if raw.startswith(b"PK\x03\x04"):
        problems.error(1, "this is a workbook (.xlsx or .ods), not a CSV file", _SAVE_AS)
        return None
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.error(line, "this is not UTF-8, so Vietnamese letters cannot be read", _SAVE_AS)
        return None


def _delimiter(text: str) -> tuple[int, str]:
    """Return the number of the first line to read, and the separator of its cells."""
    first = text.partition("\n")[0].strip().lower()
    if first.startswith("sep=") and len(first) == 5:  # a line that Excel writes and reads
        return 2, first[4]
    line = next((line for line in text.split("\n") if line.strip(" ;,\t")), "")
    return 1, max(";,\t", key=line.count)


def _clean(cell: str) -> str:
    text = unicodedata.normalize("NFC", cell.translate(dict.fromkeys(map(ord, _INVISIBLE))))
    return " ".join(text.split())


def _header_is_right(
    problems: Problems, line: int, header: list[str], required: Sequence[str], optional: Sequence[str]
) -> bool:
    before = problems.errors
    known = [*required, *optional]
    for name in header:
        if name and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            remedy = f"did you mean '{near[0]}'?" if near else f"the columns are {', '.join(known)}"
            problems.error(line, f"unknown column '{name}'", remedy)
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        problems.error(line, f"column '{name}' is there twice", "keep one of them")
    for name in required:
        if name not in header:
            problems.error(line, f"column '{name}' is missing", "add it; the order does not matter")
    return problems.errors == before


def _too_many(problems: Problems, line: int, found: int, expected: int, delimiter: str) -> None:
    name = {"\t": "tab"}.get(delimiter, delimiter)
    problems.error(
        line, f"{found} cells where the header has {expected}", f'put a cell that holds a {name} into "…"'
    )
