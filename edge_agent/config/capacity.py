"""What the configuration asks of the board, as far as a file can tell; ``doctor`` measures the streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_agent.config.model.boards import Profile
from edge_agent.config.model.settings import Camera, GearChoice


def over_capacity(profile: Profile, cameras: Sequence[Camera]) -> Iterator[str]:
    """One sentence for each thing that is more than the board's profile is made for. At least the pictures to
    be analysed are decoded; a camera that is kept at keyframes asks for hardly any."""
    if profile.platform is None:
        return
    capacity = profile.platform.capacity
    if len(cameras) > capacity.cameras:
        yield (
            f"{len(cameras)} cameras, and {profile.name} is made for {capacity.cameras}: edge-agent doctor "
            "measures whether it is too much; then another box takes some"
        )
    wanted = sum(camera.analyse.fps for camera in cameras if camera.analyse.gear is not GearChoice.IDLE)
    if wanted > capacity.decode_fps:
        yield (
            f"analyse.fps is {wanted:g} pictures a second, all cameras together, and {profile.name} decodes "
            f"{capacity.decode_fps} of {capacity.size}: lower analyse.fps"
        )
