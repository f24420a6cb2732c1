"""The section ``metrics:`` of the centre's configuration."""

from __future__ import annotations

import ipaddress

from edge_agent.config.fields.schema_types import Field, Section, SectionValues
from edge_central.settings import ListenAddress
from edge_central.web.config import AddressAndPort


def _check(values: SectionValues) -> None:
    listen: ListenAddress | None = values.valid("listen")
    if listen is not None and not ipaddress.ip_address(listen.host).is_loopback:
        values.warn("listen", "every host that reaches it can read the metrics of all wards, without a login")


METRICS = Section(
    "metrics",
    "Metrics for Prometheus at `/metrics`. Without this section nothing listens.",
    (Field("listen", AddressAndPort(), "address and port, such as `127.0.0.1:9108`"),),
    lambda values: values["listen"],
    _check,
    {"port": "write listen: 127.0.0.1:9108"},
)
