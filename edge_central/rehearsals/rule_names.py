"""Display names of rules, zones and lines, from the configurations that the gateways have sent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, select

from edge_central.rehearsals.rules import CameraRuleSet, parse_camera_rules
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_CACHED, CACHED_BYTES = 512, 8_192
"""Number of cached rule sets, and the maximum size of the document of each: some 4 MB."""
_parse_cached = lru_cache(MAX_CACHED)(parse_camera_rules)


class RuleNames:
    """Looks up names for one page, in the scope of its user. It reads the rules of a gateway when a name of
    this gateway is first asked for; ``load`` reads the rules of several gateways with one query.

    The name of a rule, zone or line that has no name, or that the centre does not know, is its id.
    """

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope
        self._documents: dict[str, bytes | None] = {}
        self._cameras: dict[tuple[str, str], CameraRuleSet | None] = {}

    def load(self, gateways: Iterable[str]) -> None:
        missing = {each for each in gateways if each not in self._documents}
        if not missing:
            return
        self._documents |= dict.fromkeys(missing)
        columns = tables.camera_rules.c
        query = select(columns.gateway, columns.document).where(columns.gateway.in_(sorted(missing)))
        for gateway, document in self._connection.execute(query.where(self._scope.of(columns.ward))):
            self._documents[gateway] = document

    def rule(self, gateway: str, camera: str, id_: str) -> str:
        found = self._camera(gateway, camera)
        rule = None if found is None else found.rule(id_)
        return id_ if rule is None else rule.shown

    def zone(self, gateway: str, camera: str, id_: str) -> str:
        return self._place(gateway, camera, id_, is_line=False)

    def line(self, gateway: str, camera: str, id_: str) -> str:
        return self._place(gateway, camera, id_, is_line=True)

    def is_unconfigured(self, gateway: str, camera: str, id_: str) -> bool:
        """Whether the gateway's configuration does not contain the rule, because a command has added it (and
        may have removed it since). False if the centre does not know the rules."""
        found = self._camera(gateway, camera)
        return found is not None and (id_ in found.added or found.rule(id_) is None)

    def _place(self, gateway: str, camera: str, id_: str, *, is_line: bool) -> str:
        found = self._camera(gateway, camera)
        place = None if found is None else found.place(id_, is_line=is_line)
        return id_ if place is None else place.shown

    def _camera(self, gateway: str, camera: str) -> CameraRuleSet | None:
        key = gateway, camera
        if key not in self._cameras:
            self.load([gateway])
            document = self._documents[gateway]
            parse = _parse_cached if len(document or b"") <= CACHED_BYTES else parse_camera_rules
            self._cameras[key] = parse(document, camera)
        return self._cameras[key]
