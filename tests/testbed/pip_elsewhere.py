"""pip that takes itself for an aarch64 box's: ``python pip_elsewhere.py 3.13 install --dry-run ...``

``--platform`` and ``--python-version`` choose wheels only; ``python_version`` and ``platform_machine`` in a
package's requirements are judged by the Python that pip runs on. Here they are judged by the box's.
"""

from __future__ import annotations

import platform
import runpy
import sys

version = sys.argv.pop(1)
platform.machine = lambda: "aarch64"
platform.python_version = lambda: f"{version}.0"
major, minor = version.split(".")
platform.python_version_tuple = lambda: (major, minor, "0")
runpy.run_module("pip", run_name="__main__", alter_sys=True)
