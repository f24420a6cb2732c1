"""``edge-agent run``, with what is not confirmed sent again after a second instead of a minute, and with
reconnects at once: for a test that has half a minute. ``python -m tests.chaos.short_rests run CONFIG``."""

from __future__ import annotations

import sys
from functools import partial

from edge_agent.cli.main import main
from edge_agent.mqtt.publisher import publisher
from edge_agent.mqtt.publisher.delivery_confirmation import ResendLimits
from edge_agent.mqtt.session import reconnect

if __name__ == "__main__":
    setattr(publisher, "ResendLimits", partial(ResendLimits, first_s=1.0, per_s=50.0))  # noqa: B010
    reconnect.CAP_S = 1.0
    sys.exit(main())
