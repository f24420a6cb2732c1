"""``edge-agent rehearse``: runs a drafted rule over stored passages, beside the rule in force.

The rules are the agent's own; ``synthetic.py`` makes the tracks that they see of the rows.
"""

from edge_agent.tools.rehearse.run import rehearse

__all__ = ["rehearse"]
