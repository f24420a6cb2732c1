"""``edge-agent ground show`` and ``ground estimate``. Parsing the arguments needs no OpenCV."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.errors import UsageError
from edge_agent.core.ground import GroundPlane, doubt_of_marks, fault_of_marks, rectangle
from edge_agent.core.languages import Lang, Sentences, add_lang, both, in_lang, lang_of, say

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Camera, Settings
    from edge_agent.core.model import Colour
    from edge_agent.tools.ground.estimate import GroundEstimate

DAYS = 7
RULERS = {"person": "persons", "rider": "riders", "across": "motorcycles from their side"}
"""Words for ``RulerKind``."""
WORDS: Sentences = {
    "written": (
        "{file}: a line each {spacing:g} m, each fifth yellow with its metres from mark 1",
        "{file}: các đường kẻ cách nhau {spacing:g} m; cứ năm đường có một đường vàng, ghi "
        "số mét tính từ mốc 1",
    ),
    "seen": (
        "By these marks the camera hangs {height:.1f} m above the road, looks {tilt:.0f} degrees down, and "
        "sees {view:.0f} degrees wide.",
        "Theo bốn mốc này, camera cao {height:.1f} m so với mặt đường, chúc xuống {tilt:.0f} độ, góc nhìn "
        "rộng {view:.0f} độ.",
    ),
    "unlikely": (
        "No camera without distortion sees the marks like this: check their order and lengths.",
        "Không ống kính không méo nào cho hình bốn mốc như vậy: hãy kiểm tra thứ tự các mốc và các độ dài.",
    ),
    "compare": (
        "Compare: height of the pole, data sheet of the lens, and the lines with things of known size.",
        "Hãy so với chiều cao của cột và tài liệu của ống kính; so các đường kẻ với vật đã biết kích thước.",
    ),
    "no-camera": (
        "{camera}: no such camera in the configuration; there are: {known}",
        "{camera}: cấu hình không có camera này; các camera hiện có: {known}",
    ),
    "known-none": ("none", "không có camera nào"),
    "not-measured": (
        "{camera} has no ground plane; docs/guide/ground.md says how to measure one",
        "{camera}: chưa đo mặt đường; cách đo: docs/guide/ground.md",
    ),
    "no-password": (
        "{camera}: its password cannot be read: {why}; type the command with sudo",
        "{camera}: không đọc được mật khẩu: {why}; hãy chạy lệnh với sudo",
    ),
}
SPACING_M = 1.0
MIN_SPACING_M, MAX_DAYS = 0.1, 100_000.0


def add_command_to(commands: Commands, default_config: Path) -> None:
    ground = add_command(commands, "ground", "show or estimate the ground plane of a camera")
    actions = ground.add_commands("action")
    show = add_command(
        actions,
        "show",
        "draw lines at whole metres on the picture of a camera, to check the ground plane by eye",
        "sudo edge-agent ground show cam-1 --out grid.jpg",
    )
    _add_camera(show)
    show.add_path("--out", "OUT.jpg", "where to write the result", required=True)
    show.add_value(
        "--spacing", "METRES", "distance between two lines, in metres", type=_spacing, default=SPACING_M
    )
    add_lang(show)
    show.add_config(default_config)
    guess = add_command(
        actions,
        "estimate",
        "propose a ground plane from the sizes of persons and motorcycles that passed, as a drop-in",
        "sudo edge-agent ground estimate cam-1 --view-deg 87",
        "sudo edge-agent ground estimate cam-1 --view-deg 87 --lane 0.32,0.8,0.71,0.8 --lane-m 3.5",
    )
    _add_camera(guess)
    guess.add_value(
        "--view-deg",
        "DEGREES",
        "horizontal angle of view, from the camera's data sheet",
        type=_angle,
        required=True,
    )
    guess.add_value(
        "--lane",
        "X,Y,X,Y",
        "ends of a line straight across a lane, in 0..1 of the picture; default: none",
        type=_two_points,
    )
    guess.add_value("--lane-m", "METRES", "width of that lane; default: none", type=_positive)
    guess.add_value("--days", "N", "read what was stored in the last N days", type=_days, default=DAYS)
    guess.add_config(default_config)


def _add_camera(action: CommandParser) -> None:
    action.add_value("camera", "CAMERA", "id of the camera")
    action.add_path(
        "--picture", "FILE", "use this picture of the camera's stream; default: one is taken from the camera"
    )


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _spacing(text: str) -> float:
    metres = _positive(text)
    if metres < MIN_SPACING_M:
        raise argparse.ArgumentTypeError(f"{text} m is too narrow to be seen; at least {MIN_SPACING_M}")
    return metres


def _days(text: str) -> float:
    days = _positive(text)
    if days > MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text}: at most {MAX_DAYS:g}")
    return days


def _angle(text: str) -> float:
    degrees = _positive(text)
    if not 5 <= degrees <= 150:
        raise argparse.ArgumentTypeError(f"{text} is not from 5 to 150 degrees")
    return degrees


def _two_points(text: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 4 or not all(0 <= number <= 1 for number in numbers):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not four numbers from 0 to 1, such as 0.32,0.8,0.71,0.8"
        )
    return numbers


def run_ground(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.tools.doctor.command import load

    settings, unread = load(args.config)
    camera = next((each for each in settings.cameras if each.id == args.camera), None)
    if camera is None:
        known = ", ".join(each.id for each in settings.cameras) or both(WORDS, "known-none")
        raise UsageError(both(WORDS, "no-camera", camera=args.camera, known=known))
    if args.action == "show":
        out.writelines(f"{line}\n" for line in _show(args, settings, camera, unread, lang_of(args)))
        return 0
    return _estimate(args, settings, camera, unread, out)


def _show(
    args: argparse.Namespace, settings: Settings, camera: Camera, unread: str | None, lang: Lang
) -> Iterator[str]:
    """Write the picture with the grid, and yield what can be read from the marks."""
    from edge_agent.evidence.jpeg import encode_at
    from edge_agent.tools.ground.grid import draw_grid, draw_north
    from edge_agent.tools.ground.pinhole import camera_of

    ground = camera.ground
    if ground is None:
        raise UsageError(both(WORDS, "not-measured", camera=camera.id))
    picture = _picture(args, settings, camera, unread)
    plane = GroundPlane(ground.points, ground.metres, ground.bearing_deg)
    drawn = draw_grid(picture, plane, ground.points, args.spacing)
    draw_north(drawn, plane, ground.metres[1])
    args.out.write_bytes(encode_at(drawn, 85))
    yield say(WORDS, "written", lang, file=args.out, spacing=args.spacing)
    seen = camera_of(plane, picture.shape[0] / picture.shape[1])
    if seen is not None:
        yield say(WORDS, "seen", lang, height=seen.height_m, tilt=seen.tilt_deg, view=seen.view_deg)
    if seen is None or not seen.fits:
        yield say(WORDS, "unlikely", lang)
    if doubt := doubt_of_marks(ground.points, ground.metres):
        yield in_lang(doubt, lang)
    yield say(WORDS, "compare", lang)


def _estimate(
    args: argparse.Namespace, settings: Settings, camera: Camera, unread: str | None, out: TextIO
) -> int:
    from edge_agent.host.system.process import as_agent
    from edge_agent.passages.filters import PassageFilter
    from edge_agent.passages.reader import PassageReader
    from edge_agent.tools.ground.estimate import MeasuredWidth, estimate, rulers_of

    if (args.lane is None) != (args.lane_m is None):
        raise UsageError("--lane and --lane-m belong together")
    since = SystemClock().now() - timedelta(days=args.days)
    with as_agent(settings.state_dir):
        found = PassageReader(settings.state_dir).find(PassageFilter(from_at=since, cameras=(camera.id,)))
        rulers = rulers_of(found)
    picture = _picture(args, settings, camera, unread)
    lane = None
    if args.lane is not None:
        x1, y1, x2, y2 = args.lane
        lane = MeasuredWidth((x1, y1), (x2, y2), args.lane_m)
    result = estimate(rulers, picture.shape[0] / picture.shape[1], args.view_deg, lane)
    out.writelines(f"{line}\n" for line in drop_in(camera.id, result))
    return 0


def drop_in(camera_id: str, result: GroundEstimate) -> Iterator[str]:
    """Yield the lines of a drop-in for the estimate; its comments say how the estimate was computed."""
    seen, (near_m, far_m) = result.camera, result.reach_m
    percent = 100 * result.length_error
    yield f"# An estimate for {camera_id}, not measured; lengths may be wrong by {percent:.0f} %."
    counts = ", ".join(f"{count} {RULERS[kind]}" for kind, count in sorted(result.counts.items()))
    yield f"# From the sizes of what passed: {counts}."
    yield f"# The camera would hang {seen.height_m:.1f} m above the road, {seen.tilt_deg:.0f} degrees down."
    yield "# Check both, put this into a file of conf.d, and look at it:"
    yield f"#   sudo edge-agent ground show {shlex.quote(camera_id)} --out grid.jpg"
    deep_m = max(2.0, far_m - near_m)
    wide_m = max(1.0, 0.3 * near_m)
    corners = [
        (-wide_m / 2, near_m),
        (wide_m / 2, near_m),
        (wide_m / 2, near_m + deep_m),
        (-wide_m / 2, near_m + deep_m),
    ]
    points = [seen.point(*corner) for corner in corners]
    fault = fault_of_marks(points, rectangle(points, wide_m, deep_m))
    if fault is not None:
        raise UsageError(f"{camera_id}: the estimate is not plausible: {fault}")
    yield "cameras:"
    yield f"  - id: {camera_id}"
    yield "    ground:"
    yield f"      points: [{', '.join(f'[{x:.4f}, {y:.4f}]' for x, y in points)}]"
    yield f"      rectangle_m: [{wide_m:.2f}, {deep_m:.2f}]"
    yield f"      length_error: {result.length_error:.2f}"


def _picture(args: argparse.Namespace, settings: Settings, camera: Camera, unread: str | None) -> Colour:
    """Return the picture of ``--picture``, or one read from the camera; BGR, privacy masks black."""
    from edge_agent.capture.logins import LimitedLogins
    from edge_agent.capture.stream_probe import probe_stream
    from edge_agent.core.model import FULL_PICTURE
    from edge_agent.evidence.jpeg import crop
    from edge_agent.host.system.process import as_agent, login_folder, make_state_dir
    from edge_agent.tools.ground.grid import LARGEST, read_picture

    if args.picture is not None:
        return read_picture(args.picture)
    if camera.credentials is not None and not camera.credentials.password.reveal():
        raise UsageError(both(WORDS, "no-password", camera=camera.id, why=unread))
    clock = SystemClock()
    make_state_dir(settings.state_dir)
    with as_agent(settings.state_dir):
        logins = LimitedLogins(login_folder(settings.state_dir), clock, settings.gateway.timezone)
        probe = probe_stream(camera, clock, logins.open)
    return crop(probe.picture, FULL_PICTURE, camera.privacy_masks, LARGEST)
