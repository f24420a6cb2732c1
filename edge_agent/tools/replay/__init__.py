"""``edge-agent replay``: the agent's own pipeline on files, as fast as possible, without a broker.

What bug reports, scoring and rule tuning use. ``run.py`` is the whole of it; the other files are its
outputs.
"""

from edge_agent.replay.run import ReplayOutputs, run_replay

__all__ = ["ReplayOutputs", "run_replay"]
