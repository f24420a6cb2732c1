"""Signed models from the centre: tried in shadow mode, switched to, and given up when counts break."""
