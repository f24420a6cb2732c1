"""The certificates of a gateway on its disk, installed as root does, and a broker that requires them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.mosquitto import (
    Authority,
    Certificate,
    Mosquitto,
    Subscriber,
    answers,
    free_port,
    wait_until,
)

HOST = "IP:127.0.0.1"
PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20990101000000Z", "20990201000000Z")


@dataclass(frozen=True)
class Fleet:
    """Certificates of a city."""

    authority: Authority
    stranger: Authority
    server: Certificate
    gateway: Certificate

    def broker(
        self, folder: Path, *lines: str, server: Certificate | None = None, mutual: bool = True
    ) -> Mosquitto:
        """A mosquitto with TLS, that shows ``server``."""
        shown = server or self.server
        return Mosquitto(folder, *lines, certificate=shown, ca=self.authority.cert, mutual=mutual)


def make_fleet(folder: Path) -> Fleet:
    """Takes a second: once for the tests of a module."""
    authority, stranger = Authority(folder, "city CA"), Authority(folder, "other CA")
    server = authority.issue("broker", san=HOST)
    return Fleet(authority, stranger, server, authority.issue("dt-001"))


@dataclass
class Tls:
    """The folder /etc/edge-agent/tls of a gateway."""

    folder: Path

    def put(self, own: Certificate, ca: Path | None = None, *, slot: str = "next") -> None:
        """Install files as root does: key, CA, and the certificate last."""
        place = self.folder / slot
        place.mkdir(parents=True, exist_ok=True)
        for source, name in ((own.key, "client.key"), (ca, "ca.crt"), (own.cert, "client.crt")):
            if source is not None:
                shutil.copy(source, place / f"{name}.new")
                (place / f"{name}.new").replace(place / name)

    def promote(self) -> None:
        """Move the next slot over the first in the order of root's program."""
        for name in ("client.key", "ca.crt", "client.crt"):
            if (self.folder / "next" / name).exists():
                (self.folder / "next" / name).replace(self.folder / name)

    def mqtt(self, port: int) -> dict[str, object]:
        """The section ``mqtt`` of a configuration."""
        files = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}
        paths = {key: str(self.folder / name) for key, name in files.items()}
        return {"brokers": [f"mqtts://127.0.0.1:{port}"], "spread_s": 0, **paths}


@contextmanager
def strict_broker(
    folder: Path, server: Certificate, ca: Path, *lines: str
) -> Iterator[tuple[Mosquitto, Subscriber]]:
    """A mosquitto that requires a certificate, and a subscriber on a listener without one."""
    inside = free_port()
    more = (*lines, f"listener {inside} 127.0.0.1")
    with Mosquitto(folder, *more, certificate=server, ca=ca, mutual=True) as broker:
        wait_until(lambda: answers(inside), what="the listener without TLS")
        with Subscriber(inside) as centre:
            yield broker, centre
