"""``python -m bench.startup``: from exec to READY, and from SIGTERM to the end, as systemd sees it."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer


def once(config: Path, notify: socket.socket, address: str) -> tuple[float, float]:
    """Seconds to READY and seconds to stop."""
    began = time.monotonic()
    with AgentProcess(config, environ={"NOTIFY_SOCKET": address}) as agent:
        while b"READY=1" not in notify.recv(4096):
            pass
        ready_s = time.monotonic() - began
        time.sleep(1.0)
        began = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        agent.process.wait(10)
        stopped_s = time.monotonic() - began
    notify.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while notify.recv(4096):
            pass
    notify.setblocking(True)
    return ready_s, stopped_s


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--model", default="hog")
    parser.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        clip = make_clip(folder / "clip.mp4", size=(640, 360), seconds=5)
        server = stack.enter_context(RtspServer({f"/cam{n}": clip for n in range(4)}))
        broker = stack.enter_context(Mosquitto(folder))
        notify = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notify.bind(str(folder / "notify"))
        for count in (0, 4):
            cameras = [{"id": f"cam-{n}", "url": server.url(f"/cam{n}")} for n in range(count)]
            config = write_config(folder, cameras=cameras, broker_port=broker.port, detector=args.model)
            times = [once(config, notify, str(folder / "notify")) for _ in range(args.runs)]
            ready, stopped = ([pair[which] for pair in times] for which in (0, 1))
            print(
                f"{count} cameras: ready after {median(ready):.2f} s (longest {max(ready):.2f}), "
                f"stopped after {median(stopped):.2f} s (longest {max(stopped):.2f})"
            )


if __name__ == "__main__":
    main()
