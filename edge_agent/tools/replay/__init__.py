"""``edge-agent replay``: runs the agent's own pipeline on files, as fast as possible, without a broker.

For bug reports, scoring and rule tuning. ``run.py`` runs it; the other files are its outputs.
"""

from edge_agent.tools.replay.run import ReplayOutputs, run_replay

__all__ = ["ReplayOutputs", "run_replay"]
