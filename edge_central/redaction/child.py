"""The process that makes an altered copy of one file.

Run as ``python -I -m edge_central.redaction.child ORDER`` with the original as standard input, an empty file
as standard output, and a file for the report as standard error. The process loads the cascades and the
detector, drops the rights that it no longer needs, and only then reads the original. So an attacker who takes
over the process with a prepared file can open no other file and no connection, and can use only limited time
and memory.
"""

from __future__ import annotations

import io
import os
import sys

import msgspec

from edge_agent.core.errors import DetectorError
from edge_agent.core.model import LABELS, TWO_WHEELER, VEHICLE
from edge_agent.detection.choose import SHIPPED
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.small_jpeg import blank_jpeg, decode_without_threads
from edge_central.appearance.child import limit_process, lower_priority
from edge_central.appearance.system_calls import allow_only_computing
from edge_central.redaction.areas import AreaFinder
from edge_central.redaction.clip import blank_clip, redact_clip
from edge_central.redaction.order import MAX_PICTURE_BYTES, RedactionOrder
from edge_central.redaction.picture import redact_picture

MORE_MEMORY_BYTES = 2_000_000_000
"""Memory limit, in addition to what the process uses once the detector is loaded. 1.5 GB were too little for
a face that fills a picture of 50 million pixels."""
CPU_S = 7_200
MAX_COPY_BYTES = 300_000_000
MIN_SCORE = 0.3
"""Minimum score, as for a single detection on a gateway (``edge_agent.detection.choose``): with lower scores
half a street would be covered."""
FILE_CALLS = ("lseek", "fstat")
"""System calls for files that the process needs besides those of a computation: a container is not read from
front to back."""


def main(order_text: str) -> int:
    lower_priority()
    decode_without_threads()  # threads cannot be started later
    order = msgspec.json.decode(order_text, type=RedactionOrder)
    finder = AreaFinder(_detector(), of_clip=order.kind == "clip")
    _load_late_imports(order, finder)
    with os.fdopen(0, "rb") as source, os.fdopen(1, "r+b") as target:
        limit_process(MORE_MEMORY_BYTES, CPU_S, MAX_COPY_BYTES)
        filtered = allow_only_computing(FILE_CALLS)
        if order.kind == "clip":
            report = redact_clip(source, target, order, finder)
        else:
            copy, report = redact_picture(source.read(MAX_PICTURE_BYTES), order, finder)
            target.write(copy or b"")
        target.flush()
        report = msgspec.structs.replace(report, filtered=filtered)
        os.write(2, b"\n" + msgspec.json.encode(report))
        os._exit(0)  # skip the interpreter's shutdown, which may need a forbidden system call


def _load_late_imports(order: RedactionOrder, finder: AreaFinder) -> None:
    """Import now the modules that libraries import at their first use: later this process can open no
    file."""
    redact_picture(blank_jpeg(), RedactionOrder(kind="picture"), finder)
    if order.kind == "clip":
        redact_clip(blank_clip(), io.BytesIO(), RedactionOrder(kind="clip"), finder)


def _detector() -> LiteRtDetector | None:
    """Load the detector. None: the model has no runtime here, so only the cascades search the picture."""
    try:
        return LiteRtDetector(SHIPPED, (*LABELS, TWO_WHEELER, VEHICLE), MIN_SCORE)
    except DetectorError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
