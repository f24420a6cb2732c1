"""Measurements: each sub-package prints a table and writes JSON."""
