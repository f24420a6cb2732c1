"""The wards, sites and cameras of the invented city. Names of streets and wards are real."""

from __future__ import annotations

import csv
import io
import math
import random
from pathlib import Path

from tests.edge_central.console.gateway import Gateway

WARDS = (
    ("de-tham", "Đề Thám", "dt", 21, 54, 20.4463, 106.3366),
    ("bo-xuyen", "Bồ Xuyên", "bx", 17, 50, 20.4581, 106.3402),
    ("le-hong-phong", "Lê Hồng Phong", "lp", 54, 137, 20.4502, 106.3452),
    ("tran-lam", "Trần Lãm", "tl", 54, 137, 20.4378, 106.3570),
    ("ky-ba", "Kỳ Bá", "kb", 54, 137, 20.4398, 106.3420),
    ("quang-trung", "Quang Trung", "qt", 53, 136, 20.4350, 106.3310),
    ("phu-khanh", "Phú Khánh", "pk", 53, 136, 20.4420, 106.3222),
    ("tien-phong", "Tiền Phong", "tp", 53, 136, 20.4560, 106.3255),
    ("tran-hung-dao", "Trần Hưng Đạo", "td", 53, 136, 20.4640, 106.3290),
    ("hoang-dieu", "Hoàng Diệu", "hd", 53, 135, 20.4660, 106.3520),
)
"""Id, name, prefix of site ids, sites, cameras, latitude, longitude: 465 sites, 1,194 cameras."""
WARD_OF = {prefix: ward for ward, _, prefix, *_ in WARDS}
STREETS = (
    "Lý Thường Kiệt", "Lê Quý Đôn", "Trần Hưng Đạo", "Hai Bà Trưng", "Lý Bôn", "Quang Trung",
    "Nguyễn Thái Học", "Phan Bá Vành", "Trần Thái Tông", "Lê Lợi", "Trưng Trắc", "Bồ Xuyên",
    "Nguyễn Tông Quai", "Lý Thái Tổ", "Ngô Thì Nhậm", "Kỳ Đồng", "Đốc Đen", "Hoàng Văn Thái",
    "Lê Đại Hành", "Trần Phú", "Nguyễn Công Trứ",
)  # fmt: skip
VIEWS = ("Cổng", "Làn vào", "Làn ra", "Vỉa hè", "Ngã tư", "Bãi xe", "Cầu", "Toàn cảnh")
NEVER_HEARD = ("hd-052", "hd-053")
HEAD = ("site", "ward", "name", "latitude", "longitude", "camera", "camera_name", "recorder_channel", "note")


def gateways() -> list[Gateway]:
    """All gateways of the sheet, including NEVER_HEARD."""
    made: list[Gateway] = []
    for number, (ward, _, prefix, sites, cameras, latitude, longitude) in enumerate(WARDS):
        rng = random.Random(number)
        for index in range(sites):
            name = crossing(index + 31 * number)
            # Spread like the seeds of a sunflower, with some noise: streets are no grid.
            angle, far = index * 2.39996, 0.0060 * math.sqrt((index + 0.5) / sites)
            north = latitude + far * math.sin(angle) * 0.75 + rng.uniform(-3e-4, 3e-4)
            east = longitude + far * math.cos(angle) + rng.uniform(-3e-4, 3e-4)
            ids = [f"cam-{n + 1}" for n in range(cameras // sites + (index < cameras % sites))]
            id_, place = f"{prefix}-{index + 1:03d}", (round(north, 5), round(east, 5))
            made.append(Gateway(id_, ward, name, *place, ids))
    channel = 0
    for gateway in made:
        for n, camera in enumerate(gateway.cameras):
            channel += 1
            gateway.channels[camera] = f"{(channel - 1) // 64 + 1}-{(channel - 1) % 64 + 1:02d}"
            gateway.views[camera] = VIEWS[n]
    return made


def crossing(index: int) -> str:
    """A different pair of streets for each index below 420."""
    apart, first = divmod(index % 420, len(STREETS))
    return f"{STREETS[first]} – {STREETS[(first + apart + 1) % len(STREETS)]}"


def write_sheet(folder: Path, all_of_them: list[Gateway]) -> tuple[Path, Path]:
    """Write ``sites.csv`` and ``wards.csv``; return their paths."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(HEAD)
    for gateway in all_of_them:
        for n, camera in enumerate(gateway.cameras):
            place = (gateway.ward, gateway.name, gateway.latitude, gateway.longitude)
            own = place if n == 0 else ("",) * 4
            named = (camera, gateway.views[camera], gateway.channels[camera])
            writer.writerow((gateway.id, *own, *named, "ví dụ (invented)"))
    sites, wards = folder / "sites.csv", folder / "wards.csv"
    sites.write_text(out.getvalue(), encoding="utf-8")
    rows = "".join(f"{ward};{name}\n" for ward, name, *_ in WARDS)
    wards.write_text(f"ward;name\n{rows}", encoding="utf-8")
    return sites, wards
