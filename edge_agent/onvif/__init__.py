"""Cameras on the local network: finding them, and setting up what the agent needs of them.

For the command line only; the running agent imports nothing of it. The home of ``onveef`` and ``httpx``,
which the extra ``edge-agent[cameras]`` brings (docs/decisions).

Everything that a camera or whoever pretends to be one sends is hostile here: answers are bounded in size and
time, XML has no entities, and text is cleaned before it reaches a terminal or a file.
"""

from __future__ import annotations

from edge_agent.errors import CameraSetupError


def require_libraries() -> None:
    """Raises ``CameraSetupError`` when the extra is not installed; says how to get it."""
    try:
        import httpx  # noqa: F401
        import onveef  # noqa: F401
    except ImportError as error:
        raise CameraSetupError(
            f"the Python package {error.name} is missing: pip install 'edge-agent[cameras]'"
        ) from error
