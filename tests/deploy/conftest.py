"""Boxes for the tests, which are skipped where systemd-nspawn cannot run.

Four families of tests run beside each other, each with boxes of its own: a fleet of stand-ins, a site with
the real agent in its first hour, one in its later life, and a box that gets updates. Within a family the
tests follow one another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.deploy import footage
from tests.deploy.boxes import Boxes
from tests.deploy.control import ROOT
from tests.deploy.network import Network
from tests.deploy.root import missing
from tests.deploy.site import PASSWORD, Provisioning
from tests.testbed.rtsp import RtspServer

WHEELHOUSE = ROOT / "dist/wheelhouse/cp313-x86_64"
CENTRE = WHEELHOUSE.with_name("cp313-x86_64-centre")
RULE = """\
cameras:
  - id: cam-1
    zones: {path: {polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}}
    rules: [{id: somebody, kind: zone-intrusion, zone: path, labels: [person], severity: alarm}]
"""
"""What a technician adds on site."""


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    yield from _network()


@pytest.fixture(scope="session")
def site_network() -> Iterator[Network]:
    yield from _network()


def _network() -> Iterator[Network]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    with Network() as network:
        yield network


@pytest.fixture(scope="module")
def boxes(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    with Boxes(tmp_path_factory.mktemp("boxes"), network) as boxes:
        yield boxes


@pytest.fixture(scope="session")
def site_boxes(site_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    with Boxes(tmp_path_factory.mktemp("site-boxes"), site_network) as boxes:
        yield boxes


@pytest.fixture(scope="session")
def cameras(site_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """Both cameras of the site; they are off until a test starts them."""
    clips = footage.sub_streams(tmp_path_factory.mktemp("footage"))
    with RtspServer(clips, user="viewer", password=PASSWORD, address=site_network.address(1)) as server:
        server.kill()
        yield server


@pytest.fixture(scope="session")
def blank_site(
    site_boxes: Boxes, cameras: RtspServer, tmp_path_factory: pytest.TempPathFactory
) -> Provisioning:
    """An unchanged broker and box. The site's only camera is not delivered."""
    for folder, words in ((WHEELHOUSE, ""), (CENTRE, " FOR=centre")):
        if not folder.is_dir():
            pytest.skip(f"{folder} is missing: make wheelhouse ARCH=x86_64{words}")
    site = Provisioning(tmp_path_factory.mktemp("control"), site_boxes, WHEELHOUSE, cameras.url("/cam-1"))
    if model := footage.model():
        sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
        labels = str(model.with_name(footage.LABELS))
        site.vars["edge_agent_models"] = [{"src": str(model), "sha256": sha256, "labels": labels}]
    return site


@pytest.fixture(scope="session")
def site(blank_site: Provisioning) -> Provisioning:
    """The same, provisioned."""
    blank_site.provision()
    return blank_site


@pytest.fixture(scope="session")
def filmed(blank_site: Provisioning, cameras: RtspServer) -> Provisioning:
    """The same with both cameras delivered and in the inventory, and one has a rule."""
    site = blank_site
    site.prepare()
    cameras.start()
    site.give_cameras([cameras.url("/cam-1"), cameras.url("/cam-2")], PASSWORD)
    site.box.run(f"cat > /etc/edge-agent/conf.d/rules.yaml <<'END'\n{RULE}END\n")
    site.accepted = site.play_well("commission.yml", site_language="en").text
    return site
