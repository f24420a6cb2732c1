"""Appends events until it is killed, and prints each one whose append has returned; for test_survival.py."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path

from edge_agent.core.clock import SystemClock
from tests.outbox.parts import draft, outbox_in, picture


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    outbox = outbox_in(folder, SystemClock())
    outbox.open()

    def append_for_ever(thread: int) -> None:
        number = 0
        while True:
            number += 1
            text = f"{name}-{thread}-{number}"
            media = picture(text, 5000) if number % 5 == 0 else None
            stamp = outbox.append(draft(text, media=media, size=300))
            # One write call per line: lines of threads do not mix, and a killed process leaves whole lines.
            os.write(1, f"{stamp.epoch} {stamp.sequence} {text}\n".encode())

    threads = [threading.Thread(target=append_for_ever, args=(n,), daemon=True) for n in range(2)]
    for thread in threads:
        thread.start()
    while True:
        for event in outbox.pending(5):
            digest = hashlib.sha256(event.payload).hexdigest()
            os.write(1, f"delivered {event.epoch} {event.sequence} {digest}\n".encode())
            outbox.delivered(*event.key)


if __name__ == "__main__":
    main()
