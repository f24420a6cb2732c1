"""What the gateway says of models that the centre sent: in answers to commands, and in health. Pure."""

from __future__ import annotations

import msgspec

from edge_agent.commands.action import CommandSucceeded
from edge_agent.core.clock import rfc3339
from edge_agent.model_release.agreement import counts_of, shadow_summary, switch_refusal
from edge_agent.model_release.record import ModelRecord, ModelTrial, SentModel
from edge_agent.wire import ModelHealth, ShadowReport

LONGEST_WHY = 200  # in a heartbeat


def trial_progress(trial: ModelTrial, in_force: str) -> str:
    """``in_force``: name of the model that the trial runs beside."""
    beside = f"{trial.model.name} runs beside {in_force}"
    return f"{beside} on {trial.share:.0%} of the analysed frames until {rfc3339(trial.until)}"


def trial_outcome(trial: ModelTrial) -> CommandSucceeded:
    """What came of shadow mode."""
    why = switch_refusal(trial.report)
    verdict = "it may be switched to" if why is None else f"a switch would be refused: {why}"
    text = f"{trial.model.name} was tried; {verdict}; {shadow_summary(trial.report)}"
    return CommandSucceeded(text, trial_result(trial.model, trial.report))


def trial_result(model: SentModel, report: ShadowReport) -> dict[str, object]:
    """For programs."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "refusal": switch_refusal(report),
        "shadow": msgspec.to_builtins(report),
    }


def model_health(record: ModelRecord, report: ShadowReport | None) -> ModelHealth:
    """``report``: the figures of the model that is or was tried."""
    found = ModelHealth()
    if (reverted := record.reverted) is not None:
        why = f"{reverted.name}: {reverted.why}"[:LONGEST_WHY]
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
        refusal=None if refused is None else refused[:LONGEST_WHY],
    )
