"""The page on which a person answers: one box at a time, by key, about a second each.

It listens on 127.0.0.1 only, on a free port. The address has a token: other users of the machine and pages of
other sites, which may reach the port, do not know it.
"""

from __future__ import annotations

import secrets
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import cv2
import msgspec
import numpy as np

from training.agreement import Question
from training.answers import KEYS, Answers
from training.collection import Frame
from training.dataset import DataError, Image

PAGE = Path(__file__).with_name("review.html")
MOST_BYTES = 1000  # of a request's body
CONTEXT = 2.5
"""Edge of the crop, in longer edges of the box."""
LEAST_CONTEXT = 160  # pixels of the picture: a distant object needs its surroundings
SHOWN = 640  # pixels of the crop on the page
POLL_S = 0.2
JSON = "application/json"


class Asked(msgspec.Struct):
    """Sent to the page: a question, or the end (``number`` is -1)."""

    number: int
    left: int
    answered: int
    place: str = ""
    frames: int = 1
    """Number of frames to which the answer applies: a standing object is asked about once."""


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """Sent by the page."""

    number: int
    answer: str


class Review:
    """The questions and their answers. It has a lock: requests of a browser run on several threads."""

    def __init__(self, questions: Sequence[Question], frames: dict[str, Frame], answers: Answers) -> None:
        self._questions, self._frames, self._answers = questions, frames, answers
        self._open = [n for n, question in enumerate(questions) if answers.of(question) is None]
        self._given: list[int] = []  # in this run, for undo
        self._lock = threading.Lock()  # protects the two lists and the answers' file
        self.finished = threading.Event()

    def next(self) -> Asked:
        with self._lock:
            left, answered = len(self._open), len(self._questions) - len(self._open)
            if not left:
                return Asked(-1, 0, answered)
            number = self._open[0]
        members = self._questions[number].members
        return Asked(number, left, answered, self._frames[members[0].file].place, len(members))

    def answer(self, given: Given) -> bool:
        """Store an answer. False if it was not asked or already answered (a key that was pressed twice)."""
        with self._lock:
            if given.answer not in KEYS or given.number not in self._open:
                return False
            self._answers.give(self._questions[given.number], given.answer)
            self._open.remove(given.number)
            self._given.append(given.number)
            return True

    def undo(self) -> bool:
        with self._lock:
            if not self._given:
                return False
            number = self._given.pop()
            self._answers.give(self._questions[number], None)
            self._open.insert(0, number)
            return True

    def crop(self, number: int) -> bytes:
        """Return a JPEG of the box with its surroundings. Raises DataError, IndexError."""
        member = self._questions[number].members[0]
        box = np.array([float(value) for value in member.key.split(",")])
        return _drawn(self._frames[member.file].image(), box)


def _drawn(image: Image, box: Any) -> bytes:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (int(v) for v in (box * (width, height, width, height)).round())
    side = min(max(LEAST_CONTEXT, int(CONTEXT * max(x2 - x1, y2 - y1))), width, height)
    left = int(np.clip((x1 + x2 - side) // 2, 0, width - side))
    top = int(np.clip((y1 + y2 - side) // 2, 0, height - side))
    scale = SHOWN / side
    out = cv2.resize(image[top : top + side, left : left + side], (SHOWN, SHOWN))
    corners = [int(v * scale) for v in (x1 - left, y1 - top, x2 - left, y2 - top)]
    for colour, thick in (((0, 0, 0), 4), ((0, 255, 255), 2)):
        cv2.rectangle(out, corners[:2], corners[2:], colour, thick)
    return bytes(cv2.imencode(".jpg", out)[1].tobytes())


class ReviewServer:
    """Listens from the constructor on; ``serve`` blocks until all is answered or the person ends it."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.token = secrets.token_urlsafe(16)
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.page = self
        self.host = f"127.0.0.1:{self._listener.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/?token={self.token}"

    def serve(self) -> None:
        thread = threading.Thread(
            target=self._listener.serve_forever, args=(POLL_S,), name="review", daemon=True
        )
        thread.start()
        try:
            self.review.finished.wait()
        finally:
            self._listener.shutdown()
            self._listener.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    page: ReviewServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a browser that disconnected during a response."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10.0
    server_version, sys_version = "edge-agent", ""

    @property
    def _page(self) -> ReviewServer:
        return cast(_Listener, self.server).page

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        if not self._is_wanted(query.get("token", "")):
            return
        if parts.path == "/":
            self._html()
        elif parts.path == "/next":
            self._send(HTTPStatus.OK, JSON, msgspec.json.encode(self._page.review.next()))
        elif parts.path == "/crop":
            self._crop(query.get("number", ""))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        if not self._is_wanted(self.headers.get("X-Token", "")):
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length[:9]) > MOST_BYTES:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        body = self.rfile.read(int(length))
        actions: dict[str, Callable[[bytes], bool]] = {
            "/answer": self._answer,
            "/undo": lambda _: self._page.review.undo(),
            "/finish": self._finish,
        }
        if (action := actions.get(self.path)) is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            status = HTTPStatus.OK if action(body) else HTTPStatus.CONFLICT
        except OSError as error:
            print(f"review: the answer is not saved: {error}", flush=True)
            status = HTTPStatus.INSUFFICIENT_STORAGE
        self._send(status, JSON, msgspec.json.encode({"done": status == HTTPStatus.OK}))
        if self.path == "/finish":
            self._page.review.finished.set()

    def _answer(self, body: bytes) -> bool:
        try:
            return self._page.review.answer(msgspec.json.decode(body, type=Given))
        except msgspec.DecodeError:
            return False

    def _finish(self, body: bytes) -> bool:
        return True

    def _is_wanted(self, token: str) -> bool:
        """``Host`` is checked, too: against DNS rebinding by another site."""
        if self.headers.get("Host") == self._page.host and secrets.compare_digest(
            token.encode(), self._page.token.encode()
        ):
            return True
        self.send_error(HTTPStatus.FORBIDDEN)
        return False

    def _html(self) -> None:
        nonce = secrets.token_urlsafe(16)
        content = PAGE.read_text(encoding="utf-8").replace("NONCE", nonce).encode()
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", content, policy)

    def _crop(self, number: str) -> None:
        try:
            content = self._page.review.crop(int(number))
        except (ValueError, IndexError, DataError):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._send(HTTPStatus.OK, "image/jpeg", content)

    def _send(
        self, status: HTTPStatus, kind: str, content: bytes, policy: str = "default-src 'none'"
    ) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",  # the address has the token
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Do nothing: one log line per key would hide the address."""
