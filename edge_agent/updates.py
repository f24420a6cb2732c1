"""Updates as the agent sees them: root's side, the inbox of wheels, and the commands."""

from __future__ import annotations

from pathlib import Path

from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.commands.inbox import Inbox
from edge_agent.commands.update import Updates
from edge_agent.device.root_update import RootUpdate

FOLDER = "update"


def make_updates(state_dir: Path, clock: Clock, sysroot: Path = Path("/")) -> tuple[RootUpdate, Updates]:
    root = RootUpdate(sysroot)
    inbox = Inbox(state_dir / FOLDER, root.releases / "wheels")
    return root, Updates(root, inbox, clock, __version__)
