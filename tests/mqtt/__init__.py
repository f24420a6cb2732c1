"""The agent against a real broker."""
