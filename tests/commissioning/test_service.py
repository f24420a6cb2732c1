"""When the page is served, and when it ends."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.delivery import ClaimDelivery
from edge_agent.commissioning.page import service
from edge_agent.commissioning.page.service import CommissionService
from edge_agent.commissioning.record import ClaimRecord, ClaimStore, CommissioningState
from edge_agent.core.clock import Backoff
from edge_agent.host.system.addresses import InterfaceAddress, own_addresses
from tests.commissioning.prepared_box import PreparedBox, prepared_box
from tests.commissioning.steps import steps_of
from tests.testbed.claims import claim
from tests.testbed.mosquitto import free_port, wait_until


def loopback() -> list[InterfaceAddress]:
    return [each for each in own_addresses() if each.address.is_loopback and each.address.version == 4]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedBox:
    monkeypatch.setattr(service, "TICK_S", 0.05)
    return prepared_box(tmp_path, free_port(), [])


def ends(steps: Commissioning, idle_s: float) -> None:
    """Serve until the page ends by itself."""
    made = CommissionService(steps, loopback, 0, idle_s)
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop, lambda: None))
    thread.start()
    try:
        thread.join(20)
        assert not thread.is_alive()
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("finished", [True, False], ids=["signed", "left"])
def test_a_confirmed_box_serves_nothing_any_more(box: PreparedBox, finished: bool) -> None:
    record = ClaimRecord(state=CommissioningState.CONFIRMED, claim=claim(), finished=finished)
    ClaimStore(box.paths.state).put(record)
    (box.paths.etc / "site-id").write_text("dt-001\n")
    ends(steps_of(box), idle_s=0.1)
    assert box.paths.confirmed.exists() is not finished, "whoever signs has left the mark already"


def test_a_phone_that_shows_the_page_may_examine_again_after_the_signature(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page ends when the phone has left."""
    record = ClaimRecord(state=CommissioningState.CONFIRMED, claim=claim(), finished=True)
    ClaimStore(box.paths.state).put(record)
    (box.paths.etc / "site-id").write_text("dt-001\n")
    made, stop = CommissionService(steps_of(box), loopback, 0), threading.Event()
    thread = threading.Thread(target=made.run, args=(stop, lambda: None))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    monkeypatch.setattr(service, "GONE_S", 0.0)
    thread.join(20)
    assert not thread.is_alive()


def test_the_answer_is_fetched_soon_while_a_phone_shows_the_page(
    box: PreparedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def session(_: ClaimDelivery, record: ClaimRecord, *__: object) -> tuple[None, None]:
        asked.append(record)
        return None, None

    monkeypatch.setattr(ClaimDelivery, "session", session)
    monkeypatch.setattr(service, "SEEN_S", 0.05)
    monkeypatch.setattr(service, "new_backoff", lambda: Backoff(first_s=900.0, cap_s=900.0, floor_s=900.0))
    ClaimStore(box.paths.state).put(ClaimRecord(state=CommissioningState.CLAIMED, claim=claim()))
    (box.paths.etc / "site-id").write_text("dt-001\n")
    made, stop = CommissionService(steps_of(box), loopback, 0), threading.Event()
    thread = threading.Thread(target=made.run, args=(stop, lambda: None))
    thread.start()
    try:
        wait_until(lambda: len(asked) >= 3, what="three sessions", timeout_s=10)
    finally:
        stop.set()
        thread.join()


def test_the_page_ends_when_a_playbook_configures_the_box(box: PreparedBox) -> None:
    (box.paths.etc / "edge-agent.yaml").write_text("# Ansible\n")
    ends(steps_of(box), idle_s=900.0)


def test_the_page_follows_the_addresses_of_the_box(box: PreparedBox) -> None:
    """The network may come later than the page."""
    now: list[InterfaceAddress] = []
    made = CommissionService(steps_of(box), lambda: now, 0)
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=made.run, args=(stop, ready.set))
    thread.start()
    try:
        assert ready.wait(20)
        assert made.urls == ()
        now.extend(loopback())
        wait_until(lambda: len(made.urls) == 1, what="a listener")
    finally:
        stop.set()
        thread.join()
