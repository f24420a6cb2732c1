"""Probes of remote hosts, so that a broker outage is not taken for a failed modem."""

from __future__ import annotations

import socket

import pytest

from edge_agent.config.model.settings import Broker, ProbeTarget
from edge_agent.control.reachability import ReachabilityProbe, host_answers, name_server_answers
from tests.testbed.mosquitto import free_port, wait_until


def broker(host: str, port: int = 8883) -> Broker:
    return Broker(host, port, tls=True)


def test_a_host_that_takes_or_refuses_a_connection_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert host_answers("127.0.0.1", listener.getsockname()[1])
    assert host_answers("127.0.0.1", free_port())


def test_a_host_that_is_silent_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as first:
        first.connect(full.getsockname())
        with socket.socket() as second:  # fills the queue; the next SYN is dropped
            second.setblocking(False)
            second.connect_ex(full.getsockname())
            assert not host_answers("127.0.0.1", full.getsockname()[1], timeout_s=0.2)


@pytest.mark.parametrize(
    ("error", "answers"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), False),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), False),
        (None, True),  # a wildcard
    ],
)
def test_a_name_server_answers_when_it_is_sure_of_a_name_that_no_cache_can_know(
    monkeypatch: pytest.MonkeyPatch, error: socket.gaierror | None, answers: bool
) -> None:
    asked = []

    def getaddrinfo(host: str, *arguments: object, **named: object) -> list[object]:
        asked.append(host)
        if error is not None:
            raise error
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert [name_server_answers("mqtt.example.vn") for _ in range(2)] == [answers] * 2
    assert asked[0] != asked[1]
    assert all(host.endswith(".mqtt.example.vn.") for host in asked)


@pytest.mark.parametrize(
    ("brokers", "witnesses", "can_tell"),
    [
        ((broker("10.1.2.3"),), (), False),
        ((broker("10.1.2.3", 8883), broker("10.1.2.3", 1883)), (), False),  # the same host
        ((broker("10.1.2.3"), broker("10.1.2.4")), (), True),
        ((broker("10.1.2.3"),), (ProbeTarget("203.113.131.1", 53),), True),
        ((broker("mqtt.example.vn"),), (), True),  # its name server
        ((broker("broker"),), (), False),  # a name of /etc/hosts
        ((broker("broker.local"),), (), False),
        ((broker("fe80::1%eth0"),), (), False),
    ],
)
def test_one_broker_alone_cannot_tell_a_dead_network_from_a_dead_broker(
    brokers: tuple[Broker, ...], witnesses: tuple[ProbeTarget, ...], can_tell: bool
) -> None:
    assert ReachabilityProbe(brokers, witnesses).is_conclusive is can_tell


def test_all_are_asked_on_a_thread_of_their_own() -> None:
    port = free_port()  # refuses
    brokers = (broker("127.0.0.1", port), broker("mqtt.example.vn", 1))
    witnesses = ReachabilityProbe(brokers, (), resolve=lambda name: True)
    assert witnesses.result() is None
    witnesses.start()
    wait_until(lambda: witnesses.result() is not None)
    assert witnesses.result() == (f"127.0.0.1:{port}", "the name server of mqtt.example.vn")
