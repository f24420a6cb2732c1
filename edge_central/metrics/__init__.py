"""The centre in figures, for Prometheus: ``/metrics``, where the configuration asks for it. Nothing is read
from the database for a scrape.
"""
