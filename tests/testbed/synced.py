"""``edge-agent`` where the kernel reports a clock that NTP synchronises, which a lab machine may lack.

``python -m tests.testbed.synced run CONFIG``.
"""

from __future__ import annotations

import sys

from edge_agent.host.health import clock_sync

if __name__ == "__main__":
    # Before the agent is imported, because it imports the function by name.
    setattr(clock_sync, "read_kernel_sync", lambda: clock_sync.KernelSync(True, 0.0))  # noqa: B010
    from edge_agent.cli.main import main

    sys.exit(main())
