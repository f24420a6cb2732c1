"""Signing loads only the modules that it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIGN = """
import sys
from pathlib import Path
from edge_agent.evidence.chain.keys import load_or_make
folder = Path(sys.argv[1])
for _ in range(2):  # create the key, then load it
    load_or_make(folder).sign(b"text")
print(*sorted(name for name in sys.modules if name.startswith("cryptography.hazmat.primitives.serial")))
"""


def test_signing_does_not_load_the_module_for_key_files(tmp_path: Path) -> None:
    """It takes 3.4 MB: docs/decisions/0013."""
    command = [sys.executable, "-c", SIGN, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "\n", result.stdout
