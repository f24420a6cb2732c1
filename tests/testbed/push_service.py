"""A push service on this machine and the browsers that it serves, as RFC 8030 describes them.

The browsers decrypt with ``http-ece``, another implementation of RFC 8188 than the one that encrypts.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import http_ece
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.testbed.mosquitto import Authority


@dataclass(frozen=True)
class Push:
    """One message that the service accepted."""

    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


class PushService:
    """``answers``, status and headers, are used one by one; then each message is accepted. ``close`` and
    ``open`` leave the port."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder, "push CA")
        self.ca_file = authority.cert
        self._certificate = authority.issue("push", san="DNS:localhost")
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.accepted: list[Push] = []
        self.asked = 0
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        self.answers, self.accepted, self.asked = [], [], 0

    @property
    def name(self) -> str:
        return f"localhost:{self._port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The section ``push`` of a console that uses it."""
        return {
            "contact": "mailto:it@city.example",
            "services": [self.name],
            "networks": ["127.0.0.0/8", "::1"],
            "ca_file": str(self.ca_file),
        }

    def url(self, path: str) -> str:
        return f"https://{self.name}{path}"

    def open(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.asked += 1
                status, headers = service.answers.pop(0) if service.answers else (201, {})
                if status == 201:
                    names = {name.lower(): value for name, value in self.headers.items()}
                    service.accepted.append(Push(self.path, names, body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Not on the screen."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate.cert, self._certificate.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@dataclass
class Subscriber:
    """A browser with a subscription at ``path`` of a service."""

    path: str
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, service: PushService, **more: Any) -> dict[str, Any]:
        """As ``PushSubscription.toJSON`` gives it."""
        keys = {"p256dh": base64url(self.public), "auth": base64url(self.auth)}
        return {"endpoint": service.url(self.path), "keys": keys, "name": "Android Chrome", **more}

    def read(self, push: Push) -> dict[str, Any]:
        """Decrypt a message."""
        assert push.headers["content-encoding"] == "aes128gcm"
        plain = http_ece.decrypt(
            push.body, private_key=self.private, auth_secret=self.auth, version="aes128gcm"
        )
        found: dict[str, Any] = json.loads(plain)
        return found

    def messages(self, service: PushService) -> list[dict[str, Any]]:
        return [self.read(push) for push in service.accepted if push.path == self.path]


def vapid_claims(push: Push, public: str) -> dict[str, Any]:
    """The claims of the token (RFC 8292), if it is signed by the key ``public``. Raises InvalidSignature."""
    scheme, _, rest = push.headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert (scheme, fields["k"]) == ("vapid", public)
    head, claims, signature = fields["t"].split(".")
    assert json.loads(octets(head)) == {"typ": "JWT", "alg": "ES256"}
    raw = octets(signature)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets(public))
    key.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = json.loads(octets(claims))
    return found


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
