"""Publishes a release for gateways that pull: wheels and a signed manifest in a folder for any https server.

The key stays on the control machine: an attacker on the server can withhold a release, but cannot make one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path

from fleet.signing import sign


def publish(wheelhouse: Path, version: str, key: Path, folder: Path, percent: int) -> int:
    """Write below ``folder`` and return the number of wheels. Raises ValueError and OSError.

    The manifest is written last, so that no gateway reads one whose wheels are missing.
    """
    wheels = sorted(wheelhouse.glob("*.whl"))
    agents = [wheel for wheel in wheels if wheel.name.startswith(f"edge_agent-{version}-")]
    if len(agents) != 1:
        raise ValueError(f"there is no edge_agent-{version}-*.whl in {wheelhouse}")
    wheels = [wheel for wheel in wheels if wheel in agents or not wheel.name.startswith("edge_agent-")]
    (folder / "wheels").mkdir(parents=True, exist_ok=True)
    listed = []
    for wheel in wheels:
        target = folder / "wheels" / wheel.name
        if not target.exists() or target.read_bytes() != wheel.read_bytes():
            shutil.copyfile(wheel, target)
        body = wheel.read_bytes()
        listed.append({"name": wheel.name, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)})
    manifest = {"version": version, "serial": int(time.time()), "percent": percent, "wheels": listed}
    sign(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n", key)
    return len(wheels)
