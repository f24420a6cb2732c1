"""pip that resolves for another machine: ``python pip_elsewhere.py 3.13 aarch64 install --dry-run ...``

``--platform`` and ``--python-version`` only choose wheels; for ``python_version`` and ``platform_machine`` in
a package's requirements pip uses the values of its own Python. This module replaces them by the other
machine's.
"""

from __future__ import annotations

import platform
import runpy
import sys

version = sys.argv.pop(1)
machine = sys.argv.pop(1)
platform.machine = lambda: machine
platform.python_version = lambda: f"{version}.0"
major, minor = version.split(".")
platform.python_version_tuple = lambda: (major, minor, "0")
runpy.run_module("pip", run_name="__main__", alter_sys=True)
