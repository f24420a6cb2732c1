"""Invents sheets: an example of two wards, and one of the size of a city for tests.

No address in them is real: names end in ``.example`` (RFC 2606), numbers are from the ranges for
documentation (RFC 5737). Every row says so in its note.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.sites import CAMERA_COLUMNS, SITE_COLUMNS

NOTE = "ví dụ, địa chỉ không có thật (invented)"
HEADER = ("site", *SITE_COLUMNS, *CAMERA_COLUMNS, "note")
# Streets of the city; the crossings are invented.
STREETS = (
    "Lý Thường Kiệt", "Lê Quý Đôn", "Trần Hưng Đạo", "Hai Bà Trưng", "Lý Bôn", "Quang Trung",
    "Nguyễn Thái Học", "Phan Bá Vành", "Trần Thái Tông", "Lê Lợi", "Trưng Trắc", "Bồ Xuyên",
    "Nguyễn Tông Quai", "Lý Thái Tổ", "Ngô Thì Nhậm", "Kỳ Đồng", "Đốc Đen", "Hoàng Văn Thái",
    "Lê Đại Hành", "Trần Phú", "Nguyễn Công Trứ",
)  # fmt: skip
BOARDS = ("raspberry-pi-4", "generic-x86_64", "auto")
VIEWS = ("Cổng", "Làn vào", "Làn ra", "Vỉa hè", "Ngã tư", "Bãi xe", "Cầu", "Toàn cảnh")


@dataclass(frozen=True, slots=True)
class WardPlan:
    id: str
    name: str
    prefix: str  # of site ids
    sites: int
    cameras: int
    latitude: float
    longitude: float


EXAMPLE = (
    WardPlan("de-tham", "Đề Thám", "dt", 21, 54, 20.4463, 106.3366),
    WardPlan("bo-xuyen", "Bồ Xuyên", "bx", 17, 50, 20.4581, 106.3402),
)


def example() -> str:
    """``inventory/sites.example.csv``: both wards with their real numbers of sites and cameras."""
    networks = {"de-tham": "192.0.2", "bo-xuyen": "198.51.100"}
    rows = []
    for ward in EXAMPLE:
        for number, row in enumerate(_rows(ward)):
            row["recorder_channel"] = f"{1 + number // 32}-{1 + number % 32:02d}"
            network = 10 + number if ward is EXAMPLE[0] else 100 + number
            host = f"{networks[ward.id]}.{int(row['site'][3:])}" if row["ward"] else ""
            rows.append(row | {"ssh_host": host, "camera_url": f"rtsp://203.0.113.{network}:554/sub"})
    return _csv(rows)


def write_generated(folder: Path, sites: int, cameras: int) -> None:
    """Write ``sites.csv`` and ``wards.csv`` for ten wards. Raises ValueError for numbers that no fleet
    has."""
    if not sites <= cameras <= 8 * sites:
        raise ValueError("there are 1 to 8 cameras a site")
    plans = []
    for index, (own, seen) in enumerate(zip(_shares(sites, 10), _shares(cameras, 10), strict=True)):
        place = 20.40 + index / 100, 106.30 + index / 100
        plans.append(WardPlan(f"ward-{index}", f"Phường {index}", f"w{index}", own, max(seen, own), *place))
    rows = []
    for plan in plans:
        for row in _rows(plan):
            host = f"{row['site']}.example"
            url = f"rtsp://{row['camera']}.{host}:554/sub"
            rows.append(row | {"ssh_host": host if row["ward"] else "", "camera_url": url})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sites.csv").write_text(_csv(rows), encoding="utf-8")
    wards = "".join(f"{plan.id};{plan.name}\n" for plan in plans)
    (folder / "wards.csv").write_text(f"ward;name\n{wards}", encoding="utf-8")


def _rows(ward: WardPlan) -> Iterator[dict[str, str]]:
    for index, cameras in enumerate(_shares(ward.cameras, ward.sites)):
        site = f"{ward.prefix}-{index + 1:03d}"
        own = {
            "ward": ward.name,
            "name": _crossing(index),
            "latitude": f"{ward.latitude + (index % 7) * 0.0013:.4f}",
            "longitude": f"{ward.longitude + (index // 7) * 0.0017:.4f}",
            "board": BOARDS[index % len(BOARDS)],
        }
        for camera in range(cameras):
            view = {"camera": f"cam-{camera + 1}", "camera_name": VIEWS[camera], "camera_user": "edge"}
            yield {"site": site, "note": NOTE} | (own if camera == 0 else dict.fromkeys(own, "")) | view


def _crossing(index: int) -> str:
    """A different pair of streets for each index below 420."""
    apart, first = divmod(index, len(STREETS))
    return f"{STREETS[first]} – {STREETS[(first + apart + 1) % len(STREETS)]}"


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (index < total % parts) for index in range(parts)]


def _csv(rows: list[dict[str, str]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HEADER, delimiter=";", lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
