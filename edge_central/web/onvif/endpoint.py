"""``/onvif/…``: receives SOAP requests. Requests that wait for messages need no thread."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_agent import __version__
from edge_central.onvif.pull_points import MAX_PULL_POINTS, PullPoint, PullPointBusy, PullPoints
from edge_central.onvif.soap import answers, envelope
from edge_central.onvif.soap.answers import DeviceFacts
from edge_central.onvif.soap.envelope import FaultCode, SoapFault, SoapRequest, parse_request
from edge_central.onvif.soap.faults import (
    invalid_argument,
    not_authorized,
    subscription_fault,
    timeout_too_long,
    unknown_subscription,
)
from edge_central.onvif.soap.values import parse_duration
from edge_central.onvif.soap.xml_writer import XmlText, qualified
from edge_central.web.http_errors import HttpError, NotLoggedIn
from edge_central.web.live.stream import check_capacity, event_within
from edge_central.web.onvif.credentials import NonceNotValid, OnvifLogins
from edge_central.web.onvif.operations import OPERATIONS, OnvifCall, Operation
from edge_central.web.request_handler import Principal, RequestHandler, read_body

DEVICE_PATH = "/onvif/device_service"
EVENT_PATH = "/onvif/event_service"
SUBSCRIPTION_PATH = "/onvif/subscription/{id}"
MAX_TIMEOUT_S = 120.0
MAX_MESSAGES = 200
CHECK_CLIENT_S = 5.0
"""How long a client that has disconnected can keep its pull point busy."""
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class OnvifService:
    """The ONVIF service, with what all requests share."""

    logins: OnvifLogins
    points: PullPoints


def onvif_routes(handler: RequestHandler, service: OnvifService) -> list[Route]:
    """Return the service's routes. Requests are not timed, since they may last until a message comes."""
    endpoint = _Endpoint(handler, service).answer
    return [Route(path, endpoint, methods=["POST"]) for path in (DEVICE_PATH, EVENT_PATH, SUBSCRIPTION_PATH)]


class _Endpoint:
    def __init__(self, handler: RequestHandler, service: OnvifService) -> None:
        self._handler = handler
        self._logins, self._points = service.logins, service.points
        self._advance = _SharedRead(self._read_events)

    async def answer(self, request: Request) -> Response:
        message_id = ""
        try:
            document = await read_body(request)
            if not document and "authorization" not in request.headers:
                # Clients send a large request only after they have received the challenge.
                raise NotLoggedIn("log in with HTTP Digest")
            soap = parse_request(document)
            message_id = soap.message_id
            body, operation = await self._call(request, soap)
        except SoapFault as fault:
            return self._fault(fault, message_id)
        except HttpError as refusal:
            stale = isinstance(refusal, NonceNotValid)
            return self._fault(_fault_of(refusal), message_id, refusal.retry_after_s, stale=stale)
        return Response(envelope.answer(body, operation.action, message_id), media_type=envelope.CONTENT_TYPE)

    async def _call(self, request: Request, soap: SoapRequest) -> tuple[XmlText, Operation]:
        """Answer a request. Raises SoapFault, HttpError."""
        operation = OPERATIONS.get(soap.call.name)
        if operation is None:
            why = f"there is no operation {soap.call.name[:200]}"
            raise SoapFault("Receiver", ("ter:ActionNotSupported",), why)
        work = partial(self._work, request, soap, operation)
        body, known = await self._handler.run_in_thread(work)
        if body is None:
            assert known is not None
            body = await self._pull(request, soap, known)
        return body, operation

    def _work(
        self, request: Request, soap: SoapRequest, operation: Operation
    ) -> tuple[XmlText | None, Principal | None]:
        """Authenticate, and call the operation unless it waits."""
        with self._handler.reading(request) as connection:
            known = None
            if operation.needs_login:
                known = self._logins.authenticate(self._handler, request, soap, connection)
            if operation.answer is None:
                return None, known
            address = _address(request)
            call = OnvifCall(
                body=soap.call,
                connection=connection,
                account=None if known is None else known.account,
                points=self._points,
                clock=self._handler.services.clock,
                facts=self._facts(address),
                subscription=request.path_params.get("id", ""),
                subscription_url=lambda id_: address + SUBSCRIPTION_PATH.format(id=id_),
            )
            return operation.answer(call), known

    def _facts(self, address: str) -> DeviceFacts:
        return DeviceFacts(
            device_url=address + DEVICE_PATH,
            event_url=address + EVENT_PATH,
            version=__version__,
            id=self._handler.services.settings.id,
            max_pull_points=MAX_PULL_POINTS,
        )

    # --- PullMessages ---

    async def _pull(self, request: Request, soap: SoapRequest, known: Principal) -> XmlText:
        """Answer PullMessages. Raises SoapFault, HttpError."""
        clock = self._handler.services.clock
        point = self._points.find(request.path_params.get("id", ""), known.account.name)
        if point is None:
            raise unknown_subscription(clock.now())
        timeout_s, most = _limits(soap)
        check_capacity(self._handler.services.hub, known)
        try:
            self._points.begin(point)
        except PullPointBusy:
            why = "another request waits for the messages of this subscription"
            raise subscription_fault("wsnt:UnableToGetMessagesFault", why, clock.now()) from None
        try:
            is_valid = await self._wait(request, point, known, timeout_s)
        finally:
            self._points.finish(point, timeout_s)
        if self._points.has_ended(point):
            raise unknown_subscription(clock.now())
        # If the client has disconnected, keep its messages for its next request.
        takes = is_valid and not await request.is_disconnected()
        found = self._points.take(point, most, known.account.scope) if takes else []
        now = clock.now()
        until = now + timedelta(seconds=point.until_mono - clock.monotonic())
        return answers.messages(found, now, until)

    async def _wait(self, request: Request, point: PullPoint, known: Principal, timeout_s: float) -> bool:
        """Wait until the pull point has messages, the time is over, or the client has disconnected. Returns
        False if the token is no longer valid, or the console stops. The wait takes no thread."""
        hub, loop = self._handler.services.hub, asyncio.get_running_loop()
        mark = hub.mark()  # before events are read: later events wake the listener
        listener = hub.join(known.account.scope, known.key, False, mark, known.account.name)
        until = loop.time() + timeout_s
        try:
            while not listener.ended and not self._points.has_ended(point):
                more = await self._advance(request)
                left_s = until - loop.time()
                if point.waiting or (not more and left_s <= 0):
                    break
                if more or await event_within(listener, min(left_s, CHECK_CLIENT_S)):
                    continue
                if await request.is_disconnected():
                    break
        finally:
            hub.leave(listener)
        return not listener.ended

    async def _read_events(self, request: Request) -> bool:
        """Read new events; return whether there are more. Raises Unavailable."""

        def read() -> bool:
            with self._handler.reading(request) as connection:
                return self._points.advance(connection)

        return await self._handler.run_in_thread(read)

    def _fault(
        self, fault: SoapFault, message_id: str, retry_after_s: int | None = None, *, stale: bool = False
    ) -> Response:
        fault.message_id = message_id
        response = Response(envelope.fault(fault), fault.status, media_type=envelope.CONTENT_TYPE)
        if fault.status == HTTPStatus.UNAUTHORIZED:
            response.headers.append("WWW-Authenticate", self._logins.challenge(stale=stale))
            response.headers.append("WWW-Authenticate", "Bearer")
        if retry_after_s is not None:
            response.headers["Retry-After"] = str(retry_after_s)
        return response


class _SharedRead:
    """Runs ``read`` once for all callers that have asked before it begins, because an event wakes all waiting
    requests at the same time."""

    def __init__(self, read: Callable[[Request], Coroutine[None, None, bool]]) -> None:
        self._read = read
        self._running: asyncio.Task[bool] | None = None
        self._queued: asyncio.Task[bool] | None = None

    async def __call__(self, request: Request) -> bool:
        """Read new events; return whether there are more. Raises Unavailable."""
        if self._queued is None:
            self._queued = asyncio.create_task(self._after(self._running, request))
        return await asyncio.shield(self._queued)

    async def _after(self, running: asyncio.Task[bool] | None, request: Request) -> bool:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._queued = self._queued, None
        return await self._read(request)


def _limits(soap: SoapRequest) -> tuple[float, int]:
    """Return the timeout in seconds, and the maximum number of messages in the answer. Raises SoapFault."""
    texts = [
        "" if (child := soap.call.find(qualified(name))) is None else child.text
        for name in ("tev:Timeout", "tev:MessageLimit")
    ]
    timeout_s = parse_duration(texts[0])
    if timeout_s is None:
        raise invalid_argument("Timeout must be a duration such as PT30S")
    if not re.fullmatch(r"\+?0{0,9}[1-9]\d{0,9}", texts[1]):
        raise invalid_argument("MessageLimit must be a whole number of at least 1")
    if timeout_s > MAX_TIMEOUT_S:
        raise timeout_too_long(MAX_TIMEOUT_S, MAX_MESSAGES)
    return timeout_s, min(int(texts[1]), MAX_MESSAGES)


def _address(request: Request) -> str:
    """Return scheme and host as the client has addressed them, because the server may be behind a router that
    translates addresses."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise invalid_argument("the header Host is not a host")
    return f"{request.url.scheme}://{host}"


def _fault_of(refusal: HttpError) -> SoapFault:
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return not_authorized(refusal.text or refusal.code)
    code = "ter:NotAuthorized" if refusal.status == HTTPStatus.FORBIDDEN else "ter:Action"
    kind: FaultCode = "Sender" if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR else "Receiver"
    return SoapFault(kind, (code,), refusal.text or refusal.code, status=refusal.status)
