"""Limits how often a password may be guessed, without locking out its owner.

Attempts count for the address that they come from, for the name that they try, and for both together: a user
who has forgotten the password does not lock out an office behind one address. A browser from which a user has
logged in before has a *device* cookie (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
Attempts with this cookie count for the cookie alone, so an attacker who guesses the password all day, even
from the same address, does not lock the user out.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from edge_agent.core.clock import Clock

WINDOW_S = 15 * 60.0
OF_ADDRESS = 60
OF_ADDRESS_AND_NAME = 10
OF_NAME = 20
OF_DEVICE = 10
MOST_COUNTS = 20_000  # maximum number of counters of each kind; above it the oldest are dropped


@dataclass(slots=True)
class _AttemptCount:
    until_mono: float
    attempts: int = 0


class _AttemptCounts:
    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: OrderedDict[str, _AttemptCount] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """Return the seconds until the next attempt is allowed; 0: it is allowed now."""
        count = self._counts.get(key)
        if count is None or now >= count.until_mono or count.attempts < self._most:
            return 0.0
        return count.until_mono - now

    def add(self, key: str, now: float) -> None:
        count = self._counts.get(key)
        if count is None or now >= count.until_mono:
            count = self._counts[key] = _AttemptCount(now + WINDOW_S)
        self._counts.move_to_end(key)
        count.attempts += 1
        while len(self._counts) > MOST_COUNTS:
            self._counts.popitem(last=False)

    def uncount(self, key: str) -> None:
        count = self._counts.get(key)
        if count is not None and count.attempts > 0:
            count.attempts -= 1


class DeviceCookies:
    """Makes and verifies device cookies. Each is valid for one name, and signed with a key of this server.

    ``factor``: the account's stored second factor; a change ends the cookie. Otherwise a person with the
    password could collect cookies, each with a separate count, before the factor is set up, to guess codes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self, name: str, factor: bytes | None) -> str:
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self._mac(name, nonce, factor)}"

    def verified_nonce(self, value: str | None, name: str, factor: bytes | None) -> str | None:
        """Return the nonce of a cookie that is valid for this name. None: the cookie is not valid."""
        nonce, _, mac = (value or "").partition(".")
        return nonce if hmac.compare_digest(mac.encode(), self._mac(name, nonce, factor).encode()) else None

    def _mac(self, name: str, nonce: str, factor: bytes | None) -> str:
        text = f"{name}\n{nonce}" + ("" if factor is None else f"\n{factor.hex()}")
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    counted: tuple[tuple[_AttemptCounts, str], ...]


class LoginThrottle:
    """Counts attempts in memory, so a restart clears them. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # protects the counts: each of many simultaneous attempts counts
        self._addresses, self._pairs = _AttemptCounts(OF_ADDRESS), _AttemptCounts(OF_ADDRESS_AND_NAME)
        self._names, self._devices = _AttemptCounts(OF_NAME), _AttemptCounts(OF_DEVICE)

    def begin(self, address: str, name: str, device: str | None) -> LoginAttempt | float:
        """Count an attempt as failed until ``succeeded`` is called. If too many have failed, return the
        seconds to wait instead.

        Names without an account are treated the same.
        """
        now = self._clock.monotonic()
        with self._lock:
            wanted: tuple[tuple[_AttemptCounts, str], ...]
            if device is not None and self._devices.wait_s(device, now) == 0.0:
                wanted = ((self._devices, device),)
            else:
                network, name = _network(address), name[:64]
                pair = (self._pairs, f"{network} {name}")
                wanted = ((self._addresses, network), pair, (self._names, name))
            left_s = max(counts.wait_s(key, now) for counts, key in wanted)
            if left_s > 0.0:
                return left_s
            for counts, key in wanted:
                counts.add(key, now)
            return LoginAttempt(wanted)

    def succeeded(self, attempt: LoginAttempt) -> None:
        with self._lock:
            for counts, key in attempt.counted:
                counts.uncount(key)


def _network(address: str) -> str:
    """Return the network of a client. For IPv6 it is the /64, because a client may use any address in it."""
    try:
        asker = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(asker, ipaddress.IPv6Address):
        if asker.ipv4_mapped is not None:
            return str(asker.ipv4_mapped)
        return str(ipaddress.ip_network((asker, 64), strict=False))
    return str(asker)
