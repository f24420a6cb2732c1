"""An OpenID Connect provider on this machine: it signs with real keys, checks what the client sends, and can
be made to answer wrongly. It shares no code with the libraries that are tested with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT_ID = "edge-console"
CLIENT_SECRET = "s3cret-of-the-client"
LIFE_S = 300


@dataclass(frozen=True)
class Grant:
    """What a code stands for."""

    redirect_uri: str
    nonce: str
    challenge: str
    scope: str


class OidcProviderServer:
    """Serves while the ``with`` lasts. A test sets the attributes, and ``reset`` restores them."""

    def __init__(self, now_s: Callable[[], int], redirect_uri: str) -> None:
        self._now_s = now_s
        self._redirect_uri = redirect_uri
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}/realms/city"
        self.reset()

    def reset(self) -> None:
        self.user: dict[str, Any] = {"sub": "u-1", "preferred_username": "Lân", "groups": ["edge-officers"]}
        self.key_id = "key-1"
        self.token: Callable[[dict[str, Any], dict[str, Any]], str] = self.signed
        self.metadata: dict[str, Any] = {}  # replaces members of the discovery document
        self.answers: dict[str, tuple[int, bytes]] = {}  # wrong ones, by the last word of the path
        self.released = threading.Event()  # answers wait for it
        self.released.set()
        self.requests: list[str] = []  # last words of the paths
        self.authorizations: list[str] = []  # headers of requests for tokens
        self._grants: dict[str, Grant] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def authorize(self, url: str) -> str:
        """What the user's browser does at the authorization endpoint; the path and query with which it comes
        back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert url.startswith(f"{self.issuer}/authorize?")
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert asked["redirect_uri"] == self._redirect_uri, "registered at the provider"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        granted = (asked[key] for key in ("redirect_uri", "nonce", "code_challenge", "scope"))
        self._grants[code] = Grant(*granted)
        answer = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return f"{urlsplit(self._redirect_uri).path}?{answer}"

    def signed(self, header: Mapping[str, Any], claims: Mapping[str, Any], key: str | None = None) -> str:
        """A token with RS256, whatever the header says. ``key``: name of the key; None: the published one."""
        text = f"{_json(header)}.{_json(claims)}"
        signature = private_key(key or self.key_id).sign(text.encode(), padding.PKCS1v15(), SHA256())
        return f"{text}.{_base64(signature)}"

    def _answer(self, word: str, form: Mapping[str, str], authorization: str) -> tuple[int, bytes]:
        if word in self.answers:
            return self.answers[word]
        if word == "openid-configuration":
            return 200, json.dumps(self._document() | self.metadata).encode()
        if word == "keys":
            return 200, json.dumps({"keys": [public_jwk(self.key_id)]}).encode()
        if word == "token":
            self.authorizations.append(authorization)
            return self._redeem(form, authorization)
        return 404, b""

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _redeem(self, form: Mapping[str, str], authorization: str) -> tuple[int, bytes]:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        by_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if authorization != f"Basic {basic}" and not by_form:
            return 401, b'{"error": "invalid_client"}'
        grant = self._grants.pop(form.get("code", ""), None)  # each counts once
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if grant is None or grant.challenge != _base64(digest) or grant.redirect_uri != form["redirect_uri"]:
            return 400, b'{"error": "invalid_grant"}'
        access_token = secrets.token_urlsafe(16)
        token = self.token({"alg": "RS256", "kid": self.key_id}, self._claims(grant, access_token))
        answer = {"id_token": token, "access_token": access_token, "token_type": "Bearer"}
        return 200, json.dumps(answer).encode()

    def _claims(self, grant: Grant, access_token: str) -> dict[str, Any]:
        now_s = self._now_s()
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        return {
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now_s, "exp": now_s + LIFE_S, "nonce": grant.nonce,
            "at_hash": _base64(half), **self.user,
        }  # fmt: skip

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith(f"{urlsplit(provider.issuer).path}/authorize?"):
                    base = urlsplit(provider.issuer)
                    back = provider.authorize(f"{base.scheme}://{base.netloc}{self.path}")
                    origin = urlsplit(provider._redirect_uri)
                    self.send_response(302)
                    self.send_header("Location", f"{origin.scheme}://{origin.netloc}{back}")
                    self.end_headers()
                    return
                self._respond({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._respond(dict(parse_qsl(body)))

            def _respond(self, form: dict[str, str]) -> None:
                word = self.path.rpartition("/")[2]
                provider.requests.append(word)
                status, body = provider._answer(word, form, self.headers.get("Authorization", ""))
                provider.released.wait(10)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Not on the screen."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    """The client did not wait."""

        return Handler


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


def public_jwk(name: str) -> dict[str, Any]:
    numbers = private_key(name).public_key().public_numbers()
    return {
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": name,
        "n": _base64(numbers.n.to_bytes(256, "big")), "e": _base64(numbers.e.to_bytes(3, "big")),
    }  # fmt: skip


def hmac_signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes) -> str:
    """A token with HS256."""
    text = f"{_json(header)}.{_json(claims)}"
    return f"{text}.{_base64(hmac.digest(key, text.encode(), 'sha256'))}"


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return f"{_json(header)}.{_json(claims)}."


def _json(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
