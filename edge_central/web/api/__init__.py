"""``/api``: what programs ask for. docs/reference/api.md is the contract; ``openapi.py`` writes it down for
machines. No HTML is made here.
"""
