"""Compares two models by the figures of shadow mode: whether a switch is allowed, and texts for replies and
health. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from edge_agent.commands.action import CommandSucceeded
from edge_agent.core.clock import rfc3339
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.problems.problem import with_code_of
from edge_agent.model_release.record import GROUPS, ModelRecord, ModelTrial, SentModel
from edge_agent.wire import ModelHealth, ShadowGroup, ShadowReport

ENOUGH_OBJECTS = 100
"""Objects that the model in force must have seen: in all, and of a camera, group or night to judge it
alone."""
MIN_AGREEMENT, MIN_CAMERA_AGREEMENT = 0.6, 0.4
MIN_GROUP_AGREEMENT = 0.2
"""A low limit: a better model may rightly classify most of the former walkers as riders."""
MAX_EXTRA = 1.5
"""Limit of objects that only the new model sees, per object that the model in force sees."""
ENOUGH_FOR_SHARES = 50
SLOWER, SLOWER_MS = 2.0, 5.0
"""Limit of one inference of the new model: ``SLOWER`` times the model in force, plus ``SLOWER_MS``."""


@dataclass(frozen=True, slots=True)
class AgreementCounts:
    """Numbers of objects: seen by both models, only by the model in force, only by the new model."""

    both: int
    only_in_force: int
    only_new: int

    @property
    def in_force(self) -> int:
        return self.both + self.only_in_force

    @property
    def agreement(self) -> float | None:
        """Share of the objects of the model in force that the new one sees as well."""
        return self.both / self.in_force if self.in_force else None

    @property
    def extra(self) -> float:
        return self.only_new / max(1, self.in_force)


def counts_of(report: ShadowReport, camera: str | None = None, group: str | None = None) -> AgreementCounts:
    """Sum the counts of one camera, or of all; of one group, or of all."""
    return _sum(
        counts
        for name, of_camera in report.cameras.items()
        if camera in (None, name)
        for of_group, counts in of_camera.groups.items()
        if group in (None, of_group)
    )


def _sum(groups: Iterable[ShadowGroup]) -> AgreementCounts:
    counts = list(groups)
    return AgreementCounts(
        sum(each.both for each in counts),
        sum(each.only_in_force for each in counts),
        sum(each.only_new for each in counts),
    )


def shares_of(report: ShadowReport) -> dict[str, dict[str, float]]:
    """Return the expected share of each group in the objects, by camera.

    Each group has the objects that the new model saw: a better model may classify a walker as a rider.
    Objects that it saw in no group at all stay expected in the groups in which it saw fewer than the model in
    force. Cameras with too few objects are left out.
    """
    found = {}
    for name, camera in report.cameras.items():
        groups = camera.groups
        expected: dict[str, float] = {
            group: counts.both + counts.only_new for group, counts in groups.items()
        }
        missing = sum(counts.only_in_force - counts.only_new for counts in groups.values())
        lost = {group: max(0, counts.only_in_force - counts.only_new) for group, counts in groups.items()}
        if missing > 0:
            for group, objects in lost.items():
                expected[group] += missing * objects / sum(lost.values())
        if (total := sum(expected.values())) >= ENOUGH_FOR_SHARES:
            found[name] = {group: objects / total for group, objects in expected.items()}
    return found


def switch_refusal(report: ShadowReport) -> str | None:
    """Return why the new model of this report must not come into force; None: it may."""
    total = counts_of(report)
    agreement = total.agreement
    if agreement is None or total.in_force < ENOUGH_OBJECTS:
        return problem_text("model-few-objects", objects=total.in_force, least=ENOUGH_OBJECTS)
    if agreement < MIN_AGREEMENT:
        agreed = round(agreement, 2)
        return problem_text("model-low-agreement", agreement=agreed, least=MIN_AGREEMENT)
    if total.extra > MAX_EXTRA:
        return problem_text("model-extra-objects", extra=round(total.extra, 1), most=MAX_EXTRA)
    for part, figures, counts, least in _parts(report):
        agreed = round(counts.agreement or 0.0, 2)
        if counts.in_force >= ENOUGH_OBJECTS and (counts.agreement or 0.0) < least:
            return problem_text(f"model-low-agreement-{part}", **figures, agreement=agreed, least=least)
    old_ms, new_ms = report.in_force_ms, report.new_ms
    if old_ms is not None and new_ms is not None and new_ms > SLOWER * old_ms + SLOWER_MS:
        return problem_text("model-slow", new_ms=round(new_ms), old_ms=round(old_ms))
    return None


def _parts(report: ShadowReport) -> Iterator[tuple[str, dict[str, str], AgreementCounts, float]]:
    """Yield what is judged alone: code of the part, its figures, counts, lowest agreement."""
    for camera in report.cameras:
        yield "of-camera", {"camera": camera}, counts_of(report, camera), MIN_CAMERA_AGREEMENT
    for group in GROUPS:
        yield "of-group", {"label": group}, counts_of(report, group=group), MIN_GROUP_AGREEMENT
    yield "at-night", {}, _sum(report.night.values()), MIN_CAMERA_AGREEMENT
    for group, counts in report.night.items():
        yield "of-group-at-night", {"label": group}, _sum([counts]), MIN_GROUP_AGREEMENT


def shadow_summary(report: ShadowReport) -> str:
    """Return the figures as one line for a person."""
    total = counts_of(report)
    frames = sum(camera.frames for camera in report.cameras.values())
    agreed = problem_text("model-figures-no-agreement")
    if total.agreement is not None:
        agreed = problem_text("model-figures-agreement", agreement=round(total.agreement, 2))
    objects = {"both": total.both, "old": total.only_in_force, "new": total.only_new}
    parts = [problem_text("model-figures-objects", frames=frames, agreement=agreed, **objects)]
    if report.in_force_ms is not None and report.new_ms is not None:
        times = {"old_ms": round(report.in_force_ms, 1), "new_ms": round(report.new_ms, 1)}
        parts.append(problem_text("model-figures-times", **times))
    if report.failures:
        parts.append(problem_text("model-figures-failures", failures=report.failures))
    return problem_text("model-figures", parts=parts)


def agreement_text(report: ShadowReport) -> ProblemText:
    """Return the text for the event of a switch: how far the two models agree."""
    total = counts_of(report)
    if total.agreement is None:
        return problem_text("models-not-compared")
    return problem_text("models-agree", agreement=round(total.agreement, 2), objects=total.in_force)


MAX_WHY = 200  # characters of a reason in a heartbeat


def trial_progress(trial: ModelTrial, in_force: str) -> str:
    """Return a text about the progress of shadow mode. ``in_force``: name of the model in force."""
    names = {"name": trial.model.name, "other": in_force}
    percent, until = round(trial.share * 100), rfc3339(trial.until)
    return problem_text("model-runs-beside", **names, percent=percent, until=until)


def trial_outcome(trial: ModelTrial) -> CommandSucceeded:
    """Return the outcome of shadow mode."""
    why = switch_refusal(trial.report)
    verdict = problem_text("model-may-switch")
    if why is not None:
        verdict = problem_text("model-may-not-switch", why=why)
    figures = shadow_summary(trial.report)
    text = problem_text("model-tried", name=trial.model.name, verdict=verdict, figures=figures)
    return CommandSucceeded(text, trial_result(trial.model, trial.report))


def trial_result(model: SentModel, report: ShadowReport) -> dict[str, object]:
    """Return the result of shadow mode as data for programs."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "refusal": None if (why := switch_refusal(report)) is None else str(why),
        "shadow": msgspec.to_builtins(report),
    }


def model_health(record: ModelRecord, report: ShadowReport | None) -> ModelHealth:
    """Return the part of the heartbeat about models. ``report``: figures of the model that is or was in
    shadow mode."""
    found = ModelHealth()
    if (reverted := record.reverted) is not None:
        reason = problem_text("model-reason", name=reverted.name, why=reverted.text)
        why = reason if len(reason) <= MAX_WHY else reason[:MAX_WHY]
        found = ModelHealth(reverted=reverted.sha256, reverted_at=reverted.at, why=why)
    begun = record.probation or record.trial
    model = record.in_force if record.probation else record.trial.model if record.trial else None
    if begun is None or model is None:
        return found
    found = msgspec.structs.replace(
        found, name=model.name, sha256=model.sha256, phase=record.phase, until=rfc3339(begun.until)
    )
    if report is None or record.probation is not None:
        return found
    counts, refused = counts_of(report), switch_refusal(report)
    return msgspec.structs.replace(
        found,
        objects=counts.in_force + counts.only_new,
        agreement=None if counts.agreement is None else round(counts.agreement, 3),
        refusal=None if refused is None else with_code_of(refused[:MAX_WHY], refused),
    )
