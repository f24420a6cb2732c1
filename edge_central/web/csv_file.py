"""Makes CSV files that spreadsheets open correctly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response

CSV_TYPE = "text/csv; charset=utf-8"
BYTE_ORDER_MARK = "\ufeff"
"""Without it spreadsheets do not read Vietnamese letters as UTF-8."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Return a CSV file with this name."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    response = Response(BYTE_ORDER_MARK + text.getvalue(), media_type=CSV_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def safe_cell(value: object) -> str:
    """Return a cell, with text of the sheet or of a gateway, that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(value, int | float) else text
