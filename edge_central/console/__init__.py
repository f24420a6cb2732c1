"""Queries of the console: typed, scoped, read-only; and the incident log. No HTML."""
