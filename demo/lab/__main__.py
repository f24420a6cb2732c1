"""Starts a lab: broker, centre, console, two real agents with cameras, and a simulated city.

All processes are children of this one and end with it; all files are in one folder; all ports are free ones
of 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Sequence

import psutil

from demo.lab.children import Children, LabFailed, LabStopped
from demo.lab.folder import lab_folder
from demo.lab.lab import GATEWAYS, NEEDED, start_lab
from demo.lab.options import LabOptions, read_options
from demo.lab.webhook import WebhookPrinter
from demo.lab.where_to_click import where_to_click
from demo.options import WrongUsage
from demo.terminal import foreground
from edge_agent.host.system.process import stop_on_signals

LOAD_AFTER_S = 60.0
"""Seconds after the start for which the load by the lab is reported, once."""


def main(arguments: Sequence[str]) -> int:
    stop = stop_on_signals(second_ends=False)
    try:
        return _run(read_options(arguments), stop)
    except WrongUsage as error:
        print(error, file=sys.stderr)
        return 2
    except LabFailed as error:
        print(f"the lab has ended: {error}", file=sys.stderr)
        return 1
    except LabStopped:
        return 0


def _run(options: LabOptions, stop: threading.Event) -> int:
    with contextlib.ExitStack() as stack:
        stack.enter_context(foreground())
        folder = stack.enter_context(lab_folder(options.folder))
        webhook = stack.enter_context(WebhookPrinter(_say))
        children = stack.enter_context(Children(folder / "logs", stop))
        stack.callback(children.end, GATEWAYS)
        _say("Starting the lab; Ctrl-C ends it.")
        lab = start_lab(folder, options, children, webhook.url)
        text = where_to_click(lab)
        clicks = folder / "where-to-click.txt"
        clicks.touch(mode=0o600)
        clicks.write_text(text, encoding="utf-8")
        _say(text)
        _watch(children, stop, options.duration_s)
        _say("Ending the lab.")
    return 0


def _watch(children: Children, stop: threading.Event, duration_s: float) -> None:
    """Return when the lab has to end. Raises LabFailed when a process that it needs has ended."""
    began_mono, began_cpu_s, reported, is_load_due = time.monotonic(), children.cpu_s(), set[str](), True
    while not stop.wait(1.0) and (elapsed_s := time.monotonic() - began_mono) < duration_s:
        for name in set(children.ended()) - reported:
            reported.add(name)
            if name in NEEDED:
                raise LabFailed(f"{name} has ended by itself: see {children.log(name)}")
            _say(f"{name} has ended by itself: see {children.log(name)}; the rest goes on")
        if is_load_due and elapsed_s > LOAD_AFTER_S:
            is_load_due = False
            busy = (children.cpu_s() - began_cpu_s) / elapsed_s
            _say(f"machine   the lab keeps {busy:.1f} of {psutil.cpu_count()} processors busy")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
