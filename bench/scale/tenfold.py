"""Measures one broker and one centre with ten cities of light gateways, and with fewer for comparison."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

from bench.scale.account import NOON_H, PATIENCE_S, account, city_of, latency, steepest, when
from bench.scale.city import LIGHT, City, Meter, Sample, playing
from edge_agent.tools.simulate.scenario import Scenario

TIMES = (1, 5, 10)
SETTLE_S = 20.0
"""After this long, events from before the connect are sent, and heartbeats are spread evenly."""
MEASURED_S = 60.0
STAY_S = 5.0
SPREAD_S = 30.0
GOOD_S = 62.0
"""A session of at least a minute counts as stable: its end does not count as flapping."""
AWAY_S = 2.0
"""As in mosquitto's systemd unit."""


def tenfold(folder: Path, sites: int) -> dict[str, Any]:
    """All gateways connect at once; then, in another run, the load at noon. Each with one, five and ten
    cities. At the end the broker is killed with ten cities."""
    found: dict[str, Any] = {}
    for times in TIMES:
        name = f"{times} x"
        found[name] = {"gateways": sites * times}
        quiet = city_of(sites * times, events_per_camera_day=0.0, camera_faults_per_day=0.0, spread_s=0.0)
        found[name]["storm, spread 0 s"] = _storm(folder / f"{times}-storm", quiet)
        busy = city_of(sites * times, begins_at_h=NOON_H, spread_s=SPREAD_S)
        found[name]["noon"] = _noon(folder / f"{times}-noon", busy)
        print(json.dumps({name: found[name]}, indent=1), flush=True)
    most = city_of(sites * TIMES[-1], begins_at_h=NOON_H, spread_s=SPREAD_S)
    found["broker killed"] = _restart(folder / "restart", most)
    return found


def _storm(folder: Path, scenario: Scenario) -> dict[str, Any]:
    with playing(folder, scenario, most=_most(scenario), players=LIGHT) as city:
        came = _come(city)
        city.watch(city.elapsed_s + STAY_S)
        return came | {"online at the end": city.sample().totals.online}


def _noon(folder: Path, scenario: Scenario) -> dict[str, Any]:
    with playing(folder, scenario, most=_most(scenario), players=LIGHT) as city:
        came = _come(city)
        city.watch(city.elapsed_s + SETTLE_S)
        before, meter = city.sample(), Meter(city)
        city.watch(city.elapsed_s + MEASURED_S)
        after, spent = city.sample(), meter.read()
        totals = city.finish(PATIENCE_S)
        assert spent.centre is not None
        rates = _rates(before, after, scenario)
        return {
            "sign-on": came,
            "online": after.totals.online,
            **rates,
            "broker CPU, cores": spent.broker.cpu_s / spent.lasted_s,
            "broker CPU ms an event": spent.broker.cpu_s / spent.lasted_s / rates["events a second"] * 1e3,
            "broker RSS MB": spent.broker.rss_mb,
            "centre CPU, cores": spent.centre.cpu_s / spent.lasted_s,
            "centre CPU ms an event": spent.centre.cpu_s / spent.lasted_s / rates["events a second"] * 1e3,
            "centre RSS MB": spent.centre.rss_mb,
            "players' CPU, cores": (after.totals.cpu_s - before.totals.cpu_s) / (after.at_s - before.at_s),
            "players' PSS MB": after.totals.pss_mb,
            "machine busy, cores": spent.machine_busy_s / spent.lasted_s,
            "players behind s, at the end of it": after.totals.behind_s,
            "latency s meanwhile: half, 99 %, all": latency(before, after),
            **account(city, totals),
            **city.reported_by_the_centre(),
        }


def _restart(folder: Path, scenario: Scenario) -> dict[str, Any]:
    """Kill the broker under the load at noon, and start another one two seconds later with its files."""
    with playing(folder, scenario, most=_most(scenario), players=LIGHT) as city:
        _come(city)
        city.watch(city.elapsed_s + GOOD_S)
        city.broker.end(signal.SIGKILL)
        threading.Event().wait(AWAY_S)
        city.broker.start()
        back_s, first, meter = city.elapsed_s, len(city.samples), Meter(city)
        all_s, spent = city.watch_online(scenario.sites, PATIENCE_S), meter.read()
        half_s = when(city.samples[first:], scenario.sites / 2)
        city.watch(city.elapsed_s + SETTLE_S)
        totals = city.finish(PATIENCE_S)
        return {
            "half are back after s": None if half_s is None else half_s - back_s,
            "all are back after s": None if all_s is None else all_s - back_s,
            "broker CPU, cores": spent.broker.cpu_s / spent.lasted_s,
            "machine busy, cores": spent.machine_busy_s / spent.lasted_s,
            "broker RSS MB": Meter(city).read().broker.rss_mb,
            **account(city, totals),
            **city.reported_by_the_centre(),
        }


def _come(city: City) -> dict[str, Any]:
    """Start the gateways, and watch them connect."""
    gateways, meter = city.scenario.sites, Meter(city)
    city.begin()
    took_s = city.watch_online(gateways, PATIENCE_S)
    spent = meter.read()
    assert spent.centre is not None
    return {
        "all online after s": took_s,
        "half after s": when(city.samples, gateways / 2),
        "most connects in a second": steepest(city.samples, 1.0),
        "broker CPU ms a connect": spent.broker.cpu_s / gateways * 1e3,
        "broker RSS MB": spent.broker.rss_mb,
        "centre CPU s": spent.centre.cpu_s,
        "players' CPU ms a connect": city.samples[-1].totals.cpu_s / gateways * 1e3,
        "machine busy, cores": spent.machine_busy_s / spent.lasted_s,
        "connections that the broker closed": city.broker.log.count("closed connection"),
    }


def _rates(before: Sample, after: Sample, scenario: Scenario) -> dict[str, float]:
    """Rates of PUBLISH packets, received and sent by the broker."""
    lasted_s = after.at_s - before.at_s
    earlier, later = before.totals.counts, after.totals.counts
    heartbeats = scenario.sites / scenario.heartbeat_s
    sent, acks = (later.sent - earlier.sent) / lasted_s, (later.acks - earlier.acks) / lasted_s
    return {
        "events stored a second": (later.stored - earlier.stored) / lasted_s,
        "events a second": (later.confirmed - earlier.confirmed) / lasted_s,
        "heartbeats a second": heartbeats,
        "confirmations a second": acks,
        "messages a second, in and out": 2 * (sent + acks + heartbeats),
    }


def _most(scenario: Scenario) -> int:
    """Maximum number of connections: one per gateway, and one that was lost and that the broker has not
    noticed."""
    return scenario.sites * 2 + 10
