"""Serves pages to one phone in the local network: access control, addresses, and the HTTP server. The pages
themselves are in ``doctor/aim/`` and ``commissioning/``.
"""
