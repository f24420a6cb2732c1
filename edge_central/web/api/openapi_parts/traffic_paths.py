"""The path of traffic."""

from __future__ import annotations

from edge_central.traffic.periods import PeriodLength
from edge_central.web.api.events import JSON
from edge_central.web.api.openapi_parts.operations import Document, answer, problems, query_parameter
from edge_central.web.api.traffic import FORMATS, TrafficAnswer
from edge_central.web.spreadsheets import XLSX_TYPE

OF_TRAFFIC = (TrafficAnswer,)
_TEXT: Document = {"type": "string"}


def traffic_paths(problem: Document, counted: Document) -> Document:
    time = "a date in the time zone of the console, or a time with its offset"
    step = {"type": "string", "enum": list(PeriodLength), "default": PeriodLength.HOUR.value}
    formats = {"type": "string", "enum": list(FORMATS), "default": "json"}
    counts = answer("Counts by period", JSON, counted)
    counts["content"] |= {"text/csv": {"schema": _TEXT}}
    counts["content"] |= {"application/geo+json": {"schema": {"type": "object"}}}
    counts["content"] |= {XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}}}
    places = ("ward", "gateway", "camera", "rule", "line")
    operation = {
        "summary": "Counts of lines and cameras by quarter of an hour, hour or day",
        "parameters": [
            *(query_parameter(name, _TEXT, f"of this one {name} only") for name in places),
            query_parameter("from", _TEXT, f"{time}; left out: a day before `to`"),
            query_parameter("to", _TEXT, f"{time}, not included; left out: now"),
            query_parameter("step", step, "length of a period"),
            query_parameter("format", formats, "of the answer"),
        ],
        "responses": {"200": counts, **problems(problem)},
    }
    return {"/api/traffic": {"get": operation}}
