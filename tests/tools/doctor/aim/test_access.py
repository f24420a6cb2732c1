"""One code, one browser, fifteen minutes; at which addresses the page listens, and to whom."""

from __future__ import annotations

import ipaddress

import pytest

from edge_agent.host.system.addresses import InterfaceAddress, own_addresses
from edge_agent.tools.local_page.access import LIFE_S, TRIES, AccessEnd, AccessGate, page_addresses
from tests.host.fakes import FakeClock


def wrong(gate: AccessGate) -> str:
    return f"{(int(gate.code) + 1) % 1_000_000:06}"


def test_the_first_with_the_right_code_is_let_in_and_nobody_else() -> None:
    gate = AccessGate(FakeClock())
    assert not gate.admits("")
    assert gate.claim(wrong(gate)) is None
    ticket = gate.claim(gate.code)
    assert ticket is not None
    assert gate.admits(ticket)
    assert gate.claim(gate.code) is None, "the code was used already"
    assert not gate.admits(gate.code)
    assert not gate.admits(None)
    assert not gate.admits("ü")


def test_after_five_wrong_ones_even_the_right_code_is_refused() -> None:
    gate = AccessGate(FakeClock())
    for _ in range(TRIES):
        assert gate.ended is None
        assert gate.claim(wrong(gate)) is None
    assert gate.ended is AccessEnd.GUESSED
    assert gate.claim(gate.code) is None


def test_the_time_ends_for_who_was_let_in_as_well() -> None:
    clock = FakeClock()
    gate = AccessGate(clock)
    ticket = gate.claim(gate.code)
    clock.advance(LIFE_S - 1)
    assert gate.admits(ticket)
    assert gate.left_s == 1
    clock.advance(1)
    assert not gate.admits(ticket)
    assert gate.ended is AccessEnd.TIME


def test_every_start_has_another_code_and_another_ticket() -> None:
    gates = [AccessGate(FakeClock()) for _ in range(20)]
    assert all(len(gate.code) == 6 and gate.code.isdigit() for gate in gates)
    assert len({gate.code for gate in gates}) > 15
    assert len({gate.claim(gate.code) for gate in gates}) == 20


def at(interface: str, address: str) -> InterfaceAddress:
    found = ipaddress.ip_interface(address)
    return InterfaceAddress(interface, found.ip, found.network, interface == "usb0")


@pytest.mark.parametrize(
    ("interface", "address", "listens"),
    [
        ("eth0", "192.168.1.20/24", True),
        ("wlan0", "10.0.0.5/8", True),
        ("eth0", "169.254.7.7/16", True),  # no DHCP: phone and box on one cable
        ("lo", "127.0.0.1/8", True),  # ssh -L
        ("eth0", "fd12::5/64", True),
        ("eth0", "113.160.1.2/24", False),  # public
        ("eth0", "100.70.1.2/10", False),  # the carrier's side of its NAT
        ("eth0", "2402:800::5/64", False),
        ("eth0", "fe80::1/64", False),  # browsers do not accept it
        ("wwan0", "10.64.3.2/30", False),  # private, but the carrier's
        ("ppp0", "10.64.3.2/32", False),
        ("wg0", "10.8.0.2/24", False),
        ("usb0", "10.1.1.2/30", False),  # a link to one far end
    ],
)
def test_it_listens_where_only_neighbours_are(interface: str, address: str, listens: bool) -> None:
    assert bool(page_addresses([at(interface, address)])) == listens


@pytest.mark.parametrize(
    ("source", "admitted"),
    [
        ("192.168.1.77", True),
        ("::ffff:192.168.1.77", True),
        ("192.168.2.77", False),  # behind a router
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("fd12::9", False),
        ("fe80::9%eth0", False),
    ],
)
def test_only_who_is_in_the_same_network_is_answered(source: str, admitted: bool) -> None:
    (place,) = page_addresses([at("eth0", "192.168.1.20/24")])
    assert place.admits(source) == admitted


def test_this_machine_has_a_loopback_and_its_network() -> None:
    assert at("lo", "127.0.0.1/8") in own_addresses()
