"""Signs a text with the fleet's Ed25519 key, in a file beside it. Gateways then need not trust the server."""

from __future__ import annotations

import subprocess
from pathlib import Path


def sign(path: Path, text: str, key: Path) -> None:
    """Write ``path`` and ``path.sig``; the text is written last. Raises ValueError and OSError."""
    new, signature = path.with_name(f"{path.name}.new"), path.with_name(f"{path.name}.sig.new")
    new.write_text(text, encoding="utf-8")
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", str(key)]
    # openssl itself asks for the key's passphrase on the terminal.
    if subprocess.run([*command, "-in", str(new), "-out", str(signature)], check=False).returncode:
        raise ValueError(f"{path.name} cannot be signed with {key}: see above")
    signature.replace(path.with_name(f"{path.name}.sig"))
    new.replace(path)
