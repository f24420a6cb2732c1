"""Whole messages: events, heartbeat, birth, commands, replies, acknowledgements. No transport."""
