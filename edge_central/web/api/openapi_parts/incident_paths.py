"""The paths of incidents."""

from __future__ import annotations

from edge_central.web.api.event_query import MOST_WAIT_S
from edge_central.web.api.incidents.documents import (
    IncidentAction,
    IncidentList,
    IncidentStepPage,
    RecordedStep,
)
from edge_central.web.api.incidents.endpoints import (
    DEFAULT_LISTED,
    DEFAULT_STEPS,
    MOST_LISTED,
    MOST_STEPS,
    STEPS,
)
from edge_central.web.api.openapi_parts.operations import (
    Document,
    answer,
    get_operation,
    post_operation,
    problems,
    query_parameter,
)

OF_INCIDENTS = (IncidentList, IncidentAction, RecordedStep, IncidentStepPage)
WARD = "of this one ward only"


def incident_paths() -> Document:
    """The paths of incidents."""
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LISTED}
    places = [
        query_parameter("after", {"type": "string"}, "`next` of the page before; left out: the first page"),
        query_parameter("limit", limit, "incidents in one answer"),
        query_parameter("ward", {"type": "string"}, WARD),
        query_parameter("gateway", {"type": "string"}, "of this one gateway only"),
    ]
    created = {"201": answer("The state after the step", RecordedStep), **problems("409")}
    record = post_operation(
        "Acknowledge, assign, close or reopen an incident, or add a note",
        [],
        IncidentAction,
        created,
    )
    return {
        "/api/incidents": {
            "get": get_operation("Open alarms and alerts", places, answer("As it is now", IncidentList)),
        },
        STEPS: {
            "get": {
                "summary": "Steps of the handling of incidents, as events after a cursor",
                "parameters": _follow_steps(),
                "responses": {"200": answer("Steps", IncidentStepPage), **problems("409", "429")},
            },
            "post": record,
        },
    }


def _follow_steps() -> list[Document]:
    after = "`next` of the answer before; left out: from the beginning; `now`"
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_STEPS, "default": DEFAULT_STEPS}
    wait = {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0}
    return [
        query_parameter("after", {"type": "string"}, after),
        query_parameter("limit", limit, "steps in one answer"),
        query_parameter("ward", {"type": "string"}, WARD),
        query_parameter("subject", {"type": "string"}, "of this one incident only"),
        query_parameter("wait", wait, "seconds to wait for the next step where there is none"),
    ]
