"""Learns travel times: asks gateways when objects passed their cameras, and estimates how long objects take
from one camera to another."""
