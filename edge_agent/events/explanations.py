"""The ``why`` of events about the box and its rules: one line for humans."""

from __future__ import annotations

from edge_agent.core.facts import CertificateChange, OverrideChange, Phase

_OVERRIDDEN = {
    "mask": "is muted: what it reports is an info and no alarm",
    "arm": "is armed, also outside of its schedule",
    "disarm": "is disarmed: it sees nothing",
}
_ENDS = {"over": "its time is over", "command": "it was taken back", "replaced": "another one replaces it"}


def override_line(hit: OverrideChange) -> str:
    if hit.end_reason is not None:
        of = "the view" if hit.rule is None else f"rule {hit.rule}"
        over = "it is learned" if (hit.rule, hit.end_reason) == (None, "over") else _ENDS[hit.end_reason]
        return f"{of}: the {hit.what} has ended: {over}"
    if hit.rule is None:
        text = "the view is learned anew, and what it shows now counts as usual"
    else:
        text = f"rule {hit.rule} {_OVERRIDDEN[hit.what]}, for {hit.for_s:.0f} s"
    if hit.by.command_id is None:
        return f"{text}; asked for on the box"
    signed = "not signed" if hit.by.signed_by is None else f"signed by {hit.by.signed_by[:16]}"
    return f"{text}; command {hit.by.command_id}, {signed}"


def certificate_line(hit: CertificateChange) -> str:
    which = "the gateway's certificate" if hit.which == "client" else "the CA's certificate"
    if hit.phase is Phase.END:
        return f"{which} was renewed, it lasts until {hit.expires_at:%Y-%m-%d}"
    if hit.days_left < 0:
        return f"{which} expired on {hit.expires_at:%Y-%m-%d}: no broker lets this gateway in"
    return f"{which} ends on {hit.expires_at:%Y-%m-%d}, in {hit.days_left} days"
