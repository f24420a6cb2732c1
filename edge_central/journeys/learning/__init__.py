"""Learning of travel times: asks gateways when objects passed, and estimates how long they take to others."""
