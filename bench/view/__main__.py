"""``python -m bench.view [--quick] [--only CLASS,…]``: measures how well tampering is detected."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path

from bench.view import cases
from bench.view.clips import data_folder
from bench.view.cost import HEAD, costs
from bench.view.report import failures, figures, tables
from bench.view.run import grouped, run
from bench.view.score import normal_scores, tamper_scores

RESULTS = Path(__file__).parents[1] / "results"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.view", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="3 cases of each class, 1 of them at 5 fps")
    parser.add_argument("--cases", default="6,12", help="of each class, in full and in idle gear")
    parser.add_argument("--only", help="classes, comma-separated, or parts of their names; writes no results")
    parser.add_argument("--held-out", action="store_true", help="the places that nothing was tuned on")
    parser.add_argument("--cost", action="store_true", help="CPU of the view stage alone, and nothing else")
    parser.add_argument("--plot", type=Path, help="folder for a picture of each case, with --only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--failures", action="store_true", help="each case that went wrong, with all reported states"
    )
    return parser.parse_args()


def _chosen(only: str | None) -> list[cases.Kind]:
    if only is None:
        return list(cases.KINDS)
    wanted = [word.strip() for word in only.split(",")]
    kinds = [kind for kind in cases.KINDS if any(word in kind.name for word in wanted)]
    if not kinds:
        sys.exit(f"no class has {only!r} in its name; there are: {', '.join(k.name for k in cases.KINDS)}")
    return kinds


def main() -> None:
    options = _options()
    if data_folder() is None:
        sys.exit("EDGE_AGENT_TEST_DATA names no folder with video/: nothing to make cases from")
    if options.cost:
        print("\n".join([HEAD, *(cost.line for cost in costs())]))
        return
    logging.disable(logging.WARNING)  # the tables show what the stage logs
    kinds = _chosen(options.only)
    full, idle = (int(number) for number in options.cases.split(","))
    counts, among = ({"full": 1, "idle": 2}, 3) if options.quick else ({"full": full, "idle": idle}, None)
    planned = {
        gear: list(cases.cases(kinds, options.held_out, count, among)) for gear, count in counts.items()
    }
    started = time.monotonic()
    if options.plot:
        options.plot.mkdir(parents=True, exist_ok=True)
    results = run(grouped(planned), options.jobs, options.plot)
    tampers, normals = tamper_scores(results), normal_scores(results)
    mode = ("held-out" if options.held_out else "tuning") + (", quick" if options.quick else "")
    mode += f", {counts['full']} + {counts['idle']} of each class"
    text = tables(tampers, normals)
    print(f"## Tamper detection, {mode} cases\n\n{text}\n\n{time.monotonic() - started:.0f} s")
    if options.failures:
        print("\n" + "\n".join(failures(tampers, normals)))
    if options.only is None:
        _write(
            "view-held-out" if options.held_out else "view",
            mode,
            text,
            figures(tampers, normals, mode, time.monotonic() - started),
        )


def _write(stem: str, mode: str, text: str, found: dict[str, object]) -> None:
    RESULTS.joinpath(f"{stem}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    RESULTS.joinpath(f"{stem}.md").write_text(
        f"# Tamper detection, {mode} cases\n\n{text}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
