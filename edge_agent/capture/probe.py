"""Asks a host that FFmpeg got nowhere with what it is: to tell apart why."""

from __future__ import annotations

import contextlib
import socket
from enum import Enum, auto

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 2.0

_QUESTIONS = {
    "rtsp": (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"RTSP/"),
    "http": (b"HEAD / HTTP/1.0\r\n\r\n", b"HTTP/"),
}


class Answer(Enum):
    NO_ADDRESS = auto()
    NO_CONNECTION = auto()
    REFUSED = auto()
    SILENT = auto()
    CLOSED = auto()
    FOREIGN = auto()  # something else answered
    SPEAKS = auto()  # the expected protocol


def probe(scheme: str, host: str, port: int) -> Answer:
    """Connect and say one harmless sentence, without credentials. Blocks up to
    ``CONNECT_TIMEOUT_S`` + ``ANSWER_TIMEOUT_S``, and as long as the resolver takes."""
    try:
        connection = socket.create_connection((host, port), CONNECT_TIMEOUT_S)
    except socket.gaierror:
        return Answer.NO_ADDRESS
    except ConnectionRefusedError:
        return Answer.REFUSED
    except OSError:
        return Answer.NO_CONNECTION
    with contextlib.closing(connection):
        return _ask(connection, scheme)


def _ask(connection: socket.socket, scheme: str) -> Answer:
    if scheme not in _QUESTIONS:  # TLS: what is inside cannot be seen from here
        return Answer.SPEAKS
    question, expected = _QUESTIONS[scheme]
    connection.settimeout(ANSWER_TIMEOUT_S)
    try:
        connection.sendall(question)
        answer = connection.recv(16)
    except TimeoutError:
        return Answer.SILENT
    except OSError:
        return Answer.CLOSED
    if not answer:
        return Answer.CLOSED
    return Answer.SPEAKS if answer.startswith(expected) else Answer.FOREIGN
