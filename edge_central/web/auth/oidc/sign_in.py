"""``/login/oidc`` and its callback: send the user to the provider, and handle the return.

Both wait for the provider on separate threads, without a database connection: if it is slow, pages and logins
with a password are not delayed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.core.clock import wall_ms
from edge_central.store.accesses import AccessKind
from edge_central.web.auth.accounts import Account, token_digest
from edge_central.web.auth.login import login_page, replace_session, safe_redirect_path
from edge_central.web.auth.oidc.errors import SignInFailed, SignInFault
from edge_central.web.auth.oidc.person import ProviderPerson
from edge_central.web.auth.oidc.provider import CALLBACK, OidcProvider
from edge_central.web.auth.oidc.provider_accounts import admit
from edge_central.web.auth.sessions import LOGIN_COOKIE, PROVIDER_COOKIE, SESSION_COOKIE
from edge_central.web.http_errors import HttpError, NotFound
from edge_central.web.request_context import RequestContext
from edge_central.web.request_handler import RequestHandler

log = logging.getLogger(__name__)

BEGIN = "/login/oidc"
__all__ = ["BEGIN", "CALLBACK", "begin_endpoint", "callback_endpoint"]

SignInStep = Callable[[RequestHandler, OidcProvider, Request], Awaitable[Response]]


def begin_endpoint(front: RequestHandler) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint of BEGIN."""
    return _endpoint(front, _begin)


def callback_endpoint(front: RequestHandler) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint of CALLBACK."""
    return _endpoint(front, _finish)


def _endpoint(front: RequestHandler, step: SignInStep) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            if front.services.oidc is None:
                raise NotFound("sign-in through a provider is not configured")
            try:
                return await step(front, front.services.oidc, request)
            except SignInFailed as failure:
                log.warning("a sign-in through the provider has failed: %s", failure)
                return await front.answer_public(request, partial(_failed, failure.fault))
        except HttpError as refusal:
            return front.error_response(request, refusal)

    return answer


async def _begin(front: RequestHandler, provider: OidcProvider, request: Request) -> Response:
    """Redirect the browser to the provider. Raises SignInFailed, HttpError."""
    path = safe_redirect_path(request.query_params.get("next"))
    again = "again" in request.query_params
    url, pending = await front.run_waiting(partial(provider.begin, path, again=again))
    response = RedirectResponse(url, 303)
    front.services.cookies.set(response, PROVIDER_COOKIE, provider.pending.seal(pending))
    return response


async def _finish(front: RequestHandler, provider: OidcProvider, request: Request) -> Response:
    """Complete the sign-in and begin a session. Raises SignInFailed, HttpError."""
    cookie = front.services.cookies.get(request, PROVIDER_COOKIE)
    pending = provider.pending.open(cookie, wall_ms(front.services.clock))
    if pending is None:
        raise SignInFailed(SignInFault.OUTDATED, "it did not begin in this browser, or too long ago")
    answer = dict(request.query_params)
    person = await front.run_waiting(partial(provider.finish, answer, pending))
    return await front.answer_public(request, partial(_enter, person, pending.next))


def _enter(person: ProviderPerson, path: str, call: RequestContext) -> Response:
    identity = str(person.identity)
    with call.writing() as connection:
        admitted = admit(connection, person, call.address, call.now_ms)
        if isinstance(admitted, Account):
            kind = AccessKind.LOGIN_PROVIDER
            token = replace_session(call, connection, admitted.name, kind, detail=identity)
            if person.is_fresh:
                call.services.sessions.confirm(connection, token_digest(token), call.now_ms)
    if isinstance(admitted, SignInFault):
        log.warning("a sign-in through the provider is refused: %s: %s", admitted, identity)
        return _failed(admitted, call)
    response = call.redirect(path)
    call.cookies.set(response, SESSION_COOKIE, token)
    call.cookies.clear(response, LOGIN_COOKIE)
    call.cookies.clear(response, PROVIDER_COOKIE)
    return response


def _failed(fault: SignInFault, call: RequestContext) -> Response:
    """Return the login page with the reason. Each answer of the provider can be used once."""
    response = login_page(call, fault.value, fault.status)
    call.cookies.clear(response, PROVIDER_COOKIE)
    return response
