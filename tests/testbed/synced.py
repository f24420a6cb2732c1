"""``edge-agent run`` with a clock that is synchronised, or not, whatever the kernel of this machine says."""

from __future__ import annotations

import os
import sys

from edge_agent.agent import Agent
from edge_agent.cli import main as cli
from edge_agent.host.health.clock_sync import KernelSync

COMMAND = (sys.executable, "-m", "tests.testbed.synced", "run")
UNSYNCED = {"TEST_CLOCK_UNSYNCED": "1"}
"""Environment of an agent whose clock is not synchronised."""

if __name__ == "__main__":
    assert Agent.__init__.__kwdefaults__ is not None
    synced = "TEST_CLOCK_UNSYNCED" not in os.environ
    Agent.__init__.__kwdefaults__["kernel_sync"] = lambda: KernelSync(synced, 0.0)
    sys.exit(cli.main(sys.argv[1:]))
