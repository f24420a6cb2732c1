"""The page for a phone: files, the state as JSON, and one POST for each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib import resources
from typing import Any

import msgspec

from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.network import ModemView
from edge_agent.commissioning.page.aiming import AimingRun
from edge_agent.commissioning.page.state_document import state_document, texts
from edge_agent.commissioning.papers import MAX_PHOTO_BYTES, MAX_SIGNATURE_BYTES, PHOTO, SIGNATURE
from edge_agent.commissioning.sites import nearest_sites
from edge_agent.core.languages import Bilingual, Lang
from edge_agent.host.system.network_settings import AddressSettings, NetworkSettings, SimSettings
from edge_agent.tools.local_page.server import PageAnswer, refusal
from edge_agent.wire import PhoneLocation
from edge_agent.wire.claims import check_character

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
PUBLIC = {
    "/commission.js": "text/javascript; charset=utf-8",
    "/draw.js": "text/javascript; charset=utf-8",
    "/words.js": "text/javascript; charset=utf-8",
    "/commission.css": CSS,
}
MAX_JSON_BYTES = 20_000
PICTURES = {"/photo": (PHOTO, MAX_PHOTO_BYTES), "/signature": (SIGNATURE, MAX_SIGNATURE_BYTES)}


class SiteLabel(msgspec.Struct, frozen=True):
    label: str


class ClaimForm(msgspec.Struct, frozen=True):
    by: str
    passwords: dict[str, str]


class LanguageForm(msgspec.Struct, frozen=True):
    lang: Lang = "vi"


class SignedBy(msgspec.Struct, frozen=True):
    by: str


class NetworkForm(msgspec.Struct, frozen=True):
    """The entries of the network form; an empty entry changes nothing. ``address`` includes the prefix, as in
    10.0.0.9/24. ``settings`` raises CommissioningError for an entry that has no effect without another
    one."""

    apn: str = ""
    pin: str = ""
    address: str = ""
    gateway: str = ""

    def settings(self) -> NetworkSettings:
        if self.pin and not self.apn:
            raise CommissioningError("pin-alone")
        if self.gateway and not self.address:
            raise CommissioningError("gateway-alone")
        if not self.apn and not self.address:
            raise CommissioningError("network-empty")
        return NetworkSettings(
            sim=SimSettings(apn=self.apn, pin=self.pin) if self.apn else msgspec.UNSET,
            lan=AddressSettings(self.address, self.gateway) if self.address else msgspec.UNSET,
        )


class CommissionPages:
    """The pages of one box. ``uplink`` returns why the centre cannot be reached; None: it can."""

    cookie = "commission"

    def __init__(
        self,
        steps: Commissioning,
        aiming: AimingRun,
        uplink: Callable[[], Bilingual | None],
    ) -> None:
        self._steps, self._aiming, self._uplink = steps, aiming, uplink
        self._modem = ModemView()
        self.asked_mono = time.monotonic()
        """When a phone with the code has asked for something: the open page does so every few seconds."""
        self.acted_mono = self.asked_mono
        """When the technician has used a button."""
        self._posts: Mapping[str, Callable[[bytes], object]] = {
            "/site": lambda body: steps.choose(msgspec.json.decode(body, type=SiteLabel).label),
            "/other": lambda _: steps.choose_another(),
            "/search": lambda _: steps.search_again(),
            "/claim": self._claim,
            "/network": lambda body: steps.set_network(
                msgspec.json.decode(body, type=NetworkForm).settings()
            ),
            "/undo": lambda _: steps.undo(),
            "/examine": lambda body: steps.examine(msgspec.json.decode(body, type=LanguageForm).lang),
            "/finish": lambda body: steps.finish(msgspec.json.decode(body, type=SignedBy).by),
        }

    def public(self, path: str) -> PageAnswer | None:
        kind = PUBLIC.get(path)
        return None if kind is None else PageAnswer(kind, page_file(path[1:]))

    def is_entry(self, path: str) -> bool:
        """Return whether ``path`` opens the page: ``/``, or ``/s/…`` from the label of a site."""
        return path == "/" or path.startswith("/s/")

    def code_form(self, path: str, says: str, status: HTTPStatus) -> PageAnswer:
        page = page_file("code.html").decode().replace('data-say=""', f'data-say="{says}"')
        page = page.replace("{words}", self._steps.box.identity.words)
        return PageAnswer(HTML, page.encode(), status)

    def get(self, path: str, query: str) -> PageAnswer:
        self.asked_mono = time.monotonic()
        if self.is_entry(path):
            return PageAnswer(HTML, page_file("page.html"))
        if path == "/state":
            return self._state()
        if path.startswith("/aim/"):
            return self._aiming.get(path, query)
        return refusal(HTTPStatus.NOT_FOUND, "not-found")

    def max_body(self, path: str) -> int:
        if path in PICTURES:
            return PICTURES[path][1]
        return MAX_JSON_BYTES if path in self._posts or path == "/near" else 0

    def post(self, path: str, body: bytes) -> PageAnswer:
        """Do one step. Return the new state, or what is wrong in both languages."""
        self.asked_mono = self.acted_mono = time.monotonic()
        try:
            if path == "/near":
                return _json(self._near(body))
            if path in PICTURES:
                self._steps.papers.put(PICTURES[path][0], body)
            else:
                self._posts[path](body)
        except CommissioningError as error:
            return _json({"error": texts(error.text), "code": error.code}, HTTPStatus.CONFLICT)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            wrong = CommissioningError("request-wrong")
            return _json({"error": texts(wrong.text), "code": wrong.code}, HTTPStatus.BAD_REQUEST)
        return self._state()

    def _state(self) -> PageAnswer:
        document = state_document(self._steps, self._uplink())
        return _json(document | {"modem": self._modem.document()})

    def _claim(self, body: bytes) -> None:
        form = msgspec.json.decode(body, type=ClaimForm)
        self._steps.claim(form.by, form.passwords)

    def _near(self, body: bytes) -> dict[str, Any]:
        """Return the sites nearest to the phone. The phone's position is stored for the claim."""
        place = msgspec.json.decode(body, type=PhoneLocation)
        self._steps.location = place
        near = nearest_sites(self._steps.bundle, place)
        return {
            "sites": [
                {"label": f"{site.id}-{check_character(site.id)}", "name": site.name, "metres": round(metres)}
                for site, metres in near
            ]
        }


def _json(document: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> PageAnswer:
    return PageAnswer("application/json", msgspec.json.encode(document), status)


def page_file(name: str) -> bytes:
    """Return a file of the page, such as ``commission.css``."""
    return (resources.files(__package__) / "web" / name).read_bytes()
