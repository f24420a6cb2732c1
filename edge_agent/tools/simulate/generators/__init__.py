"""What simulated gateways report: events, health, replies to commands, and the course of a day. No connection
is here."""
