"""The drop-in of ``cameras discover --write``."""

from __future__ import annotations

from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveryState, Vendor
from edge_agent.tools.cameras.drop_in import assign_ids


def test_a_new_camera_never_gets_the_id_of_a_removed_one() -> None:
    found = [DiscoveredCamera(f"10.0.0.{n}", DiscoveryState.READY, Vendor.OTHER) for n in (11, 12)]
    ids = [each.id for each in assign_ids(found, {"cam-1", "cam-3", "gate"}, {"10.0.0.11": "cam-1"})]
    assert ids == ["cam-1", "cam-4"]
