"""A centre's database with content, and its console in this process at a free port."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx

from edge_agent.core.clock import Clock, SystemClock, wall_ms
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import CentralTopics
from edge_central.claims.boxes_file import BoxesFile
from edge_central.config import load
from edge_central.ingest.batch_result import BatchResult
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.settings import CentralSettings, ListenAddress
from edge_central.store.batch import Store
from edge_central.store.database import DatabaseConnections
from edge_central.store.media_folder import MediaFolder
from edge_central.store.presence_reports import PresenceReport
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Account, Role, hash_password, new_token
from edge_central.web.service import ConsoleServer
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.prepared import make_sqlite

WARDS = ("de-tham", "bo-xuyen")
PASSWORD = "lúa vàng 1234"
PATIENCE_S = 30.0
CHEAP_LOG_N = 4
"""A login costs 0.2 s of CPU with the console's own cost; hundreds of tests log in."""
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain http: the certificates of all authorities take httpx 25 ms for each client."""


class House:
    """``keys``: those of ``console:``. Without ``start`` there is only the database."""

    def __init__(
        self, folder: Path, *, database: str = "sqlite", clock: Clock | None = None, **keys: Any
    ) -> None:
        self.folder = folder
        self.config = folder / "edge-central.yaml"
        document = {
            "wards": list(WARDS),
            "state_dir": str(folder / "state"),
            "database": database,
            "mqtt": {"brokers": ["mqtt://127.0.0.1:1"]},
            "console": keys,
        }
        (folder / "state").mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(document), encoding="utf-8")
        self.settings: CentralSettings = load(self.config)
        self.clock = clock or SystemClock()
        if database == "sqlite" and not (file := folder / "state/central.db").exists():
            make_sqlite(file)
        self.connections = DatabaseConnections(self.settings.database)
        self.store = Store(self.settings.database)
        self.store.load()  # makes the database: two processes that do this at once disturb each other
        topics = CentralTopics("tb/v1", "central")
        console = self.settings.console
        boxes = BoxesFile(None if console is None else console.boxes_file)
        media = MediaFolder(self.settings.media_dir)
        writer = BatchWriter(topics, WARDS, media, self.settings.history, boxes=boxes)
        self.harness = IngestHarness(self.settings.database, self.store, writer)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._clients: list[httpx.Client] = []
        self.port = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()
        self.stop()
        self.store.close()
        self.connections.close()

    # --- its content

    def take(self, *messages: tuple[str, bytes] | MessageReceived) -> BatchResult:
        """Store messages like the ingest, in one commit."""
        return self.harness.write(*messages, now_ms=self.now_ms())

    def picture(self, box: FakeGateway, media_id: str, payload: bytes = JPEG) -> None:
        """Store a picture of the event ``e1`` of its first camera."""
        digest = hashlib.sha256(payload).hexdigest()
        named = (("event_id", "e1"), ("camera", "cam-1"), ("sha256", digest))
        self.take(MessageReceived(f"{box.up}/media/{media_id}", payload, 1, None, properties=named))

    def tell(self, *reports: PresenceReport) -> None:
        """Store the presence of gateways and wards."""
        self.store.load()
        self.harness.tell(*reports)

    def person(self, name: str, role: Role, *wards: str, password: str = PASSWORD) -> str:
        digest = hash_password(password, CHEAP_LOG_N)
        with self.connections.writing() as connection:
            accounts.add_account(connection, Account(name, role, wards, self.now_ms()), password=digest)
        return name

    def login(self, name: str, role: Role, *wards: str, lang: str = "") -> Browser:
        """The browser of a new user, who has logged in."""
        return self.browser(self.person(name, role, *wards), lang=lang)

    def token(self, name: str, *wards: str, role: Role = Role.API) -> str:
        """Return a token of a program."""
        token = new_token()
        with self.connections.writing() as connection:
            accounts.add_account(connection, Account(name, role, wards, self.now_ms()), token=token)
        return token

    def now_ms(self) -> int:
        return wall_ms(self.clock)

    # --- its console

    def start(self, port: int = 0) -> Self:
        """Start the console. ``port`` 0: a free one."""
        assert self.settings.console is not None
        console = replace(self.settings.console, listen=ListenAddress("127.0.0.1", port))
        server = ConsoleServer(replace(self.settings, console=console), self._stop, clock=self.clock)
        self.port = server.bind()  # from now on a connection waits until it is accepted
        self._thread = threading.Thread(target=server.run, name="console")
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive(), "the console does not stop"
            self._thread = None
        self._stop.clear()

    @property
    def url(self) -> str:
        assert self.settings.console is not None
        return f"{'https' if self.settings.console.tls else 'http'}://127.0.0.1:{self.port}"

    def anybody(self, verify: ssl.SSLContext = NO_CERTIFICATES, **more: Any) -> httpx.Client:
        """A browser without a login."""
        client = httpx.Client(base_url=self.url, timeout=PATIENCE_S, verify=verify, **more)
        self._clients.append(client)
        return client

    def browser(self, name: str, password: str = PASSWORD, *, lang: str = "") -> Browser:
        """A browser that logged in with the form, and then chose a language."""
        browser = Browser(self.anybody())
        answer = browser.log_in(name, password)
        assert answer.status_code == 303, answer.text
        if lang:
            browser.get(f"/language/{lang}")
        return browser

    def program(self, token: str) -> httpx.Client:
        return self.anybody(headers={"Authorization": f"Bearer {token}"})


def answers(port: int) -> bool:
    """Whether a console answers."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    try:
        address = f"http://127.0.0.1:{port}/login"
        return httpx.get(address, timeout=PATIENCE_S, verify=NO_CERTIFICATES).status_code == 200
    except httpx.HTTPError:
        return False


class Browser:
    """Posts forms as a browser does: with the token of the page that it loaded."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._tokens: dict[str, str] = {}
        """The token of the first page, by the cookies: any token of a session is good for all its forms."""

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(path, **more)

    def post(self, path: str, fields: dict[str, str] | None = None, *, page: str = "") -> httpx.Response:
        """``page`` has the form; by default the start page, which is loaded once in a session."""
        form = {"csrf": csrf_of(self.client.get(page).text) if page else self._token(), **(fields or {})}
        return self.client.post(path, data=form)

    def _token(self) -> str:
        cookies = str(sorted(self.client.cookies.items()))
        if cookies not in self._tokens:
            self._tokens[cookies] = csrf_of(self.client.get("/").text)
        return self._tokens[cookies]

    def log_in(self, name: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        return self.post("/login", {"name": name, "password": password, **more}, page="/login")


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]
