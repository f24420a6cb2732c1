"""The paths of traffic."""

from __future__ import annotations

from collections.abc import Sequence

from edge_central.traffic.periods import PeriodLength
from edge_central.web.api.openapi_parts.operations import Document, answer, problems, query_parameter
from edge_central.web.api.traffic import FORMATS, TrafficAnswer
from edge_central.web.api.traffic_turns import TURN_FORMATS, TurnsAnswer
from edge_central.web.spreadsheets import XLSX_TYPE

OF_TRAFFIC = (TrafficAnswer, TurnsAnswer)
_TEXT: Document = {"type": "string"}


def traffic_paths() -> Document:
    counts = answer("Counts by period", TrafficAnswer)
    counts["content"] |= {"text/csv": {"schema": _TEXT}}
    counts["content"] |= {"application/geo+json": {"schema": {"type": "object"}}}
    counts["content"] |= {XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}}}
    turns = answer("Turning movements by period", TurnsAnswer)
    turns["content"] |= {"text/csv": {"schema": _TEXT}}
    summary = "Counts of lines and cameras by quarter of an hour, hour or day"
    return {
        "/api/traffic": {"get": _operation(summary, FORMATS, counts)},
        "/api/traffic/turns": {
            "get": _operation("Turning movements: from which line to which", TURN_FORMATS, turns)
        },
    }


def _operation(summary: str, formats: Sequence[str], success: Document) -> Document:
    time = "a date in the time zone of the console, or a time with its offset"
    whole = "the answer begins and ends with whole periods; see `from_at`, `to_at`"
    step = {"type": "string", "enum": list(PeriodLength), "default": PeriodLength.HOUR.value}
    written = {"type": "string", "enum": list(formats), "default": "json"}
    places = ("ward", "gateway", "camera", "rule", "line")
    return {
        "summary": summary,
        "parameters": [
            *(query_parameter(name, _TEXT, f"of this one {name} only") for name in places),
            query_parameter("from", _TEXT, f"{time}; left out: 24 hours before `to`; {whole}"),
            query_parameter("to", _TEXT, f"{time}, not included; left out: now; {whole}"),
            query_parameter("step", step, "length of a period"),
            query_parameter("format", written, "of the answer"),
        ],
        "responses": {"200": success, **problems()},
    }
