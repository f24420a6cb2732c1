"""python -m training prepare | teach | train | export | evaluate DATA ...: see training/README.md."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_agent.cli.learn import within
from edge_agent.core.errors import EdgeAgentError
from training.dataset import (
    CLASSES,
    DataError,
    Image,
    Item,
    damaged,
    read_manifest,
    read_pictures,
    read_sources,
    split,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 the data or files are not usable (the reason is printed), 2 wrong usage."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        args.run(args)
    except (DataError, EdgeAgentError, OSError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"training: {error.name} is missing: pip install -e '.[training]'", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", allow_abbrev=False)
    commands = parser.add_subparsers(required=True)
    prepare = commands.add_parser(
        "prepare", help="check the pictures against their manifest and show what is there", allow_abbrev=False
    )
    teach = commands.add_parser(
        "teach", help="let a teacher label what the sets leave unlabelled; 10 minutes", allow_abbrev=False
    )
    train = commands.add_parser(
        "train",
        help="train on the places that are not held out; goes on where it was killed",
        allow_abbrev=False,
    )
    export = commands.add_parser(
        "export", help="make the int8 TFLite file, calibrated on training pictures", allow_abbrev=False
    )
    evaluate = commands.add_parser(
        "evaluate", help="measure a TFLite file on the held-out places", allow_abbrev=False
    )
    card = commands.add_parser(
        "card", help="measure like evaluate, and write the model card and the notice", allow_abbrev=False
    )
    draw = commands.add_parser(
        "draw", help="draw persons, two-wheelers and things of a street, to paste", allow_abbrev=False
    )
    draw.set_defaults(run=_draw)
    draw.add_argument("folder", type=Path, help="where the drawings go; those that exist are kept")
    for option, count in (("--persons", 3000), ("--two-wheelers", 1500), ("--things", 800)):
        draw.add_argument(option, type=int, default=count, help="default: %(default)s")
    draw.add_argument(
        "--processes", type=within(int, 1, 256), default=1, help="one for each core (default: %(default)s)"
    )
    runs = {
        prepare: _prepare,
        teach: _teach,
        train: _train,
        export: _export,
        evaluate: _evaluate,
        card: _card,
    }
    for command, run in runs.items():
        command.set_defaults(run=run)
        command.add_argument("data", type=Path, help="folder with manifest.csv and the sets")
        command.add_argument(
            "--hold-out", nargs="*", default=[], help="places; default: those that the manifest calls dev"
        )
    for command in (teach, train, export, evaluate, card):
        command.add_argument("--taught", type=Path, help="folder of the teacher's labels")
    teach.add_argument("--teacher", type=Path, required=True, help="PicoDet-S 320 as .tflite")
    for command in (train, export):
        command.add_argument(
            "--weights", type=Path, default=Path("weights.pt"), help="checkpoint (default: %(default)s)"
        )
    train.add_argument(
        "--steps",
        type=within(int, 1, 10**8),
        default=6000,
        help="default: %(default)s, about 0.5 s each on one core",
    )
    train.add_argument(
        "--minutes",
        type=within(float, 0, 1e5),
        default=0.0,
        help="end after so many minutes of training, whatever the steps",
    )
    train.add_argument(
        "--width",
        type=within(int, 1, 256),
        default=16,
        help="of the network (default: %(default)s: 0.58 million parameters)",
    )
    train.add_argument(
        "--from", dest="start", type=Path, metavar="FILE", help="checkpoint to begin with; default: none"
    )
    train.add_argument("--drawn", type=Path, metavar="FOLDER", help="drawings to paste into the windows")
    train.add_argument(
        "--all", action="store_true", help="hold out nothing: the result cannot be measured on these data"
    )
    train.add_argument(
        "--processes",
        type=within(int, 1, 256),
        default=1,
        help="one for each core, 700 MB each (default: %(default)s)",
    )
    for command in (export, evaluate, card):
        command.add_argument("--model", type=Path, default=Path("model.tflite"), help="default: %(default)s")
    export.add_argument(
        "--size", type=_size, default=(544, 320), help="of the input, multiples of 32 (default: 544x320)"
    )
    for command in (evaluate, card):
        command.add_argument(
            "--threshold", type=float, default=0.4, help="least score (default: %(default)s)"
        )
    evaluate.add_argument(
        "--overlap", type=float, default=0.5, help="IoU from which a box is right (default: %(default)s)"
    )
    card.add_argument("--card", type=Path, default=Path("model-card.md"), help="default: %(default)s")
    card.add_argument("--notice", type=Path, default=Path("NOTICE"), help="default: %(default)s")
    return parser


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not {width, height} <= {str(side) for side in range(32, 2049, 32)}:
        raise argparse.ArgumentTypeError("two multiples of 32 up to 2048, like 544x320")
    return int(width), int(height)


def _items(args: argparse.Namespace) -> tuple[list[Item], list[Item]]:
    items = read_manifest(args.data, read_sources(), getattr(args, "taught", None))
    return split(items, args.hold_out)


def _prepare(args: argparse.Namespace) -> None:
    train, held = _items(args)
    bad = list(damaged([*train, *held]))
    if bad:
        raise DataError(f"{len(bad)} pictures are missing or damaged, {bad[0]} first")
    for name, items in (("train", train), ("held out", held)):
        boxes = [item.boxes(1, 1)[:, 4] for item in items]
        kinds = np.concatenate(boxes) if boxes else np.zeros(0)
        counts = ", ".join(f"{int((kinds == n).sum())} {kind}" for n, kind in enumerate(CLASSES))
        print(f"{name}: {len(items)} pictures of {len({item.place for item in items})} places; {counts}")


def _draw(args: argparse.Namespace) -> None:
    from training.draw.drawings import draw

    wanted = {"person": args.persons, "two-wheeler": args.two_wheelers, "thing": args.things}
    draw(args.folder, wanted, args.processes)
    for kind, count in wanted.items():
        print(f"{count} drawings of a {kind} in {args.folder}")


def _teach(args: argparse.Namespace) -> None:
    from training.teacher import Teacher, teach

    if args.taught is None:
        raise DataError("say --taught FOLDER: where the labels go")
    sources = read_sources()
    items = [item for item in read_pictures(args.data, sources) if sources[item.set].taught]
    items.sort(key=lambda item: -len(sources[item.set].unlabelled))  # sets with most unlabelled classes first
    begun = time.monotonic()
    for number, _ in enumerate(teach(Teacher(args.teacher).label, items, sources, args.taught), 1):
        if number % 50 == 0:
            print(
                f"{number} of at most {len(items)}, {(time.monotonic() - begun) / number:.2f} s each",
                flush=True,
            )


def _train(args: argparse.Namespace) -> None:
    from training.train import RATE_AFTER, SMALL_SHARE, Material, Plan, train

    chosen, held = _items(args)
    rate, small = (RATE_AFTER, 0.0) if args.start else (Plan.rate, SMALL_SHARE)
    plan = Plan(args.steps, args.width, args.minutes, rate=rate, small=small, processes=args.processes)
    material = Material([*chosen, *held] if args.all else chosen, read_sources(), args.drawn, args.start)
    train(plan, material, args.weights)


def _export(args: argparse.Namespace) -> None:
    from training.export import export, load_average
    from training.predict import fit

    train = [item for item in _items(args)[0] if len(item.boxes(1, 1))]  # scores must reach their full range
    rng = np.random.default_rng(0)
    chosen = [train[int(n)] for n in rng.choice(len(train), min(200, len(train)), replace=False)]
    pictures: list[Image] = [fit(item.image(), *args.size).image for item in chosen]
    network, step = load_average(args.weights)
    export(network, args.size, pictures, args.model)
    print(f"{args.model}: {args.model.stat().st_size / 1e6:.2f} MB, step {step}")


def _evaluate(args: argparse.Namespace) -> None:
    from training.card import PRECISION
    from training.evaluate import evaluate
    from training.predict import Model

    _, held = _items(args)
    model = Model(args.model)
    result = evaluate(model.detect, held, read_sources(), args.threshold, args.overlap)
    print(f"{model.milliseconds():.1f} ms of CPU an inference at {model.width}x{model.height}")
    print(
        f"threshold {args.threshold}: recall, precision, average precision at IoU {args.overlap}, "
        f"greatest recall at precision {PRECISION} (objects)"
    )
    for (group, kind), counted in sorted(result.counted.items()):
        figures = (
            counted.recall(args.threshold),
            counted.precision(args.threshold),
            counted.average_precision(),
            counted.recall_at(PRECISION),
        )
        print(f"{group:28} {kind:12} {' '.join(f'{figure:.2f}' for figure in figures)} ({counted.objects})")
    for (kind, name), count in sorted(result.taken_for.items()):
        print(f"{kind} taken for {name}: {count}")


def _card(args: argparse.Namespace) -> None:
    from training.card import Subject, model_card, notice
    from training.evaluate import evaluate
    from training.predict import Model

    sources = read_sources()
    train, held = _items(args)
    model = Model(args.model)
    subject = Subject(args.model, model.width, model.height, args.threshold)
    results = [evaluate(model.detect, held, sources, args.threshold, overlap) for overlap in (0.5, 0.3)]
    args.card.write_text(model_card(subject, train, held, sources, *results), encoding="utf-8")
    args.notice.write_text(notice(sources), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
