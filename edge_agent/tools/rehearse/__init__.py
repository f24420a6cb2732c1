"""``edge-agent rehearse``: runs a drafted rule over stored passages, beside the rule in force.

The code of the rules is that of the agent. ``synthetic.py`` makes the tracks for them from the stored rows.
"""

from edge_agent.tools.rehearse.run import rehearse

__all__ = ["rehearse"]
