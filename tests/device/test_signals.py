"""A signal stops the process wherever its main thread is just then."""

from __future__ import annotations

import subprocess
import sys

WAITER = """
import os, signal, sys
from edge_agent.device.signals import stop_on_signals

def interrupt(frame, event, _argument):
    # Event.wait calls Condition.wait with the event's lock held: the worst moment for a signal.
    if event == "call" and frame.f_code.co_name == frame.f_back.f_code.co_name == "wait":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

stop = stop_on_signals()
sys.setprofile(interrupt)
sys.exit(0 if stop.wait(30) else 1)
"""
STUBBORN = """
from edge_agent.device.signals import stop_on_signals

stop = stop_on_signals()
print("ready", flush=True)
stop.wait()
print("stopping", flush=True)
while True:
    stop.wait(1)
"""


def test_a_signal_that_interrupts_the_wait_for_it_is_heard() -> None:
    done = subprocess.run([sys.executable, "-c", WAITER], timeout=10, check=False)
    assert done.returncode == 0


def test_the_second_signal_ends_it_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.terminate()
        assert child.stdout.readline() == "stopping\n"
        child.terminate()
        assert child.wait(5) == 128 + 15
