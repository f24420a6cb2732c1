"""The listeners of a page at the addresses of the box, and its names on the local network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence

from edge_agent.commissioning.identity import BOX_NAME, BoxIdentity
from edge_agent.commissioning.page.gate import LabelGate
from edge_agent.host.system.addresses import InterfaceAddress
from edge_agent.tools.local_page.access import PageAddress, page_addresses
from edge_agent.tools.local_page.server import LocalPages, PageServer

AVAHI = "avahi-publish-address"


class BoxListeners:
    """Serves the page over HTTPS with the box's own certificate. For one thread."""

    def __init__(
        self,
        identity: BoxIdentity,
        addresses: Callable[[], Iterable[InterfaceAddress]],
        port: int,
        pages: LocalPages,
        gate: LabelGate,
    ) -> None:
        self._identity, self._addresses, self._port = identity, addresses, port
        self._pages, self._gate = pages, gate
        self._places: Sequence[PageAddress] = ()
        self._server: PageServer | None = None
        self._names = LocalNames(identity)

    @property
    def urls(self) -> tuple[str, ...]:
        return () if self._server is None else self._server.urls

    def follow_addresses(self) -> None:
        """Listen at the addresses that the box has now, because the network may come later than the
        service."""
        places = page_addresses(self._addresses())
        if places == self._places and self._server is not None:
            return
        if self._server is not None:
            self._server.stop()
        names, tls = (self._identity.name, BOX_NAME), self._identity.tls_context()
        self._server = PageServer(places, self._port, self._pages, self._gate, tls=tls, names=names)
        self._server.start()
        self._places = places
        self._names.publish(places)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._names.stop()


class LocalNames:
    """Publishes the box's names with the avahi daemon while the page is served. Without avahi, a phone
    reaches the page by its address."""

    def __init__(self, identity: BoxIdentity) -> None:
        self._identity = identity
        self._running: list[subprocess.Popen[bytes]] = []

    def publish(self, places: Sequence[PageAddress]) -> None:
        """Publish each name with the first address that is not loopback, because avahi accepts one address
        for each name."""
        self.stop()
        near = [str(each.address) for each in places if not each.address.is_loopback]
        if not near or (program := shutil.which(AVAHI)) is None:
            return
        for name in (self._identity.name, BOX_NAME):
            # -R: no reverse entry, because there can be only one for the two names.
            command = [program, "-R", name, near[0]]
            silent = subprocess.DEVNULL
            self._running.append(subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent))

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(5)
        self._running = []
