"""The figures of a look by name, rounded, for events and plots."""

from __future__ import annotations

from edge_agent.tamper.verdict import ViewEvidence


def view_metrics(e: ViewEvidence) -> dict[str, float]:
    """What the verdict on the view rests on."""
    like = e.comparison
    return {
        "structure": round(e.structure, 3),
        "usual_structure": round(e.usual_matching, 3),
        "blank": round(like.blank, 3),
        "steady": round(e.occluder.steady, 3),
        "focus": round(e.occluder.focus, 3),
        "detail": round(e.occluder.detail, 3),
        "plain": round(e.plain, 3),
        "half_structure": round(like.half_matching, 3),
        "contrast": round(like.contrast, 3),
        "fine": round(like.fine, 3),
        "fine_energy": round(like.fine_energy, 3),
        "layout": round(like.layout, 3),
        "layout_contrast": round(like.layout_contrast, 3),
        "gain": round(like.gain, 3),
        "shift_x": round(e.shift.x, 3) if e.shift else 0.0,
        "shift_y": round(e.shift.y, 3) if e.shift else 0.0,
        "agree": round(e.shift.agree, 3) if e.shift else 0.0,
    }
