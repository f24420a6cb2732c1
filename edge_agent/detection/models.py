"""The model store: the catalogue of known models, and how to fetch them.

A file is accepted by its sha256 alone, whatever its source: a mirror on the local network is as good as the
public address. A model outside the catalogue is installed by copying it into the folder.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from edge_agent.core.errors import DetectorError
from edge_agent.core.printable import printable, printable_json
from edge_agent.core.secrets import masked
from edge_agent.core.state_file import replace_file

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model file. Its labels are in the file, or are COCO's 80 classes."""

    file: str
    sha256: str
    size_bytes: int
    sources: tuple[str, ...]  # public addresses, tried in turn
    licence: str

    @property
    def stem(self) -> str:
        return Path(self.file).stem


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        file="yolox_nano_float16_quantize.tflite",
        sha256="6518faf758f5827fb8412c38d2240b7722027c299596518e1f94e678af1e6e29",
        size_bytes=1949744,
        sources=(
            "https://raw.githubusercontent.com/Kazuhito00/YOLOX-ONNX-TFLite-Sample/main/model/"
            "yolox_nano_float16_quantize.tflite",
        ),
        licence="Apache-2.0",
    ),
    CatalogueEntry(
        # The same address and sha256 are pinned in MediaPipe's third_party/external_files.bzl.
        file="coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
        sha256="61d598093ed03ed41aa47c3a39a28ac01e960d6a810a5419b9a5016a1e9c469b",
        size_bytes=4185023,
        sources=(
            "https://storage.googleapis.com/mediapipe-assets/"
            "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite",
        ),
        licence="Apache-2.0",
    ),
)
"""Best first (docs/design/detection.md says why); ``fetch`` without a name gets the first available one."""


@dataclass(frozen=True, slots=True)
class FetchedModel:
    entry: CatalogueEntry
    path: Path
    source: str | None  # None: the file was already there
    passed_over: tuple[str, ...] = ()  # why better models could not be fetched, one text each


def entry_named(name: str) -> CatalogueEntry:
    """Return the entry with that name, with or without ``.tflite``, or raise DetectorError with all names."""
    for entry in CATALOGUE:
        if name in (entry.stem, entry.file):
            return entry
    known = ", ".join(entry.stem for entry in CATALOGUE)
    raise DetectorError(f"{name} is not in the catalogue; these are: {known}")


def fetch_best(
    dest: Path,
    *,
    entries: Sequence[CatalogueEntry] = CATALOGUE,
    source: str | None = None,
    timeout_s: float = 10.0,
) -> FetchedModel:
    """Make sure that ``dest`` contains the first of ``entries`` that is there already or that a source has.

    ``source`` replaces the public addresses: a folder, or an http(s) URL with the files below it. Blocks up
    to twice ``timeout_s`` a file. A file appears under its name only when it is complete and correct. Raises
    DetectorError that names every source that was tried, and why it failed.
    """
    passed_over: list[str] = []
    for entry in entries:
        try:
            return replace(_fetch(dest, entry, source, timeout_s), passed_over=tuple(passed_over))
        except _NotFetched as error:
            passed_over.append(str(error))
    raise DetectorError("; ".join(passed_over))


def _fetch(dest: Path, entry: CatalogueEntry, source: str | None, timeout_s: float) -> FetchedModel:
    target = dest / entry.file
    if is_intact(target, entry):
        return FetchedModel(entry, target, None)
    reasons = []
    for place in _places(entry, source):
        try:
            content = _read_folder(place, entry) if isinstance(place, Path) else _get(place, entry, timeout_s)
            _check(content, entry)
        except _Unusable as error:
            reasons.append(f"{place}: {error}")
            continue
        _write(target, content)
        return FetchedModel(entry, target, str(place))
    raise _NotFetched(f"{entry.file} could not be fetched; nothing was changed. " + "; ".join(reasons))


class _NotFetched(DetectorError):
    """No source had the file. Other files may still be available."""


class _Unusable(Exception):
    """A source cannot be used; the message says why."""


def is_intact(path: Path, entry: CatalogueEntry) -> bool:
    """Return whether ``path`` is exactly the catalogue's file."""
    try:
        if path.stat().st_size != entry.size_bytes:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    except OSError:
        return False


def _places(entry: CatalogueEntry, source: str | None) -> Sequence[Path | str]:
    if source is None:
        return entry.sources
    if "@" in source and "://" in source:
        # urllib would use the user part as the host, and the password would be in messages and process lists.
        raise DetectorError(f"{masked(source)}: a user name and password in the address are not supported")
    if source.startswith(("http://", "https://")):
        return (source if source.endswith(entry.file) else f"{source.rstrip('/')}/{entry.file}",)
    if "://" in source:
        raise DetectorError(f"{source}: models come from a folder or an http(s) address")
    return (Path(source) / entry.file,)


def _read_folder(path: Path, entry: CatalogueEntry) -> bytes:
    try:
        if path.stat().st_size != entry.size_bytes:
            raise _Unusable(f"{path.stat().st_size} bytes instead of {entry.size_bytes}")
        return path.read_bytes()
    except OSError as error:
        raise _Unusable(error.strerror or str(error)) from error


def _get(url: str, entry: CatalogueEntry, timeout_s: float) -> bytes:
    """Return the body of ``url``, read on a thread, as ``urlopen`` waits for ever for trickling headers."""
    answer: queue.SimpleQueue[bytes | _Unusable] = queue.SimpleQueue()

    def get() -> None:
        try:
            answer.put(_body(url, entry, timeout_s))
        except _Unusable as error:
            answer.put(error)

    threading.Thread(target=get, name="models-fetch", daemon=True).start()
    try:
        found = answer.get(timeout=2 * timeout_s)
    except queue.Empty:
        raise _Unusable(f"too slow: no answer was whole after {2 * timeout_s:g} s") from None
    if isinstance(found, _Unusable):
        raise found
    return found


def _body(url: str, entry: CatalogueEntry, timeout_s: float) -> bytes:
    """Return the body of ``url``; turns errors of urllib into ``_Unusable``."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:
            return b"".join(_chunks(response, entry.size_bytes, time.monotonic() + timeout_s))
    except urllib.error.HTTPError as error:
        with error:
            raise _Unusable(f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _Unusable(f"not reachable: {error.reason}") from error
    except TimeoutError as error:
        raise _Unusable(f"nothing came for {timeout_s:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Unusable(f"broke off: {error or type(error).__name__}") from error


def _chunks(response: http.client.HTTPResponse, size_bytes: int, until_mono: float) -> Iterator[bytes]:
    got = 0
    # read1 returns the bytes that have come; read would wait for a whole chunk from a slow server.
    while chunk := response.read1(_CHUNK_BYTES):
        got += len(chunk)
        if got > size_bytes:
            raise _Unusable(f"more than the {size_bytes} bytes it should have")
        if time.monotonic() > until_mono:
            raise _Unusable(f"too slow: {got} of {size_bytes} bytes when the time was up")
        yield chunk
    if got < size_bytes:
        raise _Unusable(f"broke off after {got} of {size_bytes} bytes")


def _check(content: bytes, entry: CatalogueEntry) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry.sha256:
        raise _Unusable(f"another file: sha256 {digest} instead of {entry.sha256}")


def _write(target: Path, content: bytes) -> None:
    """Write the file atomically, also if the power fails."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, content, 0o644)
        target.chmod(0o644)  # root may have another umask, and the agent's user has to read the file
    except OSError as error:
        raise DetectorError(f"{target}: cannot be written: {error.strerror}") from error


def run_models(args: argparse.Namespace, out: TextIO) -> int:
    """Run ``edge-agent models list|fetch``: ``args`` has action, name, dest, source. Raises DetectorError."""
    actions: dict[str, Callable[[argparse.Namespace, TextIO], int]] = {"list": _list, "fetch": _run_fetch}
    return actions[args.action](args, out)


def _run_fetch(args: argparse.Namespace, out: TextIO) -> int:
    entries = CATALOGUE if args.name is None else (entry_named(args.name),)
    fetched = fetch_best(args.dest, entries=entries, source=args.source)
    for reason in fetched.passed_over:
        print(f"{reason}. The next best:", file=out)
    how = f"fetched from {fetched.source}" if fetched.source else "already there"
    print(f"{fetched.path}: {how}, sha256 {fetched.entry.sha256}", file=out)
    return 0


def _list(args: argparse.Namespace, out: TextIO) -> int:
    from edge_agent.detection.choose import SHIPPED  # imports the runtime, which no other action needs

    shipped = _model_facts(SHIPPED.stem, SHIPPED.stat().st_size, "Apache-2.0", "ships with the agent")
    models = [shipped, *_catalogue_models(args.dest), *_other_models(args.dest)]
    if args.json:
        print(printable_json(models, indent=2), file=out)
        return 0
    for model in models:
        size = "no file" if model["size_bytes"] is None else f"{model['size_bytes'] / 1e6:.1f} MB"
        licence = f"  {model['licence']}" if model["licence"] else ""
        print(f"{printable(model['name'])}  {size}{licence}  {model['state']}", file=out)
    return 0


def _catalogue_models(dest: Path) -> Iterator[dict[str, Any]]:
    for entry in CATALOGUE:
        path = dest / entry.file
        state = (
            "installed" if is_intact(path, entry) else "another file" if path.exists() else "not installed"
        )
        yield _model_facts(entry.stem, entry.size_bytes, entry.licence, state)


def _other_models(dest: Path) -> Iterator[dict[str, Any]]:
    known = {entry.file for entry in CATALOGUE}
    for path in sorted(dest.glob("*.tflite")) if dest.is_dir() else []:
        if path.name not in known:
            size_bytes = path.stat().st_size if path.is_file() else None
            yield _model_facts(path.stem, size_bytes, None, "not in the catalogue")


def _model_facts(name: str, size_bytes: int | None, licence: str | None, state: str) -> dict[str, Any]:
    return {"name": name, "size_bytes": size_bytes, "licence": licence, "state": state}
