"""Parses durations and times of XML Schema in the forms that requests use."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,9})?)S)?)?"
)
_FACTORS_S = (86_400.0, 3_600.0, 60.0, 1.0)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?")
MAX_FRACTION = 6


def parse_duration(text: str) -> float | None:
    """Return the seconds of an ``xs:duration``. None: it is not valid, or it has years or months, whose
    length depends on the date."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    return sum(float(each) * factor for each, factor in zip(match.groups(), _FACTORS_S, strict=True) if each)


def duration(seconds: float) -> str:
    return f"PT{seconds:g}S"


def parse_time(text: str) -> datetime | None:
    """Parse an ``xs:dateTime``; without a time zone it counts as UTC. None: it is not valid."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    fraction = match[1] or ""
    try:
        found = datetime.fromisoformat(text.replace(fraction, fraction[: MAX_FRACTION + 1]))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: in UTC the time is outside the years 1 to 9999
        return None
