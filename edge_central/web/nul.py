"""No text in a database has a NUL in it: who asks for one is refused before anything is looked up."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

NUL = "\0"


class RejectNul:
    """Around the application: 400 for an address with a NUL. Forms are looked at where they are read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (NUL in scope["path"] or b"%00" in scope["query_string"]):
            refused = PlainTextResponse("this is no address: it has a NUL in it", 400)
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)
