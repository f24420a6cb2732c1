"""Bundles for a court's expert: written, read, and checked without the gateway. No camera and no database is
used.
"""
