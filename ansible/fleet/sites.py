"""Reads ``sites.csv``: one row for each camera, and the site's own columns on any of its rows.

The site's id is in every row, so that a clerk may sort the sheet by any column.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fleet import places
from fleet.cells import checked_channel, checked_id, checked_name, coordinate, port, username
from fleet.hosts import camera_url, ssh_host
from fleet.network import NETWORK_COLUMNS, NO_NETWORK, SiteNetwork, site_network
from fleet.problems import Problems
from fleet.sheet import Row, read

SITE_COLUMNS = ("ward", "name", "latitude", "longitude", "board", "ssh_host", "ssh_port")
CAMERA_COLUMNS = ("camera", "camera_name", "recorder_channel", "camera_url", "camera_user")
REQUIRED = ("site", "ward", "name", "latitude", "longitude", "board", "camera", "camera_url")
OPTIONAL = (
    *("ssh_host", "ssh_port", "camera_name", "recorder_channel", "camera_user", "note"),
    *NETWORK_COLUMNS,
)
SSH_PORT = 22

RESERVED_SITES = {"all", "ungrouped", "localhost", "gateways", "brokers", "central", "unclaimed"}
"""Words with another meaning in the inventory or in topics."""
RESERVED_PREFIXES = ("enrol-", "box-")
"""Of enrolment certificates (fleet/boxes/enrolment.py) and of boxes without a site."""
RESERVED_CAMERA = "gateway"  # topic of the events about the gateway itself
USUAL_CAMERAS = 8


@dataclass(frozen=True, slots=True)
class Camera:
    line: int
    id: str
    name: str
    url: str  # without a password
    username: str  # empty: the camera asks for no login
    channel: str = ""  # of the recorder, as its screen shows it; for people


@dataclass(frozen=True, slots=True)
class Site:
    line: int
    id: str
    ward: str
    name: str
    latitude: float
    longitude: float
    board: str
    ssh_host: str  # empty: the gateway has no ssh and pulls
    ssh_port: int
    cameras: tuple[Camera, ...]
    ward_name: str = ""  # for people, from wards.csv
    network: SiteNetwork = NO_NETWORK


@dataclass(slots=True)
class _Draft:
    """Rows of one site that are not checked yet."""

    id: str
    rows: list[Row] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)  # column -> line of its value

    @property
    def line(self) -> int:
        return self.rows[0].line

    def value(self, column: str) -> str:
        line = self.lines.get(column)
        return next((row[column] for row in self.rows if row.line == line), "")

    def at(self, column: str) -> int:
        return self.lines.get(column, self.line)


def read_wards(problems: Problems) -> dict[str, str]:
    """Id -> name of each ward of ``wards.csv``."""
    wards: dict[str, str] = {}
    for row in read(problems, ("ward", "name")):
        ward = checked_id(row["ward"], "ward", row.line, problems)
        if ward in RESERVED_SITES:
            problems.error(row.line, f"'{ward}' has a meaning of its own", "choose another ward id")
        elif ward in wards:
            problems.error(row.line, f"ward '{ward}' is there twice", "remove one of the rows")
        elif ward:
            wards[ward] = row["name"] or ward
    if not wards and not problems.errors:
        problems.error(1, "there is no ward", "write a row for each ward, or name another sheet: --wards")
    return wards


def read_sites(problems: Problems, wards: Mapping[str, str], boards: Collection[str]) -> list[Site]:
    """Return every valid site by id; mistakes are added to ``problems``."""
    drafts: dict[str, _Draft] = {}
    for row in read(problems, REQUIRED, OPTIONAL):
        site = checked_id(row["site"], "site", row.line, problems)
        if site in RESERVED_SITES or site.startswith(RESERVED_PREFIXES):
            problems.error(row.line, f"'{site}' has a meaning of its own", "choose another site id")
        elif site:
            drafts.setdefault(site, _Draft(site)).rows.append(row)
    if not drafts and not problems.errors:
        problems.error(1, "there is no site", "write a row for each camera of each site below the header")
    for draft in drafts.values():
        _settle(draft, problems)
    names = {_fold(name): ward for ward, name in wards.items()}
    return [_site(drafts[site], wards, names, boards, problems) for site in sorted(drafts)]


def _settle(draft: _Draft, problems: Problems) -> None:
    """Check that each of the site's own columns has one value, on whichever rows."""
    for row in draft.rows:
        for column in (*SITE_COLUMNS, *NETWORK_COLUMNS):
            if not row[column]:
                continue
            if column not in draft.lines:
                draft.lines[column] = row.line
            elif row[column] != draft.value(column):
                problems.error(
                    row.line,
                    f"{draft.id}: {column} is '{row[column]}' here and '{draft.value(column)}' in line "
                    f"{draft.lines[column]}",
                    "one of them is wrong, or two sites have the same id",
                )


def _site(
    draft: _Draft, wards: Mapping[str, str], names: Mapping[str, str], boards: Collection[str], p: Problems
) -> Site:
    latitude, longitude = (
        coordinate(draft.value(c), f"{draft.id}: {c}", draft.at(c), p) for c in ("latitude", "longitude")
    )
    if latitude is not None and longitude is not None:
        places.check(draft.id, latitude, longitude, draft.at("latitude"), p)
    host = ssh_host(draft.value("ssh_host"), draft.id, draft.at("ssh_host"), p)
    if draft.value("ssh_port") and not draft.value("ssh_host"):
        p.error(draft.at("ssh_port"), f"{draft.id}: ssh_port without ssh_host", "give both, or neither")
    ward, cameras = _ward(draft, wards, names, p), _cameras(draft, p)
    return Site(
        draft.line,
        draft.id,
        ward,
        checked_name(draft.value("name"), f"{draft.id}: name", draft.at("name"), p),
        latitude or 0.0,
        longitude or 0.0,
        _board(draft, boards, p),
        host,
        port(draft.value("ssh_port"), f"{draft.id}: ssh_port", draft.at("ssh_port"), SSH_PORT, p),
        cameras,
        wards.get(ward, ""),
        site_network(draft.id, draft.value, draft.at, [camera.url for camera in cameras], p),
    )


def _ward(draft: _Draft, wards: Mapping[str, str], names: Mapping[str, str], problems: Problems) -> str:
    """Find a ward by id or by name: a clerk writes "Đề Thám"."""
    text = draft.value("ward")
    ward = text if text in wards else names.get(_fold(text), "")
    if not text:
        problems.error(draft.line, f"{draft.id}: no ward", "fill in the column 'ward'")
    elif not ward:
        known = ", ".join(f"{ward} ({name})" for ward, name in wards.items())
        problems.error(
            draft.at("ward"),
            f"{draft.id}: unknown ward '{text}'",
            f"known are {known}, from the sheet of --wards",
        )
    return ward


def _board(draft: _Draft, boards: Collection[str], problems: Problems) -> str:
    board = draft.value("board") or "auto"
    if board != "auto" and board not in boards:
        known = ", ".join([*sorted(boards), "auto"])
        problems.error(draft.at("board"), f"{draft.id}: unknown board '{board}'", f"known are {known}")
    return board


def _cameras(draft: _Draft, problems: Problems) -> tuple[Camera, ...]:
    cameras: dict[str, Camera] = {}
    for row in draft.rows:
        if not any(row[column] for column in CAMERA_COLUMNS):
            if len(draft.rows) > 1:
                problems.error(row.line, f"{draft.id}: a row without a camera", "remove it or fill it in")
            continue
        camera = _camera(draft.id, row, problems)
        if camera.id and camera.id in cameras:
            text = f"{draft.id}: camera '{camera.id}' is already in line {cameras[camera.id].line}"
            problems.error(row.line, text, "every camera of a site has an id of its own, such as cam-2")
        elif camera.id:
            cameras[camera.id] = camera
    if not any(row["camera"] for row in draft.rows):
        problems.warn(draft.line, f"{draft.id}: no cameras", "the gateway will report only itself")
    elif len(cameras) > USUAL_CAMERAS:
        text = f"{draft.id}: {len(cameras)} cameras; a gateway is made for {USUAL_CAMERAS}"
        problems.warn(draft.line, text, "check that they are all of this site")
    return tuple(cameras[camera] for camera in sorted(cameras))


def _camera(site: str, row: Row, problems: Problems) -> Camera:
    camera = checked_id(row["camera"], f"{site}: camera", row.line, problems)
    if camera == RESERVED_CAMERA:
        text = f"{site}: a camera cannot be called '{RESERVED_CAMERA}'"
        problems.error(row.line, text, "that word means the gateway itself; call it cam-1")
    where = f"{site}, {camera or 'camera'}"
    name = checked_name(row["camera_name"] or camera or "?", f"{where}: camera_name", row.line, problems)
    user = username(row["camera_user"], where, row.line, problems)
    channel = checked_channel(row["recorder_channel"], where, row.line, problems)
    url = camera_url(row["camera_url"], where, row.line, problems)
    return Camera(row.line, camera, name, url, user, channel)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
