"""Tables as files for spreadsheets, XLSX and CSV. No cell is ever a formula, because names come from the
fleet's sheet and from gateways."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from starlette.responses import Response

from edge_central.web.csv_file import csv_response
from edge_central.web.http_errors import BadRequest

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_XLSX_ROWS = 50_000
"""Maximum number of rows of all tables of a workbook: 37,000 outages take 1.7 s of CPU and 80 MB."""
MAX_CHARACTERS = 2_000
"""Maximum length of a text in a workbook; Excel accepts 32,767 characters."""
NARROWEST, WIDEST = 8, 48
"""Minimum and maximum width of a column, in characters."""
Cell = str | int | float | datetime | None
"""None: empty. A datetime has no time zone: it is the wall time of the console."""


class ColumnKind(Enum):
    """What the cells of a column are. It decides their number format in a workbook."""

    TEXT = "@"
    COUNT = "0"
    TENTHS = "0.0"
    PERCENT = "0.000"
    MONTH = "mm/yyyy"
    TIME = "dd/mm/yyyy hh:mm:ss"


@dataclass(frozen=True, slots=True)
class TableColumn:
    title: str
    kind: ColumnKind = ColumnKind.TEXT


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table. ``name``: name of the sheet in a workbook, at most 31 characters."""

    name: str
    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[Cell]]


def table_csv(file_name: str, table: DataTable) -> Response:
    kinds = [column.kind for column in table.columns]
    rows = ([_csv_text(*each) for each in zip(row, kinds, strict=True)] for row in table.rows)
    return csv_response(file_name, [column.title for column in table.columns], rows)


def _csv_text(cell: Cell, kind: ColumnKind) -> str:
    match kind:
        case _ if cell is None:
            return ""
        case ColumnKind.MONTH:
            return f"{cell:%Y-%m}"
        case ColumnKind.TIME:
            return f"{cell:%d/%m/%Y %H:%M:%S}"
        case ColumnKind.PERCENT:
            return f"{cell:.3f}"
        case ColumnKind.TENTHS:
            return f"{cell:.1f}"
        case _:
            return str(cell)


def xlsx_response(file_name: str, tables: Sequence[DataTable]) -> Response:
    """Return a workbook with a sheet for each table. Raises BadRequest for more than MAX_XLSX_ROWS."""
    if sum(len(table.rows) for table in tables) > MAX_XLSX_ROWS:
        raise BadRequest(
            f"a workbook has at most {MAX_XLSX_ROWS} rows: ask for one ward or a shorter time, or take CSV"
        )
    # Imported only when a file is requested, like prometheus_client.
    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        formats = {kind: workbook.add_format({"num_format": kind.value}) for kind in ColumnKind}
        head = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        for table in tables:
            _write_sheet(workbook.add_worksheet(table.name), table, formats, head)
    response = Response(file.getvalue(), media_type=XLSX_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def _write_sheet(sheet: Any, table: DataTable, formats: dict[ColumnKind, Any], head: Any) -> None:
    """Write a table: one header row, visible while the others scroll, and a filter for each column."""
    for index, column in enumerate(table.columns):
        sheet.write_string(0, index, column.title, head)
        cells = [row[index] for row in table.rows]
        sheet.set_column(index, index, _width(column, cells), formats[column.kind])
        _write_column(sheet, index, column.kind, cells)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)


def _write_column(sheet: Any, index: int, kind: ColumnKind, cells: Sequence[Cell]) -> None:
    """Write the cells of a column in its format. The called method decides the type of a cell: with
    ``write_string`` a text that begins with ``=`` stays a text."""
    match kind:
        case ColumnKind.TEXT:
            for row, cell in enumerate(cells, 1):
                if cell:
                    sheet.write_string(row, index, str(cell)[:MAX_CHARACTERS])
        case ColumnKind.MONTH | ColumnKind.TIME:
            for row, cell in enumerate(cells, 1):
                if cell is not None:
                    sheet.write_datetime(row, index, cell)
        case _:
            for row, cell in enumerate(cells, 1):
                if cell is not None:
                    sheet.write_number(row, index, cell)


def _width(column: TableColumn, cells: Sequence[Cell]) -> int:
    """Return the column's width in characters; a heading may take two lines."""
    widest = len(column.title) // 2
    if column.kind is ColumnKind.TEXT:
        widest = max([widest, *(len(str(cell)) for cell in cells if cell is not None)])
    else:
        widest = max(widest, len(column.kind.value))
    return max(NARROWEST, min(WIDEST, widest + 2))
