"""``/api``, for programs: docs/reference/api.md is the contract, ``openapi.py`` generates it for machines.
No HTML is made here.
"""
