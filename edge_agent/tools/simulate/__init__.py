"""``edge-agent simulate``: plays a whole fleet against a broker from one machine, with the agent's own outbox
and publisher. A gateway never imports it; docs/guide/simulate.md."""
