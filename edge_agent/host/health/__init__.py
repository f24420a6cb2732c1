"""The content of health messages: birth, heartbeat, cameras, clock, and why a gateway is degraded.

Nothing here reacts to what it finds.
"""
