"""Makes a command from a form, and the document that the operator signs. Pure."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire import ARGUMENTS, Command
from edge_central.commands.model import (
    LIFE_MS,
    MAX_REASON,
    OVERRIDES,
    SIGNED_TYPES,
    UNCLAIM,
    UNSIGNED_TYPES,
    GatewayCommand,
    InvalidCommand,
)

ID_BYTES = 8
CLIP_S = 10
"""Length of the clip that the button of a camera requests."""
ISSUED_EARLIER_MS = 1_000
"""The document begins this much before the present: a gateway's clock may be a little behind."""


@dataclass(frozen=True, slots=True)
class PreparedCommand:
    """A document to be signed. ``text``: JSON, signed byte for byte in UTF-8."""

    command: GatewayCommand
    id: str
    text: str
    expires_ms: int


def command_id(type_: str) -> str:
    """Return a new id. It starts with the type; ids of searches start differently (``searches/model.py``)."""
    return f"{type_}-{secrets.token_hex(ID_BYTES)}"


def unsigned_command(form: Mapping[str, str], cameras: Collection[str]) -> GatewayCommand:
    """Return the command of a form that is sent without a signature. Raises InvalidCommand."""
    type_ = form.get("type", "")
    if type_ not in UNSIGNED_TYPES:
        raise InvalidCommand("command-error-type")
    args: dict[str, Any] = {} if type_ == "status" else {"camera": _camera(form.get("camera", ""), cameras)}
    if type_ == "clip":
        args["last_s"] = CLIP_S
    command = GatewayCommand(type_, args)
    check_arguments(command)
    return command


def signed_command(form: Mapping[str, str], cameras: Collection[str]) -> GatewayCommand:
    """Return the command of a form that must be signed. Raises InvalidCommand."""
    type_ = form.get("type", "")
    if type_ not in SIGNED_TYPES:
        raise InvalidCommand("command-error-type")
    if not reason_of(form):
        raise InvalidCommand("command-error-reason")
    command = GatewayCommand(type_, _arguments(type_, form, cameras))
    check_arguments(command)
    return command


def reason_of(form: Mapping[str, str]) -> str:
    return form.get("reason", "").strip()[:MAX_REASON]


def check_arguments(command: GatewayCommand) -> None:
    """Check the arguments by the schema of the wire. Raises InvalidCommand."""
    try:
        msgspec.convert(dict(command.args), ARGUMENTS[command.type])
    except (msgspec.ValidationError, RecursionError):
        raise InvalidCommand("command-error-arguments") from None


def prepare(command: GatewayCommand, gateway: str, now_ms: int) -> PreparedCommand:
    id_, expires_ms = command_id(command.type), now_ms + LIFE_MS
    document = Command(
        id=id_,
        type=command.type,
        gateway=gateway,
        issued=rfc3339_of_ms(now_ms - ISSUED_EARLIER_MS),
        expires=rfc3339_of_ms(expires_ms),
        args=dict(command.args),
    )
    return PreparedCommand(command, id_, msgspec.json.encode(document).decode(), expires_ms)


def _arguments(type_: str, form: Mapping[str, str], cameras: Collection[str]) -> dict[str, Any]:
    if type_ == UNCLAIM:  # a type of the claims page, which this form never sends
        raise InvalidCommand("command-error-arguments")
    if type_ in OVERRIDES:
        camera, _, rule = form.get("rule", "").partition("/")
        return {"camera": _camera(camera, cameras), "rule": rule, "for_s": _seconds(form, "for_s")}
    if type_ == "storm-mode":
        args: dict[str, Any] = {"every_s": _seconds(form, "every_s"), "for_s": _seconds(form, "for_s")}
        camera = form.get("camera", "")
        return args | ({"cameras": [_camera(camera, cameras)]} if camera else {})
    if type_ == "evidence-hold":
        args = {"event_id": form.get("event_id", "").strip(), "why": reason_of(form)}
        return args | ({"release": True} if form.get("release") else {})
    args = {"camera": _camera(form.get("camera", ""), cameras)}
    if type_ == "camera-reboot":
        return args | _port(form.get("port", "").strip())
    return args | ({"still": True} if type_ == "snapshot" else {})


def _port(text: str) -> dict[str, int]:
    """Return the port of a camera's ONVIF service; empty: the usual port. Raises InvalidCommand."""
    if text in ("", "80"):
        return {}
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise InvalidCommand("command-error-arguments")
    return {"port": int(text)}


def _camera(camera: str, cameras: Collection[str]) -> str:
    """Return ``camera`` if it is one of ``cameras``. Raises InvalidCommand."""
    if camera not in cameras:
        raise InvalidCommand("command-error-camera")
    return camera


def _seconds(form: Mapping[str, str], name: str) -> int:
    """Return a field of the form as whole seconds. Raises InvalidCommand."""
    try:
        value = float(form.get(name, ""))
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e9:
        raise InvalidCommand("command-error-time")
    return round(value)
