"""The limit of password attempts."""

from __future__ import annotations

import pytest

from edge_central.web.auth.throttle import (
    OF_ADDRESS,
    OF_ADDRESS_AND_NAME,
    OF_NAME,
    WINDOW_S,
    DeviceCookies,
    LoginAttempt,
    LoginThrottle,
)
from tests.host.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def guesses(throttle: LoginThrottle, address: str, name: str, device: str | None = None) -> int:
    """The number of attempts that are permitted in a row."""
    count = 0
    while isinstance(throttle.begin(address, name, device), LoginAttempt):
        count += 1
    return count


def test_an_address_and_a_name_have_their_limits_and_get_them_back(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    once = OF_ADDRESS_AND_NAME
    assert guesses(throttle, "192.0.2.1", "lan") == once
    assert guesses(throttle, "192.0.2.2", "lan") == OF_NAME - once, "the same name from another address"
    assert guesses(throttle, "192.0.2.3", "lan") == 0
    assert guesses(throttle, "192.0.2.3", "minh") == once, "nobody else is kept out"
    clock.advance(WINDOW_S)
    assert guesses(throttle, "192.0.2.1", "lan") == once


def test_an_office_behind_one_address_is_not_shut_out_by_one_of_it(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    assert guesses(throttle, "192.0.2.1", "lan") == OF_ADDRESS_AND_NAME
    assert guesses(throttle, "192.0.2.1", "minh") == OF_ADDRESS_AND_NAME, "a colleague at a new browser"
    assert sum(guesses(throttle, "192.0.2.1", f"name-{n}") for n in range(90)) == OF_ADDRESS - 2 * 10


def test_of_ipv6_everybody_has_a_network_to_himself(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    once = OF_ADDRESS_AND_NAME
    assert guesses(throttle, "2001:db8::1", "lan") == once
    assert guesses(throttle, "2001:db8::ffff:1", "lan") == 0
    assert guesses(throttle, "2001:db8:0:1::1", "lan") == once
    assert guesses(throttle, "::ffff:192.0.2.1", "tam") == once
    assert guesses(throttle, "192.0.2.1", "tam") == 0, "the same host, spelt otherwise"


def test_a_successful_login_is_not_counted(clock: FakeClock) -> None:
    throttle = LoginThrottle(clock)
    for _ in range(3 * OF_NAME):
        attempt = throttle.begin("192.0.2.1", "lan", None)
        assert isinstance(attempt, LoginAttempt)
        throttle.succeeded(attempt)


def test_a_known_browser_is_worth_something_for_its_own_name_only() -> None:
    devices, others = DeviceCookies(b"a" * 32), DeviceCookies(b"b" * 32)
    cookie = devices.new("lan", None)
    assert devices.verified_nonce(cookie, "lan", None) is not None
    for value, name in ((cookie, "minh"), (cookie + "x", "lan"), ("", "lan"), (None, "lan")):
        assert devices.verified_nonce(value, name, None) is None
    assert others.verified_nonce(cookie, "lan", None) is None
