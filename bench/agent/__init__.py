"""The whole agent beside its peers, on the same cameras at the same time."""
