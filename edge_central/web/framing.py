"""A request with two lengths is refused: a proxy in front may believe the other one, and take what follows
for a request of another user (RFC 9112, 6.1 and 11.2)."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class RejectTwoLengths:
    """Around the application: 400, and the end of the connection, where both Transfer-Encoding and
    Content-Length are there. h11 itself refuses two different Content-Lengths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            names = {name for name, _ in scope["headers"]}
            if {b"transfer-encoding", b"content-length"} <= names:
                refused = PlainTextResponse("one length only", 400, {"Connection": "close"})
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)
