"""Configuration: a YAML file and its drop-ins become frozen settings, or a list of all that is wrong."""

from edge_agent.config.loader import load

__all__ = ["load"]
