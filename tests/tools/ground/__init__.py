"""``edge-agent ground``."""
