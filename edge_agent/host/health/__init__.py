"""What health messages say: birth, heartbeat, cameras, clock, and why a gateway is degraded. Nothing is
decided here.
"""
