"""What a process costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.processes import descendants, machine_busy_s, usage

MEASURE = """
import os, time
from bench.processes import usage
before = time.process_time()
print(before <= usage(os.getpid()).cpu_s <= time.process_time())
"""


def test_cpu_time_is_the_process_s_own_to_the_microsecond() -> None:
    """In a process that has no children: this one may have some, of other tests, and they count."""
    measured = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    assert measured.stdout == "True\n"


def test_children_count_with_their_parent() -> None:
    alone = usage(os.getpid())
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert child.pid in descendants(os.getpid())
        assert usage(os.getpid()).pss_mb > alone.pss_mb
        assert child.stdin is not None
        child.stdin.close()


def test_the_machine_has_worked_at_least_as_much_as_this_process() -> None:
    assert machine_busy_s() > time.process_time()
