"""Reads public keys that boxes and ``fleet claims`` trust: the operators' and those of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.commands.signature import MAX_KEYS, read_public
from fleet.keys import MAX_BYTES


def read_public_key(path: Path) -> str:
    """The key as PEM. Raises OSError, and ValueError for a file without an Ed25519 public key."""
    with path.open(encoding="ascii", errors="replace") as file:
        pem = file.read(MAX_BYTES)
    try:
        read_public(pem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; name the .pub.pem of `edge-agent command keygen`") from None
    return pem


def check_operator_keys(places: Sequence[Path]) -> None:
    """Check that each file is a key, and that each folder has one: ``OperatorKeyring`` leaves out others with
    a line in the log. Raises OSError and ValueError."""
    for place in places:
        if place.is_dir():
            _check_folder(place)
        else:
            read_public_key(place)


def _check_folder(folder: Path) -> None:
    paths = sorted(folder.glob("*.pem"))
    if len(paths) > MAX_KEYS:
        raise ValueError(f"{folder} has {len(paths)} files *.pem, and at most {MAX_KEYS} keys are read")
    for path in paths:
        try:
            read_public_key(path)
        except ValueError:
            continue
        return
    raise ValueError(f"{folder} has no public key *.pem of an operator: name another folder")
