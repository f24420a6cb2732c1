"""``edge-agent simulate``: runs the simulation and prints progress and totals.

Nothing is sent before the check whether real gateways use the ids of the simulated ones at this broker.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from edge_agent.commands.signature import read_public
from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.errors import MqttError, UsageError
from edge_agent.host.system.process import stop_on_signals
from edge_agent.mqtt.tools.tool_client import ToolClient
from edge_agent.tools.broker_arguments import broker_of, mqtt_of
from edge_agent.tools.broker_commands import changes_of
from edge_agent.tools.gateways.fleet_status import decode_or_empty
from edge_agent.tools.simulate.health_generator import SIMULATED
from edge_agent.tools.simulate.scenario import Scenario, SimulatedSite, load, make_sites, split_sites
from edge_agent.tools.simulate.totals import SimulationTotals, progress, table
from edge_agent.tools.simulate.worker import BEGIN, QUIET, REPORT, WorkerJob, WorkerPool
from edge_agent.wire.topics import GatewayTopics

POLL_EVERY_S = 1.0
PROGRESS_EVERY_S = 10.0
MAX_PER_PROCESS = 120  # paho works with file descriptors below 1024 only, and a gateway needs seven


def run_simulate(args: argparse.Namespace, stdout: TextIO) -> int:
    """Return 0 if every stored event was confirmed; 1 if events are left or lost, or a process failed. Raises
    ConfigError, UsageError and MqttError."""
    if not 1 <= args.per_process <= MAX_PER_PROCESS:
        raise UsageError(f"--per-process is 1 to {MAX_PER_PROCESS}; nothing was sent")
    scenario = load(args.scenario, changes_of(args))
    brokers = tuple(broker_of(url) for url in args.broker)
    stop = stop_on_signals()
    sites = make_sites(scenario)
    if args.search_keys:
        _refuse_search_keys(args.search_keys, scenario)
    if args.certificates is not None:
        _refuse_certificates(args.certificates, brokers, sites)
    refuse_ids_in_use(brokers[0], mqtt_of(args, brokers[0]), sites)
    if args.ledger is not None:
        try:
            args.ledger.write_bytes(b"")
        except OSError as error:
            raise UsageError(f"--ledger: {args.ledger}: {error.strerror}; nothing was sent") from error
    if args.outbox_dir is not None:
        args.outbox_dir.mkdir(parents=True, exist_ok=True)
        return _run(args, scenario, brokers, args.outbox_dir.absolute(), stop, stdout)
    with tempfile.TemporaryDirectory(prefix="edge-simulate-") as folder:
        return _run(args, scenario, brokers, Path(folder), stop, stdout)


def _refuse_search_keys(keys: Sequence[Path], scenario: Scenario) -> None:
    """Raise UsageError for keys that cannot be read, and for any key if there are no passages to search."""
    if not scenario.passages_per_camera:
        raise UsageError("--search-keys needs passages to search: --passages-per-camera; nothing was sent")
    for key in keys:
        try:
            read_public(key.read_text(encoding="ascii", errors="replace"))
        except OSError as error:
            raise UsageError(f"--search-keys: {key}: {error.strerror}; nothing was sent") from error
        except ValueError as error:
            raise UsageError(f"--search-keys: {key}: {error}; nothing was sent") from error


def _refuse_certificates(folder: Path, brokers: Sequence[Broker], sites: Sequence[SimulatedSite]) -> None:
    """Raise UsageError if a broker does not use TLS, or the certificate or key of a site is missing."""
    if not all(broker.tls for broker in brokers):
        raise UsageError("--certificates needs brokers at mqtts://; nothing was sent")
    names = ["ca.crt", *(f"{site.id}{end}" for site in sites for end in (".crt", ".key"))]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UsageError(
            f"--certificates: {folder / missing[0]}{more}: there is no such file; nothing was sent"
        )


def _run(
    args: argparse.Namespace,
    scenario: Scenario,
    brokers: Sequence[Broker],
    folder: Path,
    stop: threading.Event,
    stdout: TextIO,
) -> int:
    sites = make_sites(scenario)
    jobs = [
        _worker_job(args, scenario, brokers, folder, share) for share in split_sites(sites, args.per_process)
    ]
    with WorkerPool(jobs) as pool:
        pool.wait_prepared()
        began_mono = time.monotonic()
        print(f"{len(sites)} gateways in {len(jobs)} processes at {', '.join(args.broker)}", file=sys.stderr)
        pool.send(BEGIN)
        _watch(pool, began_mono, scenario.duration_s, stop)
        lasted_s = time.monotonic() - began_mono
        pool.send(QUIET)
        _drain(pool, began_mono, scenario.drain_s)
        totals = pool.end()
    if args.json:
        stdout.write(msgspec.json.format(msgspec.json.encode(totals)).decode() + "\n")
    else:
        stdout.write("\n".join(table(totals, lasted_s)) + "\n")
    return EX_OK if totals.complete else EX_FAILED


def _watch(pool: WorkerPool, began_mono: float, duration_s: float, stop: threading.Event) -> None:
    printed_mono = began_mono
    while (left_s := began_mono + duration_s - time.monotonic()) > 0:
        if stop.wait(min(POLL_EVERY_S, left_s)):
            print("stopping: what is left goes out first", file=sys.stderr)
            return
        printed_mono = _print_progress(pool.send(REPORT), began_mono, printed_mono)


def _drain(pool: WorkerPool, began_mono: float, drain_s: float) -> None:
    """Wait until every event is confirmed, at most ``drain_s``."""
    deadline, printed_mono = time.monotonic() + drain_s, time.monotonic()
    pause = threading.Event()
    while time.monotonic() < deadline:
        totals = pool.send(REPORT)
        if totals.complete:
            return
        printed_mono = _print_progress(totals, began_mono, printed_mono)
        pause.wait(POLL_EVERY_S / 2)


def _print_progress(totals: SimulationTotals, began_mono: float, printed_mono: float) -> float:
    """Print progress if it is due; return the time of the last print."""
    now = time.monotonic()
    if now - printed_mono < PROGRESS_EVERY_S:
        return printed_mono
    print(progress(now - began_mono, totals), file=sys.stderr, flush=True)
    return now


def _worker_job(
    args: argparse.Namespace,
    scenario: Scenario,
    brokers: Sequence[Broker],
    folder: Path,
    share: tuple[SimulatedSite, ...],
) -> WorkerJob:
    return WorkerJob(
        scenario=scenario,
        sites=share,
        brokers=tuple((each.host, each.port, each.tls) for each in brokers),
        root=args.root,
        ca_file=_text(args.ca_file),
        certificates=_text(args.certificates),
        username=args.username,
        password_file=_text(args.password_file),
        state_dir=str(folder),
        log_level=args.log_level,
        search_keys=tuple(str(key.absolute()) for key in args.search_keys or ()),
        ledger=_text(args.ledger),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


# --- ids in use ---

QUIET_S = 1.0  # retained messages follow a subscription at once; after such a pause there are no more
MAX_S = 60.0


class IdsInUse(MqttError):
    """A gateway that is not simulated has published under an id of the scenario."""


class _Birth(msgspec.Struct):
    profile: str = ""


class _State(msgspec.Struct):
    state: str = ""


def refuse_ids_in_use(broker: Broker, mqtt: Mqtt, sites: Sequence[SimulatedSite]) -> None:
    """Raise IdsInUse for ids in use, and MqttError when this cannot be checked.

    Subscribes to each gateway's exact topic: not every broker sends retained messages for a wildcard.
    """
    topics = {}
    for site in sites:
        names = GatewayTopics(mqtt.root, site.ward, site.id)
        topics[names.state], topics[names.birth] = site.id, site.id
    births: dict[str, str] = {}
    states: dict[str, str] = {}
    deadline = time.monotonic() + MAX_S
    with ToolClient(broker, mqtt, f"{SIMULATED}-{secrets.token_hex(6)}", reconnects=True) as listening:
        listening.subscribe(*topics)
        if not listening.wait_subscribed(MAX_S) or listening.refused:
            raise MqttError(
                f"{broker.host} does not allow a check whether real gateways have these ids; nothing was sent"
            )
        while time.monotonic() < deadline and (message := listening.receive(QUIET_S)) is not None:
            gateway = topics.get(message.topic)
            if gateway is None or not message.payload:
                continue
            if message.topic.endswith("/birth"):
                births[gateway] = decode_or_empty(message.payload, _Birth).profile
            else:
                states[gateway] = decode_or_empty(message.payload, _State).state
    _judge(births, states)


def _judge(births: dict[str, str], states: dict[str, str]) -> None:
    real = sorted(gateway for gateway in {*births, *states} if births.get(gateway) != SIMULATED)
    if real:
        raise IdsInUse(
            f"{len(real)} real gateways have reported under these ids ({', '.join(real[:5])} …); "
            "nothing was sent. Choose another prefix, or another broker"
        )
    running = sorted(gateway for gateway, state in states.items() if state == "online")
    if running:
        raise IdsInUse(
            f"{len(running)} of these gateways are online ({', '.join(running[:5])} …): another "
            "simulation runs here; nothing was sent"
        )
