"""Starts the process that computes embeddings, sends it pictures, and kills it if it is too slow."""

from __future__ import annotations

import contextlib
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from edge_agent.core.errors import CentralError
from edge_agent.core.printable import printable
from edge_central.appearance.frames import (
    ANSWER_HEAD,
    MAX_REQUEST_BYTES,
    OK,
    ChildHello,
    request,
)

log = logging.getLogger(__name__)

START_S, PICTURE_S = 60.0, 5.0
"""A process that needs longer than this to start, or for one picture, is killed."""
MAX_PICTURES = 200
"""A new process is started after this many pictures, so that harm by a picture does not last."""
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class EmbeddingUnavailable(CentralError):
    """The process cannot be started, or its model cannot be used. The picture is not the cause."""


class PictureNotEmbedded(CentralError):
    """This picture has no embedding: it is damaged, or the process ended or was killed while it worked."""


class EmbeddingProcess:
    """Runs the model in a separate process, which has no environment and none of this process's open files,
    and which ends when this process ends. Not thread-safe."""

    def __init__(
        self,
        model: Path,
        pixels: str,
        order: str,
        *,
        command: Sequence[str] | None = None,
        start_s: float = START_S,
        picture_s: float = PICTURE_S,
    ) -> None:
        """``pixels`` and ``order``: the model's input format, as in its card. ``command`` replaces the
        program in tests."""
        program = (sys.executable, "-I", "-m", "edge_central.appearance.child")
        self._command = [*(command or (*program, str(model.absolute()), pixels, order))]
        self._start_s, self._picture_s = start_s, picture_s
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._hello: ChildHello | None = None
        self.pictures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process id; None: the process does not run."""
        return None if self._process is None else self._process.pid

    def hello(self) -> ChildHello:
        """Start the process if it does not run. Return the facts that it reports about its model. Raises
        EmbeddingUnavailable."""
        if self._hello is not None:
            return self._hello
        try:
            self._start()
            kind, content = self._answer(self._start_s)
        except (OSError, EOFError) as error:
            self.close()
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error) or "it ended"
            raise EmbeddingUnavailable(f"the process that compares pictures did not start: {why}") from error
        if kind != OK:
            self.close()
            raise EmbeddingUnavailable(_text(content))
        try:
            self._hello = msgspec.json.decode(content, type=ChildHello)
        except (msgspec.DecodeError, UnicodeError) as error:
            self.close()
            raise EmbeddingUnavailable("the process that compares pictures did not start") from error
        return self._hello

    def embed(self, jpeg: bytes) -> bytes:
        """Return the vector of a picture as float16, of length 1. Blocks for at most ``start_s`` +
        ``picture_s``. Raises PictureNotEmbedded, EmbeddingUnavailable."""
        if len(jpeg) > MAX_REQUEST_BYTES:
            raise PictureNotEmbedded(f"a picture cannot be compared: {len(jpeg)} bytes are too many")
        if self.pictures >= MAX_PICTURES:
            self.close()
        hello = self.hello()
        assert self._socket is not None
        self.pictures += 1
        try:
            self._socket.settimeout(self._picture_s)
            self._socket.sendall(request(jpeg))
            kind, content = self._answer(self._picture_s)
        except (OSError, EOFError) as error:
            code = self._end_code()
            self.close()
            why = "it took too long" if isinstance(error, TimeoutError) else f"the process ended ({code})"
            raise PictureNotEmbedded(f"a picture cannot be compared: {why}") from error
        if kind != OK or len(content) != 2 * hello.dimensions:
            raise PictureNotEmbedded(f"a picture cannot be compared: {_text(content)}")
        return content

    def close(self) -> None:
        """Kill the process if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._socket is not None:
            self._socket.close()
        self._process = self._socket = self._hello = None
        self.pictures = 0

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        with contextlib.closing(theirs):
            # The process gets no access to the log: it could fill the disk.
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
            )

    def _answer(self, within_s: float) -> tuple[int, bytes]:
        """Wait for an answer of the process. Raises TimeoutError, EOFError, OSError."""
        until = time.monotonic() + within_s
        kind, size = ANSWER_HEAD.unpack(self._read(ANSWER_HEAD.size, until))
        return kind, self._read(size, until)

    def _read(self, size: int, until: float) -> bytes:
        assert self._socket is not None
        received = bytearray()
        while len(received) < size:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            self._socket.settimeout(left_s)
            part = self._socket.recv(size - len(received))
            if not part:
                raise EOFError
            received += part
        return bytes(received)

    def _end_code(self) -> int | None:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.2)
        return None


def _text(content: bytes) -> str:
    return printable(content[:500].decode("utf-8", "replace"))
