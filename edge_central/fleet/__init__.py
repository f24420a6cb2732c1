"""Compares the gateways with what is expected of them, and follows roll-outs of releases."""
