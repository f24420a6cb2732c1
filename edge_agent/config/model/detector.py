"""``detector``: the model that detects and labels objects."""

import os
from dataclasses import dataclass
from typing import Annotated

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Number, Text, WordChoice, text_of
from edge_agent.config.fields.schema_types import InvalidValue, ReadContext, ScalarType, did_you_mean, quoted
from edge_agent.config.texts.messages import message
from edge_agent.core.model import GROUP_OF_LABEL, LABELS


@dataclass(frozen=True)
class ModelName(ScalarType):
    """The type of ``detector.model``: the model of this package, none, or a model file."""

    names = ("auto", "none")

    def describe(self) -> str:
        return message("model")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe())
        if text in self.names:
            return text
        if text == "hog":
            reading.warn(scalar.place, message("hog-gone"))
            return "auto"
        if not text.endswith(".tflite") or "\0" in text:
            refused = message("must-be-not", kind=self.describe(), found=quoted(text))
            raise InvalidValue(message("with-hint", text=refused, hint=did_you_mean(text, self.names)))
        path = reading.files.base / text
        if reading.files.required and not os.path.isfile(path):
            reading.warn(scalar.place, message("no-such-model", path=path))
        return str(path)


@dataclass(frozen=True)
class LabelChoice(WordChoice):
    """A label; for a group, which events name too, the error lists its labels."""

    words: tuple[str, ...] = LABELS

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        labels = [label for label in self.words if GROUP_OF_LABEL[label] == scalar.text]
        if labels and scalar.text not in self.words:
            raise InvalidValue(self._not(scalar, message("labels-of-group", labels=", ".join(labels))))
        return super().parse(scalar, reading)


LABEL_LIST = ListOf(LabelChoice(), "class labels", least=1, unique=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """The model that detects and labels objects."""

    model: Annotated[
        str,  # auto, none or the path of a .tflite file
        Key("auto: the model of the agent's package, or a newer one from the centre", ModelName()),
    ] = "auto"
    labels: Annotated[
        tuple[str, ...],
        Key(
            "labels that are reported; other labels of the model are ignored. A model with only two-wheeler "
            "and vehicle reports each of them for any label of that group, here and in rules",
            LABEL_LIST,
            "all of them",
        ),
    ] = LABELS
    min_score: Annotated[
        float,
        Key(
            "least confidence, over all inferences of an object, before it is reported; a lower value finds "
            "more objects and makes more mistakes",
            Number(0.01, 1),
        ),
    ] = 0.5
    threads: Annotated[
        int, Key("threads of one inference", Number(1, 16, whole=True), "from the profile", default=None)
    ]
    budget_ms_per_s: Annotated[
        float,
        Key(
            "inference time per second for all cameras together, as measured on the board",
            Number(1, 16000, "milliseconds"),
            "from the profile",
            default=None,
        ),
    ]
    delegate: Annotated[
        str | None,
        Key(
            "library of an external delegate, such as libedgetpu.so.1, or none; if it is missing, inference "
            "runs on the CPU and health reports it",
            Text("a library name", 255),
            "from the profile",
            make=lambda values: None if values["delegate"] == "none" else values["delegate"],
        ),
    ] = None
    budget_per_s: Annotated[
        float | None,
        Key(
            "limit of inferences a second for all cameras together, in addition to budget_ms_per_s",
            Number(0.1, 1000, "inferences a second"),
            "as many as budget_ms_per_s allows",
        ),
    ] = None


DETECTOR = section(Detector, "detector")
BOARD_KEYS = ("threads", "budget_ms_per_s", "delegate")
"""Keys that depend on the board: profiles give values, and the configuration may override them."""
