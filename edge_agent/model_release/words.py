"""What the gateway says of models that the centre sent: in answers to commands, and in health. Pure."""

from __future__ import annotations

import msgspec

from edge_agent.commands.action import Outcome
from edge_agent.core.clock import rfc3339
from edge_agent.model_release.agreement import counts_of, refusal, summary
from edge_agent.model_release.record import ModelRecord, SentModel, Trial
from edge_agent.wire import ModelHealth, ShadowReport

LONGEST_WHY = 200  # in a heartbeat


def doing(trial: Trial, in_force: str) -> str:
    """``in_force``: name of the model that the trial runs beside."""
    beside = f"{trial.model.name} runs beside {in_force}"
    return f"{beside} on {trial.share:.0%} of the analysed frames until {rfc3339(trial.until)}"


def tried(trial: Trial) -> Outcome:
    """What came of shadow mode."""
    why = refusal(trial.report)
    verdict = "it may be switched to" if why is None else f"a switch would be refused: {why}"
    text = f"{trial.model.name} was tried; {verdict}; {summary(trial.report)}"
    return Outcome(text, result(trial.model, trial.report))


def result(model: SentModel, report: ShadowReport) -> dict[str, object]:
    """For programs."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "refusal": refusal(report),
        "shadow": msgspec.to_builtins(report),
    }


def health(record: ModelRecord, report: ShadowReport | None) -> ModelHealth:
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
    counts, refused = counts_of(report), refusal(report)
    return msgspec.structs.replace(
        found,
        objects=counts.in_force + counts.only_new,
        agreement=None if counts.agreement is None else round(counts.agreement, 3),
        refusal=None if refused is None else refused[:LONGEST_WHY],
    )
