"""A small typed client of the centre's API (docs/reference/api.md). Copy this file: it needs Python 3.11 and
no other package. As a program it prints the events of a ward as they come:

    python edge_client.py https://console.example:8443 TOKEN-FILE [WARD] [--ca CA-FILE]
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

Severity = Literal["info", "warning", "alarm"]
Outcome = Literal["real", "false", "handled"]
Json = dict[str, Any]
TIMEOUT_S = 60.0
WAIT_S = 30.0
"""The longest wait for new events that the centre allows."""
RETRY_S = 5.0
_LOG = logging.getLogger(__name__)


class ApiError(Exception):
    """The centre refused a request. ``code`` never changes its meaning, ``detail`` is for people."""

    def __init__(self, status: int, code: str, detail: str, retry_after_s: float | None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s  # None: a retry does not help


class CursorLost(ApiError):
    """The cursor comes from another database: begin without a cursor, and skip the ids that you have."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``id`` and ``source`` together are unique; ``document`` has all fields as the gateway sent
    them, docs/reference/events.md."""

    id: str
    source: str
    kind: str  # zone-intrusion, line-crossing, counts, ...
    time: datetime  # by the clock of the gateway, which is right if ``clock_synced``
    clock_synced: bool
    severity: Severity
    ward: str
    gateway: str
    camera: str  # "gateway": the gateway itself
    data: Json
    document: Json

    @classmethod
    def parse(cls, document: Json) -> Self:
        number = document["severitynumber"]
        return cls(
            id=document["id"],
            source=document["source"],
            kind=document["type"].removeprefix("vn.thaibinh.edge.").removesuffix(".v1"),
            time=datetime.fromisoformat(document["time"]),
            clock_synced=document.get("clock") == "synced",
            severity="alarm" if number >= 17 else "warning" if number >= 13 else "info",
            ward=document["ward"],
            gateway=document["source"].removeprefix("/tb/"),
            camera=document["subject"],
            data=document["data"],
            document=document,
        )

    @property
    def incident(self) -> str | None:
        """The subject under which the event is handled; None: it has no event_id."""
        event_id = self.data.get("event_id")
        return None if event_id is None else f"event {self.gateway} {event_id}"


@dataclass(frozen=True, slots=True)
class EventPage:
    events: tuple[Event, ...]
    next: str  # store it after the events
    more: bool
    deleted: tuple[Json, ...]  # kinds of which events after the cursor were deleted because of their age


@dataclass(frozen=True, slots=True)
class Incident:
    """An open alarm or alert, or the state of one after a step."""

    subject: str
    ward: str
    acknowledged_by: str | None
    owner: str | None
    outcome: Outcome | None
    document: Json  # with the names, times and text of an open incident

    @classmethod
    def parse(cls, document: Json) -> Self:
        return cls(
            subject=document["subject"],
            ward=document["ward"],
            acknowledged_by=document["acknowledged_by"],
            owner=document["owner"],
            outcome=document["outcome"],
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the handling of an incident."""

    id: str
    time: datetime
    subject: str
    ward: str
    step: str  # acknowledged, owner, outcome, reopened, note
    by: str
    value: str  # the owner, the outcome or the note

    @classmethod
    def parse(cls, document: Json) -> Self:
        data = document["data"]
        at = datetime.fromisoformat(document["time"])
        names = (document["id"], at, document["subject"], document["ward"])
        return cls(*names, data["step"], data["by"], data["value"])


@dataclass(frozen=True, slots=True)
class StepPage:
    steps: tuple[Step, ...]
    next: str
    more: bool


class Centre:
    """The API of one centre. Methods raise ApiError, ssl.SSLCertVerificationError if the centre's certificate
    is not trusted, and another OSError if the centre cannot be reached."""

    def __init__(self, url: str, token: str, *, ca_file: str | None = None) -> None:
        """``ca_file``: of the CA that signed the centre's certificate; None: one that the system trusts."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._tls = ssl.create_default_context(cafile=ca_file)

    # --- events

    def events(
        self,
        after: str | None = None,
        *,
        limit: int = 100,
        ward: str | None = None,
        gateway: str | None = None,
        camera: str | None = None,
        kinds: Sequence[str] = (),
        label: str | None = None,
        severity: Severity | None = None,
        begin: datetime | None = None,
        end: datetime | None = None,
        wait_s: float = 0,
    ) -> EventPage:
        """The events after a cursor: ``after`` is ``next`` of the page before, None begins with the oldest,
        ``"now"`` only returns a cursor. ``begin`` and ``end`` need a time zone."""
        for moment in (begin, end):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("begin and end need a time zone")
        query = {
            "after": after,
            "limit": limit,
            "ward": ward,
            "gateway": gateway,
            "camera": camera,
            "kind": ",".join(kinds) or None,
            "label": label,
            "severity": severity,
            "from": None if begin is None else begin.isoformat(),
            "to": None if end is None else end.isoformat(),
            "wait": wait_s or None,
        }
        page = self._get("/api/events", query)
        events = tuple(Event.parse(each) for each in page["events"])
        return EventPage(events, page["next"], page["more"], tuple(page["deleted"]))

    def follow(self, after: str | None = None, **filters: Any) -> Iterator[EventPage]:
        """Pages without end: what is stored, then what comes. ``filters`` are those of ``events``. While the
        centre cannot be reached or is busy, it is asked again, and a warning is logged."""
        while True:
            try:
                page = self.events(after, limit=1000, wait_s=WAIT_S, **filters)
            except ApiError as error:
                if error.retry_after_s is None:
                    raise
                _LOG.warning("%s: %s; asked again in %.0f s", self._url, error, error.retry_after_s)
                time.sleep(error.retry_after_s)
            except ssl.SSLCertVerificationError:
                raise  # no retry helps
            except OSError as error:
                _LOG.warning("%s: %s; asked again in %.0f s", self._url, error, RETRY_S)
                time.sleep(RETRY_S)
            else:
                after = page.next
                yield page

    def inventory(self, ward: str | None = None) -> Json:
        """Wards, gateways and cameras with their names and states."""
        return self._get("/api/inventory", {"ward": ward})

    def picture(self, gateway: str, media_id: str) -> bytes:
        """The file that an event names as ``snapshot`` or ``clip``. The centre logs the access."""
        return self._request("GET", f"/api/media/{quote(gateway, safe='')}/{quote(media_id, safe='')}")

    # --- incidents

    def incidents(self, ward: str | None = None) -> Iterator[Incident]:
        """All open alarms, one incident for each camera and rule, and all open alerts."""
        after = None
        while True:
            page = self._get("/api/incidents", {"ward": ward, "after": after})
            yield from map(Incident.parse, page["incidents"])
            after = page["next"]
            if after is None:
                return

    def steps(self, after: str | None = None, *, ward: str | None = None, wait_s: float = 0) -> StepPage:
        """What people and programs did about incidents, after a cursor like that of ``events``."""
        query = {"after": after, "ward": ward, "wait": wait_s or None}
        page = self._get("/api/incidents/steps", query)
        return StepPage(tuple(map(Step.parse, page["events"])), page["next"], page["more"])

    def acknowledge(self, subject: str, owner: str | None = None) -> Incident:
        """Silence an incident. ``owner`` is in charge of it; None: who is in charge already,
        else the account of the token."""
        return self._record({"step": "acknowledged", "subject": subject, "owner": owner})

    def assign(self, subject: str, owner: str) -> Incident:
        return self._record({"step": "owner", "subject": subject, "owner": owner})

    def close(self, subject: str, outcome: Outcome, note: str = "") -> Incident:
        """Close an incident. ``ApiError`` with status 409: it is closed with another outcome."""
        return self._record({"step": "outcome", "subject": subject, "outcome": outcome, "note": note})

    def reopen(self, subject: str) -> Incident:
        return self._record({"step": "reopened", "subject": subject})

    def note(self, subject: str, note: str) -> Incident:
        return self._record({"step": "note", "subject": subject, "note": note})

    # --- requests

    def _record(self, step: Json) -> Incident:
        """The token must be one that may act. A subject may also be ``row`` of an incident's document: all
        alarms that it stands for."""
        recorded = json.loads(self._request("POST", "/api/incidents/steps", step))
        return Incident.parse(recorded["incident"])

    def _get(self, path: str, query: Json) -> Json:
        text = urlencode({name: value for name, value in query.items() if value is not None})
        found: Json = json.loads(self._request("GET", f"{path}?{text}" if text else path))
        return found

    def _request(self, method: str, path: str, body: Json | None = None) -> bytes:
        headers, data = self._headers, None
        if body is not None:
            headers, data = {**headers, "Content-Type": "application/json"}, json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=self._tls) as response:
                received: bytes = response.read()
                return received
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise _error(refusal, method) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise error.reason from None
            raise
        except http.client.HTTPException as error:  # the connection ended in the middle of the response
            raise ConnectionError(str(error)) from error


def _error(refusal: urllib.error.HTTPError, method: str) -> ApiError:
    try:
        problem = json.loads(refusal.read())
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):  # of a proxy
        code, detail = "unknown", refusal.reason
    after = refusal.headers.get("Retry-After", "")
    kind = CursorLost if refusal.code == 409 and method == "GET" else ApiError
    return kind(refusal.code, code, detail, float(after) if after.isdecimal() else None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print the events of a ward as they come.", allow_abbrev=False
    )
    parser.add_argument("url")
    parser.add_argument("token_file")
    parser.add_argument("ward", nargs="?", help="default: all wards of the token")
    parser.add_argument("--ca", help="file of the CA that signed the centre's certificate")
    args = parser.parse_args()
    with open(args.token_file, encoding="utf-8") as file:
        centre = Centre(args.url, file.read().strip(), ca_file=args.ca)
    for page in centre.follow("now", ward=args.ward):
        for event in page.events:
            print(event.time, event.gateway, event.camera, event.kind, event.data, flush=True)


if __name__ == "__main__":
    main()
