"""A signal stops the process, whatever its main thread does at that moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.mosquitto import wait_until

WAITER = """
import os, signal, sys
from edge_agent.host.system.process import stop_on_signals

def interrupt(frame, event, _argument):
    # Event.wait calls Condition.wait with the event's lock held: the worst moment for a signal.
    if event == "call" and frame.f_code.co_name == frame.f_back.f_code.co_name == "wait":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

stop = stop_on_signals()
sys.setprofile(interrupt)
sys.exit(0 if stop.wait(30) else 1)
"""


def test_a_signal_that_interrupts_the_wait_for_it_is_heard() -> None:
    done = subprocess.run([sys.executable, "-c", WAITER], timeout=10, check=False)
    assert done.returncode == 0


STOPS_ITSELF = """
from edge_agent.host.system.process import stop_on_signals

stop = stop_on_signals()
stop.set()  # as the command ``reboot`` does; then systemd sends SIGTERM
print("stopping", flush=True)
input()
"""


def test_a_signal_during_a_stop_that_the_agent_began_itself_does_not_cut_it_short() -> None:
    line = [sys.executable, "-c", STOPS_ITSELF]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "stopping\n"
        child.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.communicate("\n")
        assert child.returncode == 0


BLOCKED = """
import ctypes
from edge_agent.host.system.process import limit_stop_time, stop_on_signals

limit_stop_time(stop_on_signals(), 0.2, lambda: 75, lambda: print("hastened", flush=True))
mutex, lock = ctypes.create_string_buffer(64), ctypes.CDLL(None).pthread_mutex_lock
lock(mutex)
print("ready", flush=True)
lock(mutex)  # as a call of a disk that hangs: no signal ends it, so Python runs no handler any more
"""


def is_asleep(pid: int) -> bool:
    """Its main thread, proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "S"


def test_a_process_whose_main_thread_is_blocked_ends_in_time() -> None:
    with subprocess.Popen([sys.executable, "-c", BLOCKED], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        wait_until(lambda: is_asleep(child.pid), what="the call that does not return")
        child.terminate()
        try:
            said, _ = child.communicate(timeout=10)
        finally:
            child.kill()
    assert (child.returncode, said) == (75, "hastened\n")


TERMINAL = """
import os, sys, threading
from edge_agent.host.system.process import stop_on_signals

os.open(sys.argv[1], os.O_RDWR)  # a session's leader without a terminal gets the first one, tty_ioctl(4)
stop = stop_on_signals(reload := threading.Event())
print("ready", flush=True)
sys.exit(0 if stop.wait(20) and not reload.is_set() else 1)
"""


def test_a_closed_terminal_stops_what_was_started_from_it() -> None:
    master, slave = os.openpty()
    line = [sys.executable, "-c", TERMINAL, os.ttyname(slave)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        os.close(slave)
        os.close(master)
        assert child.wait(10) == 0
