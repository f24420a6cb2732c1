"""Is the network well, and only the broker away? Asks hosts beyond the site.

The default gateway is not asked: a router or stick that answers on the site's own network says nothing about
the radio behind it. What counts as an answer comes from beyond: a host that takes or refuses a TCP
connection, and a name server that says that a name which nobody has is not there (no cache can answer for
it).
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.config.model.settings import Broker, ProbeTarget

CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Who answered; nobody: the network seems dead."""

    answered: tuple[str, ...] = ()


class ReachabilityProbe:
    """``ask`` and ``verdict`` are for one thread; the questions have a thread of their own, since a resolver
    may take its time."""

    def __init__(
        self,
        brokers: tuple[Broker, ...],
        witnesses: tuple[ProbeTarget, ...],
        resolve: Callable[[str], bool] | None = None,
    ) -> None:
        self._hosts = tuple(dict.fromkeys([*((b.host, b.port) for b in brokers), *_pairs(witnesses)]))
        self._names = tuple(dict.fromkeys(b.host for b in brokers if _is_name(b.host)))
        self._resolve = resolve or name_server_answers
        self._result: ProbeResult | None = None

    @property
    def is_conclusive(self) -> bool:
        """Whether somebody else than one broker can be asked: else a broker that is away and a network that
        is dead look alike."""
        return bool(self._names) or len({host for host, _ in self._hosts}) > 1

    def start(self) -> None:
        self._result = None
        threading.Thread(target=self._ask, name="witnesses", daemon=True).start()

    def result(self) -> ProbeResult | None:
        """None: not all have been asked yet."""
        return self._result

    def _ask(self) -> None:
        self._result = ProbeResult(tuple(self._answers()))

    def _answers(self) -> Iterator[str]:
        for host, port in self._hosts:
            if host_answers(host, port):
                yield f"{host}:{port}"
        for name in self._names:
            if self._resolve(name):
                yield f"the name server of {name}"
                return


def _pairs(witnesses: tuple[ProbeTarget, ...]) -> Iterator[tuple[str, int]]:
    return ((witness.host, witness.port) for witness in witnesses)


def _is_name(host: str) -> bool:
    """Whether a name server beyond the site knows it: no address, and more than one label."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." in host.strip(".") and not host.endswith((".local", ".localhost"))
    return False


def host_answers(host: str, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> bool:
    """A refusal is an answer, too."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def name_server_answers(name: str) -> bool:
    """Whether somebody is sure about a name below ``name`` that nobody has asked for before."""
    try:
        socket.getaddrinfo(f"{secrets.token_hex(6)}.{name.rstrip('.')}.", None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # EAI_AGAIN: no server answered, or none that knew somebody who knows.
        return error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
    except OSError:
        return False
    return True
