"""Decides which gateways are present: the pure state machine, and the publisher of its reports. Alerts are
made elsewhere."""
