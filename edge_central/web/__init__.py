"""The web server of the centre: the console for people, and ``/api`` for programs.

A process of its own, ``edge-agent central console``: it reads the database that the ingest writes, and
never holds it up. From the outside in: ``server.py`` (sockets, TLS, slow clients) -> ``app.py`` (routes)
-> ``request_handler.py`` (who asks, may they, which thread) -> a page: a function from a ``Visit`` to a
response. See docs/design/central-web.md.
"""
