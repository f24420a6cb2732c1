"""``python -m bench.motion [--quick] [--json FILE]``: the motion table."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from pathlib import Path

import cv2

from bench.motion import marked, real
from bench.motion.peers import PEERS
from bench.motion.scenes import HELD_OUT_SEEDS, TUNING_SEEDS
from bench.motion.score import Score, run
from edge_agent.cameras.build import use_portable_opencv

REFERENCE = "MOG2 half size + shadow"


def table(title: str, scores: dict[str, Score]) -> str:
    """Markdown: a row a detector; false-positive frames in % with the longest run of them in brackets."""
    first = next(iter(scores.values()))
    head = [
        "detector",
        "us/frame",
        "x MOG2",
        *first.false_frames,
        *(f"found {name}" for name in first.found),
        "beside",
    ]
    lines = [f"\n## {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, score in scores.items():
        ratio = score.us_per_frame / scores[REFERENCE].us_per_frame
        false = [
            f"{share:.1f} ({score.longest_false_run[scene]})" if share else "0"
            for scene, share in score.false_frames.items()
        ]
        found = [f"{count:.1f}" for count in score.found.values()]
        beside = f"{score.regions_beside_object:.2f}"
        cells = [name, f"{score.us_per_frame:.0f}", f"{ratio:.2f}", *false, *found, beside]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def real_table(results: list[dict[str, object]]) -> str:
    lines = ["\n## Real clips", ""]
    lines += ["| clip | detector | us/frame | frames with regions | regions/frame | mask IoU with MOG2 |"]
    lines += ["|---|---|---|---|---|---|"]
    for r in results:
        share, mean, mask = r["frames_with_regions"], r["regions"], r["mask_shared"]
        cost = r["us_per_frame"]
        lines.append(
            f"| {r['clip']} | {r['detector']} | {cost:.0f} | {share:.2f} | {mean:.1f} | {mask:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.motion", description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="one seed of each set, 20 s scenes, no clips")
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench-motion.json"), help="where the figures go"
    )
    options = parser.parse_args()
    cv2.setNumThreads(1)
    use_portable_opencv()  # as the agent's pipelines do
    sets = {"Tuning seeds": TUNING_SEEDS, "Held-out seeds": HELD_OUT_SEEDS}
    figures: dict[str, object] = {
        "machine": platform.platform(),
        "opencv": cv2.__version__,
        "quick": options.quick,
    }
    for title, seeds in sets.items():
        scores = run(PEERS, seeds[:1] if options.quick else seeds, 20.0 if options.quick else 60.0)
        print(table(f"{title} {seeds[:1] if options.quick else seeds}", scores), flush=True)
        figures[title] = {name: asdict(score) for name, score in scores.items()}
    if not options.quick and real.clips():
        results = real.run(PEERS, REFERENCE)
        print(real_table(results))
        figures["real"] = results
        figures["marked"] = marked.run(PEERS)
        print(f"\n## Hand-marked walkers of vtest.avi\n\n{json.dumps(figures['marked'], indent=1)}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(f"\nFigures are in {options.json}")


if __name__ == "__main__":
    main()
