"""``edge-agent run`` with a synchronised clock and a model that detects drawn people."""

from __future__ import annotations

import sys

from edge_agent.agent import Agent
from edge_agent.cli import main as cli
from edge_agent.detection import choose
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.model_release import store
from tests.testbed.walker_model import WALKER_MODEL

COMMAND = (sys.executable, "-m", "tests.model_release.walker_agent", "run")

if __name__ == "__main__":
    assert Agent.__init__.__kwdefaults__ is not None
    Agent.__init__.__kwdefaults__["kernel_sync"] = lambda: KernelSync(True, 0.0)
    setattr(choose, "SHIPPED", WALKER_MODEL)  # noqa: B010
    setattr(store, "SHIPPED", WALKER_MODEL)  # noqa: B010
    sys.exit(cli.main(sys.argv[1:]))
