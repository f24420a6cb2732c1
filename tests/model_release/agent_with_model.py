"""``edge-agent run`` with a synchronised clock and, as the shipped model, the file that ``SHIPPED`` names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.cli import main as cli
from edge_agent.detection import choose
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.model_release import store

SHIPPED = "EDGE_AGENT_TEST_SHIPPED"
COMMAND = (sys.executable, "-m", "tests.model_release.agent_with_model", "run")

if __name__ == "__main__":
    assert Agent.__init__.__kwdefaults__ is not None
    Agent.__init__.__kwdefaults__["kernel_sync"] = lambda: KernelSync(True, 0.0)
    shipped = Path(os.environ[SHIPPED])
    setattr(choose, "SHIPPED", shipped)  # noqa: B010
    setattr(store, "SHIPPED", shipped)  # noqa: B010
    sys.exit(cli.main(sys.argv[1:]))
