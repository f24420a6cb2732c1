"""HTTP and ONVIF to one camera: the part that the agent and ``edge-agent cameras`` share.

The home of ``onveef`` and ``httpx``, which the extra ``edge-agent[cameras]`` brings
(docs/decisions/0015-onvif.md). The running agent uses it only in the process that reboots a camera.

Everything that a camera sends is hostile here: answers are bounded in size and time, XML has no entities,
and text is cleaned before it reaches a terminal or a file.
"""

from __future__ import annotations

from edge_agent.core.errors import CameraSetupError


def require_libraries() -> None:
    """Raises ``CameraSetupError`` when the extra is not installed; says how to get it."""
    try:
        import httpx  # noqa: F401
        import onveef  # noqa: F401
    except ImportError as error:
        raise CameraSetupError(
            f"the Python package {error.name} is missing: pip install 'edge-agent[cameras]'"
        ) from error
