"""From figures to words: what is wrong with the view at one look, and which figures say so.

Thresholds of a state that is told already are easier to meet, so that it does not flicker.

The figures of a look by name, rounded, for events and plots.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge_agent.core.facts import ViewState
from edge_agent.tamper.features.baseline_comparison import BLACK, FEWEST, BaselineComparison
from edge_agent.tamper.features.frame_features import FrameFeatures
from edge_agent.tamper.features.occluder_features import OccluderFeatures
from edge_agent.tamper.features.shift import ViewShift

LOST = 0.4  # of the usual structure; a view that keeps less is another one, or none
GOOD = 0.7  # of the usual structure; a view that keeps more is the usual one
BLANK = 0.7  # share of the tiles without any structure: something lies over them
ALL_BLANK = 0.8  # the same; where it is not even darker than before, no lamp went out
LAYOUT_LEFT = 0.3  # of the contrast of the layout; what comes through a bag. Water and people leave more
NOTHING_SEEN = 0.95  # share of dark pixels
GLARE = 0.5  # share of pixels that are white
SUDDEN_S = 6.0  # a hand, a bag, a can of paint
HALF_LEFT = 0.6  # of the usual structure, in one half of the picture: nothing lies over all of it
HALF_STAYS = 0.75  # the same, for a camera that was turned: then nothing is where it was
STEADY = 0.7  # of the lost tiles
OUT_OF_FOCUS = 0.95
"""``Instead.focus``: edges a dozen pixels of 640 wide, as paint on the glass has; a bus has 1 to 2."""
ALL_BLURRED = 0.1  # ``Instead.detail``; something so near that hardly an edge is left of it
ONE_COLOUR, OF_BLURRED = 0.65, 0.55  # share of the pixels; a bus is of two or three
SOFT = 0.25  # of the usual sharpness; a blur of 2 to 3 pixels of 640
MELTED, LAYOUT_KEPT = 0.4, 0.85  # of the usual contrast of edges; of that of the layout
CRISPER = 1.5  # times the usual contrast
SHARP_AGAIN = 0.5  # of the usual fine detail; a lens out of focus does not get it back
SHARP_ENOUGH = 0.5  # the same for fog, whose droplets blur a little as well
BLACK_MEAN = 20.0  # luma; a lens that is covered while lamps burn shows more
SAME_LAYOUT = 0.8  # correlation; what a lens out of focus leaves
SAME_CONTRAST = 0.6  # of the layout; fog takes more
HAZE = 0.55  # of the usual contrast
MOVED = 0.015  # widths of the picture; zones and masks are off by as much
AGREE = 0.2  # share of the blocks
SLOW_S = 15.0  # fog comes slower than a hand
COVERED_WITHIN_S = 10.0  # a can of paint needs 3 s, and keyframes only add up to 4
DARKER = 0.8  # of the usual luma over black; a view that is as dark as ever has not gone dark
RAIN, MORE_RAIN = 0.6, 0.35  # share of the tiles with streaks; so much more than usual
NOTHING_VISIBLE = frozenset({ViewState.COVERED, ViewState.DARK, ViewState.OVEREXPOSED})
"""Nothing is seen, so nothing moves: that is one thing that has happened, not two."""
NIGHTS_LAST_S = 16 * 3600.0
"""Nowhere between the tropics is a night as long: what is still dark then is covered."""


@dataclass(frozen=True, slots=True)
class ViewEvidence:
    """What one look and those before it say."""

    features: FrameFeatures
    usual: FrameFeatures
    comparison: BaselineComparison
    usual_matching: float
    usual_fine_energy: float
    usual_bright: float
    structure: float  # the better of what is kept of brightness and of edges
    shift: ViewShift | None
    loss_took_s: float  # from the last good view until most of it was gone; 0 while it is good
    light_before: float  # mean luma of the last good view
    own_light_before: bool  # ... which was infrared
    frozen: bool
    still_s: float
    drops: float
    usual_drops: float
    dark_s: float  # how long it has been dark
    occluder: OccluderFeatures
    plain: float  # share of the pixels of nearly one brightness; 0 while the view is there
    settled: bool  # the shift is what it was when it was found before
    swings: bool  # it is not
    structure_lately: float  # the best of the last looks

    @property
    def judged(self) -> bool:
        """Whether the usual view has enough in it to miss something."""
        return self.comparison.tiles >= FEWEST

    def lost(self, eased: bool) -> bool:
        return self.judged and self.structure < (GOOD if eased else LOST) * self.usual_matching

    @property
    def darker(self) -> bool:
        return _over_black(self.features) < DARKER * _over_black(self.usual)

    @property
    def half_left(self) -> float:
        """Of the usual structure, in that half of the picture where most is left."""
        return self.comparison.half_matching / self.usual_matching

    @property
    def good(self) -> bool:
        return self.structure >= GOOD * self.usual_matching

    @property
    def refuted(self) -> tuple[ViewState, ...]:
        """What was about to be told and is not so: a good look disproves it, and a pole that swings shows
        another turn each time."""
        sharp = self.comparison.detailed >= FEWEST and self.comparison.fine >= SHARP_AGAIN
        return (
            *((ViewState.COVERED, ViewState.MOVED) if self.good else ()),
            *((ViewState.MOVED,) if self.swings else ()),
            *((ViewState.DEFOCUSED,) if sharp else ()),
        )

    @property
    def seen(self) -> str:
        shows = f"structure in {_percent(self.structure)} of {self.comparison.tiles} tiles"
        return f"{shows}, {_percent(self.usual_matching)} usual"


def judge_view(e: ViewEvidence, told: Collection[ViewState]) -> dict[ViewState, str]:
    """State -> why, for all that is so at this look."""
    found: dict[ViewState, str] = {}
    view = _what_view(e, told)
    blind = not NOTHING_VISIBLE.isdisjoint(told) or (view is not None and view[0] in NOTHING_VISIBLE)
    if e.frozen and (ViewState.FROZEN in told or not blind):
        found[ViewState.FROZEN] = f"the same picture for {e.still_s:.0f} s"
    if view is not None:
        found[view[0]] = view[1]
    elif (rain := _rain(e, ViewState.VISIBILITY_DEGRADED in told)) is not None:
        found[ViewState.VISIBILITY_DEGRADED] = rain
    return found


def _what_view(e: ViewEvidence, told: Collection[ViewState]) -> tuple[ViewState, str] | None:
    """The one thing that is wrong with the view: the first that explains it."""
    if (why := _glare(e, ViewState.OVEREXPOSED in told)) is not None:
        return ViewState.OVEREXPOSED, why
    black = e.features.dark >= NOTHING_SEEN and e.lost(ViewState.DARK in told or ViewState.COVERED in told)
    if black and e.darker:
        return _black(e)
    if (why := _moved(e, ViewState.MOVED in told)) is not None:
        return ViewState.MOVED, why
    if black:
        return _black(e)
    if (why := _defocused(e, ViewState.DEFOCUSED in told)) is not None:
        return ViewState.DEFOCUSED, why
    if (why := _haze(e, ViewState.VISIBILITY_DEGRADED in told)) is not None:
        return ViewState.VISIBILITY_DEGRADED, why
    if _covered(e, ViewState.COVERED in told):
        return ViewState.COVERED, e.seen
    return None


def _covered(e: ViewEvidence, eased: bool) -> bool:
    """Most of the view is gone, and what is there instead is blank; or it is soft, as near things are, and
    does not move. Water that rises leaves half of the view as it was."""
    if not e.lost(eased):
        return False
    if e.loss_took_s >= COVERED_WITHIN_S and not eased:  # no hand is so slow; a flood is
        return False
    if e.half_left >= HALF_LEFT and e.loss_took_s > SUDDEN_S and not eased:
        return False
    all_over = e.comparison.blank >= _eased(BLANK, eased)
    nothing_left = e.comparison.layout_contrast * (0.75 if eased else 1.0) <= LAYOUT_LEFT
    return (all_over and nothing_left) or _painted(e, eased)


def _painted(e: ViewEvidence, eased: bool) -> bool:
    """What is there instead stays as it is, and is soft: blurred away, or mostly of one colour."""
    if e.occluder.steady < STEADY or (e.half_left >= HALF_LEFT and not eased):
        return False
    soft = e.occluder.focus <= OUT_OF_FOCUS and e.plain >= _eased(ONE_COLOUR, eased)
    return soft or (e.occluder.detail <= ALL_BLURRED and e.plain >= _eased(OF_BLURRED, eased))


def _glare(e: ViewEvidence, eased: bool) -> str | None:
    if e.features.bright < _eased(GLARE, eased) or e.features.bright < 2 * e.usual_bright:
        return None
    return f"{_percent(e.features.bright)} of the picture is white, {_percent(e.usual_bright)} usual"


def _black(e: ViewEvidence) -> tuple[ViewState, str]:
    """Nothing is seen. Daylight does not go out at once, nor does the light of the camera itself, and where
    lamps went out something is still seen by what light is left: otherwise it is covered."""
    text = f"dark, mean luma {e.features.mean:.0f}, {e.seen}"
    if e.loss_took_s < SLOW_S and e.own_light_before:
        return ViewState.COVERED, f"{text}; within {e.loss_took_s:.0f} s and by its own infrared light"
    if e.loss_took_s < SLOW_S and e.light_before >= DAYLIGHT:
        return ViewState.COVERED, f"{text}; within {e.loss_took_s:.0f} s, mean luma was {e.light_before:.0f}"
    grey = e.features.mean >= BLACK_MEAN and e.structure_lately < RESIDUE * e.usual_matching
    other = e.darker or e.comparison.blank >= ALL_BLANK
    if e.loss_took_s <= SUDDEN_S and grey and other and e.light_before > BLACK_MEAN:
        return ViewState.COVERED, f"{text}; within {e.loss_took_s:.0f} s, and not black"
    if e.dark_s >= NIGHTS_LAST_S:
        return ViewState.COVERED, f"{text}; for {e.dark_s / 3600:.0f} h"
    return ViewState.DARK, text


RESIDUE = 0.3  # of the usual structure; a street without its lamps has more
DAYLIGHT = 70.0  # mean luma; street lamps light a picture to less


def _defocused(e: ViewEvidence, eased: bool) -> str | None:
    """Fine detail is gone far beyond contrast, everywhere: the tiles that had it still show the same things,
    or none has any structure left; and what is blurred most, the layout, is as it was."""
    like = e.comparison
    if e.judged and like.detailed < FEWEST:
        return _melted(e, eased)
    if not e.judged or not like.has_lost_detail(SOFT * (1.3 if eased else 1.0)):
        return None
    if like.contrast > CRISPER:  # it was much darker then, and noise is most of the usual fine detail
        return None
    if like.fine_energy >= 0.8 * e.usual_fine_energy:  # detail is there, but another
        return None
    same = like.sharp_matching >= 0.5
    melted = like.blank >= 0.75 and like.layout >= SAME_LAYOUT and e.loss_took_s < SLOW_S
    if not (same or melted) or like.layout_contrast < (0.5 if same else SAME_CONTRAST) * min(1.0, like.gain):
        return None
    return f"fine detail {_percent(like.fine)} of usual, contrast {_percent(like.contrast)}"


def _melted(e: ViewEvidence, eased: bool) -> str | None:
    """The same where a scene has no fine detail to lose: edges melt, and the layout is as it was. Fog takes
    from both; a view that swings keeps its edges, elsewhere."""
    like = e.comparison
    most = MELTED * (1.3 if eased else 1.0)
    if like.contrast > most * like.layout_contrast or like.energy > most:
        return None
    if like.layout < LAYOUT_KEPT or like.layout_contrast < LAYOUT_KEPT:
        return None
    return (
        f"contrast {_percent(like.contrast)} of usual, {_percent(like.layout_contrast)} of it in the layout"
    )


def _moved(e: ViewEvidence, eased: bool) -> str | None:
    shift = e.shift
    if shift is None or e.good or shift.agree < _eased(AGREE, eased) or shift.far < MOVED:
        return None
    # Water mirrors a street: something of the view is elsewhere then, but it came slowly, and half is left.
    if not eased and (not e.settled or e.loss_took_s >= SLOW_S or e.half_left >= HALF_STAYS):
        return None
    turned = f" and rolled by {shift.degrees:.0f} degrees" if abs(shift.degrees) >= 2 else ""
    way = f"turned by {_percent(shift.x)} across and {_percent(shift.y)} down{turned}"
    return f"{way}, {_percent(shift.agree)} of the blocks agree; {e.seen}"


def _haze(e: ViewEvidence, eased: bool) -> str | None:
    """Contrast falls in all bands alike, and the view is still there, or it went slowly."""
    like = e.comparison
    contrast = like.contrast / min(1.0, like.gain)
    if not e.judged or like.tiles == 0 or contrast > HAZE * (1.3 if eased else 1.0):
        return None
    thin = not e.lost(False) and like.sharpness >= SHARP_ENOUGH
    slow = e.loss_took_s >= SLOW_S
    if not (thin or slow):
        return None
    return f"contrast {_percent(contrast)} of usual; {e.seen}"


def _rain(e: ViewEvidence, eased: bool) -> str | None:
    least = max(RAIN, e.usual_drops + MORE_RAIN)
    if e.drops < _eased(least, eased) or not e.good:
        return None
    return f"streaks in {_percent(e.drops)} of the tiles, {_percent(e.usual_drops)} usual"


def _over_black(sketch: FrameFeatures) -> float:
    return max(sketch.mean - BLACK, 0.5)


def _eased(threshold: float, eased: bool) -> float:
    return threshold * (0.75 if eased else 1.0)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


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
