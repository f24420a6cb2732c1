"""Counts of traffic: days, the ingest, series."""
