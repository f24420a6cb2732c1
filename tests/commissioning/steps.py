"""The steps in this process, with a doctor and a search of the test's own."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.commissioning.commissioning import BoxEnvironment, Commissioning
from edge_agent.commissioning.identity import open_identity
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.record import ClaimStore
from edge_agent.commissioning.root_part import RootPart
from edge_agent.commissioning.sites import read_bundle
from edge_agent.core.clock import SystemClock
from edge_agent.core.languages import Lang
from edge_agent.host.system.network_settings import RootNetwork
from edge_agent.tools.cameras.discovered import DiscoveredCamera
from edge_agent.wire import Doctor, DoctorLine, DoctorText
from tests.commissioning.prepared_box import PreparedBox
from tests.testbed.claims import TIME


def examined(lang: Lang, paper: bool = True) -> Doctor:
    """What doctor finds at ``dt-001``."""
    camera = DoctorLine(check="cam-1", level="green", finding="camera-good", said="good", todo=None)
    broker = DoctorLine(
        check="broker",
        level="red",
        finding="broker-refuses",
        said="refused",
        todo="call the centre",
        accepted="no uplink yet",
        label=DoctorText(en="broker", vi="máy chủ nhận tin"),
    )
    return Doctor(
        time=TIME,
        gateway="dt-001",
        ward="de-tham",
        name="Ngã tư",
        location=None,
        version="0",
        profile="auto",
        board="test",
        config_hash="0" * 64,
        lang=lang,
        verdict="passed",
        sentence="ĐẠT",
        took_s=1.0,
        lines=[camera, broker],
        cameras=[],
    )


def steps_of(box: PreparedBox, found: Sequence[DiscoveredCamera] = (), wait_s: float = 30.0) -> Commissioning:
    """The steps as after a start of the page; ``found``: by the search."""
    paths = box.paths
    environment = BoxEnvironment(
        paths=paths,
        identity=open_identity(paths.etc / "serial", paths.state),
        board="test",
        root=RootPart(paths.run / "request.json", paths.answer, wait_s),
        examine=examined,
        network=RootNetwork(box.folder),
        clock=SystemClock(),
        synced=lambda: True,
        trusted=lambda: True,
        discover=lambda _: lambda: found,
    )
    bundle = read_bundle(paths.enrolment, paths.etc / "release.pem")
    return Commissioning(environment, bundle, ClaimStore(paths.state))


def code_of(error: BaseException) -> str:
    assert isinstance(error, CommissioningError)
    return error.code
