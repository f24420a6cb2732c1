"""The documents of ``/api/incidents``, as ``openapi.json`` describes them."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from edge_agent.wire.base import END
from edge_central.console.incident_log import MAX_NOTE_CHARACTERS
from edge_central.web.api.event_history import ApiDocument, Time

SUBJECT_PATTERN = rf"^(event [a-z0-9-]{{1,63}} [\x21-\x7e]{{1,200}}|alert [0-9]{{1,18}}){END}"
ROW_PATTERN = SUBJECT_PATTERN.replace("^(", "^(row [0-9]{1,18} [0-9]{1,18}|")
Subject = Annotated[
    str,
    Meta(
        pattern=SUBJECT_PATTERN,
        description="of an event: `event <gateway> <data.event_id>`, of an alert: `alert <number>`",
    ),
]
SubjectOrRow = Annotated[
    str, Meta(pattern=ROW_PATTERN, description="a subject, or `row` of the list: all open alarms in it")
]
Owner = Annotated[
    str, Meta(max_length=63, description="name of a user who may act in the ward, or of the account itself")
]
NoteText = Annotated[str, Meta(max_length=MAX_NOTE_CHARACTERS)]
OutcomeWord = Literal["real", "false", "handled"]
OUTCOME_WORDS: tuple[str, ...] = get_args(OutcomeWord)


class AcknowledgeIncident(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step", tag="acknowledged"
):
    """Silence an incident for everyone, and put `owner` in charge of it; without `owner`, the account of the
    token unless somebody is in charge. Nothing changes if the incident was acknowledged before."""

    subject: SubjectOrRow
    owner: Owner | None = None


class AssignIncident(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step", tag="owner"
):
    """Put a user in charge."""

    subject: SubjectOrRow
    owner: Owner


class CloseIncident(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step", tag="outcome"
):
    """Close an incident with its outcome, which also acknowledges it. An incident that is closed with another
    outcome has to be reopened first."""

    subject: SubjectOrRow
    outcome: OutcomeWord
    note: NoteText = ""


class ReopenIncident(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step", tag="reopened"
):
    """Withdraw the outcome."""

    subject: Subject


class NoteIncident(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step", tag="note"
):
    """Add a note, which nobody can delete."""

    subject: SubjectOrRow
    note: Annotated[NoteText, Meta(min_length=1)]


IncidentAction = AcknowledgeIncident | AssignIncident | CloseIncident | ReopenIncident | NoteIncident


class IncidentHandling(ApiDocument, frozen=True, kw_only=True):
    """The present state of one incident."""

    subject: Subject
    ward: str
    acknowledged_at: Time | None
    acknowledged_by: str | None
    owner: Annotated[str | None, Meta(description="the user in charge")]
    outcome: Annotated[OutcomeWord | None, Meta(description="null: the incident is open")]
    closed_at: Time | None


class RecordedStep(ApiDocument, frozen=True, kw_only=True):
    """The response to a recorded step: how many incidents it covered, and the state of the incident after
    it."""

    count: Annotated[
        int,
        Meta(description="how many incidents; of a row several. `acknowledged` counts only what it changed"),
    ]
    incident: Annotated[IncidentHandling, Meta(description="the state after the step; of a row of one alarm")]


class IncidentEntry(IncidentHandling, frozen=True, kw_only=True):
    """All open alarms of one camera and rule, or an open alert of a gateway or ward. The fields are those of
    the newest alarm."""

    row: Annotated[
        str, Meta(description="as `subject` of a step: all these alarms, those that come later not included")
    ]
    count: Annotated[int, Meta(description="alarms in it")]
    waiting: Annotated[int, Meta(description="those of them that nobody has acknowledged")]
    gateway: Annotated[str | None, Meta(description="null: the ward itself")]
    camera: Annotated[str | None, Meta(description="null: the gateway itself")]
    name: Annotated[str, Meta(description="of the site, as in the inventory; empty: the ward itself")]
    camera_name: str
    kind: Annotated[str, Meta(description="kind of the event, or rule of the alert")]
    severity: Literal["info", "warning", "alarm"]
    text: Annotated[str, Meta(description="the reason, one line for people")]
    time: Annotated[Time, Meta(description="by the clock of the gateway")]
    received: Annotated[Time, Meta(description="by the clock of the centre")]
    first: Annotated[Time, Meta(description="when the oldest alarm was received")]
    ringing: Annotated[bool, Meta(description="it sounds at the console until it is acknowledged")]
    silenced: Annotated[bool, Meta(description="a user has silenced this camera and rule for a time")]
    page: Annotated[str | None, Meta(description="path of the event's page at the console; null: an alert")]


class IncidentList(ApiDocument, frozen=True, kw_only=True):
    """Open incidents in the order of the console: those that ring first, the longest waiting first."""

    incidents: list[IncidentEntry]
    open: Annotated[int, Meta(description="all open ones, also those on other pages")]
    alarms: Annotated[int, Meta(description="alarms in them, one by one")]
    ringing: int
    next: Annotated[str | None, Meta(description="ask with it as `after` for the next page; null: the last")]


class IncidentStepData(ApiDocument, frozen=True, kw_only=True):
    step: Annotated[
        str, Meta(description="acknowledged, owner, outcome, reopened or note; others may be added")
    ]
    by: Annotated[str, Meta(description="name of the user or program")]
    value: Annotated[str, Meta(description="the new owner, the outcome, or the text of the note; else empty")]


class IncidentStepEvent(ApiDocument, frozen=True, kw_only=True):
    """CloudEvents 1.0: one step of the handling of an incident."""

    specversion: Literal["1.0"]
    id: str
    source: Annotated[str, Meta(description="`/tb/` and the id of the centre")]
    type: Literal["vn.thaibinh.edge.incident-step.v1"]
    time: Time
    subject: Subject
    datacontenttype: Literal["application/json"]
    ward: str
    data: IncidentStepData


class IncidentStepPage(ApiDocument, frozen=True, kw_only=True):
    """Steps in the order in which they were recorded."""

    events: list[IncidentStepEvent]
    next: Annotated[
        str, Meta(description="ask with it as `after` the next time, also when there was nothing")
    ]
    more: Annotated[bool, Meta(description="true: ask again at once")]
