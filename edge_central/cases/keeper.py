"""The ingest's work for cases: it copies pictures that have arrived, and signs exports."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from edge_agent.core.clock import Clock, wall_ms
from edge_central.cases.exports import has_unsigned, sign_exports
from edge_central.cases.items import has_pictures_to_take, take_pictures

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class CaseKeeper:
    """Does the ingest's work for cases. Without a key, exports are not signed. Not thread-safe: the ingest
    thread owns it."""

    def __init__(self, wards: Collection[str], clock: Clock, key: Ed25519PrivateKey | None) -> None:
        self._wards = wards
        self._clock = clock
        self._key = key

    def has_work(self, connection: Connection) -> bool:
        signs = self._key is not None and has_unsigned(connection, self._wards)
        return signs or has_pictures_to_take(connection)

    def work(self, connection: Connection) -> None:
        take_pictures(connection)
        if self._key is not None:
            sign_exports(connection, self._key, self._wards, wall_ms(self._clock))
