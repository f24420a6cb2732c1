"""Decides which tracks a rule considers."""

from __future__ import annotations

from edge_agent.config.model.settings import Rule
from edge_agent.core.model import Track, accepted_labels


class TrackFilter:
    """The labels and the least score of one rule."""

    def __init__(self, rule: Rule) -> None:
        self._names = accepted_labels(rule.labels)
        self._min_score = rule.min_score

    def accepts(self, track: Track) -> bool:
        """Whether the track is confirmed, has one of the labels, and now has the least score.

        The score is a mean that changes with each inference, so a track refused now may be accepted later.
        """
        return track.confirmed and self.has_label(track) and track.score >= self._min_score

    def has_label(self, track: Track) -> bool:
        return track.label in self._names
