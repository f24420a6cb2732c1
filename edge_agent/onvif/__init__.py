"""HTTP and ONVIF to one camera: the part that the agent and ``edge-agent cameras`` share.

Only this package imports ``onveef`` and ``httpx``, which the extra ``edge-agent[cameras]`` installs
(docs/decisions/0015-onvif.md). The running agent uses them only in the process of ``camera_process.py``. All
data from a camera is treated as hostile: answers are bounded in size and time, XML may have no entities, and
text is cleaned before it is written to a terminal or a file.
"""

from __future__ import annotations

from edge_agent.core.errors import CameraSetupError


def require_libraries() -> None:
    """Raise ``CameraSetupError``, which says how to install the extra, when it is not installed."""
    try:
        import httpx  # noqa: F401
        import onveef  # noqa: F401
    except ImportError as error:
        raise CameraSetupError(
            f"the Python package {error.name} is missing: pip install 'edge-agent[cameras]'"
        ) from error
