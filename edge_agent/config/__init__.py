"""Configuration: a YAML file and its drop-ins become frozen settings, or a list of all mistakes.

It imports ``core`` and ``wire``; nothing here opens a camera, a database or a connection.
"""

from edge_agent.config.loader import load

__all__ = ["load"]
