"""A refusal as an answer: a page for people, a problem document (RFC 9457) for programs."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edge_central.web.i18n import ALL, Lang
from edge_central.web.refusals import HttpError
from edge_central.web.templates import Templates

PROBLEM = "application/problem+json"
PROBLEM_TYPE = "urn:edge-agent:problem:"


def error_response(request: Request, refusal: HttpError, templates: Templates, lang: Lang) -> Response:
    path = request.url.path
    response = (
        problem_response(refusal) if path.startswith("/api/") else page_response(refusal, templates, lang)
    )
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_s)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def problem_response(refusal: HttpError) -> Response:
    document = {
        "type": f"{PROBLEM_TYPE}{refusal.code}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.text,
        **refusal.more,
    }
    return Response(msgspec.json.encode(document), refusal.status, media_type=PROBLEM)


def page_response(refusal: HttpError, templates: Templates, lang: Lang) -> Response:
    status = refusal.status if f"error-{refusal.status}" in ALL else 400
    text = templates.render("error.html", lang, {"account": None, "status": status})
    return HTMLResponse(text, refusal.status)
