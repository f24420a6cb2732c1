"""``edge-agent simulate``: simulates a whole fleet on one machine against a broker, with the agent's own
outbox and publisher. A gateway never imports it; docs/guide/simulate.md."""
