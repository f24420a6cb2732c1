"""The path of the API for the fleet."""

from __future__ import annotations

from edge_central.web.api.fleet import FleetDocument
from edge_central.web.api.openapi_parts.operations import Document, answer, problems, query_parameter

OF_FLEET = (FleetDocument,)


def fleet_paths() -> Document:
    operation = {
        "summary": "Gateways with version, configuration, certificate and uplink, and how they differ",
        "parameters": [query_parameter("ward", {"type": "string"}, "of this one ward only")],
        "responses": {"200": answer("As it is now", FleetDocument), **problems()},
    }
    return {"/api/fleet": {"get": operation}}
