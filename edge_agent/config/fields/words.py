"""The words of error messages: nearest names, and values that are safe to show."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from edge_agent.config.texts.messages import message


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid name a human most likely meant, or None when nothing is close."""
    by_lower = {name.lower(): name for name in valid}
    tidy = word.strip().lower().replace("-", "_")
    for candidate in (word.strip().lower(), tidy):
        close = get_close_matches(candidate, by_lower, n=1, cutoff=0.55)
        if close:
            return by_lower[close[0]]
    return None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing."""
    name = nearest(word, valid)
    return message("mean", name=name) if name else ""


def quoted(text: str) -> str:
    """``text`` quoted for a message, or a word for it where it could carry a secret."""
    if "@" in text or ":/" in text:
        return message("this-url" if ":/" in text else "this-text")  # a user part may be in it
    cut = text if len(text) <= 40 else text[:39] + "…"
    return "'" + "".join(c if c.isprintable() else "·" for c in cut) + "'"


def either_of(names: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = names
    return message("either", most=", ".join(most), last=last) if most else last
