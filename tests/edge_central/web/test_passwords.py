"""Passwords with the real, slow hash."""

from __future__ import annotations

import unicodedata

import pytest

from edge_central.web.auth.accounts import hash_password, password_fault, password_matches


def test_a_password_is_kept_as_a_slow_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # conftest.py makes it fast
    stored = hash_password("lúa vàng 1234")
    assert stored.startswith("scrypt$15$8$3$")
    assert password_matches("lúa vàng 1234", stored)
    assert password_matches(unicodedata.normalize("NFD", "lúa vàng 1234"), stored), "as a Mac types it"
    assert not password_matches("lua vang 1234", stored)
    assert stored != hash_password("lúa vàng 1234"), "with a salt"


def test_an_unknown_user_has_no_password() -> None:
    assert not password_matches("", None)
    assert not password_matches("", hash_password("another password"))


@pytest.mark.parametrize("password", ["short", "a" * 201, "abababababab"])
def test_a_poor_password_is_refused(password: str) -> None:
    assert password_fault(password) is not None
