"""``down/ack``: tells each gateway what is stored, batched, and only after the commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from edge_agent import wire
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.batch_writer import BatchResult
from edge_central.ingest.documents import ACK_EXPIRY_S, message
from edge_central.store.fleet_state import FleetState

ACK_EVERY_S = 1.0
"""A gateway sends again after 60 s at the earliest; a fleet of 465 that all report is 465 messages in this
time."""
MOST_NUMBERS = 1_000
"""In one message: 8 kB."""
MOST_MEDIA = 100


class Confirmations:
    """What was committed and not told yet. Lost with the process: gateways send again what they were not
    told."""

    def __init__(self, topics: CentralTopics) -> None:
        self._topics = topics
        self._numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._media: defaultdict[str, dict[str, None]] = defaultdict(dict)  # each once, in order
        self._wards: dict[str, str] = {}

    def add(self, stored: BatchResult) -> None:
        """Of a committed batch."""
        for key, numbers in stored.numbers.items():
            self._numbers[key].update(numbers)
        for gateway, media in stored.media.items():
            self._media[gateway].update(dict.fromkeys(media))
        self._wards.update(stored.wards)

    def drain(self, known: FleetState) -> Iterator[MqttMessage]:
        """The messages that say all that was noted; then nothing is left of it, but for pictures of a gateway
        whose epoch is not known yet."""
        numbers, self._numbers = self._numbers, defaultdict(set)
        for (gateway, epoch), confirmed in numbers.items():
            upto = known.confirmed_upto(gateway, epoch)
            also = sorted(number for number in confirmed if number > upto)
            for start in range(0, max(1, len(also)), MOST_NUMBERS):
                part = also[start : start + MOST_NUMBERS]
                yield self._message(gateway, wire.Ack(epoch=epoch, upto=upto, also=part))
        for gateway in list(self._media):
            yield from self._of_media(gateway, known)

    def _of_media(self, gateway: str, known: FleetState) -> Iterator[MqttMessage]:
        epoch = _epoch_of(gateway, known)
        if epoch is None:
            return
        media = list(self._media.pop(gateway))
        upto = known.confirmed_upto(gateway, epoch)
        for start in range(0, len(media), MOST_MEDIA):
            part = media[start : start + MOST_MEDIA]
            yield self._message(gateway, wire.Ack(epoch=epoch, upto=upto, media=part))

    def _message(self, gateway: str, ack: wire.Ack) -> MqttMessage:
        return message(self._topics.ack(self._wards[gateway], gateway), ack, expiry_s=ACK_EXPIRY_S)


def _epoch_of(gateway: str, known: FleetState) -> str | None:
    """That it is in: a confirmation for another one is ignored."""
    beat = known.gateways[gateway].epoch if gateway in known.gateways else None
    if beat:
        return beat
    streams = [stream for key, stream in known.streams.items() if key[0] == gateway and not stream.is_branch]
    return max(streams, key=lambda stream: stream.id).epoch if streams else None
