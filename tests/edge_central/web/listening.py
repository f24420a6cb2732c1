"""Does what a browser's ``EventSource`` does, in a thread."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.testbed.mosquitto import wait_until


@dataclass(frozen=True)
class Heard:
    mark: str
    kind: str
    data: dict[str, Any]


class Ear:
    """Listens at ``/live`` until the ``with`` ends. ``ready`` is set when the stream has begun."""

    def __init__(self, client: httpx.Client, after: str | None = None) -> None:
        self._client = client
        self._after = after
        self._ready = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)
        self.heard: list[Heard] = []
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._response is not None
        stream = self._response.extensions["network_stream"]
        with contextlib.suppress(OSError):  # the server has closed it
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(30)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each.data for each in self.heard if each.kind == kind]

    def wait_for(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.of(kind)) >= count, 30, f"{count} of {kind}")
        return self.of(kind)

    def _listen(self) -> None:
        params = {} if self._after is None else {"after": self._after}
        try:
            with self._client.stream("GET", "/live", params=params) as self._response:
                assert self._response.status_code == 200, self._response.read()
                fields: dict[str, str] = {}
                for line in self._response.iter_lines():
                    self._ready.set()
                    name, _, value = line.partition(": ")
                    if line == "" and "data" in fields:
                        data = json.loads(fields["data"])
                        self.heard.append(Heard(fields.get("id", ""), fields["event"], data))
                        fields = {}
                    elif name:
                        fields[name] = value
        except httpx.HTTPError:
            pass  # closed by this side
        finally:
            self.ended.set()
