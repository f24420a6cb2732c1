"""``edge-agent collect``: copy collected frames from a gateway to a medium, and open them at the centre."""

from __future__ import annotations

import argparse
import contextlib
import csv
import errno
import getpass
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import msgspec

from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.errors import EdgeAgentError, EvidenceError, UsageError
from edge_agent.core.printable import printable

REPORT_EVERY = 20
"""Frames after which an export tells the agent: a kill costs the report of so many, not of all."""
LARGEST_BYTES = 2 << 20  # of a sealed frame
MANIFEST = "manifest.csv"
COLUMNS = (
    *("file", "sha256", "width", "height", "place", "light"),  # as the manifest of training/ names them
    *("time", "clock", "brightness", "grey", "active", "gateway", "camera", "event_id"),
)


def add_command_to(commands: Commands, default_config: Path) -> None:
    collect = add_command(commands, "collect", "export frames collected for training, and open them")
    actions = collect.add_commands("action")
    export = add_command(
        actions,
        "export",
        "on a gateway: move its collected frames to a medium, still sealed",
        "sudo edge-agent collect export /media/usb --by 'Nguyễn Văn An'",
    )
    export.add_argument(
        "folder", type=Path, metavar="FOLDER", help="folder of the medium, such as a USB stick"
    )
    export.add_argument(
        "--by", metavar="NAME", help="name of the person; for the event; default: your login name"
    )
    export.add_config(default_config)

    opening = add_command(
        actions,
        "open",
        "at the centre: turn collected frames into pictures with a manifest",
        "edge-agent collect open /media/usb --private-key training.pem --out frames",
        exit_codes={1: "failed, or some frames could not be opened"},
    )
    opening.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="sealed files, or folders of them"
    )
    add_private_key(opening)
    opening.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"where to write the result; the pictures and {MANIFEST}",
    )


def add_private_key(opening: CommandParser) -> None:
    """The option that opens what a gateway sealed, of ``collect open`` and ``evidence open``."""
    key = opening.add_argument(
        "--private-key",
        dest="key",
        type=Path,
        required=True,
        metavar="PRIVATE.pem",
        help="X25519 key to which gateways seal",
    )
    opening.rename("--key", key)


def run_collect(args: argparse.Namespace, out: TextIO) -> int:
    return _export(args, out) if args.action == "export" else _open(args, out)


# --- on a gateway ---


def _export(args: argparse.Namespace, out: TextIO) -> int:
    """Read and removed with the agent's rights, written with those of the caller: who owns the state
    directory can put a link in the place of a file."""
    from edge_agent import config

    settings = config.load(args.config, no_secrets=True)
    state_dir, gateway = settings.state_dir, settings.gateway.id
    if not args.folder.is_dir():
        raise UsageError(f"there is no folder {args.folder}: is the medium mounted? Nothing was copied")
    target, by = args.folder / gateway, args.by or getpass.getuser()
    target.mkdir(exist_ok=True)
    moved: list[str] = []  # ids of their collections
    reported = 0
    try:
        for event_id in _move(state_dir, target):
            moved.append(event_id)
            if len(moved) - reported >= REPORT_EVERY:
                _write_export_note(state_dir, moved[reported:], by)
                reported = len(moved)
    finally:  # also when the medium is full: what is on it has left the gateway
        _write_export_note(state_dir, moved[reported:], by)
        out.write(f"{gateway}: {len(moved)} frames copied to {target} and removed from the gateway\n")
    return 0


def _move(state_dir: Path, target: Path) -> Iterator[str]:
    """The collection's id of each frame that is on the medium, and on the gateway no more."""
    from edge_agent.core.state_file import read_bounded
    from edge_agent.evidence.media_index import MediaName
    from edge_agent.host.system.privileges import as_agent

    with as_agent(state_dir):
        paths = sorted((state_dir / "collect/media").glob("*/*.sealed"))
    for path in paths:
        if (name := MediaName.parsed(path)) is None:
            continue
        try:
            with as_agent(state_dir):
                sealed = read_bounded(path)
        except FileNotFoundError:  # the agent has just sent it
            continue
        _write(target / f"{name.camera}_{name.day}_{path.name}", sealed)
        with as_agent(state_dir):
            path.unlink(missing_ok=True)
        yield name.event_id


def _write(path: Path, content: bytes) -> None:
    """Returns when it is on the medium; leaves no part of it there."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise


def _write_export_note(state_dir: Path, moved: list[str], by: str) -> None:
    """For the agent, which reports it in its signed chain of events. ``moved``: each frame's collection."""
    from edge_agent.collection.record import EXPORTED, ExportNote
    from edge_agent.core.state_file import write_record
    from edge_agent.host.system.privileges import as_agent

    if not moved:
        return
    path = state_dir / "collect" / f"{EXPORTED}-{secrets.token_hex(8)}.json"
    with as_agent(state_dir):
        write_record(path, ExportNote(moved[-1], len(moved), by))


# --- at the centre ---


def _open(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.evidence.seal import SealError, WrongKey, unseal

    key = _key_of(args.key)
    rows = _rows_of(args.out / MANIFEST)
    opened = others = failed = 0
    for path in _sealed(args.paths):
        try:
            row = _opened(unseal(_content(path), key), args.out, rows)
        except (WrongKey, _TooLarge):
            others += 1
        except (SealError, OSError) as error:
            failed += 1
            out.write(f"{printable(str(path))}: {printable(_reason(error))}\n")
        except EdgeAgentError:  # evidence that is sealed to the same key
            others += 1
        else:
            opened += 1
            rows[row["file"]] = row
    if rows:
        _write_rows(args.out / MANIFEST, rows)
    out.write(f"{args.out}: {opened} frames opened, {others} other files left alone, {failed} failed\n")
    return 1 if failed else 0


def _sealed(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*.sealed"))
        else:
            yield path


class _TooLarge(EdgeAgentError):
    """Than any frame: a clip of evidence, say."""


def _content(path: Path) -> bytes:
    """Raises _TooLarge, OSError: for a pipe, too, which would block."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a plain file")
    if found.st_size > LARGEST_BYTES:
        raise _TooLarge(str(path))
    return path.read_bytes()


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _key_of(path: Path) -> bytes:
    """Said once what is wrong with it, not for each file."""
    from edge_agent.evidence.seal import NotSealed, SealError, unseal

    try:
        key = path.read_bytes()
        with contextlib.suppress(NotSealed):
            unseal(b"", key)
    except (OSError, SealError) as error:
        raise EvidenceError(f"{path}: {_reason(error)}; nothing was opened") from error
    return key


def _opened(jpeg: bytes, folder: Path, rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The picture as a file, and its row. What it says of itself was checked: it becomes a path.

    Anybody can seal to a public key, so a picture never replaces another one of ``rows``.
    """
    from edge_agent.collection.frame_file import note_of

    note, digest = note_of(jpeg), hashlib.sha256(jpeg).hexdigest()
    place, moment = f"{note.gateway}-{note.camera}", note.time.translate(str.maketrans("", "", "-:."))
    file = f"{place}/{moment}.jpg"
    if file in rows and rows[file]["sha256"] != digest:
        file = f"{place}/{moment}-{digest[:16]}.jpg"
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(jpeg)
    return {**msgspec.to_builtins(note), "file": file, "sha256": digest, "place": place}


def _rows_of(manifest: Path) -> dict[str, dict[str, Any]]:
    """Of an earlier run, by file. Raises EvidenceError for a manifest that was made or changed otherwise."""
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except FileNotFoundError:
        return {}
    except (csv.Error, UnicodeDecodeError) as error:
        raise EvidenceError(f"{manifest} cannot be read: {error}; nothing was opened") from error
    known = set(reader.fieldnames or COLUMNS) == set(COLUMNS)
    if not known or any(None in row or None in row.values() for row in rows):
        raise EvidenceError(
            f"{manifest} has other columns than this command writes, or is cut off; nothing was opened: move "
            "it away or give another --out"
        )
    return {row["file"]: row for row in rows}


def _write_rows(manifest: Path, rows: dict[str, dict[str, Any]]) -> None:
    """In one step: a kill in between leaves the rows of before."""
    fresh = manifest.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
    fresh.replace(manifest)
