"""``edge-agent learn``: train the detector with a collection; ``models verify``: check a model release.

The code that trains is not in the wheel. It is in ``training/`` of a checkout, and needs PyTorch.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO, TypeVar

import edge_agent
from edge_agent.core.command_line.exit_codes import EX_NO_RELEASE, EX_UNAVAILABLE
from edge_agent.core.command_line.parser import CommandParser, Commands, add_command
from edge_agent.core.errors import EdgeAgentError, UsageError
from edge_agent.core.printable import printable, printable_json
from edge_agent.model_release.manifest import SIGNED, BadManifest, check_files, open_manifest

CARD = "model-card.md"
STEPS = ("check", "label", "review", "train", "evaluate", "release")
TRAINS = {"train"}
"""Steps that need PyTorch; with --checkpoint every step does, to read it."""
MAX_PIXELS = 50_000_000
"""Pixels of the largest picture that is decoded. Anyone can seal a picture to the centre's public key, and 1
MB of JPEG may unpack to gigabytes."""

Number = TypeVar("Number", int, float)


def add_command_to(commands: Commands) -> None:
    learn = add_command(
        commands,
        "learn",
        "train the detector with collected frames, measure it, and make a signed release",
        "edge-agent learn frames --teacher yolox_nano_float16_quantize.tflite --key operator.pem",
        exit_codes={
            EX_NO_RELEASE: "no release was made: at some place the new model is worse than the model in "
            "force, or too few objects were measured",
            EX_UNAVAILABLE: "the code that trains, or PyTorch, is not installed here",
        },
    )
    learn.add_path("folder", "FOLDER", "pictures of `edge-agent collect open`")
    learn.add_repeated(
        "--teacher",
        "FILE",
        "a model of `edge-agent models fetch` that labels the frames; may be given twice; default: none",
        type=Path,
    )
    learn.add_path(
        "--in-force", "FILE", "the model that runs on the gateways now; default: the model of this package"
    )
    learn.add_path("--work", "DIR", "folder of labels, answers and weights; default: FOLDER/learn")
    learn.add_argument(
        "--step", choices=STEPS, help="run this step only; default: all steps that are still to do"
    )
    learn.add_flag(
        "--no-review",
        "skip the page of questions; frames on which the models disagree are then not used for the training, "
        "unless an answer is saved",
    )
    learn.add_value(
        "--hold-out",
        "CAMERA",
        "measure on the frames of these cameras and do not train on them; named as in the manifest; default: "
        "one camera in five",
        nargs="+",
        default=[],
    )
    _add_training(learn)
    _add_release(learn)


def _add_training(learn: CommandParser) -> None:
    learn.add_path(
        "--data",
        "DIR",
        "folder with open data sets to train on too, see training/README.md; default: none",
    )
    learn.add_path(
        "--taught", "DIR", "folder of a teacher's labels of the data sets in --data; default: none"
    )
    checkpoint = learn.add_path(
        "--checkpoint",
        "FILE.pt",
        "weights to begin from; default: random weights, which takes hours",
        dest="start",
    )
    learn.rename("--from", checkpoint)
    learn.add_argument("--minutes", type=within(float, 0.1, 1e5), default=20.0, help="minutes of training")
    learn.add_value(
        "--steps",
        "N",
        "train for this number of optimiser steps instead; default: --minutes decides",
        type=within(int, 1, 10**8),
        default=0,
    )
    learn.add_argument(
        "--width",
        type=within(int, 1, 256),
        default=16,
        help="channels of the first layer, for a network from random weights",
    )
    learn.add_argument(
        "--processes",
        type=within(int, 1, 256),
        default=1,
        help="processes that train: one for each core",
    )
    learn.add_argument(
        "--size", default="544x320", help="width and height of the model's input, multiples of 32"
    )


def _add_release(learn: CommandParser) -> None:
    learn.add_path(
        "--key",
        "PRIVATE.pem",
        "private key of an operator, to sign with; `edge-agent command keygen` makes one; "
        "default: none, needed for a release",
    )
    learn.add_argument("--name", help="name of the release; default: street- and the date")
    learn.add_path("--out", "DIR", "where to write the result; the release; default: releases in --work")
    learn.add_argument(
        "--margin",
        type=within(float, 0, 1),
        default=0.03,
        help="how much lower, at any place, the F1 of the new model may be than that of the model in force",
    )
    learn.add_argument(
        "--threshold",
        type=within(float, 0.01, 1),
        default=0.3,
        help="lowest score of a detection that counts",
    )


def within(kind: type[Number], least: Number, most: Number) -> Callable[[str], Number]:
    """Return a converter for argparse that accepts a number from ``least`` to ``most``."""

    def number(text: str) -> Number:
        value = kind(text)
        if not least <= value <= most:  # false for nan, too
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    number.__name__ = kind.__name__  # the name that argparse prints for a text that is no number
    return number


def run_learn(args: argparse.Namespace) -> int:
    """Train, or do the chosen step. Return 0 when done, 1 for unusable data or files, 2 for wrong usage,
    4 for a model that is worse at some place or measured on too few objects, 69 without the training code."""
    root = Path(edge_agent.__file__).parents[1]
    if not (root / "training" / "learn.py").is_file():
        print(
            "edge-agent learn: the code that trains is not in the package: get a checkout of the repository, "
            "pip install -e '.[training]' there, and call its edge-agent",
            file=sys.stderr,
        )
        return EX_UNAVAILABLE
    if not args.folder.is_dir():
        raise UsageError(f"there is no folder {args.folder}")
    needs_torch = args.step is None or args.step in TRAINS or args.start is not None
    if needs_torch and find_spec("torch") is None:
        print("edge-agent learn: PyTorch is missing: pip install -e '.[training]'", file=sys.stderr)
        return EX_UNAVAILABLE
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))  # read when OpenCV is loaded
    if str(root) not in sys.path:
        sys.path.append(str(root))
    from training.learn import run

    return run(args)


def add_verify(actions: Commands) -> None:
    verify = add_command(
        actions,
        "verify",
        "check the signature and the files of a model release",
        "edge-agent models verify street-20261128 --operator-key operator.pub.pem",
        exit_codes={1: "failed, or the release is not genuine"},
    )
    verify.add_path("release", "FOLDER", "release of `edge-agent learn`")
    key = verify.add_path(
        "--operator-key",
        "PUBLIC.pem|DIR",
        "public key of an operator, or a folder of public keys",
        dest="key",
        required=True,
    )
    verify.rename("--key", key)
    verify.add_json()


def run_verify(args: argparse.Namespace, out: TextIO) -> int:
    """Verify a release: return 0 if it is as it was signed, else raise EdgeAgentError with the difference."""
    from edge_agent.commands.signature import SHORT_ID, OperatorKeyring
    from edge_agent.core.state_file import read_bounded

    folder: Path = args.release
    operators = OperatorKeyring([args.key])
    if not operators.keys():
        raise EdgeAgentError(f"{args.key} holds no public key of an operator; nothing was verified")
    try:
        manifest, document, by = open_manifest(read_bounded(folder / SIGNED), operators)
    except BadManifest as error:
        raise EdgeAgentError(f"{folder / SIGNED}: {error}") from error
    check_files(folder, manifest, document)
    if args.json:
        facts = {"name": manifest.name, "made": manifest.made, "signed_by": by, "files": manifest.files}
        out.write(printable_json(facts, indent=2) + "\n")
        return 0
    signer = f"signed by {by[:SHORT_ID]} on {printable(manifest.made)}"
    out.write(f"{printable(manifest.name)}: genuine, {signer}\n")
    for name, digest in sorted(manifest.files.items()):
        out.write(f"{digest}  {printable(name)}\n")
    return 0
