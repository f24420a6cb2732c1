"""The ``why`` of events about the gateway and its rules: one line of text."""

from __future__ import annotations

from edge_agent.core.facts import CertificateChange, OverrideChange, Phase

_OVERRIDDEN = {
    "mask": "is muted: what it reports is an info and no alarm",
    "arm": "is armed, also outside of its schedule",
    "disarm": "is disarmed: it sees nothing",
}
_ENDS = {"over": "its time is over", "command": "it was taken back", "replaced": "another one replaces it"}


def override_line(change: OverrideChange) -> str:
    if change.end_reason is not None:
        of = "the view" if change.rule is None else f"rule {change.rule}"
        over = (
            "it is learned"
            if (change.rule, change.end_reason) == (None, "over")
            else _ENDS[change.end_reason]
        )
        return f"{of}: the {change.what} has ended: {over}"
    if change.rule is None:
        text = "the view is learned anew, and what it shows now counts as usual"
    else:
        text = f"rule {change.rule} {_OVERRIDDEN[change.what]}, for {change.for_s:.0f} s"
    if change.by.command_id is None:
        return f"{text}; asked for on the box"
    signed = "not signed" if change.by.signed_by is None else f"signed by {change.by.signed_by[:16]}"
    return f"{text}; command {change.by.command_id}, {signed}"


def certificate_line(change: CertificateChange) -> str:
    which = "the gateway's certificate" if change.which == "client" else "the CA's certificate"
    if change.phase is Phase.END:
        return f"{which} was renewed, it lasts until {change.expires_at:%Y-%m-%d}"
    if change.days_left < 0:
        return f"{which} expired on {change.expires_at:%Y-%m-%d}: no broker lets this gateway in"
    return f"{which} ends on {change.expires_at:%Y-%m-%d}, in {change.days_left} days"
