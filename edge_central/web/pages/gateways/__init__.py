"""Pages for those who look after the gateways: the table of the fleet, and roll-outs."""
