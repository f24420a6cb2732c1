"""Signs a text with the fleet's Ed25519 key, in a file beside it. Gateways then need not trust the server."""

from __future__ import annotations

from pathlib import Path

from fleet.keys import read_ed25519_key


def sign(path: Path, text: str, key: Path) -> None:
    """Write ``path`` and ``path.sig``; the text is written last. Raises ValueError and OSError."""
    signature = read_ed25519_key(key).sign(text.encode())
    new, beside = path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.sig.new")
    new.write_text(text, encoding="utf-8")
    beside.write_bytes(signature)
    beside.replace(path.with_name(f"{path.name}.sig"))
    new.replace(path)
