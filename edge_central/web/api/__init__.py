"""``/api``, for programs. docs/reference/api.md is the contract; ``openapi.py`` generates it in
machine-readable form. No HTML is made here."""
