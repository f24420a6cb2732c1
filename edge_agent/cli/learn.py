"""``edge-agent learn``: train the detector with a collection; ``models verify``: check a model release.

The code that trains is not in the wheel: it is in ``training/`` of a checkout, and needs PyTorch.
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
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.printable import printable
from edge_agent.model_release.manifest import SIGNED, BadManifest, open_manifest
from edge_agent.model_release.release_files import check_files

CARD = "model-card.md"
STEPS = ("check", "label", "review", "train", "evaluate", "release")
EX_UNAVAILABLE = 69
"""Of sysexits.h: what trains is not installed here."""
TRAINS = {"train"}
"""Steps that need PyTorch."""
MOST_PIXELS = 50_000_000
"""Of a picture. Anybody can seal one to the centre's public key, and 1 MB of JPEG may unpack to gigabytes."""

Number = TypeVar("Number", int, float)


def add_arguments(learn: argparse.ArgumentParser) -> None:
    learn.add_argument("folder", type=Path, metavar="FOLDER", help="pictures of `edge-agent collect open`")
    learn.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a model of `edge-agent models fetch` that labels the frames; twice for two",
    )
    learn.add_argument(
        "--in-force",
        type=Path,
        metavar="FILE",
        help="the model that runs on the gateways now; default: the one that ships",
    )
    learn.add_argument(
        "--work", type=Path, metavar="DIR", help="labels, answers, weights; default: FOLDER/learn"
    )
    learn.add_argument("--step", choices=STEPS, help="only this one; without it all that is still to do")
    learn.add_argument(
        "--no-review",
        action="store_true",
        help="skip the page: nothing is learnt where the models disagree and no answer is saved",
    )
    learn.add_argument(
        "--hold-out",
        nargs="+",
        default=[],
        metavar="CAMERA",
        help="measure on these, by place in the manifest; default: one in five",
    )
    _add_training(learn)
    _add_release(learn)


def _add_training(learn: argparse.ArgumentParser) -> None:
    learn.add_argument("--data", type=Path, metavar="DIR", help="open data to mix in: training/README.md")
    learn.add_argument("--taught", type=Path, metavar="DIR", help="a teacher's labels of the open data")
    learn.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="CHECKPOINT",
        help="begin from these weights; default: from nothing, which takes hours",
    )
    learn.add_argument(
        "--minutes", type=_within(float, 0.1, 1e5), default=20.0, help="of training; default: %(default)g"
    )
    learn.add_argument("--steps", type=_within(int, 1, 10**8), default=0, help="train so many steps instead")
    learn.add_argument(
        "--width",
        type=_within(int, 1, 256),
        default=16,
        help="of a network from nothing; default: %(default)s",
    )
    learn.add_argument("--threads", type=_within(int, 1, 256), default=1, help="default: %(default)s")
    learn.add_argument(
        "--size", default="512x288", help="of the model's input, multiples of 32; default: %(default)s"
    )


def _add_release(learn: argparse.ArgumentParser) -> None:
    learn.add_argument(
        "--key",
        type=Path,
        metavar="PRIVATE.pem",
        help="of an operator: `edge-agent command keygen` makes one",
    )
    learn.add_argument("--name", help="of the release; default: street- and the date")
    learn.add_argument("--out", type=Path, metavar="DIR", help="of releases; default: releases in --work")
    learn.add_argument(
        "--margin",
        type=_within(float, 0, 1),
        default=0.03,
        help="F1 by which it may be worse than the model in force at a place; default: %(default)s",
    )
    learn.add_argument(
        "--threshold", type=_within(float, 0.01, 1), default=0.3, help="least score; default: %(default)s"
    )


def _within(kind: type[Number], least: Number, most: Number) -> Callable[[str], Number]:
    """For argparse: such a number in these limits."""

    def number(text: str) -> Number:
        value = kind(text)
        if not least <= value <= most:  # neither is nan
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    number.__name__ = kind.__name__  # what argparse calls it where the text is none
    return number


def run_learn(args: argparse.Namespace) -> int:
    """0 done, 1 the data or a file cannot be used, 2 wrong usage, 4 refused: worse somewhere, 69 not here."""
    root = Path(edge_agent.__file__).parents[1]
    if not (root / "training" / "learn.py").is_file():
        print(
            "edge-agent learn: the code that trains is not in the package: get a checkout of the repository, "
            "pip install -e '.[training]' there, and call its edge-agent",
            file=sys.stderr,
        )
        return EX_UNAVAILABLE
    if find_spec("torch") is None and (args.step is None or args.step in TRAINS):
        print("edge-agent learn: PyTorch is missing: pip install -e '.[training]'", file=sys.stderr)
        return EX_UNAVAILABLE
    os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))  # read when OpenCV is loaded
    if str(root) not in sys.path:
        sys.path.append(str(root))
    from training.learn import run

    return run(args)


def add_verify(verify: argparse.ArgumentParser) -> None:
    verify.add_argument("release", type=Path, metavar="FOLDER", help="of a release of `edge-agent learn`")
    verify.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="PUBLIC.pem",
        help="public key of an operator, or a folder of them",
    )


def run_verify(args: argparse.Namespace, out: TextIO) -> int:
    """0: it is as it was signed. Raises EdgeAgentError with what is not."""
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
    signer = f"signed by {by[:SHORT_ID]} on {printable(manifest.made)}"
    out.write(f"{printable(manifest.name)}: genuine, {signer}\n")
    for name, digest in sorted(manifest.files.items()):
        out.write(f"{digest}  {printable(name)}\n")
    return 0
