"""``edge-agent run`` on a box whose clock is synchronised, whatever the kernel of this machine says."""

from __future__ import annotations

import sys

from edge_agent.agent import Agent
from edge_agent.cli import main as cli
from edge_agent.host.health.clock_sync import KernelSync

COMMAND = (sys.executable, "-m", "tests.commands.synced_agent", "run")

if __name__ == "__main__":
    assert Agent.__init__.__kwdefaults__ is not None
    Agent.__init__.__kwdefaults__["kernel_sync"] = lambda: KernelSync(True, 0.0)
    sys.exit(cli.main(sys.argv[1:]))
