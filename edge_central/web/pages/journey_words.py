"""The reasons of a candidate in words, for pages and cases: "may be", never "is", and no percentage."""

from __future__ import annotations

from edge_central.journeys.likelihood import Reason, ReasonKind
from edge_central.journeys.model import Way
from edge_central.web.i18n import Lang, translate, translate_duration, translate_word
from edge_central.web.templates import line_text


def reason_line(reason: Reason, way: Way, lang: Lang) -> str:
    """Return one reason as a sentence, without markup."""
    match reason.kind:
        case ReasonKind.LEARNT_TIME | ReasonKind.MAP_TIME:
            return _time(reason, way, lang)
        case ReasonKind.COLOUR:
            return _colour(reason, lang)
        case ReasonKind.LABEL:
            here, there = (translate_word("label", each, lang) for each in (reason.here, reason.there))
            how = "same" if reason.here == reason.there else "other"
            return translate(f"journey-label-{how}", lang, here=here, there=there)
        case ReasonKind.HEADING:
            how = "towards" if reason.supports else "away"
            return translate(f"journey-heading-{how}-{reason.part}", lang)
        case ReasonKind.APPEARANCE:
            return line_text(reason.words, lang)


def _time(reason: Reason, way: Way, lang: Lang) -> str:
    gap = translate("journey-gap-none", lang)
    if reason.gap_s >= 0:
        gap = translate(f"journey-gap-{way}", lang, time=translate_duration(reason.gap_s * 1000, lang))
    low, high = (translate_duration(each * 1000, lang) for each in (reason.low_s, reason.high_s))
    found = translate(f"journey-{reason.kind}", lang, gap=gap, low=low, high=high)
    if reason.others > 1:
        found += "; " + translate("journey-others", lang, count=reason.others)
    return found


def _colour(reason: Reason, lang: Lang) -> str:
    here, there = (translate_word("colour", each, lang) for each in (reason.here, reason.there))
    how = "other"
    if reason.supports:
        how = "same" if reason.here == reason.there else "confused"
    part = translate_word("part", reason.part, lang).capitalize()
    return translate(f"journey-colour-{how}", lang, part=part, colour=there, here=here, there=there)
