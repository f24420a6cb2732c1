"""Passes what a webhook of the centre posts on to Telegram, mail (SMTP) or a Zalo Official Account. Copy this
file: it needs Python 3.11 and no other package.

    python webhook_relay.py relay.json

It listens on 127.0.0.1 only. The path chooses the service: `/telegram`, `/mail`, `/zalo`. It answers 200
after the service has accepted the message, else 502, and the centre posts again.
"""

from __future__ import annotations

import hmac
import json
import os
import smtplib
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
TIMEOUT_S = 8.0  # the centre waits 10 s
MOST_BYTES = 100_000
MOST_CHARACTERS = 2_000  # of a text message of Zalo
TELEGRAM = "https://api.telegram.org"
ZALO, ZALO_LOGIN = "https://openapi.zalo.me", "https://oauth.zaloapp.com"


def text_of(notice: Json, language: str) -> str:
    """The lines for people, and the link to the console."""
    text = str(notice["text"][language])
    return f"{text[: MOST_CHARACTERS - 300]}\n{notice['links']['console']}"


def post(url: str, headers: dict[str, str], body: bytes) -> Json:
    """Raises OSError: HTTPError is one."""
    request = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        found: Json = json.loads(response.read(MOST_BYTES))
        return found


def post_json(url: str, body: Json, **headers: str) -> Json:
    return post(url, {"Content-Type": "application/json", **headers}, json.dumps(body).encode())


def send_telegram(settings: Json, notice: Json, language: str) -> None:
    """``token`` of the bot from @BotFather; ``chat``: number of the group, to which the bot was added."""
    url = f"{settings.get('api', TELEGRAM)}/bot{settings['token']}/sendMessage"
    answer = post_json(url, {"chat_id": settings["chat"], "text": text_of(notice, language)})
    if not answer.get("ok"):
        raise OSError(str(answer.get("description")))


def send_mail(settings: Json, notice: Json, language: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = settings["from"], ", ".join(settings["to"])
    message["Subject"] = notice["text"][language].partition("\n")[0]
    message.set_content(text_of(notice, language))
    kind = smtplib.SMTP if settings.get("starttls", True) is False else _StartTls
    with kind(settings["host"], settings.get("port", 587), timeout=TIMEOUT_S) as server:
        if "user" in settings:
            server.login(settings["user"], settings["password"])
        server.send_message(message)


class _StartTls(smtplib.SMTP):
    """Encrypts before anything is sent."""

    def __init__(self, *where: Any, **more: Any) -> None:
        super().__init__(*where, **more)
        self.starttls()


def send_zalo(settings: Json, notice: Json, language: str) -> None:
    """To the users ``users``, who must have written to the account lately, as Zalo demands. Fails only if
    the message reaches none of them: the centre would post it again to those who have it."""
    token, problems = _zalo_token(settings), list[str]()
    for user in settings["users"]:
        try:
            _send_to_user(settings, user, text_of(notice, language), token)
        except (OSError, ValueError) as error:
            problems.append(f"user {user}: {error}")
            print(f"zalo: {problems[-1]}", file=sys.stderr, flush=True)
    if problems and len(problems) == len(settings["users"]):
        _tokens.clear()  # it may have expired
        raise OSError(problems[0])


def _send_to_user(settings: Json, user: str, text: str, token: str) -> None:
    body = {"recipient": {"user_id": user}, "message": {"text": text}}
    answer = post_json(f"{settings.get('api', ZALO)}/v3.0/oa/message/cs", body, access_token=token)
    if answer.get("error"):
        raise OSError(f"{answer['error']} {answer.get('message')}")


_tokens: dict[str, str] = {}


def _zalo_token(settings: Json) -> str:
    """An access token. Each refresh token is valid once: the next one is written into the file."""
    if "access" not in _tokens:
        file = Path(settings["refresh_token_file"])
        form = {
            "app_id": settings["app_id"],
            "grant_type": "refresh_token",
            "refresh_token": file.read_text().strip(),
        }
        headers = {
            "secret_key": settings["secret_key"],
            "Content-Type": "application/x-www-form-urlencoded",
        }
        url = f"{settings.get('login', ZALO_LOGIN)}/v4/oa/access_token"
        answer = post(url, headers, urllib.parse.urlencode(form).encode())
        if "access_token" not in answer:
            raise OSError(f"no token of Zalo: {answer.get('error_name')}")
        new = file.with_suffix(".new")
        new.touch(0o600)
        new.write_text(answer["refresh_token"])
        os.replace(new, file)
        _tokens["access"] = answer["access_token"]
    return _tokens["access"]


SENDERS: dict[str, Callable[[Json, Json, str], None]] = {
    "telegram": send_telegram,
    "mail": send_mail,
    "zalo": send_zalo,
}


def handler_of(settings: Json) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S

        def do_POST(self) -> None:
            self.send_response(self._passed_on())
            self.end_headers()

        def _passed_on(self) -> int:
            service = self.path.strip("/")
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {settings['secret']}".encode()):
                return 401
            if service not in SENDERS or service not in settings:
                return 404
            length = int(self.headers.get("Content-Length", "0"))
            if length > MOST_BYTES:
                return 413
            language = settings.get("language", "vi")
            try:
                notice = json.loads(self.rfile.read(length))
                text_of(notice, language)
            except (ValueError, LookupError, TypeError):
                return 400  # the centre does not post it again
            try:
                SENDERS[service](settings[service], notice, language)
            except (OSError, smtplib.SMTPException, ValueError, LookupError, TypeError) as error:
                print(f"{service}: {type(error).__name__} {error}", file=sys.stderr, flush=True)
                return 502
            return 200

        def log_message(self, format: str, *args: Any) -> None:
            """Log no requests: the log of errors is enough."""

    return Handler


def main() -> None:
    settings: Json = json.loads(Path(sys.argv[1]).read_text())
    ThreadingHTTPServer(("127.0.0.1", settings.get("port", 9200)), handler_of(settings)).serve_forever()


if __name__ == "__main__":
    main()
