"""The centre, which never runs on a gateway: ``edge-agent central``, with the extra ``edge-agent[central]``.

    broker session -> batch writer -> database commit -> PUBACK to the broker, down/ack to the gateway

This package may import ``core``, ``wire``, ``config``, ``mqtt``, ``host`` and ``evidence.chain`` of
``edge_agent``, which never imports ``edge_central``. docs/design/central.md has the tables and the reasons.
"""
