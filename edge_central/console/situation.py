"""Groups many reports into one cause: rain over a ward, a power cut, gateways that boot after it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge_central.console.fleet import RAIN, CameraVisibility, Fleet, SiteOverview, SiteState
from edge_central.store.presence_reports import OutageReport

RAIN_SHARE, RAIN_LEAST = 0.5, 4
"""If at least this share, and at least this number, of a ward's cameras with a picture report rain, the cause
is the weather and not a dirty lens."""
TOGETHER_MS = 180_000  # ward outages that begin within this time are one power cut of the city


@dataclass(frozen=True, slots=True)
class WardRain:
    ward: str
    cameras: int
    of: int


@dataclass(frozen=True, slots=True)
class CityPowerCut:
    """Wards that lost power together, with their sites."""

    wards: tuple[str, ...]
    gateways: tuple[str, ...]
    of: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class BootingSites:
    ward: str
    gateways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    rain: tuple[WardRain, ...]
    cuts: tuple[CityPowerCut, ...]
    back: tuple[BootingSites, ...]

    @property
    def is_normal(self) -> bool:
        return not (self.rain or self.cuts or self.back)

    def rains(self, ward: str) -> bool:
        return any(each.ward == ward for each in self.rain)


def find_situation(fleet: Fleet) -> Situation:
    rain = [_rain(ward.id, fleet.of_ward(ward.id)) for ward in fleet.wards]
    booting = {
        ward.id: tuple(site.id for site in fleet.of_ward(ward.id) if site.state is SiteState.BOOTING)
        for ward in fleet.wards
    }
    return Situation(
        tuple(each for each in rain if each is not None),
        _merged(fleet.cuts),
        tuple(BootingSites(ward, gateways) for ward, gateways in booting.items() if gateways),
    )


def _rain(ward: str, sites: tuple[SiteOverview, ...]) -> WardRain | None:
    seeing = [
        camera
        for site in sites
        for camera in site.cameras
        if camera.visibility in (CameraVisibility.ONLINE, CameraVisibility.DEGRADED)
    ]
    wet = sum(RAIN in camera.view for camera in seeing)
    if wet < max(RAIN_LEAST, RAIN_SHARE * len(seeing)):
        return None
    return WardRain(ward, wet, len(seeing))


def _merged(cuts: tuple[OutageReport, ...]) -> tuple[CityPowerCut, ...]:
    groups: list[list[OutageReport]] = []
    for cut in cuts:
        if groups and cut.since_ms - groups[-1][0].since_ms <= TOGETHER_MS:
            groups[-1].append(cut)
        else:
            groups.append([cut])
    return tuple(
        CityPowerCut(
            tuple(sorted(cut.ward for cut in group)),
            tuple(sorted(each for cut in group for each in cut.gateways)),
            sum(cut.of for cut in group),
            group[0].since_ms,
        )
        for group in groups
    )
