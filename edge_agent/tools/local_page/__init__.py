"""Pages that the gateway serves to one phone in the local network: who may see them, at which addresses, and
the HTTP server; no page itself. ``doctor/aim/`` and ``commissioning/`` have the pages.
"""
