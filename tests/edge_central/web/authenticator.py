"""An authenticator app, as on the phone of a user."""

from __future__ import annotations

import base64
import html
import re

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from tests.edge_central.web.house import PASSWORD, Browser, House


def code_at(secret: bytes, now_ms: int) -> str:
    return TOTP(secret, 6, SHA1(), 30).generate(now_ms / 1000).decode()


class Authenticator:
    """Sets itself up in the session of a browser."""

    def __init__(self, house: House, browser: Browser, **confirmation: str) -> None:
        self._house = house
        fields = {"password": PASSWORD, **confirmation}
        page = browser.post("/account/second-factor", fields, page="/account").text
        shown = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
        offer = re.search(r'name="offer" value="([^"]+)"', page)
        assert shown is not None, page
        assert offer is not None
        self.text = shown[1].replace(" ", "")
        self.secret = base64.b32decode(self.text)
        self.offer = html.unescape(offer[1])
        answer = browser.post(
            "/account/second-factor/code", {"offer": self.offer, "code": self.code()}, page="/account"
        )
        assert answer.status_code == 200, answer.text
        self.recovery_codes = re.findall(r'class="secret">([A-Z2-7-]+)<', answer.text)

    def code(self) -> str:
        return code_at(self.secret, self._house.now_ms())


def second_step(page: str, code: str) -> dict[str, str]:
    """The fields of the form on which the code is typed."""
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    return {name: html.unescape(value) for name, value in fields.items()} | {"code": code}
