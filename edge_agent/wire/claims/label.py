"""The check character on the label of a site."""

from __future__ import annotations

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def check_character(site: str) -> str:
    """Return the check character of a site's id: ISO 7064, MOD 37,36, over its letters and digits.

    It detects every single wrong character, and two characters that changed places. The label of site
    ``dt-001`` has the path ``/s/dt-001-<check>``.
    """
    product = 36
    for letter in site:
        if letter != "-":
            product = (product + _ALPHABET.index(letter)) % 36 or 36
            product = product * 2 % 37
    return _ALPHABET[(37 - product) % 36]
