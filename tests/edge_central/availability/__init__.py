"""Availability: what the ingest stores of gateways and cameras, and the reports made from it."""
