"""``edge-agent cameras``: finds a site's cameras, and sets up what the agent needs of them. HTTP and ONVIF
are spoken in ``edge_agent.onvif``.
"""
