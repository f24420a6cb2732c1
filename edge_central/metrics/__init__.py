"""The centre in figures, for Prometheus: ``/metrics``, where the configuration asks for it."""
