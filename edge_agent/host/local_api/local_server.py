"""A thread that answers whoever connects to a Unix socket, one after the other."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.worker import SupervisedThread
from edge_agent.host.local_api.local_socket import ANSWER_TIMEOUT_S, listen

log = logging.getLogger(__name__)

IDLE_S = 10.0


class LocalServer:
    """Gives each connection to ``answer``, which may raise OSError; a read or a write of the connection
    blocks for at most ``ANSWER_TIMEOUT_S``. The thread blocks, it never polls."""

    def __init__(
        self,
        name: str,
        places: Sequence[Path],
        answer: Callable[[socket.socket], None],
        *,
        mode: int,
        idle_s: float = IDLE_S,
    ) -> None:
        """``places``: where to listen, the first that can be used. A socket that was removed is made again
        after ``idle_s``. ``mode``: who may connect."""
        self._name = name
        self._places = places
        self._answer = answer
        self._mode = mode
        self._idle_s = idle_s
        self._path: Path | None = None
        self._listener: socket.socket | None = None
        # Ends of a pair that wakes the loop: shutdown() does not wake a Unix listener.
        self._asleep: socket.socket | None = None
        self._alarm: socket.socket | None = None
        self.loop = SupervisedThread(name, self._serve, max_silence_s=3 * IDLE_S)

    def start(self) -> None:
        """Bind and serve. Raises EdgeAgentError when another agent listens there, or it cannot bind."""
        self._listener, self._path = listen(self._places, self._mode)
        if self._path != self._places[0]:
            log.warning("%s: %s cannot be used, listening at %s", self._name, self._places[0], self._path)
        self._asleep, self._alarm = socket.socketpair()
        self.loop.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Stop serving and remove the socket."""
        self.loop.stop()
        if self._listener is None or self._asleep is None or self._alarm is None:
            return
        self._alarm.send(b".")
        self.loop.join(timeout_s)
        for end in (self._asleep, self._alarm, self._listener):
            end.close()
        self._asleep = self._alarm = self._listener = None
        if self._path is not None:
            with contextlib.suppress(OSError):  # a disk that went away; the next start replaces it
                self._path.unlink()

    def _serve(self, loop: SupervisedThread) -> None:
        asleep = self._asleep
        assert asleep is not None
        while not loop.wait(0.0):
            self._listen_again()
            listener = self._listener
            assert listener is not None
            ready, _, _ = select.select([listener, asleep], [], [], self._idle_s)
            if listener in ready and not loop.stopping:
                self._accept(listener)

    def _listen_again(self) -> None:
        """Somebody has removed the socket, and nobody can ask any more."""
        if self._listener is None or self._path is None or self._path.exists():
            return
        try:
            listener, _ = listen([self._path], self._mode)
        except EdgeAgentError as error:
            log.debug("%s: %s", self._name, error)
            return
        self._listener.close()
        self._listener = listener

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        with client:
            client.settimeout(ANSWER_TIMEOUT_S)
            try:
                self._answer(client)
            except OSError as error:
                log.debug("%s: the asker went away: %s", self._name, error)
