"""``edge-agent run`` with delays of a second instead of a minute, for a test that has half a minute.

They are the delays before a resend, after a message without a subscriber, and between connection attempts.
``python -m tests.chaos.short_rests run CONFIG``.
"""

from __future__ import annotations

import sys
from functools import partial

from edge_agent.cli.main import main
from edge_agent.mqtt.publisher import publisher, sender
from edge_agent.mqtt.publisher.delivery_confirmation import ResendLimits
from edge_agent.mqtt.publisher.window import CircuitBreaker, deferral_s
from edge_agent.mqtt.session.broker_session import ReconnectSchedule


def short_breaker(after: int, every_s: float, pause_s: float = 0.0) -> CircuitBreaker:
    return CircuitBreaker(after, min(every_s, 1.0), min(pause_s, 0.1))


if __name__ == "__main__":
    # The agent may connect before the centre subscribes: its first events then have no subscriber.
    for module, name, value in (
        (publisher, "ResendLimits", partial(ResendLimits, first_s=1.0, per_s=50.0)),
        (publisher, "ReconnectSchedule", partial(ReconnectSchedule, cap_s=1.0)),
        (sender, "CircuitBreaker", short_breaker),
        (sender, "deferral_s", partial(deferral_s, first_s=1.0)),
    ):
        setattr(module, name, value)
    sys.exit(main())
