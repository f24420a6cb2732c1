"""``edge-agent central appearance``: measures a model that compares pictures of passages."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TextIO

from edge_agent.core.clock import SystemClock, rfc3339
from edge_agent.core.errors import CentralError, UsageError
from edge_central.appearance.card import AppearanceCard, GroupFigures, card_text
from edge_central.appearance.embedding_process import EmbeddingProcess
from edge_central.appearance.measure import measure

MAX_REMARKS = 2_000


def run_appearance(args: argparse.Namespace, stdout: TextIO, stderr: TextIO) -> int:
    """Measure, write the card, print its figures. Return 1 for a model that is no better than chance. Raises
    CentralError, UsageError."""
    if len(args.remarks) > MAX_REMARKS:
        raise UsageError(f"measure: --remarks has more than {MAX_REMARKS} characters")
    order = "bgr" if args.bgr else "rgb"
    with EmbeddingProcess(args.model, args.pixels, order) as process:
        card = measure(
            process,
            args.folder,
            rfc3339(SystemClock().now()),
            args.remarks,
            args.pixels,
            order,
            lambda line: print(line, file=stderr),
        )
    try:
        args.card.write_bytes(card_text(card))
    except OSError as error:
        raise CentralError(f"{args.card}: cannot be written: {error.strerror}") from error
    print(card_text(card).decode() if args.json else "\n".join(_table(card)), file=stdout)
    return 0 if any(figures.is_better_than_chance for figures in card.groups.values()) else 1


def _table(card: AppearanceCard) -> Iterator[str]:
    width, height = card.input_size
    yield f"{card.model}: {width} x {height} pixels, {card.dimensions} numbers, sha256 {card.sha256[:16]}…"
    figures_head = f"{'rank-1 (95 %)':>20} {'chance':>6} {'rank-5':>6} {'mAP':>5} {'cost':>5}"
    yield f"{'group':12} {'objects':>7} {'pictures':>8} {figures_head}"
    for group, figures in card.groups.items():
        yield _line(group, figures)
        if not figures.is_better_than_chance:
            yield f"{group}: no better than chance: pictures of this group are not compared"


def _line(group: str, figures: GroupFigures) -> str:
    first = figures.rank1
    interval = f"{first.value:.2f} ({first.low:.2f} to {first.high:.2f})"
    return (
        f"{group:12} {figures.identities:7} {figures.pictures:8} {interval:>20} {figures.chance_rank1:6.2f} "
        f"{figures.rank5.value:6.2f} {figures.mean_average_precision.value:5.2f} {figures.cost:5.2f}"
    )
