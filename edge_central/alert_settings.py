"""The section ``alerts:`` of the centre's configuration: changes of shipped rules, and new rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Flag, Number, Text, WordChoice, identifier
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import INVALID, ReadContext, SectionValues, did_you_mean, quoted
from edge_agent.config.merge import id_of, merged_by_id
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import ConfigError
from edge_agent.core.model import Severity
from edge_central.measures import (
    CAMERA_MEASURES,
    CENTRE_MEASURES,
    CLAIM_MEASURES,
    NUMBERS,
    OVERRIDE_MEASURES,
    Measure,
    Measurement,
)
from edge_central.sentences import problem_text

DEFAULTS = Path(__file__).parent / "alerts/defaults.yaml"
MAX_RULES = 200
_BOUND = Number(-1e12, 1e12)
_SECONDS = Number(0, 30 * 86_400, "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """The id of a shipped rule changes single keys of it; another id makes a new rule."""

    id: Annotated[str, Key("the rule's id; part of the topic of its alerts", identifier())]
    measure: Annotated[Measure, Key("one of the measures below", WordChoice(tuple(Measure), Measure))]
    above: Annotated[
        float | None, Key("for a measure with a number: alert above this value", _BOUND, "none")
    ] = None
    below: Annotated[float | None, Key("... or below this value", _BOUND, "none")] = None
    clear: Annotated[float | None, Key("value at which the alert is cleared", _BOUND, "the bound itself")] = (
        None
    )
    for_s: Annotated[float, Key("the condition must hold for this time", _SECONDS)] = 0.0
    clear_s: Annotated[float, Key("and be false for this time before the alert is cleared", _SECONDS)] = 0.0
    severity: Annotated[
        Severity,
        Key(
            "severity of its alerts",
            WordChoice(tuple(each.name.lower() for each in Severity), lambda word: Severity[word.upper()]),
            "`warning`",
        ),
    ] = Severity.WARNING
    version: Annotated[
        str,
        Key(
            "for `version_behind`: the version that gateways should have",
            Text("a version", 40, r"[0-9][0-9A-Za-z.+-]*"),
            "the newest that a tenth of the gateways has",
        ),
    ] = ""
    enabled: Annotated[bool, Key("false: the rule is off", Flag())] = True

    def is_met(self, measurement: Measurement, is_open: bool) -> bool:
        """Return whether the rule's condition holds. An unknown value never meets a condition."""
        if measurement.value is None:
            return False
        at = self.clear if is_open else None
        if self.above is not None:
            return measurement.value > (self.above if at is None else at)
        if self.below is not None:
            return measurement.value < (self.below if at is None else at)
        return measurement.value > 0

    def text_for(self, measurement: Measurement) -> str:
        """Return the alert's text, one line for operators."""
        if self.above:
            return problem_text("above", why=measurement.text, limit=self.above)
        if self.below:
            return problem_text("below", why=measurement.text, limit=self.below)
        return measurement.text


@dataclass(frozen=True, slots=True)
class AlertSettings:
    rules: tuple[AlertRule, ...]  # the enabled rules
    boot_grace_s: float  # no camera alerts for this time after a gateway came back


def _check(values: SectionValues) -> None:
    measure = values.valid("measure")
    if measure is None:
        return
    bounds = [key for key in ("above", "below") if values.valid(key) is not None]
    if measure not in NUMBERS:
        for key in (*bounds, *(key for key in ("clear",) if values.valid(key) is not None)):
            values.reading.refuse(values.key_place(key), f"{measure} is yes or no: it takes no {key}")
    elif len(bounds) == 2:
        values.reading.refuse(values.key_place("below"), f"{measure} takes above or below, not both")
    elif not bounds and not any(values.given(key) for key in ("above", "below")):
        values.reading.refuse(values.place("measure"), f"{measure} takes a bound: above or below")
    elif not bounds:
        return
    else:
        _check_clear(values, bounds[0])
    if values.valid("version") and measure is not Measure.VERSION_BEHIND:
        values.reading.refuse(values.key_place("version"), f"version belongs to {Measure.VERSION_BEHIND}")


def _check_clear(values: SectionValues, key: str) -> None:
    clear, bound = values.valid("clear"), values.valid(key)
    if clear is None:
        return
    if clear > bound if key == "above" else clear < bound:
        side = "higher" if key == "above" else "lower"
        place, text = values.place("clear"), f"clear must not be {side} than {key}, {bound:g}"
        if place.file == str(DEFAULTS):  # the user may not know the ``clear`` of the shipped rule
            place, text = (
                values.place(key),
                f"the rule ships with clear: {clear:g}; give a clear beside it: {text}",
            )
        values.reading.refuse(place, text)


RULE = section(
    AlertRule,
    "the alert rule",
    check=_check,
    replacements={"threshold": "write above: or below:", "duration_s": "write for_s:", "name": "write id:"},
    example="{id: disk, above: 95}",
)


@dataclass(frozen=True)
class AlertRules(ListOf):
    """The enabled rules, shipped ones included."""

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if not isinstance(node, tree.Sequence):
            return super().read(node, reading)
        shipped = _shipped()
        before = len(reading.problems)
        accepted = self._accepted(shipped, node, reading)
        failed = len(reading.problems) > before
        rules = super().read(merged_by_id(_without_replaced_bounds(shipped, accepted), accepted), reading)
        return INVALID if failed or rules is INVALID else tuple(rule for rule in rules if rule.enabled)

    def _accepted(self, shipped: tree.Sequence, node: tree.Sequence, reading: ReadContext) -> tree.Sequence:
        """Return the list without the rules that have a wrong id: a rule with an unknown id would have no
        measure, and a repeated id would hide the first rule with this id."""
        ids = [id_ for item in shipped.items if (id_ := id_of(item)) is not None]
        accepted, seen = list[tree.Node](), set[str]()
        for item in node.items:
            id_ = id_of(item)
            if id_ is None or not isinstance(item, tree.Mapping):
                accepted.append(item)
                continue
            if id_ in seen:
                reading.refuse(item.place, f"the rule {quoted(id_)} appears in this list twice")
            elif id_ not in ids and "measure" not in item.entries:
                near = did_you_mean(id_, ids) or "; a rule of its own needs a measure"
                reading.refuse(item.entries["id"].value.place, f"no rule {quoted(id_)} ships{near}")
            else:
                accepted.append(item)
            seen.add(id_)
        return tree.Sequence(node.place, tuple(accepted))


ALERTS = AlertRules(RULE, "alert rules", most=MAX_RULES)


def default_rules() -> tuple[AlertRule, ...]:
    """Return the shipped rules. Raises ConfigError if their file in the package is damaged."""
    reading = ReadContext(ConfigFiles(DEFAULTS.parent, None), SystemClock())
    rules = ALERTS.read(tree.Sequence(tree.SourcePosition(str(DEFAULTS), 1, 1), ()), reading)
    if rules is INVALID:
        raise ConfigError(f"{DEFAULTS} is damaged: reinstall the package", tuple(reading.problems))
    found: tuple[AlertRule, ...] = rules
    return found


def _without_replaced_bounds(shipped: tree.Sequence, node: tree.Sequence) -> tree.Sequence:
    """Return the shipped rules without the bounds that the user replaces: if the user gives ``below`` for a
    rule that ships with ``above``, remove ``above`` and ``clear``."""
    other = {"above": ("below", "clear"), "below": ("above", "clear")}
    own = {id_of(item): item.entries for item in node.items if isinstance(item, tree.Mapping)}
    items: list[tree.Node] = []
    for item in shipped.items:
        assert isinstance(item, tree.Mapping)
        given = own.get(id_of(item), {})
        bounds = [key for key in other if key in given]
        drop = other[bounds[0]] if len(bounds) == 1 and bounds[0] not in item.entries else ()
        entries = {key: entry for key, entry in item.entries.items() if key not in drop}
        items.append(tree.Mapping(item.place, entries))
    return tree.Sequence(shipped.place, tuple(items))


def _shipped() -> tree.Sequence:
    node, problems = tree.parse(DEFAULTS.read_bytes(), str(DEFAULTS))
    if problems or not isinstance(node, tree.Sequence):
        raise ConfigError(f"{DEFAULTS} is damaged: reinstall the package", tuple(problems))
    return node


ABOUT = {
    Measure.WARD_OUTAGE: "many gateways of the ward went offline at once; an alert of the ward",
    Measure.OFFLINE: "the gateway is offline",
    Measure.STOPPED: "the agent was stopped on purpose and not started again",
    Measure.UNSTABLE: "the gateway goes offline again and again",
    Measure.CAMERA_OFFLINE: "the camera is offline",
    Measure.CAMERA_DEGRADED: "the camera is degraded",
    Measure.TAMPER: "the camera's view is covered, defocused, moved or frozen",
    Measure.RULE_MUTED: "a rule of the camera was muted or disarmed for a time, switched off by set-rule, or "
    "hidden by its masks",
    Measure.VIEW_RELEARNED: "an operator had the view relearned; no tamper is reported meanwhile",
    Measure.DISK_PERCENT: "how full the disk is",
    Measure.MEMORY_PERCENT: "how much memory is used",
    Measure.TEMPERATURE_C: "temperature of the processor",
    Measure.UNDERVOLTAGE: "the power supply is too weak",
    Measure.THROTTLED: "the processor is throttled",
    Measure.CLOCK_UNSYNCED: "nothing sets the clock",
    Measure.CERTIFICATE_DAYS: "days left of the gateway's certificate or of the CA that it trusts",
    Measure.OUTBOX_OLDEST_S: "how long the oldest event waits; not measured while events of severity info "
    "wait for the uplink's budget",
    Measure.OUTBOX_DEGRADED: "the outbox reports a fault, such as events in memory instead of on the disk",
    Measure.VERSION_BEHIND: "the agent's version is older than the wanted one",
    Measure.ALARMS: "events that ring, in ten minutes: while the alert is open they do not ring one by one",
    Measure.MISSING_EVENTS: "events missing for half an hour to a day without an explanation",
    Measure.CONFLICT: "within a day two gateways reported under one name, or two events had one number",
    Measure.UPLINK_PERCENT: "how much of the billing period's budget is used",
    Measure.FAILED_UNITS: "systemd units of the gateway have failed",
    Measure.DETECTOR_DEGRADED: "the detector is not the one that was configured",
    Measure.EVIDENCE_DEGRADED: "clips are not stored",
    Measure.UPDATE_REVERTED: "the last update was reverted",
    Measure.MODEL_REVERTED: "the last detection model that was sent was given up, by itself or by a command",
    Measure.CONFIG_GIVEN_UP: "the last pushed configuration was reverted",
    Measure.RETAINED_MESSAGES: "messages of the gateway that the broker retains beside its state and birth",
    Measure.CENTRE_CLOCK: "the clock of the centre differs from what gateways and its own count say",
    Measure.CLAIM_PENDING_S: "how long the oldest claim of a box waits for the control machine",
    Measure.CLAIM_WRONG: "a claim does not fit: site, serial, key, cameras or place of the phone",
    Measure.DELETIONS_HELD: "a run of retention would delete so much that an administrator must release it",
    Measure.DELETIONS_FAILED: "files of expired pictures or clips cannot be deleted",
}


def _of(measure: Measure) -> str:
    if measure in CENTRE_MEASURES:
        return "the centre"
    return (
        "a camera"
        if measure in (*CAMERA_MEASURES, *OVERRIDE_MEASURES)
        else "a ward"
        if measure is Measure.WARD_OUTAGE or measure in CLAIM_MEASURES
        else "a gateway"
    )


def reference() -> Iterator[str]:
    """Return the lines about measures and shipped rules for ``docs/reference/central.md``."""
    yield "## Measures\n"
    yield "| measure | of | value | meaning |"
    yield "|---|---|---|---|"
    for measure in Measure:
        of = _of(measure)
        yield f"| `{measure}` | {of} | {'number' if measure in NUMBERS else 'yes or no'} | {ABOUT[measure]} |"
    yield ""
    yield "## Rules that ship\n"
    yield "`edge_central/alerts/defaults.yaml`. Seconds.\n"
    yield "| id | measure | bound | clear | for_s | clear_s | severity |"
    yield "|---|---|---|---|---|---|---|"
    for rule in default_rules():
        bounds = {"above": rule.above, "below": rule.below}
        bound = ", ".join(f"{word} {value:g}" for word, value in bounds.items() if value is not None)
        clear = "" if rule.clear is None else f"{rule.clear:g}"
        cells = (rule.id, rule.measure, bound, clear, f"{rule.for_s:g}", f"{rule.clear_s:g}")
        yield f"| {' | '.join(cells)} | {rule.severity.name.lower()} |"
    yield ""
