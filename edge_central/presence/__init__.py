"""Which gateways are there: the pure state machine, and the publisher of its reports. Alerts are made
elsewhere."""
