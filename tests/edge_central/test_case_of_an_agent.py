"""A passage of a real agent goes into a case: its picture, its hold at the gateway, and the signed export."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from edge_agent.commands.signature import make_key
from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.passages.holds import PassageHolds
from edge_central.cases import files, items
from edge_central.cases.model import CaseAuthor, CasePictureStatus
from edge_central.searches import passage_holds, records
from edge_central.searches.new_search import searchable_wards
from edge_central.searches.passage_holds import HoldStatus
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.cases.parts import ask_export, item_of, read_zip
from tests.edge_central.parts import Centre
from tests.edge_central.searches.parts import OF_ALL
from tests.edge_central.test_search_of_an_agent import CROP, LAN, Searches, gateway, of_the_last_hour
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, wait_until

OWNER = CaseAuthor("lan", "::1", EVERYWHERE)


class Cases:
    """A case as the console makes it: rows of the centre's database."""

    def __init__(self, connections: DatabaseConnections, case: int) -> None:
        self._connections = connections
        self._case = case

    def status(self) -> CasePictureStatus:
        with self._connections.reading() as connection:
            (pictures,) = files.read_pictures(connection, self._case).values()
        return pictures[0].status

    def export(self) -> int:
        with self._connections.writing() as connection:
            wards = searchable_wards(connection)
            made = ask_export(connection, OWNER, self._case, wards, wall_ms(SystemClock()))
        assert made is not None
        return made

    def zip(self, export: int) -> bytes | None:
        with self._connections.reading() as connection:
            return read_zip(connection, OWNER, self._case, export)


def test_a_passage_is_held_at_the_gateway_and_exported(tmp_path: Path) -> None:
    public, _ = make_key(tmp_path / "search.pem")
    clip = make_clip(tmp_path / "clip.mp4", seconds=5)
    search_key = {"key_file": str(tmp_path / "search.pem")}
    with (
        Mosquitto(tmp_path, persistent=True) as broker,
        Centre(tmp_path / "centre", broker.port, search=search_key) as centre,
    ):
        wait_until(lambda: (centre.state_dir / "central.db").exists(), what="the database")
        connections = DatabaseConnections(centre.database)
        searches = Searches(connections)
        with gateway(tmp_path / "here", "dt-001", broker, clip, public):
            wait_until(lambda: searches.online_gateways() == {"dt-001"}, 60, "the gateway")
            search = searches.start(of_the_last_hour())
            searches.wait_for_answer(search, "dt-001")
            with connections.reading() as connection:
                number = records.read_matches(connection, OF_ALL, search)[0].passage
            with connections.writing() as connection:
                item, now_ms = item_of(connection, search, "dt-001", number), wall_ms(SystemClock())
                added = items.add_item(connection, OWNER, "7/2026", item, now_ms)
                passage_holds.ask_hold(connection, LAN, OF_ALL, search, "dt-001", number, 90, now_ms)
            cases = Cases(connections, added.case_id)
            assert cases.status() is CasePictureStatus.WAITING
            searches.open(search, "dt-001", number)
            wait_until(lambda: cases.status() is CasePictureStatus.RECEIVED, what="the copy of the picture")

            def hold_status() -> HoldStatus | None:
                with connections.reading() as connection:
                    found = passage_holds.read_hold(connection, EVERYWHERE, "dt-001", number)
                return None if found is None else found.status

            wait_until(lambda: hold_status() is HoldStatus.KEPT, what="the hold")
            (kept,) = PassageHolds(tmp_path / "here" / "state").read()
            assert (kept.passage, kept.case, kept.bytes) == (number, "7/2026", len(CROP))
            export = cases.export()
            wait_until(lambda: cases.zip(export) is not None, what="the signature")
            content = cases.zip(export)
            assert content is not None
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                (picture,) = [name for name in archive.namelist() if name.startswith("pictures/")]
                assert archive.read(picture) == CROP
                assert archive.read("public-key.pem") == public.read_bytes()
        connections.close()
