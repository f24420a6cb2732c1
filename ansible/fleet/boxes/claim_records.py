"""The control machine's record of claims: a file for each below ``claims/`` in the folder of the CA.

It says which box has which site, and holds the signed answer, which is published again when a box asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from edge_agent.core.state_file import replace_file, sync_folder

Decision = Literal["confirmed", "refused", "withdrawn"]


class DecidedClaim(msgspec.Struct, frozen=True, kw_only=True):
    serial: str
    claim_id: str
    key_sha256: str
    site: str
    by: str  # the technician
    claim: str  # the box's JWS
    decision: Decision
    answer: str  # the signed answer
    decided: str
    why: str = ""  # of a refusal or withdrawal, in English


@dataclass(frozen=True, slots=True)
class DecidedClaims:
    folder: Path

    def find(self, serial: str, key_sha256: str, claim_id: str) -> DecidedClaim | None:
        return self._read(self._path(serial, key_sha256, claim_id))

    def all(self) -> list[DecidedClaim]:
        """All records, the oldest decision first. Raises OSError and ValueError."""
        found = [record for path in self.folder.glob("*.json") if (record := self._read(path)) is not None]
        return sorted(found, key=lambda record: record.decided)

    def confirmed(self) -> Iterator[DecidedClaim]:
        """The claims that are in force."""
        return (record for record in self.all() if record.decision == "confirmed")

    def write(self, record: DecidedClaim) -> None:
        """Replace the record of this claim, durably. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self._path(record.serial, record.key_sha256, record.claim_id)
        replace_file(path, msgspec.json.format(msgspec.json.encode(record), indent=1), 0o666)
        sync_folder(self.folder)

    def _path(self, serial: str, key_sha256: str, claim_id: str) -> Path:
        # A box that pretends to be another one has another key, and so another file.
        return self.folder / f"{serial}_{key_sha256[:16]}_{claim_id}.json"

    def _read(self, path: Path) -> DecidedClaim | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=DecidedClaim)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error
