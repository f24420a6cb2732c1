"""paho's client with a limit on the packets that it reads; every MQTT client of the agent derives from it."""

from __future__ import annotations

from paho.mqtt import client as paho

MAXIMUM_READ_BYTES = 16_777_216
"""Of one packet, where nothing smaller is agreed: far more than any message of a gateway or a centre."""


class BoundedClient(paho.Client):
    """Ends the connection before it reads a packet that is too large.

    The Maximum Packet Size of MQTT 5 only asks the broker to comply. A hostile one may announce 256 MB, and
    paho allocates as much as a packet announces.
    """

    maximum_read_bytes = MAXIMUM_READ_BYTES

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for one byte at a time, but for the body of a packet: then for all that was announced.
        if bufsize > self.maximum_read_bytes:
            self.on_oversized(bufsize)
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes is not read")
        received: bytes = super()._sock_recv(bufsize)
        return received

    def on_oversized(self, announced_bytes: int) -> None:
        """A packet was announced that is too large; the connection ends now. On paho's thread."""
