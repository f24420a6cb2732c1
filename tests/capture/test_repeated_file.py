"""One thread reads a file again from its start while another decodes: this once crashed the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROUNDS = """
import queue, sys, threading
from edge_agent.capture.source import StreamTimeouts; from edge_agent.capture.source import ffmpeg_input_for
from edge_agent.capture.stream import PacketStream
from edge_agent.core.clock import SystemClock
from tests.capture.rig import camera

played = camera(sys.argv[1])
recipe, clock = ffmpeg_input_for(played), SystemClock()
stream = PacketStream("cam-1", recipe, clock, lambda _: False, StreamTimeouts(), repeat=True)
decoder, waiting, rounds = stream.decoder(), queue.Queue(4), 0

def decode():
    while (packet := waiting.get()) is not None:
        decoder.decode(packet)

thread = threading.Thread(target=decode)
thread.start()
for packet in stream.packets():
    waiting.put(packet)
    rounds += not packet.size  # the empty packet at the end of each
    if rounds == 150:
        break
waiting.put(None)
thread.join()
print(decoder.decoded, decoder.corrupt)
"""


def test_reading_again_does_not_disturb_the_decoding_thread(clips: dict[str, Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS, str(clips["small"])],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(150 * 15), "0"]
