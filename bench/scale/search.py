"""A search of the whole city: how soon its gateways answer, how much they send, and what alarms notice.

Each gateway has a day of passages in the agent's own store and answers with the agent's own code. They share
this machine with broker and centre, so ``one_gateway`` measures separately what the work of one costs. Three
groups of gateways beside the city show what it cannot: ``control`` has no passages and is not asked; each of
``solo`` has a process of its own, as on a Pi; ``quiet`` sends nothing but answers. The city itself runs at a
lower priority, because in reality 465 gateways do not share two cores with the broker and the centre.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import msgspec

from bench.scale.account import NOON_H, PATIENCE_S, account, city_of
from bench.scale.city import City, playing
from bench.scale.inquirer import MAX_BYTES, QUESTIONS, SEARCHES, Inquirer, question_document
from edge_agent.commands.dispatcher import CommandDispatcher
from edge_agent.commands.signature import make_key, read_private, sign
from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.tools.simulate.command_responder import SearchTurns, make_dispatcher, search_actions
from edge_agent.tools.simulate.gateway import TIMEZONE
from edge_agent.tools.simulate.passage_generator import fill_store
from edge_agent.tools.simulate.scenario import Scenario
from edge_agent.wire.topics import DownKind, DownMessage

PASSAGES = 8_500
"""Of a camera and day, as events."""
NICER = 5
"""Of the city's processes, than the others are; see above."""
CONTROL = Scenario(
    sites=20, cameras=40, wards=("control",), prefix="control", begins_at_h=NOON_H, spread_s=0.0,
    events_per_camera_day=30_000.0,
)  # fmt: skip
SOLO = tuple(
    Scenario(
        sites=1, cameras=3, wards=("solo",), prefix=f"solo-{number}", begins_at_h=NOON_H, spread_s=0.0,
        events_per_camera_day=60_000.0, passages_per_camera=PASSAGES,
    )
    for number in (1, 2)
)  # fmt: skip
QUIET = Scenario(
    sites=5, cameras=15, wards=("quiet",), prefix="quiet", spread_s=0.0, heartbeat_s=3600.0,
    events_per_camera_day=0.0, camera_faults_per_day=0.0, passages_per_camera=PASSAGES,
)  # fmt: skip
"""Nothing but searches: all that TCP carries for these is counted."""
ALONE_ROUNDS = 3
ASKED_BESIDE = sum(each.sites for each in (*SOLO, QUIET))


def search(folder: Path, sites: int) -> dict[str, Any]:
    """Ask the whole city at noon, one question after another, then ten while alarms are timed."""
    key = folder / "search.pem"
    make_key(key)
    scenario = city_of(sites - ASKED_BESIDE, begins_at_h=NOON_H, passages_per_camera=PASSAGES, spread_s=10.0)
    wards = [ward for each in (scenario, QUIET, SOLO[0]) for ward in each.wards]
    with playing(
        folder / "city", scenario, most=sites * 2 + 100, beside=(CONTROL, QUIET, *SOLO), search_key=key
    ) as city:
        lower_priority(city)
        city.begin()
        city.watch_online(scenario.sites, PATIENCE_S)
        threading.Event().wait(30.0)  # events from before the connect have been sent
        city.sample()
        with Inquirer(city, wards, city.others[1]) as inquirer:
            found: dict[str, Any] = {"one question": {}}
            for name, question in QUESTIONS.items():
                found["one question"][name] = inquirer.ask(question)
                threading.Event().wait(10.0)
            found["ten at once"] = inquirer.ask_together(SEARCHES)
            threading.Event().wait(10.0)
            found["alarms"] = inquirer.compare_alarms(rounds=2)
            found["account"] = account(city, city.finish(PATIENCE_S))
        return found


def search_alone(folder: Path, sites: int) -> dict[str, Any]:
    """The same questions, ``ALONE_ROUNDS`` times in turns, to a city without events: on this machine the
    simulated events of gateways take CPU from the answers; real gateways have their own."""
    key = folder / "search.pem"
    make_key(key)
    scenario = city_of(
        sites - QUIET.sites, passages_per_camera=PASSAGES, spread_s=10.0,
        events_per_camera_day=0.0, camera_faults_per_day=0.0,
    )  # fmt: skip
    with playing(folder / "city", scenario, most=sites * 2 + 100, beside=(QUIET,), search_key=key) as city:
        city.begin()
        city.watch_online(scenario.sites, PATIENCE_S)
        threading.Event().wait(10.0)
        with Inquirer(city, [*scenario.wards, *QUIET.wards], city.others[0]) as inquirer:
            found: dict[str, Any] = {name: [] for name in QUESTIONS}
            for _ in range(ALONE_ROUNDS):
                for name, question in QUESTIONS.items():
                    found[name].append(inquirer.ask(question))
                    threading.Event().wait(5.0)
            return found


def lower_priority(city: City) -> None:
    """Lower the priority of the city's processes; threads that start later inherit it."""
    for pid in city.workers.pids:
        os.setpriority(os.PRIO_PROCESS, pid, min(19, os.getpriority(os.PRIO_PROCESS, pid) + NICER))


# --- what one gateway does by itself ---

ROUNDS = 20
"""Fewer than the agent's limit of replies a minute."""


def one_gateway(folder: Path, sites: int) -> dict[str, Any]:
    """CPU, syncs and bytes of one search on one gateway of three cameras, from the message to the replies,
    without MQTT. ``sites`` is not used."""
    public, _ = make_key(folder / "search.pem")
    key, clock, site = read_private(folder / "search.pem"), SystemClock(), ("cam-1", "cam-2", "cam-3")
    fill_store(folder / "gateway", site, PASSAGES, 0.0, "1", clock, TIMEZONE)
    actions = search_actions(folder / "gateway", WARD, [public], SearchTurns(), clock)
    dispatcher = make_dispatcher(
        GATEWAY, folder / "gateway", [public], actions, clock,
        session=lambda: "bench", wake=lambda: None, publish_birth=lambda: None,
    )  # fmt: skip
    dispatcher.start()
    found = {}
    with patch("os.fsync", wraps=os.fsync) as syncs:
        for name, question in QUESTIONS.items():
            took_s, replies_bytes = [], 0
            syncs.reset_mock()
            cpu_s = time.process_time()
            for _ in range(ROUNDS):
                message = DownMessage(DownKind.COMMAND, "search", sign(_command(question), key))
                began_mono = time.monotonic()
                dispatcher.accept(message)
                replies_bytes += _wait_for_replies(dispatcher)
                took_s.append(time.monotonic() - began_mono)
            cpu_s = time.process_time() - cpu_s
            found[name] = {
                "CPU ms": cpu_s / ROUNDS * 1e3,
                "took ms: half, longest": [median(took_s) * 1e3, max(took_s) * 1e3],
                "syncs of the disk": syncs.call_count / ROUNDS,
                "bytes of its replies": replies_bytes / ROUNDS,
            }
    dispatcher.stop()
    dispatcher.join(PATIENCE_S)
    return found


GATEWAY, WARD = "gateway", "bench"


def _command(question: dict[str, Any]) -> bytes:
    now = datetime.now(UTC)
    command = {
        "id": f"bench-{secrets.token_hex(8)}",
        "type": "search",
        "gateway": GATEWAY,
        "issued": rfc3339(now),
        "expires": rfc3339(now + timedelta(days=1)),
        "args": question_document(question) | {"wards": [WARD], "asked_by": "bench", "max_bytes": MAX_BYTES},
    }
    return msgspec.json.encode(command)


def _wait_for_replies(dispatcher: CommandDispatcher) -> int:
    """Wait for the last reply to a search, as the publisher does; returns the bytes of all."""
    size, pause = 0, threading.Event()
    while True:
        reply = dispatcher.replies.pending(())
        if reply is None:
            pause.wait(0.001)
            continue
        dispatcher.replies.delivered(reply.number)
        size += len(reply.payload)
        status = msgspec.json.decode(reply.payload)["status"]
        assert status in ("accepted", "running", "succeeded"), reply.payload
        if status == "succeeded":
            return size
