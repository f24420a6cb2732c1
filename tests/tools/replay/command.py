"""``edge-agent replay`` as a user runs it: the real command, an encoded clip, a configuration in YAML."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.testbed import examples
from tests.testbed.agent import write_config
from tests.testbed.walker_model import WALKER_MODEL


def replayed(
    folder: Path, clip: Path, camera: Mapping[str, Any], *options: str, detector: str | Path = WALKER_MODEL
) -> list[dict[str, Any]]:
    """Run the replay and return its events."""
    config = write_config(
        folder, cameras=[{"id": "cam-1", "url": str(clip), **camera}], broker_port=1883, detector=detector
    )
    command = [sys.executable, "-m", "edge_agent", "replay", "--config", str(config), "--camera", "cam-1"]
    done = subprocess.run(
        [*command, str(clip), *options], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        examples.keep_event(event)
    return events


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The data of the events of this kind."""
    return [event["data"] for event in events if event["type"] == f"vn.thaibinh.edge.{kind}.v1"]
