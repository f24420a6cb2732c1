"""Metrics of the centre for Prometheus at ``/metrics``, if configured. A scrape never reads the database."""
