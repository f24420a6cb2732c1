"""A phone of a technician, over real HTTPS."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any


class PhoneOverTls:
    """A phone that trusts the certificate of the box, and no other; it keeps its cookie."""

    def __init__(self, host: str, port: int, certificate: Path) -> None:
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._context.check_hostname = False
        self._host, self._port, self._cookie = host, port, ""

    def ask(self, path: str, body: bytes | str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=180)
        headers = {"Cookie": self._cookie} if self._cookie else {}
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        self._cookie = (answer.headers.get("Set-Cookie") or self._cookie).partition(";")[0]
        found = answer.status, answer.read()
        connection.close()
        return found

    def step(self, path: str, **values: Any) -> dict[str, Any]:
        """Take a step, and return the new state or the error."""
        found: dict[str, Any] = json.loads(self.ask(path, json.dumps(values))[1])
        return found

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask("/state")[1])
        return found
