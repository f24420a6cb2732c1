"""``edge-agent cameras``: finds the cameras of a site, and sets them up for the agent. HTTP and ONVIF are in
``edge_agent.onvif``."""
