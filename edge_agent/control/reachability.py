"""Finds out whether the network or only the broker is down, by probing hosts beyond the site.

The default gateway is not probed: a router or modem that answers on the local network says nothing about
the uplink behind it. Two results prove that the uplink works: a remote host accepts or refuses a TCP
connection, or a name server answers that a random name does not exist (no cache can know that name).
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
from collections.abc import Callable, Iterator

from edge_agent.config.model.settings import Broker, ProbeTarget

CONNECT_TIMEOUT_S = 10.0


class ReachabilityProbe:
    """Probes brokers, configured hosts and name servers on a separate thread, because a resolver may block.

    One thread calls ``start`` and ``result``."""

    def __init__(
        self,
        brokers: tuple[Broker, ...],
        witnesses: tuple[ProbeTarget, ...],
        resolve: Callable[[str], bool] | None = None,
    ) -> None:
        hosts: tuple[Broker | ProbeTarget, ...] = (*brokers, *witnesses)
        self._hosts = tuple(dict.fromkeys((each.host, each.port) for each in hosts))
        self._names = tuple(dict.fromkeys(b.host for b in brokers if _is_name(b.host)))
        self._resolve = resolve or name_server_answers
        self._result: tuple[str, ...] | None = None

    @property
    def is_conclusive(self) -> bool:
        """Whether there is another host to probe besides a single broker. With nothing else to probe, a
        failed broker and a failed network look the same."""
        return bool(self._names) or len({host for host, _ in self._hosts}) > 1

    def start(self) -> None:
        self._result = None
        threading.Thread(target=self._ask, name="witnesses", daemon=True).start()

    def result(self) -> tuple[str, ...] | None:
        """Return the hosts that answered; None while the probes still run. If no host answered, the network
        is probably down."""
        return self._result

    def _ask(self) -> None:
        self._result = tuple(self._answers())

    def _answers(self) -> Iterator[str]:
        for host, port in self._hosts:
            if host_answers(host, port):
                yield f"{host}:{port}"
        for name in self._names:
            if self._resolve(name):
                yield f"the name server of {name}"
                return


def _is_name(host: str) -> bool:
    """Return whether a remote name server knows ``host``: no IP address, local name or single label."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." in host.strip(".") and not host.endswith((".local", ".localhost"))
    return False


def host_answers(host: str, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> bool:
    """Return whether the host accepts or refuses a TCP connection."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def name_server_answers(name: str) -> bool:
    """Return whether a name server gives a definite answer about a random name below ``name``."""
    try:
        socket.getaddrinfo(f"{secrets.token_hex(6)}.{name.rstrip('.')}.", None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # EAI_AGAIN: no server answered, or the server could not ask further ones.
        return error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
    except OSError:
        return False
    return True
