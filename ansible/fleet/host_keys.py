"""Learns a machine's ssh host key once, after a person compared it, and records it in ``known_hosts``.

Only one key of a machine is recorded, because only that one was compared.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleet.problems import read_text

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
"""Kinds of host keys, best first."""
SCAN_S = 10


@dataclass(frozen=True, slots=True)
class HostKey:
    kind: str  # a word of ``KINDS``
    text: str  # base64, as in known_hosts

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it: ``SHA256:`` and base64 without padding. Raises ValueError."""
        try:
            digest = hashlib.sha256(base64.b64decode(self.text, validate=True)).digest()
        except binascii.Error as error:
            raise ValueError(f"{self.text[:60]!r} is not a key") from error
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def scan(host: str, port: int) -> HostKey:
    """Ask the machine for its best host key. Raises ValueError if no ssh server answers there."""
    kinds = ",".join(kind.removeprefix("ssh-").partition("-")[0] for kind in KINDS)
    command = ["ssh-keyscan", "-T", str(SCAN_S), "-p", str(port), "-t", kinds, "--", host]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=6 * SCAN_S, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise ValueError("ssh-keyscan is not installed here: install openssh-client") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"{host}, port {port}, did not answer for {6 * SCAN_S} s: try again") from None
    found = {kind: text for _, kind, text in _entries(done.stdout)}
    for kind in KINDS:
        if kind in found:
            return HostKey(kind, found[kind])
    raise ValueError(
        f"no ssh server answers at {host}, port {port}: is the machine on, and its address right?"
    )


def recorded(path: Path, name: str) -> list[HostKey]:
    """The keys that ``path`` has for ``name``; none if there is no such file. Raises OSError."""
    text = read_text(path) if path.exists() else ""
    return [HostKey(kind, key) for names, kind, key in _entries(text) if name in names.split(",")]


def record(path: Path, name: str, key: HostKey) -> None:
    """Write ``key`` as the only one of ``name``. Raises OSError."""
    lines = read_text(path).splitlines() if path.exists() else []
    others = [line for line in lines if not any(name in names.split(",") for names, _, _ in _entries(line))]
    new = path.with_name(f".{path.name}.new")
    new.write_text(
        "".join(f"{line}\n" for line in [*others, f"{name} {key.kind} {key.text}"]), encoding="utf-8"
    )
    new.replace(path)


def learn(path: Path, name: str, key: HostKey, same: Callable[[HostKey], bool], *, replace: bool) -> str:
    """Record ``key`` for ``name`` if ``same`` says that the machine itself shows its fingerprint; return what
    happened. Raises ValueError, and then nothing was written: another key is recorded and ``replace`` is
    false, or ``same`` said no."""
    known = recorded(path, name)
    if key in known:
        return f"{name} has this key already in {path}"
    if known and not replace:
        raise ValueError(
            f"{name} has another host key than in {path}. If the card was written again or the hardware is "
            "new, use --replace; if not, do not connect: it may be another machine"
        )
    if not same(key):
        raise ValueError(f"the key of {name} was not recorded: do not connect before you know why it differs")
    record(path, name, key)
    return f"{name} is recorded in {path}"


def confirm(fingerprint: str | None, ask: Callable[[str], str]) -> Callable[[HostKey], bool]:
    """Return the comparison of keys: with ``fingerprint``, or, without one, by a person who answers
    ``ask``."""
    if fingerprint:
        return lambda key: key.fingerprint == fingerprint

    def by_a_person(key: HostKey) -> bool:
        print(f"The machine at this address shows:\n  {key.fingerprint} ({key.kind})")
        print("Compare it with the machine's label or screen, or log in at its own keyboard and run:")
        print("  for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $key; done")
        try:
            answer = ask(
                "Is it the same? Type yes, or paste the fingerprint that the machine shows: "
            ).strip()
        except EOFError:
            raise ValueError("there is no terminal to ask at: use --fingerprint") from None
        return answer in ("yes", key.fingerprint)

    return by_a_person


def _entries(text: str) -> list[tuple[str, str, str]]:
    """Names, kind and key of each line; comments and other lines are left out."""
    words = (line.split() for line in text.splitlines())
    return [(each[0], each[1], each[2]) for each in words if len(each) >= 3 and each[1] in KINDS]
