"""Decisions about the gateway once a second: heat, uplink budget, recovery, certificates, updates.

Each file is one control, or the pure ladder of steps that it follows. Root's programs do what needs root.
"""
