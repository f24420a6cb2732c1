"""The papers that the technician makes at the pole: the verdict, the photo of the notice sign and the
signature. They are stored in the state folder of commissioning. ``finish`` puts them into the commissioning
report, which the agent sends to the centre like every report (``control.commissioning``), as soon as it is
connected."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import structs

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.control.commissioning import FOLDER, SIGNED
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.state_file import replace_file
from edge_agent.tools.doctor.document import has_clock
from edge_agent.tools.doctor.paper import make_report
from edge_agent.tools.doctor.report import Photo, delete_oldest, read_findings
from edge_agent.wire import Doctor, DoctorParty, DoctorReport

PHOTO, SIGNATURE, VERDICT = "photo.jpg", "signature.png", "verdict.json"
MAX_PHOTO_BYTES, MAX_SIGNATURE_BYTES = 3_000_000, 1_000_000
"""Limits of the two pictures. The page sends a photo of 1280 pixels, some 300 kB (of leaves or gravel over 1
MB), and a signature of 700 x 280 pixels, some 20 kB, or hundreds of kB if it is densely drawn."""
ROLE: Literal["contractor"] = "contractor"
"""The party of the report for which the technician signs."""


class PaperFiles:
    """Stores the papers in the state folder of commissioning."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, name: str) -> bool:
        return (self._folder / name).exists()

    def put(self, name: str, content: bytes) -> None:
        """Store a photo or a signature; the picture is decoded and encoded again. Raises
        CommissioningError."""
        picture = Photo(Path(name), content)
        try:
            clean = picture.scaled() if name == PHOTO else picture.signature()
        except EdgeAgentError as error:
            raise CommissioningError("picture-wrong") from error
        write_paper(self._folder / name, clean)

    def put_verdict(self, document: Doctor) -> None:
        write_paper(self._folder / VERDICT, encode_json(document))

    def forget_verdict(self) -> None:
        (self._folder / VERDICT).unlink(missing_ok=True)

    def verdict(self) -> Doctor | None:
        try:
            return msgspec.json.decode((self._folder / VERDICT).read_bytes(), type=Doctor)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def finish(self, by: str, finished_at: str, state_dir: Path) -> Path:
        """Write the report with photo and signature into the folder that has the report of the examination,
        and return its path. Raises CommissioningError."""
        examined = self.verdict()
        if examined is None:
            raise CommissioningError("examined-first")
        reports = state_dir / FOLDER
        document = _findings(reports / f"{report_name(examined.gateway, examined.time)}.json", examined)
        document = structs.replace(document, report=self._signed(document.report, by))
        content = encode_json(document)
        # A box without a battery-backed clock may start with a time in 2021.
        undated = f"{examined.gateway}-undated-{hashlib.sha256(content).hexdigest()[:8]}"
        name = report_name(examined.gateway, finished_at) if has_clock(examined) else undated
        path = reports / f"{name}{SIGNED}"
        # The document is written before the page, because the agent sends the page once it is there.
        write_paper(path.with_suffix(".json"), content)
        write_paper(path, make_report(document, examined.lang, None))
        delete_oldest(each for each in reports.glob(f"*{SIGNED}") if each != path)
        return path

    def _signed(self, report: DoctorReport | None, by: str) -> DoctorReport:
        report = report or DoctorReport(number="", place="", parties=[DoctorParty(role=ROLE)])
        parties = [
            structs.replace(party, name=by, signature=self._base64(SIGNATURE))
            if party.role == ROLE
            else party
            for party in report.parties
        ]
        return structs.replace(report, by=by, parties=parties, photo=self._base64(PHOTO))

    def _base64(self, name: str) -> str | None:
        path = self._folder / name
        return base64.b64encode(path.read_bytes()).decode() if path.exists() else None

    def clear(self) -> None:
        """Delete the papers of the last site."""
        for name in (PHOTO, SIGNATURE, VERDICT):
            (self._folder / name).unlink(missing_ok=True)


def write_paper(path: Path, content: bytes) -> None:
    """Replace a file, and make its folder if it is missing. Raises CommissioningError."""
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        replace_file(path, content, 0o640)
    except OSError as error:
        raise CommissioningError("disk-full") from error


def report_name(gateway: str, time: str) -> str:
    """Return the name of a report, in the form that ``store_report`` uses."""
    return f"{gateway}-{time[:19].replace('-', '').replace(':', '')}Z"


def _findings(path: Path, printed: Doctor) -> Doctor:
    """Return the stored document with its pictures; if it cannot be read, the document that doctor
    printed."""
    try:
        return read_findings(path)
    except EdgeAgentError:
        return printed
