"""``detector``: the model that detects and labels objects."""

from __future__ import annotations

import os
from dataclasses import dataclass

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import Number, Text, WordChoice, text_of
from edge_agent.config.fields.schema_types import (
    Field,
    InvalidValue,
    ReadContext,
    ScalarType,
    Section,
    SectionValues,
    did_you_mean,
    quoted,
)
from edge_agent.config.model.settings import Detector
from edge_agent.config.texts.messages import message
from edge_agent.core.model import LABELS


@dataclass(frozen=True)
class ModelName(ScalarType):
    """The model of this package, none, or a model file."""

    names = ("auto", "none")

    def describe(self) -> str:
        return message("model")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe())
        if text in self.names:
            return text
        if text == "hog":
            reading.warn(scalar.place, "hog is no longer there; runs as auto, the model that ships")
            return "auto"
        if not text.endswith(".tflite") or "\0" in text:
            refused = message("must-be-not", kind=self.describe(), found=quoted(text))
            raise InvalidValue(message("with-hint", text=refused, hint=did_you_mean(text, self.names)))
        path = reading.files.base / text
        if reading.files.required and not os.path.isfile(path):
            reading.warn(scalar.place, message("no-such-model", path=path))
        return str(path)


LABEL_LIST = ListOf(WordChoice(LABELS), "class labels", least=1, unique=True)

BOARD_FIELDS = (
    Field("threads", Number(1, 16, whole=True), "threads of one inference", None, "from the profile"),
    Field(
        "budget_ms_per_s",
        Number(1, 16000, "milliseconds"),
        "inference time per second for all cameras together, as measured on the board",
        None,
        "from the profile",
    ),
    Field(
        "delegate",
        Text("a library name", 255),
        "library of an external delegate, such as libedgetpu.so.1, or none; if it is missing, inference "
        "runs on the CPU and health reports it",
        None,
        "from the profile",
    ),
)
"""Keys that depend on the board: profiles give values, and the configuration may override them."""


def _build(values: SectionValues) -> Detector:
    delegate = values["delegate"]
    return Detector(**values.found | {"delegate": None if delegate == "none" else delegate})


DETECTOR = Section(
    "detector",
    "The model that detects and labels objects.",
    (
        Field(
            "model",
            ModelName(),
            "auto: the model of the agent's package, or a newer one from the centre",
            "auto",
        ),
        Field(
            "labels",
            LABEL_LIST,
            "labels that are reported; other labels of the model are ignored. A model with only two-wheeler "
            "and vehicle reports each of them for any label of that group, here and in rules",
            LABELS,
            "all of them",
        ),
        Field(
            "min_score",
            Number(0.01, 1),
            "least confidence, over all inferences of an object, before it is reported; a lower value finds "
            "more objects and makes more mistakes",
            0.5,
        ),
        *BOARD_FIELDS,
        Field(
            "budget_per_s",
            Number(0.1, 1000, "inferences a second"),
            "limit of inferences a second for all cameras together, in addition to budget_ms_per_s",
            None,
            "as many as budget_ms_per_s allows",
        ),
    ),
    _build,
)
