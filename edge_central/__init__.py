"""What runs at the centre, not on a gateway: ``edge-agent central``, with the extra ``edge-agent[central]``.

    link -> intake -> store -> confirmation to the broker, down/ack to the gateway

docs/design/central.md has the tables and the reasons.
"""
