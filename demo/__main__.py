"""Runs the agent on a clip into a private broker, and shows what a subscriber receives.

Environment, as `make run` passes it on: ``CLIP`` (file or URL; default vtest.avi), ``MODEL`` (.tflite, auto
or none), ``DURATION`` (seconds; default until Ctrl-C).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from demo.agent import AgentProcess, write_config
from demo.broker import Broker, find_mosquitto
from demo.options import WrongUsage, read_options
from demo.picture import BestPicture
from demo.sources import OutboxSource, Subscriber
from demo.terminal import foreground
from demo.view import View
from edge_agent.core.secrets import masked
from edge_agent.host.system.process import stop_on_signals

CACHE = Path(".cache")
RUN = CACHE / "run"
CLIP = CACHE / "vtest.avi"
PICTURE = CACHE / "best-detection.jpg"
_SHOWN = {
    "auto": "the model that ships",
    "none": "none: no objects are reported, only that the camera is well",
}


def main() -> int:
    stop = stop_on_signals(second_ends=False)
    shutil.rmtree(RUN, ignore_errors=True)
    CACHE.mkdir(exist_ok=True)
    RUN.mkdir(mode=0o700)  # CLIP may contain a camera's password, and it is written to the configuration
    try:
        options = read_options(os.environ, CLIP, RUN)
    except WrongUsage as error:
        print(error, file=sys.stderr)
        return 2
    view = View()
    picture = BestPicture(PICTURE)
    with contextlib.ExitStack() as stack:
        stack.enter_context(foreground())
        program = find_mosquitto()
        broker = stack.enter_context(Broker(program, RUN)) if program else None
        config = write_config(RUN, options.clip, options.model, broker.port if broker else None)
        view.say(f"detector  {_SHOWN.get(options.model, options.model)}")
        view.say(f"clip      {masked(options.clip)}")
        view.say(
            f"broker    mosquitto on 127.0.0.1:{broker.port}"
            if broker
            else "broker    none: mosquitto is not installed; events are read from the outbox"
        )
        view.say(f"agent     edge-agent run {config}   (its log: {RUN / 'agent.log'})")
        source = (
            Subscriber(broker.port, view, picture) if broker else OutboxSource(RUN / "state", view, picture)
        )
        stack.enter_context(source)
        agent = stack.enter_context(AgentProcess(config, RUN))
        _watch(agent, view, stop, options.duration_s)
        code = agent.stop()
        source.drain()
    return _summary(view, picture, agent, code)


def _watch(agent: AgentProcess, view: View, stop: threading.Event, duration_s: float) -> None:
    deadline = time.monotonic() + duration_s
    while not stop.wait(1.0) and time.monotonic() < deadline:
        if not agent.running:
            view.say(f"the agent ended by itself: see {RUN / 'agent.log'}")
            return
        view.status(agent.status_line())


def _summary(view: View, picture: BestPicture, agent: AgentProcess, code: int | None) -> int:
    view.status("")
    print()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(view.by_kind.items())) or "none"
    print(f"events    {kinds}; repeated {view.duplicates}, missing in sequence {view.gaps()}")
    if view.by_label:
        print("objects   " + ", ".join(f"{count} {label}" for label, count in view.by_label.most_common()))
    print(agent.last_summary())
    if picture.save():
        print(f"picture   the best detection, with its box: {PICTURE}")
    else:
        print("picture   none: no object was confirmed")
    if code != 0:
        print(f"the agent ended with code {code}: see {RUN / 'agent.log'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
