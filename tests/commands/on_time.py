"""``edge-agent run`` on a machine whose kernel calls its clock synchronised: risky commands need one."""

from __future__ import annotations

import sys

from edge_agent.agent import Agent
from edge_agent.cli.main import main
from edge_agent.host.health.clock_sync import KernelSync

COMMAND = (sys.executable, "-m", "tests.commands.on_time", "run")

if __name__ == "__main__":
    defaults = Agent.__init__.__kwdefaults__
    assert defaults is not None
    defaults["kernel_sync"] = lambda: KernelSync(True, 0.0)
    sys.exit(main(sys.argv[1:]))
