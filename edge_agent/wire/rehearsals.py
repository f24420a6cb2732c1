"""Rules as configured, and rehearsals of drafted ones: commands and results. See docs/design/rehearsal.md."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from edge_agent.wire.base import Arguments, Count, Day, Id, Sha256, Time
from edge_agent.wire.cameras import CameraMasks
from edge_agent.wire.searches import AskedBy, Case, Purpose, Wards

MAX_DAYS = 30
MAX_EXAMPLES = 24


class RehearseArguments(Arguments, frozen=True, kw_only=True):
    """Run a drafted rule over the stored passages of the last days; nothing is reported or changed."""

    camera: Id
    rule: Annotated[
        dict[str, Any],
        Meta(description="the whole rule, as in rules of the camera's configuration"),
    ]
    zones: Annotated[
        dict[str, Any], Meta(max_length=32, description="zones that the draft adds or changes, as configured")
    ] = field(default_factory=dict)
    lines: Annotated[
        dict[str, Any], Meta(max_length=32, description="lines that the draft adds or changes, as configured")
    ] = field(default_factory=dict)
    days: Annotated[int, Meta(ge=1, le=MAX_DAYS)] = 7
    examples: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_EXAMPLES,
            description="passages to name, for passage-pictures; needs purpose and case",
        ),
    ] = 0
    purpose: Annotated[
        Purpose | None, Meta(description="needed with examples, and always with a search key")
    ] = None
    case: Annotated[Case | None, Meta(description="needed with examples, and always with a search key")] = (
        None
    )
    wards: Wards = None
    asked_by: AskedBy = None


class SetRuleArguments(Arguments, frozen=True, kw_only=True):
    """Change one rule of a camera, or its masks, for good, or take them back to the configuration. Exactly
    one of ``rule``, ``reset``, ``masks`` and ``reset_masks``."""

    camera: Id
    rule: Annotated[
        dict[str, Any] | None,
        Meta(description="the whole rule, as in rules of the camera's configuration; replaces that id"),
    ] = None
    zones: Annotated[
        dict[str, Any], Meta(max_length=32, description="zones that the rule adds or changes, as configured")
    ] = field(default_factory=dict)
    lines: Annotated[
        dict[str, Any], Meta(max_length=32, description="lines that the rule adds or changes, as configured")
    ] = field(default_factory=dict)
    reset: Annotated[Id | None, Meta(description="id of a rule that was changed before")] = None
    masks: Annotated[CameraMasks | None, Meta(description="replace all masks of the camera")] = None
    reset_masks: Annotated[bool, Meta(description="take the masks of the camera back")] = False
    config_hash: Annotated[
        Sha256, Meta(description="of the configuration in force, as in the reply to rules; refused if other")
    ]
    confirm_s: Annotated[
        float,
        Meta(
            ge=5,
            le=900,
            description="within it, the gateway has to work as well as before for 10 s; else it reverts",
        ),
    ] = 60.0


class RehearsedReports(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule would have reported: starts of events, or single events."""

    reports: Count
    objects: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="passages with a report; null: the rule is about several at once"),
    ] = None
    by_hour: Annotated[list[Count], Meta(description="24 numbers, by the hour of the site")]
    by_weekday: Annotated[list[Count], Meta(description="7 numbers from Monday, in the site's time zone")]
    by_day: dict[Day, Count] = field(default_factory=dict)
    by_group: Annotated[dict[str, Count], Meta(description="of reports about one object")] = field(
        default_factory=dict
    )
    a_to_b: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="crossings of a line, all reported or not")
    ] = None
    b_to_a: Annotated[int, Meta(ge=0)] | None = None


RehearsalAccuracy = Literal["close", "approximate"]
RehearsedBy = Literal["draft", "in-force", "both"]


class RehearsalExample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One report of a rehearsal."""

    time: Time
    passage: Annotated[int, Meta(description="id of the passage, or of one of them")]
    group: str | None = None
    by: RehearsedBy = "draft"
    picture: Annotated[bool, Meta(description="whether passage-pictures can send its picture")] = False


class RehearsalResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``result`` of ``rehearse``."""

    camera: str
    rule: str
    kind: str
    from_at: Time
    to_at: Time
    first_at: Annotated[Time | None, Meta(description="start of the oldest passage; null: there is none")] = (
        None
    )
    passages: Annotated[int, Meta(ge=0, description="stored in these days")]
    used: Annotated[int, Meta(ge=0, description="of them with the right label, near the zone or line")]
    undated: Annotated[int, Meta(ge=0, description="left out: their clock was never synchronised")] = 0
    accuracy: Annotated[
        RehearsalAccuracy,
        Meta(description="close: as live, within a second; approximate: see docs/design/rehearsal.md"),
    ]
    draft: RehearsedReports
    in_force: Annotated[
        RehearsedReports | None, Meta(description="the rule of this id in force, rehearsed too; null: none")
    ] = None
    live: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="passages that a rule of this id really reported; null: not known"),
    ] = None
    both: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="passages that both report")] = None
    only_draft: Annotated[int, Meta(ge=0)] | None = None
    only_in_force: Annotated[int, Meta(ge=0)] | None = None
    examples: list[RehearsalExample] = field(default_factory=list)


class WrittenMasks(Struct, frozen=True, kw_only=True):
    """Masks as in a camera's section."""

    masks: list[Any] = field(default_factory=list)
    privacy_masks: list[Any] = field(default_factory=list)


class CameraRules(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules, zones, lines and masks of a camera, as the configuration has them."""

    rules: Annotated[
        list[dict[str, Any]], Meta(description="as in rules of the camera; keys that are left out are usual")
    ] = field(default_factory=list)
    zones: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, Any] = field(default_factory=dict)
    masks: Annotated[
        list[Any], Meta(description="areas that are not analysed, as in the camera's section")
    ] = field(default_factory=list)
    privacy_masks: Annotated[list[Any], Meta(description="areas that are blacked out, likewise")] = field(
        default_factory=list
    )
    changed: Annotated[list[Id], Meta(description="ids of the rules that set-rule has changed")] = field(
        default_factory=list
    )
    added: Annotated[
        list[Id], Meta(description="those of them that the configuration does not have: a reset removes them")
    ] = field(default_factory=list)
    configured_masks: Annotated[
        WrittenMasks | None,
        Meta(description="masks of the configuration, where set-rule has changed them; null: unchanged"),
    ] = None


class ConfiguredRules(Struct, frozen=True, kw_only=True):
    """``result`` of ``rules``."""

    config_hash: Annotated[Sha256, Meta(description="of the configuration, as in birth and heartbeats")]
    cameras: dict[str, CameraRules]
