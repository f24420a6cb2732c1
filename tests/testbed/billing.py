"""Billing periods of a SIM, for gateways with the real clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def days_old_period() -> date:
    """The first day of a period that began ten days ago: midnight of no time zone ends it during a test.

    Its ``reset_day`` is the day of the month.
    """
    return (datetime.now(UTC) - timedelta(days=10)).date()
