"""Types and small services that every package may use: facts, errors, clock, threads, geometry.

Imports the standard library, numpy and msgspec, and nothing else of this repository.
"""
