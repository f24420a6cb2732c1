"""``edge-agent replay`` as a user types it, in this process: an encoded clip, a configuration in YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.testbed import examples
from tests.testbed.agent import write_config
from tests.testbed.command_line import run_command
from tests.testbed.walker_model import WALKER_MODEL


def edge_agent(*words: str | Path) -> tuple[int, str, str]:
    """Run the command line; returns the exit code and what it printed."""
    done = run_command(*words)
    return done.returncode, done.stdout, done.stderr


def replayed(
    folder: Path, clip: Path, camera: Mapping[str, Any], *options: str, detector: str | Path = WALKER_MODEL
) -> list[dict[str, Any]]:
    """Run the replay and return its events."""
    config = write_config(folder, cameras=[{"id": "cam-1", "url": str(clip), **camera}], detector=detector)
    code, out, err = edge_agent("replay", "--config", config, "--camera", "cam-1", clip, *options)
    assert code == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    for event in events:
        examples.keep_event(event)
    return events


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The data of the events of this kind."""
    return [event["data"] for event in events if event["type"] == f"vn.thaibinh.edge.{kind}.v1"]
