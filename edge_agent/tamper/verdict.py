"""Decides from the figures of one analysis what is wrong with the view, and states the figures that decided.

The thresholds of a state that is already reported are easier to meet ("eased"), so that it does not flicker.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from edge_agent.core.facts import ViewState
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.tamper.baseline_comparison import BLACK, MIN_TILES, BaselineComparison
from edge_agent.tamper.frame_features import FrameFeatures
from edge_agent.tamper.occluder_features import OccluderFeatures
from edge_agent.tamper.shift import ViewShift

LOST = 0.4  # of the usual structure; below it the usual view is lost
GOOD = 0.7  # of the usual structure; above it the view is the usual one
BLANK = 0.7  # share of the tiles without any structure; above it something covers them
ALL_BLANK = 0.8  # the same for a picture that is not darker than before, so that no lamp went out
LAYOUT_LEFT = 0.3  # of the layout's contrast; a bag lets less through, water and people leave more
NOTHING_SEEN = 0.95  # share of dark pixels
GLARE = 0.5  # share of pixels that are white
SUDDEN_S = 6.0  # a hand, a bag or a can of paint is faster
HALF_LEFT = 0.6  # of the usual structure in the better half; above it, the picture is not all covered
HALF_STAYS = 0.75  # the same limit for a turned camera: turning moves the structure of both halves
STEADY = 0.7  # share of the lost tiles that do not change
OUT_OF_FOCUS = 0.95
"""``OccluderFeatures.focus`` of edges a dozen pixels of 640 wide, as in paint; a bus has 1 to 2."""
ALL_BLURRED = 0.1  # ``OccluderFeatures.detail`` of an object so near that hardly any edge is left
ONE_COLOUR, ONE_COLOUR_BLURRED = 0.65, 0.55  # share of the pixels; a bus has two or three colours
SOFT = 0.25  # of the usual sharpness: a blur of 2 to 3 pixels of 640
MELTED, LAYOUT_KEPT = 0.4, 0.85  # of the usual contrast: upper limit for edges, lower limit for the layout
CRISPER = 1.5  # times the usual contrast
SHARP_AGAIN = 0.5  # of the usual fine detail; above it the lens is in focus
SHARP_ENOUGH = 0.5  # the same for fog, whose droplets blur a little as well
BLACK_MEAN = 20.0  # luma; a lens that is covered while lamps are on shows more
SAME_LAYOUT = 0.8  # correlation of the layout that a lens out of focus leaves
SAME_CONTRAST = 0.6  # of the layout's contrast; fog leaves less
HAZE = 0.55  # of the usual contrast
MOVED = 0.015  # widths of the picture by which zones and masks are off
AGREE = 0.2  # share of the blocks
SLOW_S = 15.0  # fog takes longer, a hand is faster
COVERED_WITHIN_S = 10.0  # a can of paint needs 3 s, and keyframes only (idle mode) add up to 4
DARKER = 0.8  # of the usual luma over black; above it the view is as dark as usual
RAIN, MORE_RAIN = 0.6, 0.35  # share of the tiles with streaks; and the excess over the usual share
NOTHING_VISIBLE = frozenset({ViewState.COVERED, ViewState.DARK, ViewState.OVEREXPOSED})
"""In these states nothing is visible, so nothing moves: a frozen picture is not reported as well."""
NIGHTS_LAST_S = 16 * 3600.0
"""No night between the tropics lasts as long: a view that is still dark then is covered."""


@dataclass(frozen=True, slots=True)
class ViewEvidence:
    """The figures of one analysis, and of those before it."""

    features: FrameFeatures
    usual: FrameFeatures
    comparison: BaselineComparison
    usual_matching: float
    usual_fine_energy: float
    usual_bright: float
    structure: float  # share of matching tiles, by brightness or by edges, whichever is larger
    shift: ViewShift | None
    loss_took_s: float  # from the last good view until most of it was lost; 0 while the view is good
    light_before: float  # mean luma of the last good view
    own_light_before: bool  # whether that view was by the camera's infrared light
    frozen: bool
    still_s: float
    drops: float
    usual_drops: float
    dark_s: float  # how long the picture has been dark
    occluder: OccluderFeatures
    plain: float  # share of the pixels of nearly one brightness; 0 while the view is good
    settled: bool  # the shift is the same as before
    swings: bool  # the shift differs as a swinging pole's does
    structure_lately: float  # the best of the last analyses

    @property
    def judged(self) -> bool:
        """Whether the usual view has enough structure to notice a loss."""
        return self.comparison.tiles >= MIN_TILES

    def lost(self, eased: bool) -> bool:
        return self.judged and self.structure < (GOOD if eased else LOST) * self.usual_matching

    @property
    def darker(self) -> bool:
        return _over_black(self.features) < DARKER * _over_black(self.usual)

    @property
    def half_left(self) -> float:
        """Share of the usual structure in the half of the picture where most is left."""
        return self.comparison.half_matching / self.usual_matching

    @property
    def good(self) -> bool:
        return self.structure >= GOOD * self.usual_matching

    @property
    def refuted(self) -> tuple[ViewState, ...]:
        """States that the evidence excludes. A good view excludes most of them; a shift that changes at each
        comparison is a swinging pole, not a moved camera."""
        sharp = self.comparison.detailed >= MIN_TILES and self.comparison.fine >= SHARP_AGAIN
        return (
            *((ViewState.COVERED, ViewState.MOVED) if self.good else ()),
            *((ViewState.MOVED,) if self.swings else ()),
            *((ViewState.DEFOCUSED,) if sharp else ()),
        )

    @property
    def seen(self) -> ProblemText:
        found, usual = _percent(self.structure), _percent(self.usual_matching)
        return problem_text("view-structure", found=found, tiles=int(self.comparison.tiles), usual=usual)


def judge_view(e: ViewEvidence, reported: Collection[ViewState]) -> dict[ViewState, str]:
    """Return the states that hold at this analysis, each with its reason."""
    found: dict[ViewState, str] = {}
    view = _what_view(e, reported)
    blind = not NOTHING_VISIBLE.isdisjoint(reported) or (view is not None and view[0] in NOTHING_VISIBLE)
    if e.frozen and (ViewState.FROZEN in reported or not blind):
        found[ViewState.FROZEN] = problem_text("view-frozen", seconds=round(e.still_s))
    if view is not None:
        found[view[0]] = view[1]
    elif (rain := _rain(e, ViewState.VISIBILITY_DEGRADED in reported)) is not None:
        found[ViewState.VISIBILITY_DEGRADED] = rain
    return found


def _what_view(e: ViewEvidence, reported: Collection[ViewState]) -> tuple[ViewState, str] | None:
    """Return the state of the view: the first that explains the figures."""
    if (why := _glare(e, ViewState.OVEREXPOSED in reported)) is not None:
        return ViewState.OVEREXPOSED, why
    eased = ViewState.DARK in reported or ViewState.COVERED in reported
    black = e.features.dark >= NOTHING_SEEN and e.lost(eased)
    if black and e.darker:
        return _black(e)
    if (why := _moved(e, ViewState.MOVED in reported)) is not None:
        return ViewState.MOVED, why
    if black:
        return _black(e)
    if (why := _defocused(e, ViewState.DEFOCUSED in reported)) is not None:
        return ViewState.DEFOCUSED, why
    if (why := _haze(e, ViewState.VISIBILITY_DEGRADED in reported)) is not None:
        return ViewState.VISIBILITY_DEGRADED, why
    if _covered(e, ViewState.COVERED in reported):
        return ViewState.COVERED, e.seen
    return None


def _covered(e: ViewEvidence, eased: bool) -> bool:
    """Return whether something covers the lens: most of the view is lost, and the picture is blank, or it is
    soft like a near object and does not move. Rising water leaves half of the view as it was."""
    if not e.lost(eased):
        return False
    if e.loss_took_s >= COVERED_WITHIN_S and not eased:  # a hand is faster; a flood is as slow
        return False
    if e.half_left >= HALF_LEFT and e.loss_took_s > SUDDEN_S and not eased:
        return False
    all_over = e.comparison.blank >= _eased(BLANK, eased)
    nothing_left = e.comparison.layout_contrast * (0.75 if eased else 1.0) <= LAYOUT_LEFT
    return (all_over and nothing_left) or _painted(e, eased)


def _painted(e: ViewEvidence, eased: bool) -> bool:
    """Return whether the occluder does not move and is soft: blurred completely, or mostly of one colour."""
    if e.occluder.steady < STEADY or (e.half_left >= HALF_LEFT and not eased):
        return False
    soft = e.occluder.focus <= OUT_OF_FOCUS and e.plain >= _eased(ONE_COLOUR, eased)
    return soft or (e.occluder.detail <= ALL_BLURRED and e.plain >= _eased(ONE_COLOUR_BLURRED, eased))


def _glare(e: ViewEvidence, eased: bool) -> str | None:
    if e.features.bright < _eased(GLARE, eased) or e.features.bright < 2 * e.usual_bright:
        return None
    return problem_text("view-glare", white=_percent(e.features.bright), usual=_percent(e.usual_bright))


def _black(e: ViewEvidence) -> tuple[ViewState, str]:
    """Return whether a black picture is dark or covered, and why. Covered: daylight or the camera's infrared
    light went out at once, lamps went out and nothing is left, or it is dark for longer than a night."""
    black = problem_text("view-black", luma=round(e.features.mean), structure=e.seen)
    seconds = round(e.loss_took_s)
    if e.loss_took_s < SLOW_S and e.own_light_before:
        return ViewState.COVERED, problem_text("view-black-infrared", black=black, seconds=seconds)
    if e.loss_took_s < SLOW_S and e.light_before >= DAYLIGHT:
        before = round(e.light_before)
        return ViewState.COVERED, problem_text(
            "view-black-by-day", black=black, seconds=seconds, before=before
        )
    grey = e.features.mean >= BLACK_MEAN and e.structure_lately < RESIDUE * e.usual_matching
    other = e.darker or e.comparison.blank >= ALL_BLANK
    if e.loss_took_s <= SUDDEN_S and grey and other and e.light_before > BLACK_MEAN:
        return ViewState.COVERED, problem_text("view-grey", black=black, seconds=seconds)
    if e.dark_s >= NIGHTS_LAST_S:
        hours = round(e.dark_s / 3600)
        return ViewState.COVERED, problem_text("view-black-for-long", black=black, hours=hours)
    return ViewState.DARK, black


RESIDUE = 0.3  # of the usual structure; a street whose lamps went out has more
DAYLIGHT = 70.0  # mean luma; street lamps give less


def _defocused(e: ViewEvidence, eased: bool) -> str | None:
    """Return why the lens is out of focus, or None. Then much more fine detail than contrast is lost,
    everywhere. The tiles with fine detail still match, or no tile has structure left; and the layout, the
    most blurred band, is as it was."""
    comparison = e.comparison
    if e.judged and comparison.detailed < MIN_TILES:
        return _melted(e, eased)
    if not e.judged or not comparison.has_lost_detail(SOFT * (1.3 if eased else 1.0)):
        return None
    if comparison.contrast > CRISPER:  # the baseline is much darker, and its fine detail is mostly noise
        return None
    if comparison.fine_energy >= 0.8 * e.usual_fine_energy:  # as much detail as usual, but other detail
        return None
    same = comparison.sharp_matching >= 0.5
    melted = comparison.blank >= 0.75 and comparison.layout >= SAME_LAYOUT and e.loss_took_s < SLOW_S
    least = (0.5 if same else SAME_CONTRAST) * min(1.0, comparison.gain)
    if not (same or melted) or comparison.layout_contrast < least:
        return None
    return problem_text(
        "view-blurred", fine=_percent(comparison.fine), contrast=_percent(comparison.contrast)
    )


def _melted(e: ViewEvidence, eased: bool) -> str | None:
    """Return what ``_defocused`` returns, for a scene without fine detail: edges lose contrast, and the
    layout is as it was. In fog both lose contrast; in a swinging view the edges are still there, but at
    other places."""
    comparison = e.comparison
    most = MELTED * (1.3 if eased else 1.0)
    if comparison.contrast > most * comparison.layout_contrast or comparison.energy > most:
        return None
    if comparison.layout < LAYOUT_KEPT or comparison.layout_contrast < LAYOUT_KEPT:
        return None
    layout = _percent(comparison.layout_contrast)
    return problem_text("view-blurred-edges", contrast=_percent(comparison.contrast), layout=layout)


def _moved(e: ViewEvidence, eased: bool) -> str | None:
    shift = e.shift
    if shift is None or e.good or shift.agree < _eased(AGREE, eased) or shift.far < MOVED:
        return None
    # Water mirrors a street: parts are found elsewhere, but it rose slowly, and half of the view is left.
    if not eased and (not e.settled or e.loss_took_s >= SLOW_S or e.half_left >= HALF_STAYS):
        return None
    way = {"across": _percent(shift.x), "down": _percent(shift.y), "agree": _percent(shift.agree)}
    if abs(shift.degrees) < 2:
        return problem_text("view-turned", **way, structure=e.seen)
    return problem_text("view-turned-rolled", **way, degrees=round(shift.degrees), structure=e.seen)


def _haze(e: ViewEvidence, eased: bool) -> str | None:
    """Return why the view is hazy, or None. Then contrast is lower in all bands alike, and the view is still
    there or was lost slowly."""
    comparison = e.comparison
    contrast = comparison.contrast / min(1.0, comparison.gain)
    if not e.judged or comparison.tiles == 0 or contrast > HAZE * (1.3 if eased else 1.0):
        return None
    thin = not e.lost(False) and comparison.sharpness >= SHARP_ENOUGH
    slow = e.loss_took_s >= SLOW_S
    if not (thin or slow):
        return None
    return problem_text("view-haze", contrast=_percent(contrast), structure=e.seen)


def _rain(e: ViewEvidence, eased: bool) -> str | None:
    least = max(RAIN, e.usual_drops + MORE_RAIN)
    if e.drops < _eased(least, eased) or not e.good:
        return None
    return problem_text("view-rain", streaks=_percent(e.drops), usual=_percent(e.usual_drops))


def _over_black(features: FrameFeatures) -> float:
    return max(features.mean - BLACK, 0.5)


def _eased(threshold: float, eased: bool) -> float:
    return threshold * (0.75 if eased else 1.0)


def _percent(share: float) -> int:
    return round(100 * share)


def view_metrics(e: ViewEvidence) -> dict[str, float]:
    """Return the figures on which the verdict is based, rounded, for events and plots."""
    comparison = e.comparison
    return {
        "structure": round(e.structure, 3),
        "usual_structure": round(e.usual_matching, 3),
        "blank": round(comparison.blank, 3),
        "steady": round(e.occluder.steady, 3),
        "focus": round(e.occluder.focus, 3),
        "detail": round(e.occluder.detail, 3),
        "plain": round(e.plain, 3),
        "half_structure": round(comparison.half_matching, 3),
        "contrast": round(comparison.contrast, 3),
        "fine": round(comparison.fine, 3),
        "fine_energy": round(comparison.fine_energy, 3),
        "layout": round(comparison.layout, 3),
        "layout_contrast": round(comparison.layout_contrast, 3),
        "gain": round(comparison.gain, 3),
        "shift_x": round(e.shift.x, 3) if e.shift else 0.0,
        "shift_y": round(e.shift.y, 3) if e.shift else 0.0,
        "agree": round(e.shift.agree, 3) if e.shift else 0.0,
    }
