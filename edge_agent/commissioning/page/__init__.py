"""The commissioning page: what a phone gets, who may see it, and the service that serves it and delivers the
claim; no step of commissioning itself. The files of the page are in ``web/``.
"""
