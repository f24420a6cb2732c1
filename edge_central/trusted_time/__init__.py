"""What time it is at the centre, when its own clock may be wrong: docs/design/central.md#time. It never sets
the system's clock.
"""
