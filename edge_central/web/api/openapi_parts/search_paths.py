"""The paths of searches."""

from __future__ import annotations

from edge_central.searches.question import SearchQuestion
from edge_central.web.api.event_query import MOST_WAIT_S
from edge_central.web.api.openapi_parts.operations import (
    Document,
    answer,
    get_operation,
    path_part,
    post_operation,
    problems,
    query_parameter,
)
from edge_central.web.api.search_documents import (
    MatchPage,
    OpenPicture,
    PictureEntry,
    PictureList,
    SearchList,
    SearchStatus,
    StartedSearch,
)
from edge_central.web.api.searches import DEFAULT_MATCHES, MATCHES, MOST_MATCHES

OF_SEARCHES = (
    *(SearchQuestion, StartedSearch, SearchList, SearchStatus),
    *(MatchPage, OpenPicture, PictureEntry, PictureList),
)
SEARCHES = "/api/searches"
OF_SEARCH = path_part("id", "of the search")


def search_paths() -> Document:
    """The paths of searches."""
    whole, parts = SEARCHES, [OF_SEARCH]
    return {
        whole: {
            "get": get_operation("Your newest searches", [], answer("Newest first", SearchList)),
            "post": post_operation(
                "Ask the gateways for passages; it is on record with purpose and case",
                [],
                SearchQuestion,
                {"201": answer("It is stored", StartedSearch)},
            ),
        },
        f"{whole}/{{id}}": {
            "get": get_operation(
                "One search, with the answer of each gateway",
                parts,
                answer("As it is now", SearchStatus),
            ),
            "delete": {
                "summary": "Withdraw a search: gateways that have not answered are not asked any more",
                "parameters": parts,
                "responses": {"204": {"description": "It is withdrawn"}, **problems("403")},
            },
        },
        MATCHES: {
            "get": get_operation(
                "Matches in the order in which they came",
                [*parts, *_follow_matches()],
                answer("Matches", MatchPage),
                "429",
            ),
        },
        **_picture_paths("pictures", "small"),
        **_picture_paths("scenes", "whole"),
    }


def _picture_paths(folder: str, which: str) -> Document:
    """Return the paths of the small pictures, or of the whole pictures, of matches."""
    picture = [OF_SEARCH, path_part("gateway", "of the match"), path_part("passage", "of the match")]
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        f"{SEARCHES}/{{id}}/{folder}": {
            "get": get_operation(
                f"The {which} pictures that you have opened",
                [OF_SEARCH],
                answer("By gateway and passage", PictureList),
            ),
            "post": post_operation(
                f"Open the {which} picture of a match; it is on record before the gateway is asked",
                [OF_SEARCH],
                OpenPicture,
                {"202": answer("The gateway is asked", PictureEntry)},
            ),
        },
        f"{SEARCHES}/{{id}}/{folder}/{{gateway}}/{{passage}}": {
            "get": {
                "summary": f"A {which} picture that you have opened",
                "parameters": picture,
                "responses": {
                    "200": {
                        "description": "The picture. A sealed one is an octet stream",
                        "content": {"image/jpeg": binary, "application/octet-stream": binary},
                    },
                    "202": answer("The gateway has not answered yet", PictureEntry),
                    **problems("403"),
                },
            },
        },
    }


def _follow_matches() -> list[Document]:
    """Return the parameters with which a client reads matches as they come."""
    return [
        query_parameter(
            "after", {"type": "integer", "minimum": 0, "default": 0}, "`next` of the answer before"
        ),
        query_parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_MATCHES, "default": DEFAULT_MATCHES},
            "matches in one answer",
        ),
        query_parameter("wait", {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0}, WAIT),
    ]


WAIT = "seconds to wait for the next match where there is none"
