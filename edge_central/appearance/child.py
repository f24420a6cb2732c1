"""The process that decodes pictures of gateways and computes their embeddings.

Run as ``python -I -m edge_central.appearance.child MODEL PIXELS ORDER`` with a socket as standard input and
output. The process loads the model, gives up all rights that it does not need, and only then reads the first
picture. So an attacker whose picture takes the process over can open no file and no connection, and can use
only limited time and memory.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

import msgspec

from edge_agent.core.errors import DetectorError
from edge_agent.detection.embedding import EmbeddingModel
from edge_agent.detection.small_jpeg import blank_jpeg, decode_small_jpeg, decode_without_threads
from edge_central.appearance.frames import MAX_REQUEST_BYTES, OK, REFUSED, REQUEST_HEAD, ChildHello, answer
from edge_central.appearance.system_calls import allow_only_computing

MORE_MEMORY_BYTES = 256 * 1024 * 1024
"""The memory that the process may use beyond what it has when the model is loaded."""
CPU_S = 60
"""Processor time for all pictures of one process. The centre starts a new process after ``MAX_PICTURES``."""
NICE = 10
OOM_SCORE = 1000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def main(model_path: str, pixels: str, order: str) -> int:
    lower_priority()
    decode_without_threads()  # threads cannot be made later
    try:
        model = EmbeddingModel(Path(model_path), pixels, bgr=order == "bgr")
    except DetectorError as error:
        _write(answer(REFUSED, str(error).encode()))
        return 1
    _embed(model, blank_jpeg())  # so that late imports happen now, not later
    limit_process()
    filtered = allow_only_computing()
    hello = ChildHello(
        name=model.info.name,
        sha256=model.info.sha256 or "",
        input_size=model.input_size,
        dimensions=model.dimensions,
        filtered=filtered,
    )
    _write(answer(OK, msgspec.json.encode(hello)))
    while (jpeg := _read_request()) is not None:
        _write(_embed(model, jpeg))
    return 0


def limit_process(
    more_memory_bytes: int = MORE_MEMORY_BYTES, cpu_s: int = CPU_S, file_bytes: int = 0
) -> None:
    """Bound the memory and processor time of this process, and prevent new files, connections and processes.
    Files that are open already may grow to ``file_bytes``. Raises OSError or ValueError if the system does
    not permit a limit: the caller must then read no picture."""
    size = resource.getpagesize() * int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    used_s = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 1
    libc = ctypes.CDLL(None, use_errno=True)
    os.closerange(3, 1024)
    for limit, most in (
        (resource.RLIMIT_AS, size + more_memory_bytes),
        (resource.RLIMIT_CPU, used_s + cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    # A process that hangs does not see the end of its socket: the kernel kills it when its parent thread
    # ends.
    options = ((_PR_SET_PDEATHSIG, signal.SIGKILL), (_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0))
    for option, value in options:
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def lower_priority() -> None:
    """Lower the priority as far as the unit allows it."""
    try:
        os.nice(NICE)
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    except OSError:
        pass  # the unit of a site may forbid it


def _embed(model: EmbeddingModel, jpeg: bytes) -> bytes:
    picture = decode_small_jpeg(jpeg)
    if picture is None:
        return answer(REFUSED, b"not a small JPEG, or damaged")
    try:
        return answer(OK, model.embed(picture).astype("<f2").tobytes())
    except DetectorError as error:
        return answer(REFUSED, str(error).encode())


def _read_request() -> bytes | None:
    """Read a request; None: the centre has closed the socket."""
    head = _read(REQUEST_HEAD.size)
    if head is None:
        return None
    (size,) = REQUEST_HEAD.unpack(head)
    return _read(size) if size <= MAX_REQUEST_BYTES else None


def _read(size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        part = os.read(0, size - len(received))
        if not part:
            return None
        received += part
    return bytes(received)


def _write(message: bytes) -> None:
    while message:
        message = message[os.write(1, message) :]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
