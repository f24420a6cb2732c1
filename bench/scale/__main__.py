"""``python -m bench.scale PART...``: measures one broker and one centre with a city. Each part takes minutes.

Everything runs on this machine, also the gateways, so their CPU time is missing for broker and centre.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.machine import this_machine
from bench.scale.account import (
    NOON_H,
    PATIENCE_S,
    account,
    city_of,
    difference,
    latency,
    steepest,
    when,
)
from bench.scale.alarms import alarms
from bench.scale.city import Meter, playing
from bench.scale.search import one_gateway, search, search_alone
from bench.scale.tenfold import tenfold
from edge_agent.tools.simulate.scenario import PowerOutage, WardOutage

WARD = "sim-ward-07"


def storm(folder: Path, sites: int) -> dict[str, Any]:
    """All gateways connect at once, with and without spread; nothing else happens."""
    found = {}
    for spread_s in (0.0, 30.0):
        quiet = city_of(sites, events_per_camera_day=0.0, camera_faults_per_day=0.0, spread_s=spread_s)
        with playing(folder / f"spread-{spread_s:.0f}", quiet, most=sites * 2 + 10) as city:
            meter = Meter(city)
            city.begin()
            took_s = city.watch_online(sites, PATIENCE_S)
            spent = meter.read()
            found[f"spread {spread_s:.0f} s"] = {
                "all online after s": took_s,
                "half after s": when(city.samples, sites / 2),
                "most connects in a second": steepest(city.samples, 1.0),
                "broker CPU ms a connect": spent.broker.cpu_s / sites * 1e3,
                "broker RSS MB": spent.broker.rss_mb,
                "machine busy, cores": spent.machine_busy_s / spent.lasted_s,
                "failed sign-ons": city.broker.log.count("closed connection"),
                "players' CPU s": city.samples[-1].totals.cpu_s,
            }
    return found


def steady(folder: Path, sites: int, seconds: float = 120.0) -> dict[str, Any]:
    """The load at noon of the busiest ordinary day."""
    with playing(folder / "city", city_of(sites, begins_at_h=NOON_H), most=sites * 2 + 10) as city:
        city.begin()
        city.watch_online(sites, PATIENCE_S)
        city.watch(city.elapsed_s + 40.0)  # events from before the connect have been sent
        before, meter = city.sample(), Meter(city)
        city.watch(city.elapsed_s + seconds)
        after, spent = city.sample(), meter.read()
        totals = city.finish(PATIENCE_S)
        lasted_s = after.at_s - before.at_s
        events = after.totals.counts.confirmed - before.totals.counts.confirmed
        assert spent.centre is not None
        return {
            "events a second": events / lasted_s,
            "heartbeats a second": sites / city.scenario.heartbeat_s,
            "broker CPU, cores": spent.broker.cpu_s / spent.lasted_s,
            "broker CPU ms an event": spent.broker.cpu_s / events * 1e3,
            "broker RSS MB": spent.broker.rss_mb,
            "centre CPU, cores": spent.centre.cpu_s / spent.lasted_s,
            "centre RSS MB": spent.centre.rss_mb,
            "players' CPU, cores": (after.totals.cpu_s - before.totals.cpu_s) / lasted_s,
            "players' CPU ms an event": (after.totals.cpu_s - before.totals.cpu_s) / events * 1e3,
            "players' PSS MB": after.totals.pss_mb,
            "machine busy, cores": spent.machine_busy_s / spent.lasted_s,
            "latency s meanwhile: half, 99 %, all": latency(before, after),
            **account(city, totals),
        }


def restart(folder: Path, sites: int) -> dict[str, Any]:
    """The broker ends under load and starts again two seconds later, as with systemd."""
    found = {}
    for how, spread_s in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 30.0), (signal.SIGKILL, 0.0)):
        name = f"{how.name}, spread {spread_s:.0f} s"
        scenario = city_of(sites, begins_at_h=NOON_H, spread_s=spread_s)
        with playing(folder / name.replace(" ", "-"), scenario, most=sites * 2 + 10) as city:
            city.begin()
            city.watch_online(sites, PATIENCE_S)
            city.watch(city.elapsed_s + 62.0)  # a session of at least a minute counts as stable
            city.broker.end(how)
            threading.Event().wait(2.0)
            city.broker.start()
            back_s, first = city.elapsed_s, len(city.samples)
            all_s = city.watch_online(sites, PATIENCE_S)
            again = city.samples[first:]
            city.watch(city.elapsed_s + 10.0)
            totals = city.finish(PATIENCE_S)
            half_s = when(again, sites / 2)
            found[name] = {
                "all online again after s": None if all_s is None else all_s - back_s,
                "half after s": None if half_s is None else half_s - back_s,
                "most connects in a second": steepest(again, 1.0),
                "most in a second, of an even spread": sites / spread_s if spread_s else None,
                **account(city, totals),
                **city.reported_by_the_centre(),
            }
    return found


def faults(folder: Path, sites: int) -> dict[str, Any]:
    """The network of a ward fails, then the power of the city; what the centre reports about it."""
    outage, cut = WardOutage(at_s=150.0, for_s=90.0, ward=WARD), PowerOutage(at_s=400.0, for_s=60.0)
    found: dict[str, Any] = {}
    with playing(
        folder / "city", city_of(sites, begins_at_h=NOON_H, faults=(outage, cut)), most=sites * 2 + 10
    ) as city:
        city.begin()
        city.watch(outage.at_s - 2.0)
        before = city.reported_by_the_centre()
        city.watch(outage.at_s + outage.for_s)
        all_s = city.watch_online(sites, PATIENCE_S)
        city.watch(cut.at_s - 2.0)
        middle = city.reported_by_the_centre()
        found["ward outage"] = difference(before, middle) | {
            "all online again after s": None if all_s is None else all_s - outage.at_s - outage.for_s
        }
        city.watch(cut.at_s + cut.for_s)
        first = len(city.samples)
        all_s = city.watch_online(sites, PATIENCE_S)
        city.watch(city.elapsed_s + 60.0)
        found["power cut"] = difference(middle, city.reported_by_the_centre()) | {
            "all online again after s": None if all_s is None else all_s - cut.at_s - cut.for_s,
            "most connects in a second": steepest(city.samples[first:], 1.0),
        }
        found["account"] = account(city, city.finish(PATIENCE_S))
    return found


def growth(folder: Path, sites: int) -> dict[str, Any]:
    """More sessions and heartbeats, with the events of one city. Two cores cannot simulate ten times as many
    in this way, because connecting takes longer than allowed; ``tenfold`` uses lighter gateways."""
    found = {}
    for times in (2, 5):
        scenario = city_of(
            sites * times, begins_at_h=NOON_H, events_per_camera_day=8_500.0 / times, spread_s=60.0
        )
        with playing(folder / f"{times}", scenario, most=sites * times * 2 + 10) as city:
            meter = Meter(city)
            city.begin()
            took_s = city.watch_online(sites * times, PATIENCE_S)
            storming = meter.read()
            city.watch(city.elapsed_s + 15.0)
            before, meter = city.sample(), Meter(city)
            city.watch(city.elapsed_s + 60.0)
            after, spent = city.sample(), meter.read()
            totals = city.finish(PATIENCE_S)
            assert spent.centre is not None
            found[f"{times} x"] = {
                "gateways": sites * times,
                "online": after.totals.online,
                "latency s meanwhile: half, 99 %, all": latency(before, after),
                "all online after s": took_s,
                "broker CPU ms a connect": storming.broker.cpu_s / (sites * times) * 1e3,
                "events a second": (after.totals.counts.confirmed - before.totals.counts.confirmed)
                / (after.at_s - before.at_s),
                "heartbeats a second": sites * times / scenario.heartbeat_s,
                "broker CPU, cores": spent.broker.cpu_s / spent.lasted_s,
                "broker RSS MB": spent.broker.rss_mb,
                "centre CPU, cores": spent.centre.cpu_s / spent.lasted_s,
                "centre RSS MB": spent.centre.rss_mb,
                "players' PSS MB": after.totals.pss_mb,
                "machine busy, cores": spent.machine_busy_s / spent.lasted_s,
                **account(city, totals),
            }
            print(json.dumps(found[f"{times} x"], indent=1), flush=True)
    return found


PARTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "storm": storm,
    "steady": steady,
    "restart": restart,
    "faults": faults,
    "growth": growth,
    "tenfold": tenfold,
    "search": search,
    "search-alone": search_alone,
    "alarms": alarms,
    "one-gateway": one_gateway,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("parts", nargs="+", choices=[*PARTS])
    parser.add_argument("--sites", type=int, default=465)
    parser.add_argument("--out", type=Path, default=Path("build/bench/scale"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for part in args.parts:
        with tempfile.TemporaryDirectory(prefix="edge-scale-", dir="/dev/shm") as folder:
            load_before = os.getloadavg()[0]
            found = PARTS[part](Path(folder), args.sites)
        machine = this_machine()
        result = {"part": part, "sites": args.sites, "cpu": machine.cpu, "cores": machine.cores,
                  "load before": load_before, "found": found}  # fmt: skip
        text = json.dumps(result, indent=1, default=str)
        (args.out / f"{part}-{args.sites}.json").write_text(text + "\n", encoding="utf-8")
        print(text, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
