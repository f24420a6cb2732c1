"""A password that cannot be printed by accident, and URLs with their passwords masked."""

from __future__ import annotations

import re
from dataclasses import dataclass


class Secret:
    """Holds a secret; ``repr``, ``str`` and formatting show ``***``. Call ``reveal()`` to use it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: Secret


_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s'\"<>]*@")
# Xiongmai cameras read the login from the path (/user=admin&password=x&channel=1, or with _ for &).
_NAME = "(?P<name>(?:pass(?:word|wd|phrase)?|pas|psw|pwd|token)=)"
_PARAMETER = re.compile(_NAME + r"[^&;/\s'\"<>]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Return ``text`` with ``***`` for the user part and the password parameters of every URL in it.

    Everything from ``://`` to the last ``@`` of the word counts as user part, so that a password with an
    unescaped ``@``, ``:`` or ``/`` does not leak either. A URL without secrets is unchanged.
    """
    return _PARAMETER.sub(r"\g<name>***", _USERINFO.sub(r"\g<scheme>***@", text))


_URL_USERINFO = re.compile(r"^(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*:/*).*@", re.DOTALL)
_URL_PARAMETER = re.compile(_NAME + "[^&;/]+", re.IGNORECASE)


def masked_url(url: str) -> str:
    """Mask a text that is one URL, as ``masked`` does, even if it is malformed: spaces and quotes may be part
    of the password, and a slash of ``://`` may be missing."""
    return _URL_PARAMETER.sub(r"\g<name>***", _URL_USERINFO.sub(r"\g<scheme>***@", url))
