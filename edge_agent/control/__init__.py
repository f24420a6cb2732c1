"""What the agent decides about the gateway once a second: heat, uplink budget, recovery, certificates,
updates. Each file is one control, or the pure ladder that it follows. What needs root is only asked for.
"""
