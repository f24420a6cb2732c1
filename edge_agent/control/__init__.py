"""Makes decisions about the gateway once a second: heat, uplink budget, recovery, certificates, updates.

Each file is one control, or the ladder of steps that a control follows. Root's programs do what needs root's
rights.
"""
