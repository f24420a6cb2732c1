"""The cases: each class of event, at several places, with several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.view import light, tampers, traffic, weather
from bench.view.layers import Maker
from bench.view.world import Light, Place
from edge_agent.core.facts import TAMPER, ViewState

COVERED = frozenset({ViewState.COVERED})
DEFOCUSED = frozenset({ViewState.DEFOCUSED})
MOVED = frozenset({ViewState.MOVED})
FROZEN = frozenset({ViewState.FROZEN})
BAD_SIGHT = frozenset({ViewState.VISIBILITY_DEGRADED})
LIGHT = frozenset({ViewState.ILLUMINATION_CHANGE, ViewState.COLOUR_MONO_SWITCH})
GLARE = frozenset({ViewState.OVEREXPOSED}) | BAD_SIGHT | LIGHT
NIGHT = frozenset({ViewState.DARK}) | LIGHT
NOTHING: frozenset[ViewState] = frozenset()

RETURN_S = 40.0
"""Seconds for which the view is normal again before the case ends: the state must have ended by then."""

Fits = Callable[[Place], bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of cases."""

    name: str
    make: Maker
    right: frozenset[ViewState]  # tampering: one of these has to be reported; else: what may be reported
    lasts_s: float
    fits: Fits
    restarted: bool = False  # the agent was off when it happened: only the baseline on disk is known
    every_s: float | None = None  # instead of the mode's own interval
    returns: bool = True

    @property
    def is_tamper(self) -> bool:
        return bool(self.right & TAMPER)


@dataclass(frozen=True, slots=True)
class Case:
    kind: Kind
    place: Place
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind.name} @ {self.place.name} #{self.seed}"


def anywhere(place: Place) -> bool:
    return True


def with_something_in_view(place: Place) -> bool:
    """Bare asphalt looks the same when turned or out of focus, also to people."""
    return place.clip != "asphalt"


def by_day(place: Place) -> bool:
    return place.light is Light.DAY


def by_night(place: Place) -> bool:
    return place.night


def by_lamps(place: Place) -> bool:
    return place.light is Light.LAMPS


def in_colour(place: Place) -> bool:
    return place.light in (Light.DAY, Light.LAMPS)


def with_clock(place: Place) -> bool:
    return place.clock


def coded(place: Place) -> bool:
    return place.coded and not place.clock


def plain(place: Place) -> bool:
    return not place.coded and not place.clock


def _tamper(name: str, make: Maker, right: frozenset[ViewState], fits: Fits = anywhere) -> Kind:
    return Kind(name, make, right, tampers.STAY_S + 2, fits)


TAMPERS = (
    _tamper("hand", tampers.hand, COVERED),
    _tamper("bag", tampers.bag, COVERED),
    _tamper("bright cloth", tampers.bright_cloth, COVERED),
    _tamper("spray, all", tampers.spray_full, COVERED),
    _tamper("spray, 80 %", tampers.spray_most, COVERED),
    Kind("covered while off", tampers.covered_from_the_start, COVERED, 25.0, anywhere, restarted=True),
    _tamper("blur", tampers.defocus, DEFOCUSED, with_something_in_view),
    _tamper("turned 10 %", tampers.turn_10, MOVED, with_something_in_view),
    _tamper("turned 30 %", tampers.turn_30, MOVED, with_something_in_view),
    _tamper("tilted 20 %", tampers.tilt_20, MOVED, with_something_in_view),
    _tamper("rolled 8 degrees", tampers.roll_8, MOVED, with_something_in_view),
    _tamper("black by day", tampers.black, COVERED | FROZEN, by_day),
    _tamper("black by night", tampers.black, COVERED | FROZEN | {ViewState.DARK}, by_night),
    _tamper("frozen, exact", tampers.frozen, FROZEN, plain),
    _tamper("frozen, encoded", tampers.frozen, FROZEN, coded),
    _tamper("frozen, ticking clock", tampers.frozen, FROZEN, with_clock),
)
"""For ``black``, frozen is as right as covered, because the picture repeats exactly. By night, dark is right
too, because an unlit night cannot be distinguished from a covered lens."""

NORMALS = (
    Kind("plain life", light.still_life, NOTHING, 90.0, anywhere, returns=False),
    Kind("nothing moves", light.empty_scene, NOTHING, 60.0, anywhere, returns=False),
    Kind("lights off, on", light.lights_off_and_on, NIGHT, 20.0, by_night),
    Kind("lights on, off", light.lights_on_and_off, GLARE, 20.0, by_night),
    Kind("infrared switch", light.infrared_switch, NIGHT | GLARE, 31.0, in_colour),
    Kind("dusk 60x", light.dusk, NIGHT | BAD_SIGHT, 130.0, by_day, returns=False),
    Kind("dawn 60x", light.dawn, NIGHT | GLARE, 130.0, by_lamps, returns=False),
    Kind("dusk 2 h", light.dusk_two_hours, NIGHT | BAD_SIGHT, 7400.0, by_day, every_s=4.0, returns=False),
    Kind("rain", weather.rain, BAD_SIGHT, 45.0, anywhere),
    Kind("heavy rain", weather.heavy_rain, BAD_SIGHT, 45.0, anywhere),
    Kind("fog", weather.fog, BAD_SIGHT | LIGHT, 60.0, anywhere),
    Kind("cloud shadows", light.cloud_shadows, LIGHT, 44.0, by_day),
    Kind("crowd", traffic.crowd, BAD_SIGHT | LIGHT, 43.0, anywhere),
    Kind("bus for 40 s", traffic.bus, BAD_SIGHT | LIGHT, 46.0, anywhere),
    Kind("flood water", traffic.flood, BAD_SIGHT | LIGHT, 80.0, anywhere, returns=False),
    Kind("floating debris", traffic.debris, BAD_SIGHT | LIGHT, 80.0, anywhere, returns=False),
    Kind("headlight glare", traffic.headlight_glare, GLARE, 45.0, by_night),
    Kind("ponchos", traffic.ponchos, BAD_SIGHT | LIGHT, 43.0, anywhere),
    Kind("lightning", light.lightning, GLARE, 36.0, by_night),
    Kind("insects", weather.insects, GLARE, 40.0, by_night),
    Kind("spider", weather.spider, GLARE, 40.0, by_night),
    Kind("trees in the wind", weather.trees, BAD_SIGHT, 40.0, anywhere),
    Kind("shaking pole", weather.shaking_pole, BAD_SIGHT, 40.0, anywhere),
    Kind("vibration 2 %", weather.vibration, BAD_SIGHT, 40.0, anywhere),
    Kind("power cut", light.power_cut, NIGHT | BAD_SIGHT, 40.0, by_lamps),
    Kind("low sun", light.low_sun, GLARE, 53.0, by_day),
)
KINDS = TAMPERS + NORMALS

_TUNING = (
    ("street", Light.DAY),
    ("room", Light.DAY),
    ("street", Light.LAMPS),
    ("asphalt", Light.DAY),
    ("room", Light.INFRARED),
    ("barn", Light.DARK),
    ("street", Light.INFRARED),
    ("room", Light.LAMPS),
)
_HELD_OUT = (
    ("motorway", Light.DAY),
    ("motorway", Light.LAMPS),
    ("room", Light.DAY),
    ("street", Light.DAY),
    ("motorway", Light.INFRARED),
    ("barn", Light.DARK),
)
"""The motorway is not used in tuning cases."""


def places(held_out: bool) -> list[Place]:
    """Each clip and light three times: through H.264, raw, and through H.264 with a burnt-in clock."""
    chosen, first = (_HELD_OUT, 201) if held_out else (_TUNING, 11)
    return [
        Place(clip, lit, first + 10 * turn + k, coded=(k + turn) % 3 != 1, clock=(k + turn) % 3 == 2)
        for turn in range(3)
        for k, (clip, lit) in enumerate(chosen)
    ]


def cases(kinds: Sequence[Kind], held_out: bool, count: int, among: int | None = None) -> Iterator[Case]:
    """``count`` cases of each class, spread over the (first ``among``) places that fit it."""
    everywhere = places(held_out)
    for kind in kinds:
        fitting = [place for place in everywhere if kind.fits(place)][:among]
        number = min(count, 3) if kind.every_s is not None else count
        for k in range(number):
            place = fitting[k % len(fitting)]
            yield Case(kind, place, seed=2000 * held_out + 17 * k + 3)
