"""``make measure-board [MINUTES=10]``, or ``python -m bench.board``: run it on the board itself, which does
nothing else meanwhile.

It writes the figures to ``firmware_profiles/measured/``, and the values that they decide into the board's
profile, with date and board. Figures that are emulated or were measured beside other work become no values.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.board.heat import heat_test
from bench.board.measure import SIZES, decode_costs, disk_cost, drawn_clip, inference_costs, jpeg_costs
from bench.board.profile_file import assumptions, measured_values, with_values
from bench.board.record import BoardMachine, BoardRecord, is_quiet, this_board, write_record
from edge_agent.config.board import read_board
from edge_agent.config.model.boards import Profile
from edge_agent.config.profiles import profile_dir, profile_of

MEASURED = "measured"
"""Folder of the records, beside the profiles."""


def main() -> int:
    args = _parser().parse_args()
    profile, board = profile_of(args.profile, read_board()), this_board()
    if not is_quiet(board):
        print(f"load average {board.load_before}: other work runs here, so the figures become no values")
    with tempfile.TemporaryDirectory(prefix="edge-agent-board-") as folder:
        record = _measure(profile, board, args, Path(folder))
    _print(record)
    print(f"written {write_record(args.out or profile_dir().resolve() / MEASURED, record)}")
    if record.representative and args.out is None:
        _write_profile(profile, record)
    return 0


def _measure(profile: Profile, board: BoardMachine, args: argparse.Namespace, folder: Path) -> BoardRecord:
    size, bit_rate = SIZES[0]
    return BoardRecord(
        profile=profile.name,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        measured=True,
        emulated=args.emulated,
        representative=is_quiet(board) and not args.emulated,
        board=board,
        decode=list(decode_costs(folder, args.seconds, args.largest)),
        inference=list(inference_costs(board.cores, args.seconds)),
        jpeg=list(jpeg_costs(args.seconds)),
        disk=disk_cost(args.disk),
        heat=heat_test(profile, drawn_clip(folder, "h264", size, bit_rate), args.minutes)
        if args.minutes
        else None,
    )


def _print(record: BoardRecord) -> None:
    board = record.board
    print(f"{board.name}, {board.cores} cores, {board.memory_mb} MB, {board.kernel}")
    for decode in record.decode:
        fps = 1000 / decode.cpu_ms
        print(f"decode {decode.codec} {decode.width}x{decode.height}: {decode.cpu_ms} ms, {fps:.0f} a second")
    for inference in record.inference:
        print(f"inference, threads {inference.threads}: {inference.wall_ms} ms, CPU {inference.cpu_ms} ms")
    for jpeg in record.jpeg:
        print(f"JPEG {jpeg.width}x{jpeg.height}: {jpeg.cpu_ms} ms")
    disk, heat = record.disk, record.heat
    print(f"disk ({disk.kind or 'unknown'}): 4 kB with fsync {disk.sync_ms} ms, {disk.write_mb_s} MB/s")
    if heat is not None:
        print(f"heat, {heat.minutes:g} min: {heat.idle_c} to {heat.highest_c} C, throttled: {heat.throttled}")


def _write_profile(profile: Profile, record: BoardRecord) -> None:
    """Write the decided values. If they make the file invalid, raise ConfigError and leave it as before."""
    assert profile.platform is not None
    path = profile_dir().resolve() / f"{profile.name}.yaml"
    before = path.read_text(encoding="utf-8")
    capacity = profile.platform.capacity
    values = measured_values(record, (capacity.width, capacity.height))
    path.write_text(
        with_values(before, values, f"{record.date} on {record.board.name} ({MEASURED}/{profile.name}.json)"),
        encoding="utf-8",
    )
    try:
        profile_of(profile.name, read_board())
    except BaseException:
        path.write_text(before, encoding="utf-8")
        raise
    left = assumptions(path.read_text(encoding="utf-8"))
    print(f"written {path}: {', '.join(f'{key} = {value}' for key, value in values.items())}")
    print(f"still assumptions there: {len(left)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.board", description=__doc__, allow_abbrev=False)
    parser.add_argument("--profile", default="auto", help="name of the profile; default: this board's")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="load of all cores for the temperature; 0: none"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each other measurement")
    parser.add_argument(
        "--largest",
        type=int,
        default=1080,
        help="height of the largest pictures; less in an emulation, where encoding takes minutes",
    )
    parser.add_argument("--disk", type=Path, default=Path(), help="folder on the disk that is measured")
    parser.add_argument("--emulated", action="store_true", help="this system is emulated, as by qemu-user")
    parser.add_argument("--out", type=Path, help="folder of the record; then no profile is changed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
