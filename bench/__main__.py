"""``python -m bench [--quick] [--only quiet,latency]``: one command, one table.

A whole run is written to bench/results/ (``full`` or ``quick``: .json, .md, .png), a part of one to
build/bench/.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench import plot
from bench.machine import this_machine
from bench.parts import PARTS, Part, chosen
from bench.plan import Plan
from bench.report import Report, to_json, to_markdown
from bench.result import Result, Skip
from bench.targets import TARGETS, judge

CACHE = Path(".cache/bench")
WHOLE, PARTIAL = Path("bench/results"), Path("build/bench")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="short windows, few rounds: under 5 minutes")
    parser.add_argument("--only", metavar="PART[,PART]", help=", ".join(part.name for part in PARTS))
    options = parser.parse_args()
    try:
        parts = chosen(options.only, options.quick)
    except ValueError as error:
        parser.error(str(error))
    # The agent's own log of the parts that run it in this process.
    for package in ("edge_agent", "edge_central"):
        logging.getLogger(package).setLevel(logging.ERROR)
    report = _run(parts, options.quick)
    print(f"\n{to_markdown(report)}")
    folder = WHOLE if options.only is None else PARTIAL
    print(f"Written: {', '.join(str(path) for path in _write(report, folder))}")
    return 1 if report.failed else 0


def _run(parts: list[Part], quick: bool) -> Report:
    machine, began, taken_at = this_machine(), time.monotonic(), datetime.now(UTC)
    results: list[Result] = []
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}
    data = os.environ.get("EDGE_AGENT_TEST_DATA")
    if data is None:
        print("EDGE_AGENT_TEST_DATA is not set: no street", flush=True)
    with tempfile.TemporaryDirectory(prefix="edge-agent-bench-") as folder:
        plan = Plan(quick, Path(folder), CACHE, Path(data) if data else None)
        for part in parts:
            print(f"{part.name}: {part.about} ... ", end="", flush=True)
            part_began = time.monotonic()
            try:
                results += part.measure(plan)
            except Skip as reason:
                skipped[part.name] = str(reason)
                print(f"skipped: {reason}")
                continue
            except Exception as error:  # noqa: BLE001  # what the other parts measured is not lost with it
                failed[part.name] = f"{type(error).__name__}: {error}"
                print(f"failed:\n{traceback.format_exc()}")
                continue
            print(f"{time.monotonic() - part_began:.0f} s", flush=True)
    return Report(
        taken_at=f"{taken_at:%Y-%m-%d %H:%M} UTC",
        quick=quick,
        took_s=round(time.monotonic() - began, 1),
        machine=machine,
        scenes={part.name: part.about for part in parts},
        results=results,
        verdicts=judge(results, TARGETS),
        skipped=skipped,
        failed=failed,
    )


def _write(report: Report, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    stem = "quick" if report.quick else "full"
    document, table, picture = (folder / f"{stem}{suffix}" for suffix in (".json", ".md", ".png"))
    document.write_text(to_json(report), encoding="utf-8")
    table.write_text(to_markdown(report), encoding="utf-8")
    try:
        plot.draw(report, picture)
    except ImportError:
        print("No picture: matplotlib is missing (pip install -e '.[bench]')")
        return [document, table]
    return [document, table, picture]


if __name__ == "__main__":
    raise SystemExit(main())
