"""The cost of one still: time, processor and memory of decoding one group of pictures on demand.

    python -m bench.stills [FOLDER]

Each row is measured in a process of its own. The moment lies at the end of a group of 2 s, the worst place.
The clips are drawn (tests/testbed/numbered.py) and made first, in FOLDER or a temporary one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROWS = [
    ("h264", (640, 360), 512_000),
    ("h264", (1920, 1080), 4_000_000),
    ("h264", (3840, 2160), 12_000_000),
    ("h265", (1920, 1080), 2_000_000),
    ("h265", (3840, 2160), 8_000_000),
]
NOISE = 4.0  # of the sensor, so that decoding costs what it costs with a camera
GROUP = 40  # pictures


def main(folder: Path) -> None:
    from tests.testbed.numbered import numbered_clip

    print("| stream | pictures decoded | CPU s | wall s | RSS rise MB | JPEGs kB |")
    print("|---|---|---|---|---|---|")
    for codec, size, bit_rate in ROWS:
        clip = folder / f"{codec}-{size[0]}-{bit_rate}.mp4"
        if not clip.exists():
            numbered_clip(clip, size, seconds=4.0, codec=codec, noise=NOISE, bit_rate=bit_rate, keyframe_s=2)
        command = [sys.executable, "-m", "bench.stills", "--one", str(clip)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        row: dict[str, Any] = json.loads(done.stdout)
        figures = (row["decoded"], row["cpu_s"], row["wall_s"], row["rss_mb"], row["kb"])
        print(f"| {codec} {size[0]}x{size[1]} | " + " | ".join(map(str, figures)) + " |")


def one(clip: Path) -> None:
    """Make the still of one clip and print what it took."""
    import av

    from edge_agent.cameras.build import use_one_opencv_thread
    from edge_agent.capture.decode.decoder import VideoDecoder
    from edge_agent.capture.ring import RingPacket, StreamConnection
    from edge_agent.core.clock import SystemClock
    from edge_agent.stills.decode import OnDemandDecoder, Target
    from edge_agent.stills.packets import StreamPackets
    from edge_agent.stills.views import StillViews
    from tests.testbed.numbered import car_at

    use_one_opencv_thread()
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        packets = [packet for packet in container.demux(video) if packet.size]
        tick_s = float(video.time_base or 0)
        connection = StreamConnection(VideoDecoder(video.codec_context), live=True, tick_s=tick_s)
        ring = [
            RingPacket(n, packet, packet.is_keyframe, 0.0, (packet.pts or 0) * tick_s)
            for n, packet in enumerate(packets)
        ]
        stream = StreamPackets(connection, ring)
        at_s = 2.0 - 0.05
        group = stream.group_at(at_s)
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak to the present RSS
        rss_mb = _peak_mb()
        before = resource.getrusage(resource.RUSAGE_SELF)
        begun_s = time.monotonic()
        found = OnDemandDecoder(SystemClock(), time.sleep).sharpest(
            stream, group, [Target(at_s, car_at(round(at_s * 20)))]
        )
        views = StillViews((), 640).of_object(found.picture, found.target.box, "vehicle")
        wall_s = time.monotonic() - begun_s
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {
        "decoded": GROUP,
        "cpu_s": round(cpu_s, 2),
        "wall_s": round(wall_s, 2),
        "rss_mb": round(_peak_mb() - rss_mb),
        "kb": [round(len(view.payload) / 1000) for view in views],
    }
    print(json.dumps(figures))


def _peak_mb() -> float:
    """Peak RSS of this process. ``ru_maxrss`` would contain the parent's."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(Path(sys.argv[2]))
    elif len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
