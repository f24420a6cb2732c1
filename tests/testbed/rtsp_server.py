"""A camera for tests: serves the access units of video files over RTSP, looping, without re-encoding.

Runs under Debian's own Python, which has ``gi`` (gir1.2-gst-rtsp-server-1.0):

    /usr/bin/python3 tests/testbed/rtsp_server.py --mount /stream=clip.mp4 [--mount /other=a.mp4,b.mp4]
        [--audio /voice] [--drop /stream=25,26] [--user U --password P --auth digest]
        [--address 127.0.0.1] [--port 0]

Prints its port as one line when it is ready. A mount of several files plays them one after the other, so
that the picture size changes in mid-stream. ``--drop`` leaves out access units, counted from 0 over the
loop, but none of the first second. H.264, H.265 and
MJPEG in .mp4, .mov, .mkv or .avi. Each client gets its own stream from the first access unit on; with
``--live`` from the next keyframe of a scene that has begun, so that all mounts show the same. ``--delay
/stream=0.4`` sends each unit that much later than it was captured, as a slow encoder does. Stop it with a
signal: ``testbed.rtsp.RtspServer`` does all that for tests and for the bench.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import Any, NamedTuple

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

DEMUXERS = {".mp4": "qtdemux", ".mov": "qtdemux", ".mkv": "matroskademux", ".avi": "avidemux"}
PARSERS = {
    "video/x-h264": "h264parse ! video/x-h264,stream-format=byte-stream,alignment=au",
    "video/x-h265": "h265parse ! video/x-h265,stream-format=byte-stream,alignment=au",
    "image/jpeg": "jpegparse",
}
PAYLOADERS = {
    "video/x-h264": "rtph264pay config-interval=-1",
    "video/x-h265": "rtph265pay config-interval=-1",
    "image/jpeg": "rtpjpegpay",
}


class Unit(NamedTuple):
    """One access unit; times in ns from the start of the loop."""

    data: bytes
    pts: int
    dts: int
    keyframe: bool = True


class Clip(NamedTuple):
    media_type: str
    caps: str
    units: list[Unit]
    duration: int  # ns


def media_type_of(path: Path) -> str:
    """The media type of a file's first video track."""
    demux = f"{DEMUXERS[path.suffix]} name=demux"
    pipeline = Gst.parse_launch(f'filesrc location="{path}" ! {demux} ! fakesink name=sink sync=false')
    pipeline.set_state(Gst.State.PAUSED)
    pipeline.get_state(10 * Gst.SECOND)
    caps = pipeline.get_by_name("sink").get_static_pad("sink").get_current_caps()
    pipeline.set_state(Gst.State.NULL)
    if caps is None:
        raise SystemExit(f"{path}: no video in it")
    return str(caps.get_structure(0).get_name())


def read_units(path: Path, *, repeat_sets: bool = False) -> Clip:
    """All access units of a file, in decoding order. ``repeat_sets``: with each keyframe come the sets of
    parameters."""
    media_type = media_type_of(path)
    parser = PARSERS[media_type]
    if repeat_sets:
        parser = parser.replace("parse !", "parse config-interval=-1 !")
    pipeline = Gst.parse_launch(
        f'filesrc location="{path}" ! {DEMUXERS[path.suffix]} ! {parser}'
        " ! appsink name=sink sync=false max-buffers=0"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    units: list[Unit] = []
    caps = PARSERS[media_type].partition(" ! ")[2] or media_type
    while (sample := sink.emit("pull-sample")) is not None:
        if media_type == "image/jpeg":  # the payloader wants the size in the caps
            caps = sample.get_caps().to_string()
        buffer = sample.get_buffer()
        # A parser says NONE where the file has only one of the two.
        pts = buffer.pts if buffer.pts != Gst.CLOCK_TIME_NONE else buffer.dts
        dts = buffer.dts if buffer.dts != Gst.CLOCK_TIME_NONE else pts
        keyframe = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        units.append(Unit(buffer.extract_dup(0, buffer.get_size()), pts, dts, keyframe))
    pipeline.set_state(Gst.State.NULL)
    first = units[0].dts
    units = [u._replace(pts=u.pts - first, dts=u.dts - first) for u in units]
    period = units[-1].dts // max(1, len(units) - 1)
    return Clip(media_type, caps, units, units[-1].dts + period)


def joined(clips: list[Clip]) -> Clip:
    """Clips of one codec, one after the other."""
    units: list[Unit] = []
    offset = 0
    for clip in clips:
        units += [u._replace(pts=u.pts + offset, dts=u.dts + offset) for u in clip.units]
        offset += clip.duration
    return Clip(clips[0].media_type, clips[0].caps, units, offset)


class Player:
    """Pushes the units of a clip into one client's appsrc, each at its time, in an endless loop."""

    def __init__(self, source: Any, clip: Clip, drop: set[int], epoch_us: int | None, delay_s: float) -> None:
        """``epoch_us``: when the scene began; None: it begins for this client. ``delay_s``: of each unit."""
        self._source = source
        self._clip = clip
        self._drop = drop
        now_us, delay_us = GLib.get_monotonic_time(), round(delay_s * 1e6)
        self._started = (now_us if epoch_us is None else epoch_us) + delay_us
        self._index = 0
        while epoch_us is not None and (self._due_us() - delay_us < now_us or not self._unit().keyframe):
            self._index += 1
        # A time stamp is the time since the client came, so that sender reports (RTCP) are right.
        self._begun_ns = 0 if epoch_us is None else (now_us - epoch_us) * 1000
        self._timer = GLib.timeout_add(self._wait_ms(), self._push)

    def stop(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _push(self) -> bool:
        self._timer = 0
        position = self._index % len(self._clip.units)
        unit, base = self._unit(), self._base_ns() - self._begun_ns
        if unit.dts < Gst.SECOND or position not in self._drop:
            buffer = Gst.Buffer.new_wrapped(unit.data)
            buffer.pts, buffer.dts = base + unit.pts, base + unit.dts
            if self._source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return False
        self._index += 1
        self._timer = GLib.timeout_add(self._wait_ms(), self._push)
        return False

    def _unit(self) -> Unit:
        return self._clip.units[self._index % len(self._clip.units)]

    def _base_ns(self) -> int:
        """When the present round of the loop began."""
        return self._index // len(self._clip.units) * self._clip.duration

    def _due_us(self) -> int:
        return self._started + (self._base_ns() + self._unit().dts) // 1000

    def _wait_ms(self) -> int:
        return max(0, (self._due_us() - int(GLib.get_monotonic_time())) // 1000)


def clip_factory(clip: Clip, drop: set[int], epoch_us: int | None, delay_s: float) -> Any:
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(
        f'( appsrc name=source is-live=true format=time caps="{clip.caps}"'
        f" ! {PAYLOADERS[clip.media_type]} name=pay0 pt={26 if clip.media_type == 'image/jpeg' else 96} )"
    )
    factory.set_shared(False)  # every client starts at a keyframe

    def configure(_factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("source")
        player = Player(source, clip, drop, epoch_us, delay_s)
        media.connect("unprepared", lambda _media: player.stop())

    factory.connect("media-configure", configure)
    return factory


def audio_factory() -> Any:
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch("( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8 )")
    return factory


def protect(server: Any, factories: list[Any], user: str, password: str, method: str) -> None:
    """Require a login of ``user`` for the mounts."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if method == "basic":
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    server.set_auth(auth)
    for factory in factories:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_role("viewer")
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)


def numbers_of(mount: str, options: list[str]) -> set[int]:
    """The access unit numbers that ``/mount=1,2`` options give for a mount."""
    given = [option.partition("=") for option in options]
    return {int(number) for at, _, numbers in given if at == mount for number in numbers.split(",")}


def main() -> None:
    parser = argparse.ArgumentParser(description="RTSP camera for tests")
    parser.add_argument("--mount", action="append", default=[], metavar="/PATH=FILE[,FILE]")
    parser.add_argument("--audio", action="append", default=[], metavar="/PATH")
    parser.add_argument("--drop", action="append", default=[], metavar="/PATH=N[,N]")
    parser.add_argument("--live", action="store_true", help="all mounts show one scene that has begun")
    parser.add_argument("--delay", action="append", default=[], metavar="/PATH=SECONDS")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--auth", choices=("basic", "digest"), default="digest")
    parser.add_argument("--port", default="0")
    parser.add_argument("--address", default="127.0.0.1", help="to listen on")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(options.address)
    server.set_service(options.port)
    factories = {mount: audio_factory() for mount in options.audio}
    epoch_us = GLib.get_monotonic_time() if options.live else None
    delays = {mount: float(seconds) for mount, _, seconds in (o.partition("=") for o in options.delay)}
    for mount, _, files in (o.partition("=") for o in options.mount):
        clip = joined([read_units(Path(f), repeat_sets=options.live) for f in files.split(",")])
        dropped, delay_s = numbers_of(mount, options.drop), delays.get(mount, 0.0)
        factories[mount] = clip_factory(clip, dropped, epoch_us, delay_s)
    for mount, factory in factories.items():
        server.get_mount_points().add_factory(mount, factory)
    if options.user:
        protect(server, list(factories.values()), options.user, options.password, options.auth)
    if not server.attach(None):
        raise SystemExit(f"port {options.port} is not free")
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGTERM, loop.quit)
    loop.run()


if __name__ == "__main__":
    main()
