"""The output for a person: one line for each event, one status line below, a summary at the end."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Any, TextIO

STATUS_EVERY_S = 5.0  # when the output is a file


class View:
    """Prints events and status; the subscriber's thread and the main thread call it."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._lock = threading.Lock()  # one line at a time
        self._status_mono = 0.0
        self._status = ""
        self.by_kind: Counter[str] = Counter()
        self.by_label: Counter[str] = Counter()
        self.duplicates = 0
        self._seen: set[tuple[str, str]] = set()
        self.sequences: dict[str, set[int]] = {}

    def say(self, text: str) -> None:
        with self._lock:
            self._line(text)

    def event(self, event: dict[str, Any]) -> None:
        """Print one line for an event; a repeated (source, id) is counted, not printed."""
        key = (event["source"], event["id"])
        if key in self._seen:
            self.duplicates += 1
            return
        self._seen.add(key)
        self.sequences.setdefault(event["epoch"], set()).add(int(event["sequence"]))
        kind = event["type"].removeprefix("vn.thaibinh.edge.").removesuffix(".v1")
        data = event["data"]
        self.by_kind[kind] += 1
        if kind == "object" and data["phase"] == "start":
            self.by_label[data["label"]] += 1
        clock = datetime.fromisoformat(event["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
        self.say(f"{clock}  #{int(event['sequence']):<5} {event['subject']}  {kind:<12} {_told(kind, data)}")

    def status(self, text: str) -> None:
        """Print the status: in place on a terminal, now and then in a file."""
        with self._lock:
            now = time.monotonic()
            if self._terminal:
                self._status = text[: shutil.get_terminal_size().columns - 1]
                self._out.write(f"\r\033[K{self._status}")
                self._out.flush()
            elif now - self._status_mono >= STATUS_EVERY_S:
                self._status_mono = now
                self._line(text)

    def gaps(self) -> int:
        """Number of sequence numbers missing between the first and the last of an epoch."""
        return sum(max(seen) - min(seen) + 1 - len(seen) for seen in self.sequences.values())

    def _line(self, text: str) -> None:
        if self._terminal:
            self._out.write(f"\r\033[K{text}\n{self._status}")
        else:
            self._out.write(text + "\n")
        self._out.flush()


def _told(kind: str, data: dict[str, Any]) -> str:
    if kind == "object":
        box = " ".join(f"{value:.2f}" for value in data["box"])
        words = [f"{data['phase']:<6}", f"{data['label']:<10}", f"{data['score']:.2f}", f"({box})"]
        if data.get("end_reason"):
            words.append(data["end_reason"])
        if data.get("snapshot"):
            words.append(f"snapshot {data['snapshot']['bytes'] / 1000:.0f} kB")
        return "  ".join(words)
    if kind == "counts":
        return "  ".join(f"{label} {count}" for label, count in data["new"].items())
    if kind == "camera-state":
        cause = f" ({data['cause']})" if data.get("cause") else ""
        return f"{data['state']}{cause}  {data['detail']}"
    return "  ".join(f"{key}={value}" for key, value in data.items())
