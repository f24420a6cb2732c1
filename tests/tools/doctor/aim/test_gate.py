"""One code, one browser, fifteen minutes."""

from __future__ import annotations

from edge_agent.tools.doctor.aim.access import LIFE_S, TRIES, AccessEnd, AccessGate
from tests.host.fakes import FakeClock


def wrong(gate: AccessGate) -> str:
    return f"{(int(gate.code) + 1) % 1_000_000:06}"


def test_the_first_with_the_right_code_is_let_in_and_nobody_else() -> None:
    gate = AccessGate(FakeClock())
    assert gate.claim(wrong(gate)) is None
    ticket = gate.claim(gate.code)
    assert ticket is not None
    assert gate.admits(ticket)
    assert gate.claim(gate.code) is None, "the code was used already"
    assert not gate.admits(gate.code)
    assert not gate.admits(None)
    assert not gate.admits("ü")


def test_nobody_is_let_in_before_the_code_was_typed() -> None:
    assert not AccessGate(FakeClock()).admits("")


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
