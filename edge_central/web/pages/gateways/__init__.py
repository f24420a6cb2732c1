"""Pages for the people who maintain the gateways: the table of the fleet, and roll-outs."""
