"""Names of wards, sites, cameras and recorder channels, from the fleet sheet.

The sheet is ``sites.csv`` and ``wards.csv``, as checked by ``python3 -m fleet check``. An unusable cell is
left out here without an error, so that the other sites keep their names. FleetSheet reads the files again
when they change.
"""

from __future__ import annotations

import csv
import io
import logging
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u2060"))


@dataclass(frozen=True, slots=True)
class CameraNames:
    name: str
    channel: str = ""  # recorder channel, as numbered on the monitor wall


@dataclass(frozen=True, slots=True)
class SiteNames:
    ward: str = ""
    name: str = ""
    latitude: float | None = None  # degrees, WGS 84
    longitude: float | None = None
    cameras: Mapping[str, CameraNames] = field(default_factory=dict)
    has_ssh: bool = False  # has an address for ssh; else the gateway pulls its releases


def _unreported(gateway: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Names:
    wards: Mapping[str, str] = field(default_factory=dict)  # id -> name
    sites: Mapping[str, SiteNames] = field(default_factory=dict)
    reported: Callable[[str], str] = _unreported
    """Returns the name that a gateway reports, for a site without a name in the sheet; empty: none."""

    def ward(self, ward: str) -> str:
        return self.wards.get(ward, ward)

    def site(self, gateway: str) -> SiteNames:
        return self.sites.get(gateway, _UNKNOWN)

    def site_name(self, gateway: str, otherwise: str = "") -> str:
        return self.site(gateway).name or otherwise or self.reported(gateway) or gateway

    def camera(self, gateway: str, camera: str) -> CameraNames:
        return self.site(gateway).cameras.get(camera, CameraNames(camera))


_UNKNOWN = SiteNames()


def fold_text(text: str) -> str:
    """Remove diacritics and case, for comparison: ``Đề Thám`` becomes ``de tham``."""
    apart = unicodedata.normalize("NFD", text.translate(_INVISIBLE)).casefold()
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    # unicodedata does not decompose đ
    return " ".join("".join(c if c.isalnum() else " " for c in bare.replace("đ", "d")).split())


def read_names(sites: Path | None, wards: Path | None) -> Names:
    """Read both files. Raises OSError for an unreadable file, ValueError for no table in UTF-8."""
    ward_names = {row["ward"]: row.get("name") or row["ward"] for row in read_rows(wards) if row.get("ward")}
    by_name = {fold_text(name): ward for ward, name in ward_names.items()}
    found: dict[str, SiteNames] = {}
    for row in read_rows(sites):
        site = row.get("site", "")
        if site:
            found[site] = _merged(found.get(site, _UNKNOWN), row, by_name)
    return Names(ward_names, found)


def _merged(site: SiteNames, row: Mapping[str, str], wards: Mapping[str, str]) -> SiteNames:
    ward = row.get("ward", "")
    camera = row.get("camera", "")
    own = {camera: CameraNames(row.get("camera_name") or camera, row.get("recorder_channel", ""))}
    return SiteNames(
        site.ward or wards.get(fold_text(ward), ward),
        site.name or row.get("name", ""),
        _degrees(row.get("latitude", "")) if site.latitude is None else site.latitude,
        _degrees(row.get("longitude", "")) if site.longitude is None else site.longitude,
        {**site.cameras, **(own if camera else {})},
        site.has_ssh or bool(row.get("ssh_host")),
    )


def _degrees(text: str) -> float | None:
    """Parse degrees, also as a Vietnamese spreadsheet writes them: ``20,4463``."""
    try:
        degrees = float(text.replace(",", "."))
    except ValueError:
        return None
    return degrees if -180.0 <= degrees <= 180.0 else None


def read_rows(path: Path | None) -> Iterator[dict[str, str]]:
    """Return the rows of a CSV file from a spreadsheet: separated by ``;``, ``,`` or tab, with or without a
    byte-order mark or Excel's ``sep=`` line. Raises OSError, and ValueError for any other file."""
    if path is None:
        return
    text = path.read_bytes().decode("utf-8-sig")
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep="):
        text = rest
    header = next((line for line in text.splitlines() if line.strip(" ;,\t")), "")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(";,\t", key=header.count)))
    except csv.Error as error:
        raise ValueError(f"{path}: {error}") from error
    columns: list[str] | None = None
    for cells in rows:
        cleaned = [
            unicodedata.normalize("NFC", " ".join(cell.translate(_INVISIBLE).split())) for cell in cells
        ]
        if not any(cleaned):
            continue
        if columns is None:
            columns = [cell.lower() for cell in cleaned]
        else:
            yield dict(zip(columns, cleaned, strict=False))


log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int], ...]


class FleetSheet:
    """The names in the sheet, read again when a file changes. If a file cannot be read, the last names stay
    in use. Thread-safe."""

    def __init__(self, sites: Path | None, wards: Path | None) -> None:
        self._sites, self._wards = sites, wards
        self._lock = threading.Lock()  # protects the next two attributes
        self._names = Names()
        self._stamp: Stamp | None = None

    def names(self) -> Names:
        with self._lock:
            stamp = _stamp(self._sites, self._wards)
            if stamp != self._stamp:
                self._stamp = stamp
                self._names = self._read()
            return self._names

    def _read(self) -> Names:
        try:
            return read_names(self._sites, self._wards)
        except (OSError, ValueError) as error:
            log.error("cannot read the fleet sheet; the previous names stay in use: %s", error)
            return self._names


def _stamp(*paths: Path | None) -> Stamp:
    """Return a value that changes when a file changes; a missing file counts as zeros."""
    stamps = []
    for path in paths:
        try:
            found = None if path is None else path.stat()
        except OSError:
            found = None
        stamps.append((0, 0) if found is None else (found.st_mtime_ns, found.st_size))
    return tuple(stamps)
