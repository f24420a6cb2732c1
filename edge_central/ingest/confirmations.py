"""Publishes to each gateway on ``down/ack`` which of its events are stored, in batches, after the commit."""

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
"""A gateway resends after 60 s at the earliest. When all 465 gateways report, this makes 465 messages per
interval."""
MAX_NUMBERS = 1_000
"""Sequence numbers in one message: 8 kB."""
MAX_MEDIA = 100


class Confirmations:
    """Committed events and media that are not confirmed to their gateways yet. Lost when the process ends:
    gateways resend what was not confirmed."""

    def __init__(self, topics: CentralTopics) -> None:
        self._topics = topics
        self._numbers: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        self._media: defaultdict[str, dict[str, None]] = defaultdict(dict)  # a dict as an ordered set
        self._wards: dict[str, str] = {}

    def add(self, result: BatchResult) -> None:
        """Add the events and media of a committed batch."""
        for key, numbers in result.numbers.items():
            self._numbers[key].update(numbers)
        for gateway, media in result.media.items():
            self._media[gateway].update(dict.fromkeys(media))
        self._wards.update(result.wards)

    def drain(self, fleet: FleetState) -> Iterator[MqttMessage]:
        """Yield messages that confirm everything added, and forget it. Media of a gateway wait while its
        epoch is unknown."""
        numbers, self._numbers = self._numbers, defaultdict(set)
        for (gateway, epoch), confirmed in numbers.items():
            upto = fleet.confirmed_upto(gateway, epoch)
            also = sorted(number for number in confirmed if number > upto)
            for start in range(0, max(1, len(also)), MAX_NUMBERS):
                part = also[start : start + MAX_NUMBERS]
                yield self._message(gateway, wire.Ack(epoch=epoch, upto=upto, also=part))
        for gateway in list(self._media):
            yield from self._of_media(gateway, fleet)

    def _of_media(self, gateway: str, fleet: FleetState) -> Iterator[MqttMessage]:
        epoch = _epoch_of(gateway, fleet)
        if epoch is None:
            return
        media = list(self._media.pop(gateway))
        upto = fleet.confirmed_upto(gateway, epoch)
        for start in range(0, len(media), MAX_MEDIA):
            part = media[start : start + MAX_MEDIA]
            yield self._message(gateway, wire.Ack(epoch=epoch, upto=upto, media=part))

    def _message(self, gateway: str, ack: wire.Ack) -> MqttMessage:
        return message(self._topics.ack(self._wards[gateway], gateway), ack, expiry_s=ACK_EXPIRY_S)


def _epoch_of(gateway: str, fleet: FleetState) -> str | None:
    """The current epoch of the gateway: it ignores confirmations for another one."""
    epoch = fleet.gateways[gateway].epoch if gateway in fleet.gateways else None
    if epoch:
        return epoch
    streams = [stream for key, stream in fleet.streams.items() if key[0] == gateway and not stream.is_branch]
    return max(streams, key=lambda stream: stream.id).epoch if streams else None
