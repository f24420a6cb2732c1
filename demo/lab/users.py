"""Users of a lab's console, with random passwords, and the token of a program."""

from __future__ import annotations

import contextlib
import io
import secrets
from dataclasses import dataclass
from pathlib import Path

from demo.lab.children import LabFailed
from demo.lab.sheet import WARD_IDS
from edge_agent.cli.main import main

PASSWORD_BYTES = 9


@dataclass(frozen=True, slots=True)
class LabUser:
    """A person. No wards: all of them."""

    name: str
    role: str
    wards: tuple[str, ...] = ()


USERS = (
    LabUser("admin", "admin"),
    LabUser("de-tham", "officer", ("de-tham",)),
    LabUser("city", "officer", WARD_IDS),
)


def add_users(config: Path) -> dict[str, str]:
    """Add the users; return their passwords by name."""
    passwords = {user.name: secrets.token_urlsafe(PASSWORD_BYTES) for user in USERS}
    secret = config.with_name("password")
    secret.touch(mode=0o600)
    for user in USERS:
        secret.write_text(passwords[user.name], encoding="ascii")
        options = ["--role", user.role, "--new-password-file", str(secret)]
        _central("user", "add", user.name, *options, *_wards(user.wards), "--config", str(config))
    secret.unlink()
    return passwords


def add_token(config: Path) -> Path:
    """Make a token that may read all wards and handle alarms; return its file."""
    path = config.with_name("api-token")
    path.touch(mode=0o600)
    wards = _wards(WARD_IDS)
    path.write_text(_central("user", "token", "developer", "--may-act", *wards, "--config", str(config)))
    return path


def _wards(wards: tuple[str, ...]) -> list[str]:
    return [word for ward in wards for word in ("--ward", ward)]


def _central(*words: str) -> str:
    """Run ``edge-agent central``; return what it prints. Raises LabFailed."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(["central", *words])
    if code != 0:
        raise LabFailed(f"edge-agent central {words[0]} {words[1]}: {errors.getvalue().strip()}")
    return out.getvalue()
