"""``edge-agent simulate``: a whole fleet at a broker, played from one machine through the agent's own outbox
and publisher. A gateway never imports it; docs/guide/simulate.md.
"""
