"""The invented city of a lab: its wards, the names and places of its sites, and the scenario of its day."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.tools.simulate.scenario import CITY_CAMERAS, CITY_SITES, Scenario, load, make_sites
from tests.edge_central.console.gateway import Gateway
from tests.edge_central.console.plan import VIEWS, WARDS, crossing, write_sheet

WARD_IDS = tuple(ward for ward, *_ in WARDS)
BEGINS_AT = "07:00"
"""Of the simulated day: the morning rush, whenever the lab is started."""


@dataclass(frozen=True, slots=True)
class RealSite:
    """A site with a real agent. ``cameras``: its number of cameras."""

    id: str
    ward: str
    cameras: int


REAL_SITES = (RealSite("dt-001", "de-tham", 3), RealSite("bx-001", "bo-xuyen", 2))


def write_scenario(folder: Path, gateways: int, alarms_per_day: float) -> tuple[Path, Scenario]:
    """Write the scenario of so many gateways."""
    path = folder / "city.yaml"
    document = {
        "sites": gateways,
        "cameras": round(gateways * CITY_CAMERAS / CITY_SITES),
        "wards": WARD_IDS,
        "begins_at": BEGINS_AT,
        "duration_s": 10_000_000,
        "drain_s": 2,
        "alarms_per_day": alarms_per_day,
        "events_per_camera_day": 1_000,
        "camera_faults_per_day": 2,
        "passages_per_camera": 60,
        "spread_s": 5,
        "faults": [
            {"kind": "ward-outage", "at_s": 300, "for_s": 180, "ward": "ky-ba"},
            {"kind": "power-cut", "at_s": 900, "for_s": 120, "wards": ["tran-lam"]},
        ],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path, load(path, {})


def write_names(folder: Path, scenario: Scenario) -> tuple[Path, Path, dict[str, Gateway]]:
    """Write the fleet sheet: ``sites.csv`` and ``wards.csv``. Return both paths, and the sites by id."""
    sites = list(_sites(scenario))
    return *write_sheet(folder, sites), {site.id: site for site in sites}


def _sites(scenario: Scenario) -> Iterator[Gateway]:
    seen: Counter[str] = Counter()
    real = ((site.id, site.ward, [f"cam-{n + 1}" for n in range(site.cameras)]) for site in REAL_SITES)
    simulated = ((site.id, site.ward, list(site.cameras)) for site in make_sites(scenario))
    for channel, (id_, ward, cameras) in enumerate((*real, *simulated), 1):
        number = WARD_IDS.index(ward)
        *_, latitude, longitude = WARDS[number]
        index, far = seen[ward], 0.0009 * math.sqrt(seen[ward] + 0.5)
        seen[ward] += 1
        angle = index * 2.39996  # spread like the seeds of a sunflower
        place = round(latitude + far * math.sin(angle) * 0.75, 5), round(longitude + far * math.cos(angle), 5)
        yield Gateway(
            id_,
            ward,
            crossing(index + 31 * number),
            *place,
            cameras,
            channels={camera: f"{channel}-{n + 1:02d}" for n, camera in enumerate(cameras)},
            views={camera: VIEWS[n] for n, camera in enumerate(cameras)},
        )
