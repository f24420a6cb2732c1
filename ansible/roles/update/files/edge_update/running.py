"""Reads the state of the running agent: its process from systemd, and its status from its socket."""

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
MOST_REASON = 200  # characters
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Process:
    invocation: str  # a new one for each start; empty: it does not run
    restarts: int  # by systemd itself, since the last start on request
    failed: bool  # systemd does not restart it any more


@dataclass(frozen=True)
class Status:
    version: str
    connected: bool
    cameras: frozenset[str]  # those that have sent a picture
    detector: str = ""  # why the detector does not work as configured; empty: it does


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
    """Request a restart of the agent; the trial shows whether it succeeded."""
    run(["systemctl", "reset-failed", UNIT])
    run(["systemctl", "restart", "--no-block", UNIT], timeout_s=300)


def status(path: Path, timeout_s: float = TIMEOUT_S) -> Status | None:
    """Return the agent's status; None if it does not answer.

    The agent's user controls this text: it is parsed with care and decides only about the trial.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            until = time.monotonic() + timeout_s
            client.settimeout(timeout_s)
            client.connect(str(path))
            text = b""
            while len(text) < MOST_BYTES and (block := client.recv(65536)):
                text += block
                # A limit for the whole answer: single bytes could otherwise block root for ever.
                client.settimeout(max(0.001, until - time.monotonic()))
        raw = json.loads(text)
        beat, connected = raw["heartbeat"], raw["connected"]
        cameras = {name for name, camera in beat.get("cameras", {}).items() if _has_pictures(camera)}
        reason = str(beat.get("detector", {}).get("degraded") or "")[:MOST_REASON]
        detector = "".join(filter(str.isprintable, reason))
        return Status(str(beat["version"]), connected is True, frozenset(cameras), detector)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _has_pictures(camera: dict[str, Any]) -> bool:
    """A camera that is offline keeps the age of its last picture."""
    return camera.get("state") in ("online", "degraded") and camera.get("last_frame_age_s") is not None
