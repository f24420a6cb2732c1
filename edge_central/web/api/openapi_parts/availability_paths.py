"""The path of the API for availability."""

from __future__ import annotations

from edge_central.web.api.availability import AvailabilityAnswer, AvailabilityLevel
from edge_central.web.api.openapi_parts.operations import Document, answer, problems, query_parameter

OF_AVAILABILITY = (AvailabilityAnswer,)
_TEXT: Document = {"type": "string"}


def availability_paths() -> Document:
    by = {"type": "string", "enum": list(AvailabilityLevel), "default": AvailabilityLevel.CAMERA.value}
    operation = {
        "summary": "How long cameras had a usable picture in a month, and what the outages were",
        "parameters": [
            query_parameter("month", _TEXT, "YYYY-MM in the time zone of the console; left out: this month"),
            query_parameter("ward", _TEXT, "of this one ward only"),
            query_parameter("gateway", _TEXT, "of this one gateway only"),
            query_parameter("camera", _TEXT, "of this one camera of `gateway` only"),
            query_parameter("by", by, "what one entry sums"),
        ],
        "responses": {"200": answer("One month", AvailabilityAnswer), **problems()},
    }
    return {"/api/availability": {"get": operation}}
