"""A push service on this machine and the browsers that it serves, as RFC 8030 describes them.

The browsers decrypt with ``http-ece``, another implementation of RFC 8188 than the one that encrypts.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import http_ece
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.testbed.mosquitto import Authority
from tests.testbed.small_server import HttpServer


@dataclass(frozen=True)
class Push:
    """One message that the service accepted."""

    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


class PushService(HttpServer):
    """``answers``, status and headers, are used one by one; then each message is accepted. ``close`` and
    ``open`` leave the port."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder, "push CA")
        super().__init__(authority.issue("push", san="DNS:localhost"))
        self.ca_file = authority.cert
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.accepted: list[Push] = []
        self.asked = 0

    def reset(self) -> None:
        self.answers, self.accepted, self.asked = [], [], 0

    @property
    def name(self) -> str:
        return f"localhost:{self.port}"

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

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.asked += 1
        status, headers = self.answers.pop(0) if self.answers else (201, {})
        if status == 201:
            names = {name.lower(): value for name, value in request.headers.items()}
            self.accepted.append(Push(request.path, names, body))
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()


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
