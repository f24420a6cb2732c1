"""Writes the table of variables into the README of each role, from its ``defaults`` and ``argument_specs``.

The other text of a README is written by hand.
"""
