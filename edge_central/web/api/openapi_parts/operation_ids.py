"""The names of the operations. Generated clients name their functions after them, so a name never changes."""

from __future__ import annotations

from edge_central.web.api.openapi_parts.operations import Document

OPERATION_IDS = {
    "GET /api/events": "listEvents",
    "GET /api/inventory": "getInventory",
    "GET /api/fleet": "getFleet",
    "GET /api/incidents": "listIncidents",
    "GET /api/incidents/steps": "listIncidentSteps",
    "POST /api/incidents/steps": "recordIncidentStep",
    "GET /api/media/{gateway}/{media_id}": "getMedia",
    "GET /api/openapi.json": "getOpenApi",
    "GET /api/searches": "listSearches",
    "POST /api/searches": "startSearch",
    "GET /api/searches/{id}": "getSearch",
    "DELETE /api/searches/{id}": "withdrawSearch",
    "GET /api/searches/{id}/matches": "listMatches",
    "GET /api/searches/{id}/pictures": "listPictures",
    "POST /api/searches/{id}/pictures": "openPicture",
    "GET /api/searches/{id}/pictures/{gateway}/{passage}": "getPicture",
    "GET /api/searches/{id}/scenes": "listWholePictures",
    "POST /api/searches/{id}/scenes": "openWholePicture",
    "GET /api/searches/{id}/scenes/{gateway}/{passage}": "getWholePicture",
    "GET /api/journeys": "listJourneys",
    "POST /api/journeys": "beginJourney",
    "GET /api/journeys/{id}": "getJourney",
    "POST /api/journeys/{id}/searches": "askNeighbours",
    "GET /api/journeys/{id}/candidates": "listCandidates",
    "POST /api/journeys/{id}/decisions": "decideCandidate",
    "POST /api/journeys/{id}/withdrawals": "withdrawDecision",
    "GET /api/traffic": "listTraffic",
    "GET /api/traffic/turns": "listTurns",
    "GET /api/availability": "listAvailability",
}
"""The name of each operation. Add each new operation here; without a name the document cannot be made."""


def add_operation_ids(paths: Document) -> None:
    """Set ``operationId`` of every operation. Raises KeyError for an operation without a name."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            operation["operationId"] = OPERATION_IDS[f"{method.upper()} {path}"]
