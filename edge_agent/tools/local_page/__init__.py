"""Pages that the gateway serves to one phone in the local network: access control, addresses, and the HTTP
server; no page itself. ``doctor/aim/`` and ``commissioning/`` have the pages.
"""
