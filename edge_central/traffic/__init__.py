"""Counts of traffic by quarter of an hour: the ingest stores them, the console and the API read them."""
