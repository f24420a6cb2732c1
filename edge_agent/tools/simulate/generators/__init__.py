"""What simulated gateways report: events, health, replies to commands, and how a day goes. No connection is
here.
"""
