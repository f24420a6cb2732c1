"""Makes decisions about the gateway once a second: heat, uplink budget, recovery, certificates, updates.

Each file is a control, or a control's ladder of steps. Root's programs do what needs root's rights.
"""
