"""Which gateways are there: the pure state machine, and what publishes its changes. Alerts are made
elsewhere.
"""
