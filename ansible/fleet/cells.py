"""Checks one cell at a time: a mistake goes to ``problems``, and a harmless value is returned."""

from __future__ import annotations

import re
import unicodedata

from fleet.problems import Problems

ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""Valid as a topic level, a host name and a certificate's CN."""


def checked_id(text: str, what: str, line: int, problems: Problems) -> str:
    """Return the id, or an empty text if it is not valid."""
    if ID.fullmatch(text):
        return text
    if not text:
        problems.error(line, f"{what}: no id", "fill in the column")
        return ""
    near = re.sub(r"[^a-z0-9]+", "-", _without_marks(text.lower())).strip("-")[:63]
    remedy = "only a-z, 0-9 and - inside, at most 63" + (f", such as '{near}'" if near else "")
    problems.error(line, f"{what}: '{text}' cannot be an id", remedy)
    return ""


def _without_marks(text: str) -> str:
    """Vietnamese letters as those that an id may have."""
    letters = unicodedata.normalize("NFD", text.replace("đ", "d"))
    return "".join(each for each in letters if not unicodedata.combining(each))


def checked_name(text: str, what: str, line: int, problems: Problems) -> str:
    """Return a name for people to read."""
    if not text:
        problems.error(line, f"{what} is empty", "write what people call the place")
    elif len(text) > 120 or not text.isprintable():
        problems.error(line, f"{what} is longer than 120 letters or has control characters", "shorten it")
    elif "\ufffd" in text or re.search("Ã.|áº|á»|Ä‘|Ä\x90", text):
        remedy = "the letters were damaged by a wrong encoding; write it again and save as CSV UTF-8"
        problems.error(line, f"{what}: '{text}'", remedy)
    return text


def checked_channel(text: str, what: str, line: int, problems: Problems) -> str:
    """Return a channel such as ``7``, ``2-07`` or ``NVR3/12``, in the recorder's own numbering."""
    if not text:
        return ""
    if len(text) > 20 or re.fullmatch(r"[A-Za-z0-9]+([ ./:-][A-Za-z0-9]+){0,3}", text) is None:
        remedy = "letters and digits, such as 7 or 2-07, at most 20"
        problems.error(line, f"{what}: recorder_channel '{text[:30]}' cannot be one", remedy)
        return ""
    return text


def coordinate(text: str, what: str, line: int, problems: Problems) -> float | None:
    """Return degrees; ``20,4463`` is how a Vietnamese spreadsheet writes 20.4463."""
    if not text:
        problems.error(line, f"{what} is empty", "degrees with decimals, such as 20.4463 or 106.3366")
        return None
    if re.fullmatch(r"-?\d{1,3}([.,]\d{1,12})?", text):
        return float(text.replace(",", "."))
    problems.error(line, f"{what}: '{text}' is not in degrees", "write decimals, such as 20.4463 or 106.3366")
    return None


def port(text: str, what: str, line: int, default: int, problems: Problems) -> int:
    if not text:
        return default
    if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    problems.error(line, f"{what}: '{text}' is not a port", "a number from 1 to 65535, or nothing for 22")
    return default


def username(text: str, what: str, line: int, problems: Problems) -> str:
    """Return the user name. A colon would end it (RFC 7617), and the rest is most likely the password: it is
    not quoted."""
    if ":" in text or not text.isprintable():
        remedy = "the name alone; passwords are in the vault (docs/guide/fleet.md)"
        problems.error(line, f"{what}: camera_user has a colon or a control character in it", remedy)
        return ""
    return text
