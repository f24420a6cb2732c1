"""Counts of traffic by quarter of an hour: what the ingest stores of them, and how they are read."""
