"""Checks that a site is in the city."""

from __future__ import annotations

from fleet.problems import Problems

# Thai Binh province lies between 20°18' and 20°44' N, 106°06' and 106°39' E, as usually published;
# some 5 km more on every side, since a river's other bank may have a camera.
LATITUDES = (20.25, 20.79)
LONGITUDES = (106.05, 106.70)


def check(site: str, latitude: float, longitude: float, line: int, problems: Problems) -> None:
    if _inside(latitude, LATITUDES) and _inside(longitude, LONGITUDES):
        return
    where = f"{site}: {latitude:g}, {longitude:g}"
    if _inside(longitude, LATITUDES) and _inside(latitude, LONGITUDES):
        problems.error(
            line, f"{where}: latitude and longitude are swapped", "the one near 20 is the latitude"
        )
        return
    problems.error(
        line,
        f"{where} is not in or near Thai Binh",
        f"latitude {LATITUDES[0]} to {LATITUDES[1]}, longitude {LONGITUDES[0]} to {LONGITUDES[1]}",
    )


def _inside(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
