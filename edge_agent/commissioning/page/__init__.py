"""The commissioning page: what a phone gets, who may see it, and the service that serves the page and
delivers the claim. The steps of commissioning are elsewhere. The files of the page are in ``web/``.
"""
