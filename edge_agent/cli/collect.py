"""``edge-agent collect``: move collected frames from a gateway to a medium, and open them at the centre."""

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
"""Number of frames after which an export is reported to the agent. If the process is killed, the report of at
most so many frames is lost."""
MAX_FRAME_BYTES = 2 << 20  # of a sealed frame
MANIFEST = "manifest.csv"
COLUMNS = (
    *("file", "sha256", "width", "height", "place", "light"),  # named as in the manifest of training/
    *("time", "clock", "brightness", "grey", "active", "gateway", "camera", "event_id"),
)


def add_command_to(commands: Commands, default_config: Path) -> None:
    collect = add_command(commands, "collect", "export frames collected for training, and open them")
    actions = collect.add_commands("action")
    export = add_command(
        actions,
        "export",
        "on a gateway: move its collected frames to a medium; they stay sealed",
        "sudo edge-agent collect export /media/usb --by 'Nguyễn Văn An'",
    )
    export.add_path("folder", "FOLDER", "folder of the medium, such as a USB stick")
    export.add_by("for the event; default: your login name")
    export.add_config(default_config)

    opening = add_command(
        actions,
        "open",
        "at the centre: decrypt collected frames into pictures, with a manifest",
        "edge-agent collect open /media/usb --private-key training.pem --out frames",
        exit_codes={1: "failed, or some frames could not be opened"},
    )
    opening.add_path("paths", "PATH", "sealed files, or folders of them", nargs="+")
    add_private_key(opening)
    opening.add_path("--out", "DIR", f"where to write the result; the pictures and {MANIFEST}", required=True)


def add_private_key(opening: CommandParser) -> None:
    """Add the option for the key that opens sealed files, to ``collect open`` and ``evidence open``."""
    key = opening.add_path(
        "--private-key", "PRIVATE.pem", "X25519 key to which gateways seal", dest="key", required=True
    )
    opening.rename("--key", key)


def run_collect(args: argparse.Namespace, out: TextIO) -> int:
    return _export(args, out) if args.action == "export" else _open(args, out)


# --- on a gateway ---


def _export(args: argparse.Namespace, out: TextIO) -> int:
    """Copy the frames to the medium and remove them from the gateway.

    Frames are read and removed with the agent's rights, because the owner of the state directory could
    replace a file by a symbolic link. They are written to the medium with the caller's rights.
    """
    from edge_agent import config
    from edge_agent.core.state_file import sync_folder

    settings = config.load(args.config, no_secrets=True)
    state_dir, gateway = settings.state_dir, settings.gateway.id
    if not args.folder.is_dir():
        raise UsageError(f"there is no folder {args.folder}: is the medium mounted? Nothing was copied")
    target, by = args.folder / gateway, args.by or getpass.getuser()
    target.mkdir(exist_ok=True)
    sync_folder(args.folder)
    moved: list[str] = []  # the id of the collection of each copied frame
    reported = 0
    try:
        for event_id in _move(state_dir, target):
            moved.append(event_id)
            if len(moved) - reported >= REPORT_EVERY:
                _write_export_note(state_dir, moved[reported:], by)
                reported = len(moved)
    finally:  # also when the medium is full: the frames that are on it are no longer on the gateway
        _write_export_note(state_dir, moved[reported:], by)
        out.write(f"{gateway}: {len(moved)} frames copied to {target} and removed from the gateway\n")
    return 0


def _move(state_dir: Path, target: Path) -> Iterator[str]:
    """Move each frame to the medium. Yield the id of the frame's collection once the frame is removed from
    the gateway."""
    from edge_agent.core.state_file import read_bounded, sync_folder
    from edge_agent.evidence.media_index import MediaName
    from edge_agent.host.system.process import as_agent

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
        sync_folder(target)  # a new file is on the medium only when its folder is
        with as_agent(state_dir):
            path.unlink(missing_ok=True)
        yield name.event_id


def _write(path: Path, content: bytes) -> None:
    """Write ``content``; return once it is on the medium. After an error no part of the file remains."""
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
    """Write a note from which the agent reports the export in its signed chain of events. ``moved``: for each
    frame the id of its collection."""
    from edge_agent.collection.files import EXPORTED, ExportNote
    from edge_agent.core.state_file import write_record
    from edge_agent.host.system.process import as_agent

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
    """The file is larger than any frame; it may be a clip of evidence."""


def _content(path: Path) -> bytes:
    """Return a file's content. Raises _TooLarge, and OSError (also for a pipe: reading it would block)."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a plain file")
    if found.st_size > MAX_FRAME_BYTES:
        raise _TooLarge(str(path))
    return path.read_bytes()


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _key_of(path: Path) -> bytes:
    """Read and check the key first, so that an error in it is reported once and not for each file."""
    from edge_agent.evidence.seal import NotSealed, SealError, unseal

    try:
        key = path.read_bytes()
        with contextlib.suppress(NotSealed):
            unseal(b"", key)
    except (OSError, SealError) as error:
        raise EvidenceError(f"{path}: {_reason(error)}; nothing was opened") from error
    return key


def _opened(jpeg: bytes, folder: Path, rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Write the picture to ``folder`` and return its row for the manifest.

    The names in the picture's metadata are checked because they become a path. Anyone can seal a picture to a
    public key, so a picture never replaces a different one that ``rows`` lists.
    """
    from edge_agent.collection.files import note_of

    note, digest = note_of(jpeg), hashlib.sha256(jpeg).hexdigest()
    place, moment = f"{note.gateway}-{note.camera}", note.time.translate(str.maketrans("", "", "-:."))
    file = f"{place}/{moment}.jpg"
    if file in rows and rows[file]["sha256"] != digest:
        file = f"{place}/{moment}-{digest[:16]}.jpg"
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(jpeg)
    return {**msgspec.to_builtins(note), "file": file, "sha256": digest, "place": place}


def _rows_of(manifest: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of an earlier run, by file. Raises EvidenceError for a manifest that cannot be read or
    has other columns."""
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
    """Replace the manifest atomically: if the process is killed, the former rows remain."""
    fresh = manifest.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))
    fresh.replace(manifest)
