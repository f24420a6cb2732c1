"""The agent as it runs now: what systemd says of its process, and what it says of itself."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_update.programs import run

UNIT = "edge-agent.service"
MOST_BYTES = 1 << 20
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Process:
    invocation: str  # another one for each start; empty: it does not run
    restarts: int  # by systemd itself, since somebody started it
    failed: bool  # systemd has given it up


@dataclass(frozen=True)
class Status:
    version: str
    connected: bool
    cameras: frozenset[str]  # those that have given a picture


def process() -> Process:
    done = run(["systemctl", "show", UNIT, "--property=ActiveState,InvocationID,NRestarts"])
    found = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    restarts = found.get("NRestarts", "")
    state = found.get("ActiveState", "")
    return Process(
        found.get("InvocationID", "") if state in ("active", "reloading", "activating") else "",
        int(restarts) if restarts.isdecimal() else 0,
        state == "failed",
    )


def restart() -> None:
    """Asks for it; how it ends is for the trial to see."""
    run(["systemctl", "reset-failed", UNIT])
    run(["systemctl", "restart", "--no-block", UNIT], timeout_s=300)


def status(path: Path, timeout_s: float = TIMEOUT_S) -> Status | None:
    """None: it does not answer. It is the agent user's word: read with care, and used for a verdict only."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
            until = time.monotonic() + timeout_s
            asker.settimeout(timeout_s)
            asker.connect(str(path))
            text = b""
            while len(text) < MOST_BYTES and (block := asker.recv(65536)):
                text += block
                # For the whole answer: a byte now and then would hold root for ever.
                asker.settimeout(max(0.001, until - time.monotonic()))
        raw = json.loads(text)
        beat, connected = raw["heartbeat"], raw["connected"]
        cameras = {name for name, camera in beat.get("cameras", {}).items() if _gives_pictures(camera)}
        return Status(str(beat["version"]), connected is True, frozenset(cameras))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _gives_pictures(camera: dict[str, Any]) -> bool:
    """A camera that is offline keeps the age of its last picture."""
    return camera.get("state") in ("online", "degraded") and camera.get("last_frame_age_s") is not None
